"""`retry-failed`: which failed runs are retried, how often, and what is reported."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep, Status
from tests.reliability.steps import Servers, Step, start_servers
from tests.reliability.typical_steps import ENDLESS
from tests.support.scripts import GREEN, RED

NewStep = Callable[..., Step]
# dbt never ran, so dbt Cloud says that there is nothing to retry from.
BROKEN_EARLY = Script(steps=(ScriptedStep(status=Status.ERROR, logs="no profile"),))


@pytest.mark.parametrize("number", [0, 1, 2, 5])
def test_retry_failed__retries_from_the_failure_as_often_as_it_says(new_step: NewStep, number: int) -> None:
    step = new_step(RED)

    assert ExitCode.FAILED == step.run(retry_failed=str(number))

    assert [None, *range(number)] == step.origins
    assert "failure" == step.states[-1]
    assert number == step.log.count("from the point of failure")
    assert number == step.log.count(f"of {number} from the point")
    assert not any(request.path.endswith("/rerun/") for request in step.requests)


def test_retry_failed__ends_green_with_the_run_that_is_green(new_step: NewStep) -> None:
    step = new_step(lambda trigger: GREEN if trigger["retrying_run_id"] else RED)

    assert ExitCode.OK == step.run(retry_failed="3")

    assert [None, 0] == step.origins
    assert str(step.runs[-1].id) == step.outputs["run-id"]
    assert "success" == step.states[-1]
    assert str(step.runs[0].id) in (step.folder / "summary").read_text()


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(BROKEN_EARLY, id="cannot be retried"),
        pytest.param(Script(status=Status.CANCELLED), id="cancelled"),
        pytest.param(GREEN, id="green"),
    ],
)
def test_retry_failed__retries_nothing_else(new_step: NewStep, script: Script) -> None:
    step = new_step(script)

    step.run(retry_failed="2")

    assert [None] == step.origins
    assert [] == step.posts("/retry/")


@pytest.mark.parametrize("code", [400, 403, 404])
def test_retry_failed__reports_the_failed_run_when_dbt_cloud_refuses_the_retry(new_step: NewStep, code: int) -> None:
    step = new_step(RED)
    step.servers.cloud.faults.add(kind="status", code=code, method="POST", path="/retry/$")

    assert ExitCode.FAILED == step.run(retry_failed="2")

    assert [None] == step.origins
    assert "failure" == step.states[-1]
    assert "The retry was not started" in step.log


def test_retry__may_be_404_in_its_first_minute(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Like a run that was triggered: dbt Cloud may answer 404 until it knows its new run everywhere."""
    slow_red = Script(steps=(ScriptedStep(seconds=300, status=Status.ERROR, artifacts=RED.steps[0].artifacts),))
    with start_servers(tmp_path_factory.mktemp("lag"), read_after_write_requests=2) as servers:
        step = servers.new_step(lambda trigger: GREEN if trigger["retrying_run_id"] else slow_red)

        assert ExitCode.OK == step.run(retry_failed="1")


def test_retry__that_comes_late_is_not_left_going(new_step: NewStep) -> None:
    """Three requests to retry got no answer, so the step reports the failed run; the clean-up searches once more."""
    step = new_step(lambda trigger: ENDLESS if trigger["retrying_run_id"] else RED)
    step.servers.cloud.faults.add(kind="reset", method="POST", path="/retry/$", times=3)
    assert ExitCode.FAILED == step.run(retry_failed="1")

    step.repeat(step.posts("/retry/")[0])
    step.clean_up()

    assert [] == step.going


def test_deadline__is_for_all_retries_together(servers: Servers) -> None:
    slow = Script(steps=(ScriptedStep(seconds=50, status=Status.ERROR, artifacts=RED.steps[0].artifacts),))
    endless = Script(steps=(ScriptedStep(seconds=math.inf),))
    step = servers.new_step(lambda trigger: endless if trigger["retrying_run_id"] else slow)

    assert ExitCode.TIMED_OUT == step.run(retry_failed="10", timeout_minutes="2")

    assert 150 >= step.passed
    assert [] == step.going
