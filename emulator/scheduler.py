"""The only place where jobs and runs change: trigger, queue, start, watch, cancel, retry; no HTTP."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from emulator.records import PULL_REQUEST_FIELDS, Job, Order, Run, Status, Step
from emulator.retries import retry_reason
from emulator.wire import humanized, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.runner import Execution, Runner

TRIGGER_ID_OFFSET = 1_000_000_000
CANCELLED_BY_USER = "Cancelled by user."
TIMED_OUT = "This run timed out after running for {}, which exceeded the configured timeout of {} seconds."


class NotRetryableError(Exception):
    """The run cannot be retried; the text is the reason's name as in `retry_not_supported_reason`."""


@dataclass(frozen=True, kw_only=True)
class Habits:
    """How this dbt Cloud behaves where real ones differ or where nobody has looked."""

    queue_seconds: float = 0.0
    cancel_seconds: float = 0.0


class Scheduler:
    """All jobs and runs of one account. Every method may be called from any thread."""

    def __init__(self, runner: Runner, now: Callable[[], float], habits: Habits, first_run_id: int) -> None:
        """Begin with no job and no run; `now` gives seconds since the epoch."""
        self.hold = False
        self._runner = runner
        self._now = now
        self._habits = habits
        self._next_run_id = first_run_id
        self._lock = threading.RLock()
        self._jobs: dict[int, Job] = {}
        self._runs: dict[int, Run] = {}
        self._executions: dict[int, Execution] = {}
        self._released: dict[int, float] = {}
        self._held: set[int] = set()

    # --- what there is ---------------------------------------------------------------------------------

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All jobs in order of creation."""
        with self._lock:
            return tuple(self._jobs.values())

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs in order of creation, as they are now."""
        with self._lock:
            self.tick()
            return tuple(self._runs.values())

    def put_job(self, job: Job) -> None:
        """Add a job or replace the one of the same id."""
        with self._lock:
            self._jobs[job.id] = job

    def retry_reason(self, run: Run) -> str | None:
        """Say why a run cannot be retried; None when it can."""
        return retry_reason(run, self.runs)

    # --- what clients ask for --------------------------------------------------------------------------

    def trigger(self, job: Job, fields: Mapping[str, Any]) -> Run:
        """Queue a run and return it as it is before anything has happened to it."""
        with self._lock:
            self.tick()
            return self._enqueue(job, fields, None)

    def retry(self, run: Run) -> Run:
        """Queue a run that takes up a failed one. Raises `NotRetryableError`."""
        with self._lock:
            reason = retry_reason(run, self.runs)
            if reason is not None:
                raise NotRetryableError(reason)
            return self._enqueue(run.job, {**run.trigger, "cause_category": "rerun"}, run)

    def cancel(self, run: Run) -> Run:
        """Cancel a run; one that is over stays as it is (assumption: nobody has recorded that case)."""
        with self._lock:
            self.tick()
            run = self._runs[run.id]
            if not run.over and run.cancel_at is None:
                self._runs[run.id] = replace(run, cancelled_by_api=True, cancel_at=self._now() + self._lag(run))
            self.tick()
            return self._runs[run.id]

    # --- what tests ask for ----------------------------------------------------------------------------

    def release(self, run_id: int | None) -> None:
        """Let a held run, or all of them, leave the queue from now on."""
        with self._lock:
            for held in [run_id] if run_id is not None else list(self._held):
                self._held.discard(held)
                self._released[held] = self._now()
            self.tick()

    def finish(self, run_id: int, status: int, message: str | None) -> Run:
        """End a run now with this status, wherever it is; its open step gets the same status."""
        with self._lock:
            self.tick()
            self._held.discard(run_id)
            self._close(self._runs[run_id], self._now(), status, message)
            self.tick()
            return self._runs[run_id]

    def close(self) -> None:
        """Stop everything that runs."""
        with self._lock:
            for run in self._runs.values():
                if not run.over:
                    self._executions[run.id].stop()
        self._runner.close()

    # --- the passing of time ---------------------------------------------------------------------------

    def tick(self) -> None:
        """Bring every run up to date. Older runs come first, since younger ones may wait for them."""
        with self._lock:
            now = self._now()
            for run_id in list(self._runs):
                self._cancel_if_due(run_id, now)
                if self._runs[run_id].status == Status.QUEUED:
                    self._start_if_ready(run_id, now)
                if not self._runs[run_id].over and self._runs[run_id].started_at is not None:
                    self._watch(run_id, now)

    def _lag(self, run: Run) -> float:
        # A queued run is cancelled in the answer itself (recorded), a running one may take longer (inferred).
        return 0.0 if run.status == Status.QUEUED else self._habits.cancel_seconds

    def _cancel_if_due(self, run_id: int, now: float) -> None:
        run = self._runs[run_id]
        if not run.over and run.cancel_at is not None and run.cancel_at <= now:
            message = CANCELLED_BY_USER if run.cancelled_by_api else None
            self._close(run, run.cancel_at, Status.CANCELLED, message)

    def _start_if_ready(self, run_id: int, now: float) -> None:
        run, execution = self._runs[run_id], self._executions[run_id]
        earlier = self._waits_for(run)
        open_runs = [other.id for other in earlier if not other.over]
        if tuple(open_runs[-1:]) != run.blocked_by:
            run = self._runs[run_id] = replace(run, blocked_by=tuple(open_runs[-1:]), updated_at=now)
        if open_runs or run_id in self._held:
            return
        free_at = max((other.finished_at or 0.0 for other in earlier), default=0.0)
        ready_at = max(run.created_at, free_at, self._released.get(run_id, 0.0))
        dequeued_at = ready_at + self._habits.queue_seconds + execution.queue_seconds
        if now < dequeued_at:
            return
        started_at = dequeued_at + execution.starting_seconds
        self._runs[run_id] = replace(
            run,
            status=Status.STARTING,
            dequeued_at=dequeued_at,
            started_at=started_at,
            updated_at=dequeued_at,
        )
        execution.start(started_at)

    def _waits_for(self, run: Run) -> list[Run]:
        """Deployment runs of a job go one after another; CI runs wait for nothing (documented)."""
        if run.job.job_type == "ci":
            return []
        return [other for other in self._runs.values() if other.job_id == run.job_id and other.id < run.id]

    def _watch(self, run_id: int, now: float) -> None:
        run, execution = self._runs[run_id], self._executions[run_id]
        limit = run.trigger["timeout_seconds_override"]
        limit = run.job.timeout_seconds if limit is None else limit
        deadline = (run.started_at or 0.0) + limit if limit else math.inf
        progress = execution.look(min(now, deadline))
        seen = replace(
            run,
            status=progress.status,
            steps=progress.steps,
            git_sha=progress.git_sha,
            git_branch=progress.git_branch,
        )
        if progress.finished_at is not None:
            seen = replace(
                seen,
                finished_at=progress.finished_at,
                complete=progress.complete,
                status_message=progress.status_message,
                updated_at=progress.finished_at,
            )
        self._runs[run_id] = seen
        if not seen.over and now >= deadline:
            # Recorded: a limit of dbt Cloud looks like a cancel, only the message tells.
            self._close(seen, deadline, Status.CANCELLED, TIMED_OUT.format(humanized_limit(limit), limit))

    def _close(self, run: Run, at: float, status: int, message: str | None) -> None:
        self._executions[run.id].stop()
        self._runs[run.id] = replace(
            run,
            status=status,
            status_message=message,
            finished_at=at,
            updated_at=at,
            complete=True,
            blocked_by=(),
            steps=tuple(_closed(step, at, status) for step in run.steps),
        )

    def _enqueue(self, job: Job, fields: Mapping[str, Any], retrying: Run | None) -> Run:
        run_id, now = self._next_run_id, self._now()
        self._next_run_id += 1
        trigger = {
            "cause_category": "api",
            **fields,
            "id": run_id + TRIGGER_ID_OFFSET,
            "job_definition_id": job.id,
            "created_at": moment(now),
            "cause_humanized": fields["cause"],
            "job": None,
        }
        order = Order(run_id=run_id, job=job, trigger=trigger, retrying=retrying)
        execution = self._runner.prepare(order)
        if retrying is None:
            self._supersede(job, trigger, now)
        run = Run(
            id=run_id,
            job=job,
            trigger=trigger,
            created_at=now,
            updated_at=now,
            retrying_run_id=retrying.id if retrying else None,
            artifacts_from=execution.artifact_seconds,
        )
        self._executions[run_id] = execution
        self._runs[run_id] = run
        if self.hold:
            self._held.add(run_id)
        return run

    def _supersede(self, job: Job, trigger: Mapping[str, Any], now: float) -> None:
        """Smart cancellation: a new commit of a pull request ends the CI job's older run (documented)."""
        numbers = {name: trigger[name] for name in PULL_REQUEST_FIELDS if trigger[name] is not None}
        if job.job_type != "ci" or not numbers:
            return
        for other in list(self._runs.values()):
            same = other.job_id == job.id and all(other.trigger[name] == numbers[name] for name in numbers)
            if same and not other.over and other.trigger["git_sha"] != trigger["git_sha"]:
                # Which status_message comes with it is unverified; none is assumed.
                self._close(other, now, Status.CANCELLED, None)


def humanized_limit(seconds: int) -> str:
    """Spell a limit; below a minute in seconds (assumption), else as recorded: `1 day`."""
    minute = 60
    return humanized(seconds) if seconds >= minute else f"{seconds} second{'' if seconds == 1 else 's'}"


def _closed(step: Step, at: float, status: int) -> Step:
    return step if step.finished_at is not None else replace(step, status=status, finished_at=at)
