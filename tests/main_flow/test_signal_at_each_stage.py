"""A signal at every stage of a step: the run is cancelled, the status closed, and the step ends within seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from dbt_action.dbt_cloud import client as cloud_
from dbt_action.errors import ExitCode
from emulator import Script, Status
from tests.support.scripts import ENDLESS, GREEN, RED, lasting
from tests.support.virtual_hangs import virtual_hangs
from tests.support.workflow_step import WorkflowStep

MakeStep = Callable[..., WorkflowStep]

TRIGGER = r"/jobs/\d+/run/$"


@dataclass
class Signal:
    """A signal that comes at a chosen moment of a step."""

    workflow_step: WorkflowStep
    monkeypatch: pytest.MonkeyPatch

    def at_call(self, method: str, *, number: int = 1, after: bool = False) -> None:
        """The signal comes when the `number`th call of a method of `DbtCloud` begins, or has just ended."""
        original = getattr(cloud_.DbtCloud, method)
        calls = []

        def call(*args: object, **more: object) -> object:
            calls.append(method)
            due = len(calls) == number
            if due and not after:
                self.send()
            answer = original(*args, **more)
            if due and after:
                self.send()
            return answer

        self.monkeypatch.setattr(cloud_.DbtCloud, method, call)

    def at_sleep(self, number: int) -> None:
        """The signal comes while the clock sleeps for the `number`th time."""
        sleeps: list[float] = []

        def on_sleep(seconds: float) -> None:
            if seconds > 0:
                sleeps.append(seconds)
            if len(sleeps) == number and seconds > 0:
                self.send()

        self.workflow_step.clock.on_sleep = on_sleep

    def send(self) -> None:
        self.sent_at = self.workflow_step.clock.now()
        self.workflow_step.interrupts.handle_signal(15, None)

    @property
    def seconds(self) -> float:
        """From the signal to the end of the step."""
        return self.workflow_step.clock.now() - self.sent_at


@pytest.fixture
def signal(make_step: MakeStep, monkeypatch: pytest.MonkeyPatch) -> Signal:
    """A signal for a step whose run does not end by itself."""
    return Signal(make_step(ENDLESS), monkeypatch)


def assert_cancelled(signal: Signal) -> None:
    """The one run is cancelled, the status is closed, and that took no more than five seconds."""
    workflow_step = signal.workflow_step
    (run,) = workflow_step.cloud.runs
    assert Status.CANCELLED == run.status
    assert "cancelled" == workflow_step.outputs["status"]
    assert str(run.id) == workflow_step.outputs["run-id"]
    assert "error" == workflow_step.states[-1]
    assert 5.0 >= signal.seconds


@pytest.mark.parametrize(
    "method, number",
    [
        pytest.param("get_job", 1, id="before the first request"),
        pytest.param("trigger", 1, id="before the trigger"),
    ],
)
def test_signal__before_the_trigger_starts_nothing(signal: Signal, method: str, number: int) -> None:
    signal.at_call(method, number=number)

    assert ExitCode.INTERRUPTED == signal.workflow_step.run()

    assert () == signal.workflow_step.cloud.runs
    assert ["error"] == signal.workflow_step.states
    assert 5.0 >= signal.seconds


def test_signal__while_the_inputs_are_read_sends_nothing(
    workflow_step: WorkflowStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal = Signal(workflow_step, monkeypatch)

    def interrupted(*_args: object, **_more: object) -> None:
        signal.send()

    monkeypatch.setattr("dbt_action.config.loader.read", interrupted)

    assert ExitCode.INTERRUPTED == workflow_step.run()
    assert () == workflow_step.cloud.requests
    assert () == workflow_step.github.requests


def test_signal__right_after_the_answer_to_the_trigger(signal: Signal) -> None:
    """The run exists, and the answer that has its number has not been read yet."""
    signal.at_call("trigger", after=True)

    assert ExitCode.INTERRUPTED == signal.workflow_step.run()
    assert_cancelled(signal)


def test_signal__while_the_trigger_is_unanswered(signal: Signal) -> None:
    """The answer has not come in time, so the run is found by its marker."""
    workflow_step = signal.workflow_step
    workflow_step.cloud.faults.add(kind="slow", method="POST", path=TRIGGER, seconds=60.0)
    signal.at_sleep(1)

    with virtual_hangs(workflow_step.clock):
        assert ExitCode.INTERRUPTED == workflow_step.run()
    assert_cancelled(signal)


def test_signal__while_the_trigger_is_unanswered_and_nothing_was_started(signal: Signal) -> None:
    workflow_step = signal.workflow_step
    workflow_step.cloud.faults.add(kind="reset", method="POST", path=TRIGGER, times=None)
    signal.at_sleep(1)

    assert ExitCode.INTERRUPTED == workflow_step.run()

    assert () == workflow_step.cloud.runs
    assert 1 == len(workflow_step.triggers)
    assert ["error"] == workflow_step.states
    (annotation,) = workflow_step.annotations("error")
    assert workflow_step.triggers[0].json["cause"].rsplit("[", 1)[1] in annotation
    assert 5.0 >= signal.seconds


@pytest.mark.parametrize("number", [1, 2, 5])
def test_signal__between_two_polls(signal: Signal, number: int) -> None:
    signal.at_sleep(number)

    assert ExitCode.INTERRUPTED == signal.workflow_step.run()
    assert_cancelled(signal)


@pytest.mark.parametrize("after", [False, True], ids=["before the answer", "after the answer"])
def test_signal__during_a_poll(signal: Signal, after: bool) -> None:  # noqa: FBT001
    signal.at_call("get_run", number=3, after=after)

    assert ExitCode.INTERRUPTED == signal.workflow_step.run()
    assert_cancelled(signal)


def test_signal__while_the_run_is_queued(make_step: MakeStep, monkeypatch: pytest.MonkeyPatch) -> None:
    signal = Signal(make_step(GREEN, queue_seconds=3600.0), monkeypatch)
    signal.at_sleep(2)

    assert ExitCode.INTERRUPTED == signal.workflow_step.run()
    assert_cancelled(signal)


def test_signal__while_dbt_cloud_is_down_says_that_the_run_could_not_be_cancelled(signal: Signal) -> None:
    signal.workflow_step.cloud.faults.add(kind="reset", path=r"/runs/\d+/", times=None)
    signal.at_sleep(3)

    assert ExitCode.INTERRUPTED == signal.workflow_step.run()

    assert "could NOT be cancelled" in signal.workflow_step.annotations("error")[0]
    assert "error" == signal.workflow_step.states[-1]
    assert 5.0 >= signal.seconds


def test_signal__repeats_a_request_to_cancel_that_failed(signal: Signal) -> None:
    signal.workflow_step.cloud.faults.add(kind="reset", method="POST", path="/cancel/$")
    signal.at_sleep(2)

    assert ExitCode.INTERRUPTED == signal.workflow_step.run()
    assert_cancelled(signal)


def test_signal__does_not_wait_for_a_run_that_takes_long_to_be_cancelled(
    make_step: MakeStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal = Signal(make_step(ENDLESS, cancel_seconds=60.0), monkeypatch)
    signal.at_sleep(2)

    assert ExitCode.INTERRUPTED == signal.workflow_step.run()

    assert 1 == len(signal.workflow_step.requests("POST", "/cancel/"))
    assert 5.0 >= signal.seconds
    assert "asked to cancel" in signal.workflow_step.annotations("error")[0]


def test_signal__while_the_run_is_cancelled_for_its_time_limit(signal: Signal) -> None:
    signal.at_call("cancel", after=True)

    assert ExitCode.INTERRUPTED == signal.workflow_step.run(timeout_minutes="1")
    assert_cancelled(signal)


def test_signal__while_artifacts_are_fetched_keeps_the_outcome(
    make_step: MakeStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal = Signal(make_step(GREEN), monkeypatch)
    signal.at_call("artifact_names")

    assert ExitCode.INTERRUPTED == signal.workflow_step.run(artifacts="*")

    assert [] == signal.workflow_step.requests("POST", "/cancel/")
    assert "success" == signal.workflow_step.states[-1]


def test_signal__a_second_time_does_not_interrupt_the_shutdown(signal: Signal) -> None:
    signal.at_sleep(2)
    original = cloud_.DbtCloud.cancel

    def signal_again(*args: object) -> object:
        signal.workflow_step.interrupts.handle_signal(15, None)
        return original(*args)  # type: ignore[arg-type]

    signal.monkeypatch.setattr(cloud_.DbtCloud, "cancel", signal_again)

    assert ExitCode.INTERRUPTED == signal.workflow_step.run()
    assert_cancelled(signal)


def test_signal__leaves_the_run_going_with_on_cancel_leave(signal: Signal) -> None:
    signal.at_sleep(2)

    assert ExitCode.INTERRUPTED == signal.workflow_step.run(on_cancel="leave")

    (run,) = signal.workflow_step.cloud.runs
    assert not run.over
    assert [] == signal.workflow_step.requests("POST", "/cancel/")
    assert "on-cancel: leave" in signal.workflow_step.annotations("error")[0]
    assert "error" == signal.workflow_step.states[-1]


def test_signal__fails_the_step_also_with_fail_on_error_false(signal: Signal) -> None:
    signal.at_sleep(2)

    assert ExitCode.INTERRUPTED == signal.workflow_step.run(fail_on_error="false")


def test_signal__when_the_run_ends_before_it_can_be_cancelled(
    make_step: MakeStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outcome of the run is reported, not a cancellation."""
    signal = Signal(make_step(lasting(10.0), cancel_seconds=60.0), monkeypatch)

    def on_sleep(seconds: float) -> None:
        if signal.workflow_step.clock.passed + seconds > 9.5 and not signal.workflow_step.interrupts.signal_received:
            signal.workflow_step.clock.time += 9.5 - signal.workflow_step.clock.passed
            signal.send()

    signal.workflow_step.clock.on_sleep = on_sleep

    assert ExitCode.INTERRUPTED == signal.workflow_step.run()
    assert Status.SUCCESS == signal.workflow_step.cloud.runs[0].status
    assert "success" == signal.workflow_step.statuses[-1].state
    assert "success" == signal.workflow_step.outputs["status"]


