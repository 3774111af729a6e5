"""Runs that follow a script: how far a run is depends on the time only. No dbt, no threads."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from emulator.runs import FINAL, Order, Progress, Status, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.runs import Job

CHECKED_OUT_SHA = "5eed0fda7aba5e00c0ffee00dbb7c10ddeca5e77"
"""The commit of a scripted run when the trigger names none."""

CLONE_STEP = "Clone Git Repository"
PROFILE_STEP = "Create Profile from Connection DuckDB "
"""Recorded as `Create Profile from Connection Snowflake `, with the space at the end."""


def invocation(command: str) -> str:
    """Return the name of the step of a command (recorded)."""
    return f"Invoke dbt with `{command}`"


@dataclass(frozen=True)
class ScriptedStep:
    """One step of a script.

    `seconds` may be `math.inf`: the step goes on until the run is cancelled or a test ends it.
    `fails_run` None means that an error fails the run unless it is one of source freshness (reported).
    """

    command: str = "dbt build"
    status: int = Status.SUCCESS
    seconds: float = 0.0
    logs: str | None = ""
    artifacts: Mapping[str, bytes] = field(default_factory=dict)
    name: str | None = None
    debug_logs: str | None = None
    fails_run: bool | None = None
    # The log so far, before the step ends.
    logs_while_running: str | None = None


PREPARATION = (
    ScriptedStep(name=CLONE_STEP, logs="Cloning into '.'...\nSuccessfully cloned repository.\n"),
    ScriptedStep(name=PROFILE_STEP, logs="Successfully generated profile.\n"),
    ScriptedStep(command="dbt deps", logs="Running dbt deps\n"),
)


@dataclass(frozen=True)
class Script:
    """What a run does. With the defaults it has succeeded at the first request for it.

    `status` None is derived from the steps: 20 when one failed, else 10. With a number other than 10, 20 or 30 the
    run stops without `is_complete`, unless `complete` says otherwise. `running_status` is the status while the
    steps run. `bare` leaves out the steps before the first command. `artifact_seconds` is how long after the end
    artifacts are still answered by 404.
    """

    steps: tuple[ScriptedStep, ...] = (ScriptedStep(),)
    queue_seconds: float = 0.0
    status: int | None = None
    status_message: str | None = None
    bare: bool = False
    starting_seconds: float = 0.0
    running_status: int = Status.RUNNING
    complete: bool | None = None
    artifact_seconds: float = 0.0

    @property
    def all_steps(self) -> tuple[ScriptedStep, ...]:
        """The steps with clone, profile and deps before them (documented), unless the script is bare."""
        return self.steps if self.bare else (*PREPARATION, *self.steps)


def progress_at(script: Script, trigger: Mapping[str, Any], started_at: float, now: float) -> Progress:
    """Return how far a run of this script is at `now` when it started at `started_at`."""
    steps: list[Step] = []
    start, failed = started_at, False
    for index, scripted in enumerate(script.all_steps, start=1):
        step = Step(
            index=index,
            name=scripted.name or invocation(scripted.command),
            status=Status.RUNNING,
            started_at=start,
        )
        end = start + scripted.seconds
        if end > now:
            steps.append(replace(step, logs=scripted.logs_while_running))
            return _checked_out(Progress(status=script.running_status, steps=tuple(steps)), trigger)
        freshness = scripted.command.startswith("dbt source freshness")
        fails_run = not freshness if scripted.fails_run is None else scripted.fails_run
        logs = scripted.logs
        steps.append(
            replace(
                step,
                status=scripted.status,
                finished_at=end,
                logs=logs,
                debug_logs=logs if scripted.debug_logs is None else scripted.debug_logs,
                artifacts=scripted.artifacts,
                fails_run=fails_run,
            )
        )
        start = end
        if scripted.status == Status.ERROR and fails_run:
            failed = True
            break  # the steps after a failed one are not executed
    derived = Status.ERROR if failed else Status.SUCCESS
    status = derived if script.status is None else script.status
    complete = status in FINAL if script.complete is None else script.complete
    return _checked_out(
        Progress(
            status=status,
            steps=tuple(steps),
            finished_at=start,
            complete=complete,
            status_message=script.status_message,
        ),
        trigger,
    )


def _checked_out(progress: Progress, trigger: Mapping[str, Any]) -> Progress:
    """Fill in commit and branch after the first step: both are null before the checkout (recorded)."""
    if not any(step.status == Status.SUCCESS for step in progress.steps[:1]):
        return progress
    sha, branch = trigger["git_sha"], trigger["git_branch"]
    return replace(
        progress,
        git_sha=sha or CHECKED_OUT_SHA,
        # Unverified: the branch that dbt Cloud shows when only a commit was requested. None is assumed.
        git_branch=branch or (None if sha else "main"),
    )


class ScriptExecution:
    """One run that follows its script."""

    def __init__(self, script: Script, order: Order) -> None:
        """The run does not start before `start`."""
        self._script = script
        self._trigger = order.trigger
        self._started_at = math.inf
        self.queue_seconds = script.queue_seconds
        self.starting_seconds = script.starting_seconds
        self.artifact_seconds = script.artifact_seconds

    def start(self, at: float) -> None:
        """Start the first step at this time."""
        self._started_at = at

    def progress(self, now: float) -> Progress:
        """Return how far the run is."""
        if now < self._started_at:
            return Progress(status=Status.STARTING)
        return progress_at(self._script, self._trigger, self._started_at, now)

    def stop(self) -> None:
        """Do nothing: there is no process."""


ScriptSource: TypeAlias = "Script | Callable[[dict[str, Any], Job], Script]"


def succeed(trigger: dict[str, Any], job: Job) -> Script:
    """Return the default script: every command of the run succeeds at once."""
    commands = Order(run_id=0, job=job, trigger=trigger).commands
    return Script(steps=tuple(ScriptedStep(command) for command in commands))


class ScriptRunner:
    """Executes runs by a script: the same one for all, or one that a function of `(trigger, job)` returns."""

    def __init__(self, source: ScriptSource) -> None:
        """`source` is the script or the function."""
        self._source = source

    def prepare(self, order: Order) -> ScriptExecution:
        """Choose the script of a run. The function gets the trigger with one more field, `retrying_run_id`."""
        if isinstance(self._source, Script):
            return ScriptExecution(self._source, order)
        retrying = order.retrying.id if order.retrying else None
        return ScriptExecution(self._source({**order.trigger, "retrying_run_id": retrying}, order.job), order)

    def close(self) -> None:
        """Do nothing: there are no files."""
