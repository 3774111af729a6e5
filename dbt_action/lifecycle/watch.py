"""Looks at a run until it is over and logs what changes; cancels a run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from dbt_action import text, timeouts
from dbt_action.ci import CiPlatform
from dbt_action.clock import Clock
from dbt_action.dbt_cloud import backoff
from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.dbt_cloud.runs import KNOWN, Run, RunStatus, RunStep
from dbt_action.dbt_cloud.step_logs import LogFollower, failed_nodes
from dbt_action.errors import CloudError, NotFound
from dbt_action.lifecycle import poll
from dbt_action.lifecycle.poll import PollPolicy, WatchResult
from dbt_action.report import headline
from dbt_action.report.outcome import Outcome, of_final_run

OnLook = Callable[[Run], None]
# Lines about failed nodes while the run is going; after it everything is reported.
_MAX_FAILED_LINES = 20


class ProgressLog:
    """Logs one line for each change of a run, and one now and then that says how far it is."""

    def __init__(self, ci: CiPlatform, clock: Clock, *, started_at: float, follow_logs: bool) -> None:
        """`started_at` is the moment on `clock` from which the times in the log count."""
        self._ci, self._clock, self._started_at = ci, clock, started_at
        self._follower = LogFollower() if follow_logs else None
        self._unknown_statuses: set[int] = set()
        self._last_change = self._last_count = ""
        self._last_line_at = started_at
        # dbt's lines about failed nodes that have been printed, by step.
        self._failed: set[tuple[int, str]] = set()

    @property
    def shows_logs(self) -> bool:
        """Whether dbt's log is printed while the run is going."""
        return self._follower is not None

    def line(self, message: str) -> None:
        """A line with the time since the start."""
        self._ci.info(self._timed(message))

    def _timed(self, message: str) -> str:
        return f"{text.duration(self._clock.now() - self._started_at):>7}  {message}"

    def look(self, look: Run | CloudError, usual_seconds: float | None) -> None:
        """What a look at the run has brought."""
        if isinstance(look, CloudError):
            # The messages differ in numbers that need not be repeated each time.
            self._log_change(type(look).__name__, f"No answer, asking again: {look.message}")
            return
        if self._follower:
            for excerpt in self._follower.new_lines(look):
                self._ci.untrusted_block(excerpt.title, excerpt.body, more_follows=excerpt.more_follows)
        self._warn_of_unknown_status(look)
        change, count = headline.progress_line(look), headline.nodes_done(look)
        self._log_change(change, headline.progress_in_words(look, usual_seconds), count)
        self._log_failed_nodes(look)

    def _log_change(self, change: str, line: str, count: str = "") -> None:
        """A line for a change; at most one a minute while only the count of nodes grows; else one now and then."""
        now = self._clock.now()
        pause = timeouts.COUNT_LINE_SECONDS if count != self._last_count else timeouts.HEARTBEAT_SECONDS
        if change != self._last_change or now - self._last_line_at >= pause:
            self._last_change, self._last_count, self._last_line_at = change, count, now
            self.line(line)
        else:
            self._ci.redraw(self._timed(line))

    def _log_failed_nodes(self, run: Run) -> None:
        """Each node that fails, as soon as the step's log says so."""
        if self._follower:
            # The log itself is printed.
            return
        for step in run.steps if not run.final else ():
            for line in failed_nodes(step):
                if (step.index, line) not in self._failed and len(self._failed) < _MAX_FAILED_LINES:
                    self._failed.add((step.index, line))
                    self.line(line)

    def _warn_of_unknown_status(self, run: Run) -> None:
        """Once for each: whether such a run is over is then only known from dbt Cloud's `is_complete`."""
        if run.status not in KNOWN and run.status not in self._unknown_statuses:
            self._unknown_statuses.add(run.status)
            self._ci.warning(
                f"dbt Cloud reports status {run.status}, which this version does not know; still watching."
            )


