"""A signal at every point of the way: the run is cancelled, the status closed, the process ends within seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from dbt_action.dbt_cloud import client as cloud_
from dbt_action.errors import ExitCode
from dbt_action.timeouts import HttpTimeouts
from emulator import Script, Status
from tests.support.scripts import ENDLESS, GREEN, RED, lasting
from tests.support.workflow_step import WorkflowStep

MakeStep = Callable[..., WorkflowStep]

TRIGGER = r"/jobs/\d+/run/$"


@dataclass
class Trap:
    """Sends the signal when the `number`th call of a method of `DbtCloud` begins, or has just ended."""

    workflow_step: WorkflowStep
    monkeypatch: pytest.MonkeyPatch

    def set(self, method: str, *, number: int = 1, after: bool = False) -> None:
        original = getattr(cloud_.DbtCloud, method)
        calls = []

        def trapped(*args: object, **more: object) -> object:
            calls.append(method)
            sprung = len(calls) == number
            if sprung and not after:
                self.spring()
            answer = original(*args, **more)
            if sprung and after:
                self.spring()
            return answer

        self.monkeypatch.setattr(cloud_.DbtCloud, method, trapped)

    def at_sleep(self, number: int) -> None:
        """The signal comes while the clock sleeps for the `number`th time."""
        waits: list[float] = []

        def asleep(seconds: float) -> None:
            if seconds > 0:
                waits.append(seconds)
            if len(waits) == number and seconds > 0:
                self.spring()

        self.workflow_step.clock.on_sleep = asleep

    def spring(self) -> None:
        self.at = self.workflow_step.clock.now()
        self.workflow_step.interrupts.handle_signal(15, None)

    @property
    def seconds(self) -> float:
        """How long everything took after the signal."""
        return self.workflow_step.clock.now() - self.at


@pytest.fixture
def trap(make_step: MakeStep, monkeypatch: pytest.MonkeyPatch) -> Trap:
    """A trap in front of a run without an end."""
    return Trap(make_step(ENDLESS), monkeypatch)


def cancelled(trap: Trap) -> None:
    """One run, cancelled; the status is closed; and it did not take long."""
    workflow_step = trap.workflow_step
    (run,) = workflow_step.cloud.runs
    assert Status.CANCELLED == run.status
    assert "cancelled" == workflow_step.outputs["status"]
    assert str(run.id) == workflow_step.outputs["run-id"]
    assert "error" == workflow_step.states[-1]
    assert trap.seconds <= 5.0


@pytest.mark.parametrize(
    "method, number",
    [
        pytest.param("get_job", 1, id="before the first request"),
        pytest.param("trigger", 1, id="before the trigger"),
    ],
)
def test_before_the_trigger__nothing_is_started(trap: Trap, method: str, number: int) -> None:
    trap.set(method, number=number)

    assert ExitCode.INTERRUPTED == trap.workflow_step.run()

    assert () == trap.workflow_step.cloud.runs
    assert ["error"] == trap.workflow_step.states
    assert trap.seconds <= 5.0


def test_while_the_inputs_are_read__nothing_is_sent(
    workflow_step: WorkflowStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = Trap(workflow_step, monkeypatch)

    def interrupted(*_args: object, **_more: object) -> None:
        trap.spring()

    monkeypatch.setattr("dbt_action.config.loader.read", interrupted)

    assert ExitCode.INTERRUPTED == workflow_step.run()
    assert () == workflow_step.cloud.requests
    assert () == workflow_step.github.requests


def test_right_after_the_answer_to_the_trigger(trap: Trap) -> None:
    """The run exists, and nobody has looked at the answer yet."""
    trap.set("trigger", after=True)

    assert ExitCode.INTERRUPTED == trap.workflow_step.run()
    cancelled(trap)


def test_while_the_trigger_is_unanswered(trap: Trap) -> None:
    """The signal finds us waiting for an answer that does not come; the run is found by its marker."""
    workflow_step = trap.workflow_step
    workflow_step.timeouts = HttpTimeouts(connect_seconds=0.3, read_seconds=0.3)
    workflow_step.cloud.faults.add(kind="slow", method="POST", path=TRIGGER, seconds=1.0)
    trap.at_sleep(1)

    assert ExitCode.INTERRUPTED == workflow_step.run()
    cancelled(trap)


def test_while_the_trigger_is_unanswered_and_nothing_was_started(trap: Trap) -> None:
    workflow_step = trap.workflow_step
    workflow_step.cloud.faults.add(kind="reset", method="POST", path=TRIGGER, times=None)
    trap.at_sleep(1)

    assert ExitCode.INTERRUPTED == workflow_step.run()

    assert () == workflow_step.cloud.runs
    assert 1 == len(workflow_step.triggers)
    assert ["error"] == workflow_step.states
    (told,) = workflow_step.told("error")
    assert workflow_step.triggers[0].json["cause"].rsplit("[", 1)[1] in told
    assert trap.seconds <= 5.0


@pytest.mark.parametrize("number", [1, 2, 5])
def test_between_two_looks(trap: Trap, number: int) -> None:
    trap.at_sleep(number)

    assert ExitCode.INTERRUPTED == trap.workflow_step.run()
    cancelled(trap)


@pytest.mark.parametrize("after", [False, True], ids=["before the answer", "after the answer"])
def test_in_the_middle_of_a_look(trap: Trap, after: bool) -> None:  # noqa: FBT001
    trap.set("get_run", number=3, after=after)

    assert ExitCode.INTERRUPTED == trap.workflow_step.run()
    cancelled(trap)


def test_in_the_queue(make_step: MakeStep, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = Trap(make_step(GREEN, queue_seconds=3600.0), monkeypatch)
    trap.at_sleep(2)

    assert ExitCode.INTERRUPTED == trap.workflow_step.run()
    cancelled(trap)


def test_while_dbt_cloud_is_down(trap: Trap) -> None:
    """Nothing can be cancelled then; it is said, and it does not take long."""
    trap.workflow_step.cloud.faults.add(kind="reset", path=r"/runs/\d+/", times=None)
    trap.at_sleep(3)

    assert ExitCode.INTERRUPTED == trap.workflow_step.run()

    assert "could NOT be cancelled" in trap.workflow_step.told("error")[0]
    assert "error" == trap.workflow_step.states[-1]
    assert trap.seconds <= 5.0


def test_cancel_fails_once__is_sent_again(trap: Trap) -> None:
    trap.workflow_step.cloud.faults.add(kind="reset", method="POST", path="/cancel/$")
    trap.at_sleep(2)

    assert ExitCode.INTERRUPTED == trap.workflow_step.run()
    cancelled(trap)


def test_run_takes_its_time_to_be_cancelled(make_step: MakeStep, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = Trap(make_step(ENDLESS, cancel_seconds=60.0), monkeypatch)
    trap.at_sleep(2)

    assert ExitCode.INTERRUPTED == trap.workflow_step.run()

    assert 1 == len(trap.workflow_step.requests("POST", "/cancel/"))
    assert trap.seconds <= 5.0
    assert "asked to cancel" in trap.workflow_step.told("error")[0]


def test_while_the_time_limit_cancels(trap: Trap) -> None:
    trap.set("cancel", after=True)

    assert ExitCode.INTERRUPTED == trap.workflow_step.run(timeout_minutes="1")
    cancelled(trap)


def test_while_artifacts_are_fetched__run_was_over(make_step: MakeStep, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = Trap(make_step(GREEN), monkeypatch)
    trap.set("artifact_names")

    assert ExitCode.INTERRUPTED == trap.workflow_step.run(artifacts="*")

    assert [] == trap.workflow_step.requests("POST", "/cancel/")
    assert "success" == trap.workflow_step.states[-1]


def test_second_signal__does_not_tear_the_clean_up_apart(trap: Trap) -> None:
    trap.at_sleep(2)
    original = cloud_.DbtCloud.cancel

    def impatient(*args: object) -> object:
        trap.workflow_step.interrupts.handle_signal(15, None)
        return original(*args)  # type: ignore[arg-type]

    trap.monkeypatch.setattr(cloud_.DbtCloud, "cancel", impatient)

    assert ExitCode.INTERRUPTED == trap.workflow_step.run()
    cancelled(trap)


def test_on_cancel_leave__run_goes_on(trap: Trap) -> None:
    trap.at_sleep(2)

    assert ExitCode.INTERRUPTED == trap.workflow_step.run(on_cancel="leave")

    (run,) = trap.workflow_step.cloud.runs
    assert not run.over
    assert [] == trap.workflow_step.requests("POST", "/cancel/")
    assert "on-cancel: leave" in trap.workflow_step.told("error")[0]
    assert "error" == trap.workflow_step.states[-1]


def test_fail_on_error_false__does_not_make_an_interrupt_green(trap: Trap) -> None:
    trap.at_sleep(2)

    assert ExitCode.INTERRUPTED == trap.workflow_step.run(fail_on_error="false")


def test_run_ends_on_its_own_meanwhile(make_step: MakeStep, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelling came too late; what the run has become is what is told."""
    trap = Trap(make_step(lasting(10.0), cancel_seconds=60.0), monkeypatch)

    def asleep(seconds: float) -> None:
        if trap.workflow_step.clock.passed + seconds > 9.5 and not trap.workflow_step.interrupts.signal_received:
            trap.workflow_step.clock.time += 9.5 - trap.workflow_step.clock.passed
            trap.spring()

    trap.workflow_step.clock.on_sleep = asleep

    assert ExitCode.INTERRUPTED == trap.workflow_step.run()
    assert Status.SUCCESS == trap.workflow_step.cloud.runs[0].status
    assert "success" == trap.workflow_step.statuses[-1].state
    assert "success" == trap.workflow_step.outputs["status"]


