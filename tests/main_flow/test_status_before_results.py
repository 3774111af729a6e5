"""The commit status when run_results.json comes late: first the outcome alone, later the outcome with the counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from dbt_action.errors import ExitCode
from dbt_action.timeouts import LATE_ARTIFACTS_SECONDS, RESULTS_BEFORE_STATUS_SECONDS
from emulator import Script, ScriptedStep, Status
from tests.support.scripts import GREEN, RED
from tests.support.workflow_step import WorkflowStep

MakeStep = Callable[..., WorkflowStep]
# 3m 10s, and a multiple of the pause between two polls, so that the end is seen at once.
RUN_SECONDS = 190.0
INPUTS = {"poll_interval": "10"}


def run_of(script: Script, *, results_after: float) -> Script:
    """A run of `RUN_SECONDS` whose results appear so many seconds after its end."""
    return replace(script, steps=(replace(script.steps[0], seconds=RUN_SECONDS),), artifact_seconds=results_after)


@dataclass
class Posted:
    """The statuses in order, with the virtual second in which each was posted. Time moves only in sleeps."""

    step: WorkflowStep
    seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.step.clock.on_sleep = lambda _seconds: self.record()

    def record(self) -> None:
        """Whatever is new has been posted at the present moment."""
        self.seconds += [self.step.clock.passed] * (len(self.texts) - len(self.seconds))

    @property
    def texts(self) -> list[tuple[str, str | None]]:
        """Without the renewals while the run was going on."""
        found = [(status.state, status.description) for status in self.step.statuses]
        return [(state, words) for state, words in found if not (words or "").startswith("Running step")]


@pytest.mark.parametrize(
    "script, code, outcome, with_counts",
    [
        pytest.param(
            RED,
            ExitCode.FAILED,
            ("failure", "Failed · 3m 10s"),
            ("failure", "not_null_orders_id.abc failed"),
            id="failed",
        ),
        pytest.param(
            GREEN,
            ExitCode.OK,
            ("success", "Succeeded · 3m 10s"),
            ("success", "1 passed · 3m 10s"),
            id="succeeded",
        ),
    ],
)
def test_status__shows_the_outcome_after_two_seconds_and_the_counts_when_they_are_there(
    make_step: MakeStep, script: Script, code: ExitCode, outcome: tuple[str, str], with_counts: tuple[str, str]
) -> None:
    step = make_step(run_of(script, results_after=20.0))
    posted = Posted(step)

    assert code == step.run(**INPUTS)

    posted.record()
    assert [("pending", "Started"), outcome, with_counts] == posted.texts
    assert [0.0, RUN_SECONDS + RESULTS_BEFORE_STATUS_SECONDS] == posted.seconds[:2]
    assert RUN_SECONDS + 20.0 <= posted.seconds[2] <= RUN_SECONDS + LATE_ARTIFACTS_SECONDS
    assert 1 == len({(status.context, status.target_url, status.sha) for status in step.statuses})
    assert [] == step.annotations("warning")


@pytest.mark.parametrize("results_after", [0.0, 1.5], ids=["at once", "within two seconds"])
def test_status__is_posted_once_when_the_results_come_in_time(make_step: MakeStep, results_after: float) -> None:
    step = make_step(run_of(RED, results_after=results_after))
    posted = Posted(step)

    assert ExitCode.FAILED == step.run(**INPUTS)

    posted.record()
    assert [("pending", "Started"), ("failure", "not_null_orders_id.abc failed")] == posted.texts
    assert RUN_SECONDS + results_after <= posted.seconds[1] <= RUN_SECONDS + RESULTS_BEFORE_STATUS_SECONDS


def test_status__is_posted_once_when_the_results_never_come(make_step: MakeStep) -> None:
    """The same text a second time would say nothing new."""
    step = make_step(Script(steps=(ScriptedStep(seconds=RUN_SECONDS, status=Status.ERROR, logs="1 of 2 START\n"),)))
    posted = Posted(step)

    assert ExitCode.FAILED == step.run(**INPUTS)

    posted.record()
    assert [("pending", "Started"), ("failure", "Failed · 3m 10s")] == posted.texts
    assert RUN_SECONDS + RESULTS_BEFORE_STATUS_SECONDS >= posted.seconds[1]


@pytest.mark.parametrize("code", [403, 500])
def test_status__with_counts_that_cannot_be_posted_is_one_warning(make_step: MakeStep, code: int) -> None:
    step = make_step(run_of(RED, results_after=20.0))
    step.github.faults.add(kind="status", code=code, method="POST", path="/statuses/", after=3, times=None)

    assert ExitCode.FAILED == step.run(**INPUTS)

    assert ["Started", "Failed · 3m 10s"] == [words for _, words in Posted(step).texts]
    (warning,) = step.annotations("warning")
    assert "commit status" in warning
    assert "error" == step.outputs["status"]
    assert ("1", "1") == (step.outputs["nodes-passed"], step.outputs["nodes-failed"])


def test_status__with_counts_is_posted_although_the_outcome_could_not_be(make_step: MakeStep) -> None:
    step = make_step(run_of(RED, results_after=20.0))
    step.github.faults.add(kind="status", code=403, method="POST", path="/statuses/", after=2)

    assert ExitCode.FAILED == step.run(**INPUTS)

    assert ("failure", "not_null_orders_id.abc failed") == Posted(step).texts[-1]


def test_status__of_a_cancelled_run_is_posted_once(make_step: MakeStep) -> None:
    """Its text has no counts, so results that come late change nothing."""
    script = Script(steps=RED.steps, status=Status.CANCELLED)
    step = make_step(run_of(script, results_after=20.0))

    assert ExitCode.FAILED == step.run(**INPUTS)

    assert [("pending", "Started"), ("error", "Was cancelled · 3m 10s")] == Posted(step).texts


def test_signal__between_the_two_statuses_keeps_the_outcome(make_step: MakeStep) -> None:
    step = make_step(run_of(RED, results_after=20.0))
    step.clock.schedule(RUN_SECONDS + 10.0, step.interrupts.handle_signal)

    assert ExitCode.INTERRUPTED == step.run(**INPUTS)

    assert [("pending", "Started"), ("failure", "Failed · 3m 10s")] == Posted(step).texts
    assert "error" == step.outputs["status"]
    assert [] == step.requests("POST", "/cancel/")
    assert RUN_SECONDS + 15.0 >= step.clock.passed
