"""A signal while dbt Cloud or GitHub is in trouble: found, cancelled, told; in under five seconds."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep
from tests.reliability.steps import IMPATIENT, Servers, Step
from tests.reliability.typical_steps import ENDLESS
from tests.support.scripts import GREEN, RED

NewStep = Callable[..., Step]


def assert_cancelled(step: Step, code: ExitCode, *, within: float = 5.0, since: float) -> None:
    assert code == ExitCode.INTERRUPTED
    assert step.servers.clock.now() - since <= within
    assert step.going == []
    assert step.runs[-1].cancelled_by_api
    assert step.states[-1:] == ["error"]
    assert step.closed
    assert step.outputs["status"] == "cancelled"
    assert step.leaks() == []


def signal_at(step: Step, seconds: float) -> Callable[[], float]:
    """A signal so many virtual seconds from now; the moment at which it came."""
    moments: list[float] = []

    def handle_signal() -> None:
        moments.append(step.servers.clock.now())
        step.interrupts.handle_signal()

    step.after_sleeping(seconds, handle_signal)
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
    came = signal_at(step, 30)

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
    came = signal_at(step, 30)
    step.servers.cloud.faults.add(method="POST", path="/cancel/$", **fault)

    assert_cancelled(step, step.run(), since=came())


@pytest.mark.parametrize("code", [401, 403, 404, 429, 500, 503])
def test_signal__cannot_cancel_and_says_so_in_time(new_step: NewStep, code: int) -> None:
    step = new_step(ENDLESS)
    came = signal_at(step, 100)
    step.servers.cloud.faults.add(kind="status", code=code, method="POST", path="/cancel/$", times=None)

    assert step.run() == ExitCode.INTERRUPTED

    assert step.servers.clock.now() - came() <= 5
    assert "could NOT be cancelled" in step.log
    assert not step.closed
    assert step.states[-1] == "error"
    step.servers.cloud.faults.clear()
    assert step.clean_up() == ExitCode.OK
    assert step.going == []


def test_signal__during_an_outage_cancels_blindly(new_step: NewStep) -> None:
    """Nothing can be read, but the number of the run is known."""
    step = new_step(ENDLESS)
    step.servers.cloud.faults.add(kind="status", code=503, method="GET", path=r"/runs/\d+/$", times=None, after=2)
    came = signal_at(step, 120)

    assert_cancelled(step, step.run(), since=came())


@pytest.mark.parametrize("kind", ["reset", "hang", "status"])
def test_signal__cancels_while_github_is_down(new_step: NewStep, kind: str) -> None:
    step = new_step(ENDLESS)
    step.http_timeouts = IMPATIENT
    seconds: dict[str, Any] = {"seconds": 0.1} if kind == "hang" else {}
    step.servers.github.faults.add(kind=kind, times=None, **seconds)
    signal_at(step, 30)

    assert step.run() == ExitCode.INTERRUPTED

    assert step.going == []
    assert step.states == []
    assert not step.closed
    step.servers.github.faults.clear()
    assert step.clean_up() == ExitCode.OK
    assert step.states == ["error"]


@pytest.mark.parametrize("kind", ["lose", "html", "truncate", "empty"])
def test_signal__while_the_trigger_is_unanswered_finds_the_run_and_cancels_it(new_step: NewStep, kind: str) -> None:
    step = new_step(ENDLESS)
    more = {"do": True} if kind == "html" else {}
    step.servers.cloud.faults.add(kind=kind, method="POST", path="/run/$", **more)
    came = signal_at(step, 0.9)

    assert_cancelled(step, step.run(), since=came())


def test_signal__while_the_trigger_has_not_arrived_says_that_a_run_may_appear(new_step: NewStep) -> None:
    step = new_step(ENDLESS)
    step.http_timeouts = IMPATIENT
    step.servers.cloud.faults.add(kind="hang", seconds=0.3, method="POST", path="/run/$")
    came = signal_at(step, 0.9)

    assert step.run() == ExitCode.INTERRUPTED

    assert step.servers.clock.now() - came() <= 5
    assert step.runs == []
    assert "may still appear" in step.log
    assert not step.closed
    # It appears after the process has ended, and the clean-up finds it.
    step.repeat(step.posts("/run/")[0])
    assert step.clean_up() == ExitCode.OK
    assert step.going == []
    assert step.closed


def test_signal__while_a_retry_is_unanswered_finds_it_and_cancels_it(new_step: NewStep) -> None:
    step = new_step(lambda trigger: ENDLESS if trigger["retrying_run_id"] else RED)
    step.servers.cloud.faults.add(kind="lose", method="POST", path="/retry/$")
    came = signal_at(step, 0.5)

    assert_cancelled(step, step.run(retry_failed="1"), since=came())
    assert len(step.runs) == 2


def test_signal__while_artifacts_are_fetched_tells_how_the_run_ended(new_step: NewStep) -> None:
    step = new_step(GREEN)
    step.servers.cloud.faults.add(kind="status", code=503, method="GET", path="/artifacts/.", times=None)
    signal_at(step, 3)

    assert step.run(artifacts="*") == ExitCode.INTERRUPTED

    assert step.states[-1] == "success"
    assert step.outputs["status"] == "success"
    assert step.closed
    assert list((step.folder / "target").rglob("*.part")) == []


def test_signal__twice_changes_nothing(new_step: NewStep) -> None:
    step = new_step(ENDLESS)
    cancelling = signal_at(step, 30)
    step.servers.cloud.faults.add(kind="status", code=503, method="POST", path="/cancel/$")
    first = step.servers.clock.on_sleep

    def again(seconds: float) -> None:
        if step.interrupts.signal_received:
            step.interrupts.handle_signal()
        first(seconds)

    step.servers.clock.on_sleep = again

    assert_cancelled(step, step.run(), since=cancelling())


def test_signal__that_a_library_swallows_is_not_forgotten(new_step: NewStep) -> None:
    """Python drops what is raised inside a `__del__`; the next signal, or the next pause, must do."""
    step = new_step(ENDLESS)
    came: list[float] = []

    def swallowed() -> None:
        came.append(step.servers.clock.now())
        with suppress(BaseException):
            step.interrupts.handle_signal()
        step.after_sleeping(2, step.interrupts.handle_signal)

    step.after_sleeping(30, swallowed)
    code = step.run(timeout_minutes="2")

    assert_cancelled(step, code, within=10, since=came[0])


def test_signal__leaves_the_run_when_told_so(new_step: NewStep) -> None:
    step = new_step(ENDLESS)
    signal_at(step, 30)

    assert step.run(on_cancel="leave") == ExitCode.INTERRUPTED

    assert len(step.going) == 1
    assert step.closed
    assert step.states[-1] == "error"


def test_signal__does_not_cancel_the_runs_of_others(servers: Servers) -> None:
    step = servers.new_step(ENDLESS, job_type="ci")
    other = step.attempt(1, GITHUB_RUN_ID="77")
    assert other.run(wait="false") == ExitCode.OK
    came = signal_at(step, 30)

    code = step.run()

    assert code == ExitCode.INTERRUPTED
    assert [run.cancelled_by_api for run in step.runs] == [False, True]
    assert came()