class Wire:
    """Springs the trap around the `number`th request to anybody, dbt Cloud or GitHub."""

    def __init__(self, trap: Trap, number: int, *, after: bool) -> None:
        self.trap, self.number, self.after = trap, number, after
        self.sent: list[str] = []
        self.sprung = False
        original = requests.Session.request

        def wired(session: requests.Session, method: str, url: str, *args: Any, **more: Any) -> requests.Response:  # noqa: ANN401
            self.sent.append(f"{method} {url}")
            due = len(self.sent) == self.number
            if due and not self.after:
                self.spring()
            answer: requests.Response = original(session, method, url, *args, **more)
            if due and self.after:
                answer.close()
                self.spring()
            return answer

        trap.monkeypatch.setattr(requests.Session, "request", wired)

    def spring(self) -> None:
        self.sprung = True
        self.trap.spring()


@pytest.mark.parametrize("after", [False, True], ids=["before it is sent", "when it is answered"])
@pytest.mark.parametrize("number", range(1, 12))
@pytest.mark.parametrize("script", [GREEN, ENDLESS, RED], ids=["green", "endless", "red"])
def test_at_every_request__nothing_is_left_open(
    make_step: MakeStep,
    monkeypatch: pytest.MonkeyPatch,
    script: Script,
    number: int,
    after: bool,  # noqa: FBT001
) -> None:
    """At most one run, and it is over; no status stays pending; the exit code says that it was interrupted."""
    trap = Trap(make_step(script), monkeypatch)
    wire = Wire(trap, number, after=after)

    code = trap.workflow_step.run(timeout_minutes="2", artifacts="*")

    assert len(trap.workflow_step.cloud.runs) <= 1
    assert all(run.over for run in trap.workflow_step.cloud.runs)
    assert "pending" != (trap.workflow_step.states or ["none"])[-1]
    assert trap.workflow_step.outputs["status"] in {"success", "error", "cancelled", "timed-out"}
    if wire.sprung:
        assert ExitCode.INTERRUPTED == code
        assert trap.seconds <= 5.0