def watch(
    cloud: DbtCloud,
    run_id: int,
    policy: PollPolicy,
    *,
    clock: Clock,
    progress: ProgressLog,
    wait_started_at: float,
    on_look: OnLook,
) -> WatchResult:
    """Look at the run until it is over, the time is over, or dbt Cloud stays unreachable.

    `on_look` is called with each answer, before it is logged.
    """
    steps = StepReader(cloud, clock, each_time=progress.shows_logs)

    def look() -> Run | CloudError:
        try:
            run = steps.look(run_id)
        except CloudError as error:
            return error
        on_look(run)
        return run

    return poll.watch(
        look,
        clock=clock,
        policy=policy,
        on_look=lambda seen: progress.look(seen, policy.usual_seconds),
        wait_started_at=wait_started_at,
        run_started_at=clock.now(),
    )


class StepReader:
    """Looks at a run, and reads its steps only when something is shown from them, since they bring all logs.

    That is when it is first seen running, once a minute from then on (`each_time`: at each look), and at the end. In
    between a run has the steps that were read last.
    """

    def __init__(self, cloud: DbtCloud, clock: Clock, *, each_time: bool) -> None:
        """Nothing is sent here."""
        self._cloud, self._clock = cloud, clock
        self._interval = 0.0 if each_time else timeouts.STEPS_INTERVAL_SECONDS
        self._steps: tuple[RunStep, ...] = ()
        # None: the run has not been seen running.
        self._read_at: float | None = None

    def look(self, run_id: int) -> Run:
        """The run now. Raises CloudError."""
        due = self._read_at is not None and self._clock.now() - self._read_at >= self._interval
        run = self._cloud.get_run(run_id, with_steps=due)
        if not due and run.final:
            run = with_steps(self._cloud, replace(run, steps=self._steps), self._clock)
        elif not due and self._read_at is None and run.status == RunStatus.RUNNING:
            with suppress(CloudError):
                run, due = self._cloud.get_run(run_id), True
        if not due and not run.final:
            return replace(run, steps=self._steps)
        self._steps, self._read_at = run.steps, self._clock.now()
        return run


def with_steps(cloud: DbtCloud, run: Run, clock: Clock) -> Run:
    """A run that is over with its steps; as it is when dbt Cloud does not give them."""
    try:
        return backoff.retry_transient(
            lambda: cloud.get_run(run.id), clock=clock, time_limit=timeouts.STEPS_OF_FINISHED_RUN_SECONDS
        )
    except CloudError:
        return run


def cancel(cloud: DbtCloud, run: Run, *, clock: Clock, time_limit: float, on_look: OnLook) -> tuple[Run, str]:
    """Cancel the run and look whether that worked, within `time_limit` seconds.

    The newest look at the run, and a sentence on what came of it. `on_look` is called with each answer.
    """
    deadline = clock.now() + time_limit
    try:
        answer = backoff.retry_transient(
            lambda: cloud.cancel(run.id),
            clock=clock,
            time_limit=time_limit,
            max_pause=timeouts.CANCEL_POLL_SECONDS,
            # A run may be invisible for a while after its start.
            also_transient=(NotFound,),
        )
    except CloudError as error:
        run = _look(cloud, run, on_look)
        if run.final:
            # It has ended before the request arrived.
            return run, _what_became_of(run)
        return run, f"It could NOT be cancelled and may still be going: {error.explanation}"
    run = replace(answer, steps=run.steps)
    on_look(run)
    while not run.final and clock.now() < deadline:
        clock.sleep(timeouts.CANCEL_POLL_SECONDS)
        run = _look(cloud, run, on_look)
    return run, _what_became_of(run) if run.final else "dbt Cloud has been asked to cancel it."


def _look(cloud: DbtCloud, run: Run, on_look: OnLook) -> Run:
    """The run now, or as it was when it cannot be read."""
    try:
        run = replace(cloud.get_run(run.id, with_steps=False), steps=run.steps)
    except CloudError:
        return run
    on_look(run)
    return run


def _what_became_of(run: Run) -> str:
    return "It was cancelled." if of_final_run(run) is Outcome.CANCELLED else "It ended on its own."