class SignalAtRequest:
    """Sends the signal before, or `after`, the `number`th request to dbt Cloud or GitHub."""

    def __init__(self, signal: Signal, number: int, *, after: bool) -> None:
        self.signal, self.number, self.after = signal, number, after
        self.requests: list[str] = []
        self.sent = False
        original = requests.Session.request

        def request(session: requests.Session, method: str, url: str, *args: Any, **more: Any) -> requests.Response:  # noqa: ANN401
            self.requests.append(f"{method} {url}")
            due = len(self.requests) == self.number
            if due and not self.after:
                self.send()
            answer: requests.Response = original(session, method, url, *args, **more)
            if due and self.after:
                answer.close()
                self.send()
            return answer

        signal.monkeypatch.setattr(requests.Session, "request", request)

    def send(self) -> None:
        self.sent = True
        self.signal.send()


@pytest.mark.parametrize("after", [False, True], ids=["before it is sent", "when it is answered"])
@pytest.mark.parametrize("number", range(1, 12))
@pytest.mark.parametrize("script", [GREEN, ENDLESS, RED], ids=["green", "endless", "red"])
def test_signal__at_any_request_leaves_nothing_open(
    make_step: MakeStep,
    monkeypatch: pytest.MonkeyPatch,
    script: Script,
    number: int,
    after: bool,  # noqa: FBT001
) -> None:
    """At most one run, and it is over; no status stays pending; the exit code says that it was interrupted."""
    signal = Signal(make_step(script), monkeypatch)
    at_request = SignalAtRequest(signal, number, after=after)

    code = signal.workflow_step.run(timeout_minutes="2", artifacts="*")

    assert 1 >= len(signal.workflow_step.cloud.runs)
    assert all(run.over for run in signal.workflow_step.cloud.runs)
    assert "pending" != (signal.workflow_step.states or ["none"])[-1]
    assert signal.workflow_step.outputs["status"] in {"success", "error", "cancelled", "timed-out"}
    if at_request.sent:
        assert ExitCode.INTERRUPTED == code
        assert 5.0 >= signal.seconds
