"""A wrong host, account, job or token ends the step before anything is started; a transient failure does not."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from dbt_action.errors import ExitCode
from dbt_action.timeouts import HttpTimeouts
from tests.support.workflow_step import WorkflowStep

MakeStep = Callable[..., WorkflowStep]


def refused(workflow_step: WorkflowStep) -> str:
    """The one error of a step that started nothing."""
    assert [] == workflow_step.triggers
    assert () == workflow_step.cloud.runs
    assert ["error"] == workflow_step.states
    assert "error" == workflow_step.outputs["status"]
    (annotation,) = workflow_step.annotations("error")
    return annotation


def test_wrong_token__names_host_and_both_causes(workflow_step: WorkflowStep) -> None:
    assert ExitCode.CLOUD == workflow_step.run(**{"dbt-token": "dbtc_wrong"})

    annotation = refused(workflow_step)
    assert "Invalid token." in annotation
    assert workflow_step.cloud.url.removeprefix("http://") in annotation
    assert "dbt-url" in annotation
    assert "dbtc_wrong" not in workflow_step.log


def test_wrong_account__names_the_input(workflow_step: WorkflowStep) -> None:
    assert ExitCode.CLOUD == workflow_step.run(account_id="12345")
    assert "account-id" in refused(workflow_step)


def test_unknown_job__names_the_input(workflow_step: WorkflowStep) -> None:
    assert ExitCode.CLOUD == workflow_step.run(job_id="12345")
    assert "job-id" in refused(workflow_step)


def test_read_only_token__reads_the_job_and_may_not_start_it(workflow_step: WorkflowStep) -> None:
    assert ExitCode.CLOUD == workflow_step.run(**{"dbt-token": workflow_step.cloud.read_only_token})

    assert () == workflow_step.cloud.runs
    assert 1 == len(workflow_step.triggers)
    assert "Job Runner" in workflow_step.annotations("error")[0]


def test_host_that_refuses_connections__ends_the_step_within_a_minute(workflow_step: WorkflowStep) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        unused = f"http://127.0.0.1:{taken.getsockname()[1]}"

        assert ExitCode.CLOUD == workflow_step.run(dbt_url=unused)

    annotation = refused(workflow_step)
    assert "dbt-url" in annotation
    assert unused.removeprefix("http://") in annotation
    assert 60.0 >= workflow_step.clock.passed


def test_host_that_is_a_website__ends_the_step_within_a_minute(workflow_step: WorkflowStep) -> None:
    workflow_step.cloud.faults.add(kind="html", code=200, times=None)

    assert ExitCode.CLOUD == workflow_step.run()

    (annotation,) = workflow_step.annotations("error")
    assert "dbt-url" in annotation
    assert ["error"] == workflow_step.states
    assert 60.0 >= workflow_step.clock.passed


def test_host_that_is_another_service__is_no_unknown_job(workflow_step: WorkflowStep) -> None:
    """A 404 without dbt Cloud's JSON around it comes from a wrong address."""
    workflow_step.cloud.faults.add(kind="status", code=404, body="404 page not found", times=None)

    assert ExitCode.CLOUD == workflow_step.run()
    assert "dbt-url" in refused(workflow_step)


def test_host_that_redirects_elsewhere__names_the_target(workflow_step: WorkflowStep) -> None:
    there = {"Location": "https://ab123.us1.dbt.com/"}
    workflow_step.cloud.faults.add(kind="status", code=302, headers=there, times=None)

    assert ExitCode.CLOUD == workflow_step.run()
    assert "https://ab123.us1.dbt.com/" in refused(workflow_step)


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
def test_job_that_cannot_be_read_for_a_transient_reason__is_run_and_the_status_has_its_number(
    workflow_step: WorkflowStep, fault: dict[str, Any]
) -> None:
    workflow_step.cloud.faults.add(method="GET", path=r"/jobs/\d+/$", times=None, **fault)

    assert ExitCode.OK == workflow_step.run()

    assert 1 == len(workflow_step.cloud.runs)
    assert {f"dbt Cloud / job {workflow_step.cloud.job_id}"} == {status.context for status in workflow_step.statuses}
    (annotation,) = workflow_step.annotations("warning")
    assert "job" in annotation
    assert 30.0 >= workflow_step.clock.passed


def test_job_that_cannot_be_read_because_the_server_hangs__is_run(workflow_step: WorkflowStep) -> None:
    """With a real time-out; everywhere else hanging servers take virtual time."""
    workflow_step.timeouts = HttpTimeouts(connect_seconds=5.0, read_seconds=0.1)
    workflow_step.cloud.faults.add(kind="hang", method="GET", path=r"/jobs/\d+/$")

    assert ExitCode.OK == workflow_step.run()
    assert 1 == len(workflow_step.cloud.runs)


def test_job_that_can_be_read_at_the_second_try__gives_the_status_its_name(workflow_step: WorkflowStep) -> None:
    workflow_step.cloud.faults.add(kind="status", code=503, method="GET", path=r"/jobs/\d+/$")

    assert ExitCode.OK == workflow_step.run()
    assert [] == workflow_step.annotations("warning")
    assert {"dbt Cloud / Production build"} == {status.context for status in workflow_step.statuses}


def test_status_context__is_the_name_of_the_status(workflow_step: WorkflowStep) -> None:
    workflow_step.run(status_context="warehouse")

    assert {"warehouse"} == {status.context for status in workflow_step.statuses}


def test_missing_certificates__name_the_variable_that_says_where_they_are(
    workflow_step: WorkflowStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file.pem")
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)

    assert ExitCode.CLOUD == workflow_step.run(dbt_url="https://127.0.0.1:9")
    assert "/no/such/file.pem" in workflow_step.log
    assert "REQUESTS_CA_BUNDLE" in workflow_step.log
