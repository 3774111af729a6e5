"""What only the whole step shows: a host that never answers rightly, results over retries, an unusable host."""

from __future__ import annotations

from typing import Any

import pytest

from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep, Status
from tests.support.scripts import FAILED, PASSED, run_results
from tests.support.workflow_step_fixtures import MakeStep


@pytest.mark.parametrize("code", [500, 503])
def test_host_that_answers_nothing_usable__is_told_soon(make_step: MakeStep, code: int) -> None:
    """A proxy that blocks everything is not an outage to be waited out."""
    workflow_step = make_step()
    workflow_step.cloud.faults.add(kind="status", code=code, path="/api/", times=None)

    assert ExitCode.CLOUD == workflow_step.run()

    assert workflow_step.clock.passed < 120


def test_outage_after_the_job_was_read__is_worth_patience(make_step: MakeStep) -> None:
    workflow_step = make_step()
    workflow_step.cloud.faults.add(kind="status", code=503, method="POST", path="/run/$")
    workflow_step.cloud.faults.add(kind="status", code=503, path="/runs/$", times=8)

    assert ExitCode.OK == workflow_step.run()

    assert 1 == len(workflow_step.cloud.runs)


def retried(trigger: dict[str, Any], _job: object) -> Script:
    """Fails first; its retry runs only what failed, as dbt does."""
    if trigger["retrying_run_id"]:
        again = ("test.shop.not_null_orders_id.abc", "pass", None)
        return Script(steps=(ScriptedStep(command="dbt retry", artifacts={"run_results.json": run_results(again)}),))
    first = {"run_results.json": run_results(PASSED, FAILED)}
    return Script(steps=(ScriptedStep(command="dbt build", status=Status.ERROR, artifacts=first),))


def test_retry__counts_what_passed_before_it(make_step: MakeStep) -> None:
    workflow_step = make_step(retried)

    assert ExitCode.OK == workflow_step.run(retry_failed="1")

    assert ("2", "0") == (workflow_step.outputs["nodes-passed"], workflow_step.outputs["nodes-failed"])


def test_resumed_by_a_retry__counts_what_passed_before_it(make_step: MakeStep) -> None:
    workflow_step = make_step(retried)
    workflow_step.run()
    workflow_step.environ["GITHUB_RUN_ATTEMPT"] = "2"

    assert ExitCode.OK == workflow_step.run()

    assert "2" == workflow_step.outputs["nodes-passed"]
    assert "Retry of" in workflow_step.summary


def test_host_whose_address_cannot_be_used__is_a_warning(make_step: MakeStep) -> None:
    workflow_step = make_step()
    workflow_step.environ["GITHUB_API_URL"] = "ghe.example/api/v3"

    assert ExitCode.OK == workflow_step.run()

    assert 1 == len(workflow_step.told("warning"))
