"""What only the whole step shows: a host that never answers rightly, results over retries, an unusable host."""

from __future__ import annotations

from typing import Any

import pytest

from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep, Status
from tests.corridor.conftest import Build
from tests.support.scripts import FAILED, PASSED, run_results


@pytest.mark.parametrize("code", [500, 503])
def test_host_that_answers_nothing_usable__is_told_soon(build: Build, code: int) -> None:
    """A proxy that blocks everything is not an outage to be waited out."""
    corridor = build()
    corridor.cloud.faults.add(kind="status", code=code, path="/api/", times=None)

    assert ExitCode.CLOUD == corridor.run()

    assert corridor.clock.passed < 120


def test_outage_after_the_job_was_read__is_worth_patience(build: Build) -> None:
    corridor = build()
    corridor.cloud.faults.add(kind="status", code=503, method="POST", path="/run/$")
    corridor.cloud.faults.add(kind="status", code=503, path="/runs/$", times=8)

    assert ExitCode.OK == corridor.run()

    assert 1 == len(corridor.cloud.runs)


def retried(trigger: dict[str, Any], _job: object) -> Script:
    """Fails first; its retry runs only what failed, as dbt does."""
    if trigger["retrying_run_id"]:
        again = ("test.shop.not_null_orders_id.abc", "pass", None)
        return Script(steps=(ScriptedStep(command="dbt retry", artifacts={"run_results.json": run_results(again)}),))
    first = {"run_results.json": run_results(PASSED, FAILED)}
    return Script(steps=(ScriptedStep(command="dbt build", status=Status.ERROR, artifacts=first),))


def test_retry__counts_what_passed_before_it(build: Build) -> None:
    corridor = build(retried)

    assert ExitCode.OK == corridor.run(retry_failed="1")

    assert ("2", "0") == (corridor.outputs["nodes-passed"], corridor.outputs["nodes-failed"])


def test_resumed_by_a_retry__counts_what_passed_before_it(build: Build) -> None:
    corridor = build(retried)
    corridor.run()
    corridor.environ["GITHUB_RUN_ATTEMPT"] = "2"

    assert ExitCode.OK == corridor.run()

    assert "2" == corridor.outputs["nodes-passed"]
    assert "Retry of" in corridor.summary


def test_host_whose_address_cannot_be_used__is_a_warning(build: Build) -> None:
    corridor = build()
    corridor.environ["GITHUB_API_URL"] = "ghe.example/api/v3"

    assert ExitCode.OK == corridor.run()

    assert 1 == len(corridor.told("warning"))
