"""A wrong host, account, job or token is told before anything is started; a passing failure is not one of those."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from dbt_action.errors import ExitCode
from dbt_action.session import Timeouts
from tests.support.corridor import Corridor

Build = Callable[..., Corridor]


def refused(corridor: Corridor) -> str:
    """The one annotation of a step that started nothing."""
    assert [] == corridor.triggers
    assert () == corridor.cloud.runs
    assert ["error"] == corridor.states
    assert "error" == corridor.outputs["status"]
    (told,) = corridor.told("error")
    return told


def test_wrong_token__names_host_and_both_causes(corridor: Corridor) -> None:
    assert ExitCode.CLOUD == corridor.run(**{"dbt-token": "dbtc_wrong"})

    told = refused(corridor)
    assert "Invalid token." in told
    assert corridor.cloud.url.removeprefix("http://") in told
    assert "dbt-url" in told
    assert "dbtc_wrong" not in corridor.log


def test_wrong_account__names_the_input(corridor: Corridor) -> None:
    assert ExitCode.CLOUD == corridor.run(account_id="12345")
    assert "account-id" in refused(corridor)


def test_unknown_job__names_the_input(corridor: Corridor) -> None:
    assert ExitCode.CLOUD == corridor.run(job_id="12345")
    assert "job-id" in refused(corridor)


def test_read_only_token__reads_the_job_and_may_not_start_it(corridor: Corridor) -> None:
    assert ExitCode.CLOUD == corridor.run(**{"dbt-token": corridor.cloud.read_only_token})

    assert () == corridor.cloud.runs
    assert 1 == len(corridor.triggers)
    assert "Job Runner" in corridor.told("error")[0]


def test_host_that_refuses_connections__is_told_soon(corridor: Corridor) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"

        assert ExitCode.CLOUD == corridor.run(dbt_url=nobody)

    told = refused(corridor)
    assert "dbt-url" in told
    assert nobody.removeprefix("http://") in told
    assert corridor.clock.passed <= 60.0


def test_host_that_is_a_website(corridor: Corridor) -> None:
    corridor.cloud.faults.add(kind="html", code=200, times=None)

    assert ExitCode.CLOUD == corridor.run()

    (told,) = corridor.told("error")
    assert "dbt-url" in told
    assert ["error"] == corridor.states
    assert corridor.clock.passed <= 60.0


def test_host_that_is_another_service(corridor: Corridor) -> None:
    """404 without dbt Cloud's envelope: a wrong address, not an unknown job."""
    corridor.cloud.faults.add(kind="status", code=404, body="404 page not found", times=None)

    assert ExitCode.CLOUD == corridor.run()
    assert "dbt-url" in refused(corridor)


def test_host_that_redirects_elsewhere__names_the_target(corridor: Corridor) -> None:
    there = {"Location": "https://ab123.us1.dbt.com/"}
    corridor.cloud.faults.add(kind="status", code=302, headers=there, times=None)

    assert ExitCode.CLOUD == corridor.run()
    assert "https://ab123.us1.dbt.com/" in refused(corridor)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "reset"}, id="reset"),
        pytest.param({"kind": "status", "code": 500}, id="500"),
        pytest.param({"kind": "status", "code": 502, "body": "<html>"}, id="502"),
        pytest.param({"kind": "html", "code": 503}, id="web page of a proxy"),
        pytest.param({"kind": "truncate"}, id="half an answer"),
        pytest.param({"kind": "empty"}, id="no body"),
        pytest.param({"kind": "status", "code": 200, "body": {"data": None}}, id="null"),
        pytest.param({"kind": "status", "code": 200, "body": {"data": {"name": "no id"}}}, id="no job"),
    ],
)
def test_job_cannot_be_read_for_a_passing_reason__run_is_started_all_the_same(
    corridor: Corridor, fault: dict[str, Any]
) -> None:
    corridor.cloud.faults.add(method="GET", path=r"/jobs/\d+/$", times=None, **fault)

    assert ExitCode.OK == corridor.run()

    assert 1 == len(corridor.cloud.runs)
    assert {f"dbt Cloud / job {corridor.cloud.job_id}"} == {status.context for status in corridor.statuses}
    (told,) = corridor.told("warning")
    assert "job" in told
    assert corridor.clock.passed <= 30.0


def test_job_cannot_be_read_because_the_server_hangs(corridor: Corridor) -> None:
    corridor.timeouts = Timeouts(connect=0.2, read=0.2)
    corridor.cloud.faults.add(kind="hang", method="GET", path=r"/jobs/\d+/$", times=None)

    assert ExitCode.OK == corridor.run()
    assert 1 == len(corridor.cloud.runs)


def test_job_read_fails_once__name_is_known_in_the_end(corridor: Corridor) -> None:
    corridor.cloud.faults.add(kind="status", code=503, method="GET", path=r"/jobs/\d+/$")

    assert ExitCode.OK == corridor.run()
    assert [] == corridor.told("warning")
    assert {"dbt Cloud / Production build"} == {status.context for status in corridor.statuses}


def test_status_context__is_taken_as_given(corridor: Corridor) -> None:
    corridor.run(status_context="warehouse")

    assert {"warehouse"} == {status.context for status in corridor.statuses}


def test_certificates_that_are_not_there__name_the_variable(
    corridor: Corridor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file.pem")
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)

    assert ExitCode.CLOUD == corridor.run(dbt_url="https://127.0.0.1:9")
    assert "/no/such/file.pem" in corridor.log
    assert "REQUESTS_CA_BUNDLE" in corridor.log
