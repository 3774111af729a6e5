"""Time limits that depend on what dbt Cloud has answered before, counts over retries, and an unusable code host."""

from __future__ import annotations

from typing import Any

import pytest

from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep, Status
from tests.support.scripts import FAILED, PASSED, run_results
from tests.support.workflow_step_fixtures import MakeStep


@pytest.mark.parametrize("code", [500, 503])
def test_dbt_url__that_never_answers_usably_ends_within_two_minutes(make_step: MakeStep, code: int) -> None:
    """It is more likely a wrong address or a proxy than an outage."""
    workflow_step = make_step()
    workflow_step.cloud.faults.add(kind="status", code=code, path="/api/", times=None)

    assert ExitCode.CLOUD == workflow_step.run()

    assert 120 > workflow_step.clock.passed


def test_outage__after_the_job_was_read_is_waited_out(make_step: MakeStep) -> None:
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


def test_retry_failed__counts_nodes_that_passed_before_the_retry(make_step: MakeStep) -> None:
    workflow_step = make_step(retried)

    assert ExitCode.OK == workflow_step.run(retry_failed="1")

    assert ("2", "0") == (workflow_step.outputs["nodes-passed"], workflow_step.outputs["nodes-failed"])


def test_second_attempt__counts_nodes_that_passed_before_its_retry(make_step: MakeStep) -> None:
    workflow_step = make_step(retried)
    workflow_step.run()
    workflow_step.environ["GITHUB_RUN_ATTEMPT"] = "2"

    assert ExitCode.OK == workflow_step.run()

    assert "2" == workflow_step.outputs["nodes-passed"]
    assert "Retry of" in workflow_step.summary


def test_github_api_url__that_cannot_be_used_is_a_warning(make_step: MakeStep) -> None:
    workflow_step = make_step()
    workflow_step.environ["GITHUB_API_URL"] = "ghe.example/api/v3"

    assert ExitCode.OK == workflow_step.run()

    assert 1 == len(workflow_step.annotations("warning"))
