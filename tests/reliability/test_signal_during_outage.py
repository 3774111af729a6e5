"""A signal while dbt Cloud or GitHub fails: the run is found, cancelled and reported, all in five seconds."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep
from tests.reliability.steps import Killed, Servers, Step
from tests.reliability.typical_steps import ENDLESS
from tests.support.scripts import GREEN, RED

NewStep = Callable[..., Step]


def assert_cancelled(step: Step, code: ExitCode, *, within: float = 5.0, since: float) -> None:
    assert ExitCode.INTERRUPTED == code
    assert within >= step.servers.clock.now() - since
    assert [] == step.going
    assert step.runs[-1].cancelled_by_api
    assert ["error"] == step.states[-1:]
    assert step.closed
    assert "cancelled" == step.outputs["status"]
    assert [] == step.leaks()


def signal_after(step: Step, seconds: float) -> Callable[[], float]:
    """Send a signal so many virtual seconds from now; returns a function that says when it came."""
    moments: list[float] = []

    def handle_signal() -> None:
        moments.append(step.servers.clock.now())
        step.interrupts.handle_signal()

    step.after(seconds, handle_signal)
    return lambda: moments[0]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(Script(queue_seconds=1000), id="queued"),
        pytest.param(Script(starting_seconds=1000), id="starting"),
        pytest.param(ENDLESS, id="running"),
        pytest.param(Script(steps=(ScriptedStep(seconds=math.inf),), running_status=7), id="unknown status"),
    ],
)
def test_signal__cancels_whatever_the_run_is_doing(new_step: NewStep, script: Script) -> None:
    step = new_step(script)
    came = signal_after(step, 30)

    assert_cancelled(step, step.run(), since=came())


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "status", "code": 503}, id="503"),
        pytest.param({"kind": "status", "code": 429}, id="429"),
        pytest.param({"kind": "status", "code": 429, "headers": {"Retry-After": "60"}}, id="429 with Retry-After"),
        pytest.param({"kind": "status", "code": 503, "headers": {"Retry-After": "60"}}, id="503 with Retry-After"),
        pytest.param({"kind": "reset"}, id="reset"),
        pytest.param({"kind": "lose"}, id="answer lost"),
        pytest.param({"kind": "html"}, id="page"),
        pytest.param({"kind": "truncate"}, id="cut off"),
        pytest.param({"kind": "empty"}, id="empty"),
        pytest.param({"kind": "status", "code": 404}, id="404 of a young run"),
    ],
)
def test_signal__cancels_although_the_first_request_to_cancel_fails(new_step: NewStep, fault: dict[str, Any]) -> None:
    step = new_step(ENDLESS)
    came = signal_after(step, 30)
    step.servers.cloud.faults.add(method="POST", path="/cancel/$", **fault)

    assert_cancelled(step, step.run(), since=came())


@pytest.mark.parametrize("code", [401, 403, 404, 429, 500, 503])
def test_signal__cannot_cancel_and_says_so_in_time(new_step: NewStep, code: int) -> None:
    step = new_step(ENDLESS)
    came = signal_after(step, 100)
    step.servers.cloud.faults.add(kind="status", code=code, method="POST", path="/cancel/$", times=None)

    assert ExitCode.INTERRUPTED == step.run()

    assert 5 >= step.servers.clock.now() - came()
    assert "could NOT be cancelled" in step.log
    assert not step.closed
    assert "error" == step.states[-1]
    step.servers.cloud.faults.clear()
    assert ExitCode.OK == step.clean_up()
    assert [] == step.going


def test_signal__cancels_by_number_when_the_run_cannot_be_read(new_step: NewStep) -> None:
    step = new_step(ENDLESS)
    step.servers.cloud.faults.add(kind="status", code=503, method="GET", path=r"/runs/\d+/$", times=None, after=2)
    came = signal_after(step, 120)

    assert_cancelled(step, step.run(), since=came())


@pytest.mark.parametrize("kind", ["reset", "hang", "status"])
def test_signal__cancels_while_github_is_down(new_step: NewStep, kind: str) -> None:
    step = new_step(ENDLESS)
    step.servers.github.faults.add(kind=kind, times=None)
    signal_after(step, 30)

    assert ExitCode.INTERRUPTED == step.run()

    assert [] == step.going
    assert [] == step.states
    assert not step.closed
    step.servers.github.faults.clear()
    assert ExitCode.OK == step.clean_up()
    assert ["error"] == step.states


@pytest.mark.parametrize("kind", ["lose", "html", "truncate", "empty"])
def test_signal__while_the_trigger_is_unanswered_finds_the_run_and_cancels_it(new_step: NewStep, kind: str) -> None:
    step = new_step(ENDLESS)
    more = {"do": True} if kind == "html" else {}
    step.servers.cloud.faults.add(kind=kind, method="POST", path="/run/$", **more)
    came = signal_after(step, 0.9)

    assert_cancelled(step, step.run(), since=came())


def test_signal__while_the_trigger_has_not_arrived_says_that_a_run_may_appear(new_step: NewStep) -> None:
    step = new_step(ENDLESS)
    step.servers.cloud.faults.add(kind="hang", method="POST", path="/run/$")
    came = signal_after(step, 12)

    assert ExitCode.INTERRUPTED == step.run()

    assert 5 >= step.servers.clock.now() - came()
    assert [] == step.runs
    assert "may still appear" in step.log
    assert not step.closed
    # The run appears after the process has ended, and the clean-up finds it.
    step.repeat(step.posts("/run/")[0])
    assert ExitCode.OK == step.clean_up()
    assert [] == step.going
    assert step.closed


def test_signal__while_a_retry_is_unanswered_finds_it_and_cancels_it(new_step: NewStep) -> None:
    step = new_step(lambda trigger: ENDLESS if trigger["retrying_run_id"] else RED)
    step.servers.cloud.faults.add(kind="lose", method="POST", path="/retry/$")
    came = signal_after(step, 0.5)

    assert_cancelled(step, step.run(retry_failed="1"), since=came())
    assert 2 == len(step.runs)


def test_signal__while_artifacts_are_fetched_reports_how_the_run_ended(new_step: NewStep) -> None:
    step = new_step(GREEN)
    step.servers.cloud.faults.add(kind="status", code=503, method="GET", path="/artifacts/.", times=None)
    signal_after(step, 3)

    assert ExitCode.INTERRUPTED == step.run(artifacts="*")

    assert "success" == step.states[-1]
    assert "success" == step.outputs["status"]
    assert step.closed
    assert [] == list((step.folder / "target").rglob("*.part"))


def test_signal__twice_changes_nothing(new_step: NewStep) -> None:
    step = new_step(ENDLESS)
    cancelling = signal_after(step, 30)
    step.servers.cloud.faults.add(kind="status", code=503, method="POST", path="/cancel/$")

    def signal_again(_seconds: float) -> None:
        if step.interrupts.signal_received:
            step.interrupts.handle_signal()

    step.servers.clock.on_sleep = signal_again

    assert_cancelled(step, step.run(), since=cancelling())


def test_signal__that_a_library_swallows_is_not_forgotten(new_step: NewStep) -> None:
    """Python drops an exception that is raised inside a `__del__`; the next sleep, or signal, raises it again."""
    step = new_step(ENDLESS)
    came: list[float] = []

    def swallowed() -> None:
        came.append(step.servers.clock.now())
        with suppress(BaseException):
            step.interrupts.handle_signal()
        step.after(2, step.interrupts.handle_signal)

    step.after(30, swallowed)
    code = step.run(timeout_minutes="2")

    assert_cancelled(step, code, within=10, since=came[0])


def test_signal__leaves_the_run_going_with_on_cancel_leave(new_step: NewStep) -> None:
    step = new_step(ENDLESS)
    signal_after(step, 30)

    assert ExitCode.INTERRUPTED == step.run(on_cancel="leave")

    assert 1 == len(step.going)
    assert step.closed
    assert "error" == step.states[-1]


def test_signal__does_not_cancel_the_runs_of_others(servers: Servers) -> None:
    step = servers.new_step(ENDLESS, job_type="ci")
    other = step.attempt(1, GITHUB_RUN_ID="77")
    assert ExitCode.OK == other.run(wait="false")
    signal_after(step, 30)

    assert ExitCode.INTERRUPTED == step.run()
    assert [False, True] == [run.cancelled_by_api for run in step.runs]


def test_sigkill__before_the_trigger_is_answered_is_cleaned_up_when_the_run_appears(new_step: NewStep) -> None:
    step = new_step(ENDLESS)
    step.servers.cloud.faults.add(kind="late", seconds=50.0, method="POST", path="/run/$")
    step.after(20, kill)
    step.run_until_killed()
    assert [] == step.runs

    assert ExitCode.OK == step.clean_up()

    assert [True] == [run.cancelled_by_api for run in step.runs]
    assert ["error"] == step.states


def test_sigkill__after_the_outcome_was_posted_leaves_nothing_to_do(new_step: NewStep) -> None:
    """The results are 20 seconds late, so the status has no counts so far; that is no work for the clean-up."""
    step = new_step(Script(steps=(replace(RED.steps[0], seconds=60.0),), artifact_seconds=20.0))
    step.after(72, kill)
    step.run_until_killed(poll_interval="10")
    requests = step.requests
    assert ["pending", "failure"] == step.states

    assert ExitCode.OK == step.clean_up()

    assert requests == step.requests
    assert ["pending", "failure"] == step.states


def kill() -> None:
    raise Killed


@pytest.mark.parametrize("on_cancel", ["cancel", "leave"])
def test_time_limit__that_could_not_cancel_leaves_that_to_the_clean_up(new_step: NewStep, on_cancel: str) -> None:
    """`on-timeout: cancel` is what counts after the time limit, not `on-cancel`."""
    step = new_step(ENDLESS)
    step.servers.cloud.faults.add(kind="hang", method="POST", path="/cancel/", times=None, seconds=3600)

    assert ExitCode.TIMED_OUT == step.run(timeout_minutes="1", on_timeout="cancel", on_cancel=on_cancel)
    assert step.going
    step.servers.cloud.faults.clear()

    assert ExitCode.OK == step.clean_up()
    assert [] == step.going
    assert step.closed
