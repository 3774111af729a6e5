"""Jobs and runs as time passes: trigger, queue, start, cancel, time limit, retry. Nothing else changes a run."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from emulator.api_json import humanized, moment
from emulator.retries import retry_reason
from emulator.runs import PULL_REQUEST_FIELDS, Job, Order, Run, Status, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.runner import Execution, Runner

TRIGGER_ID_OFFSET = 1_000_000_000
CANCELLED_BY_USER = "Cancelled by user."
TIMED_OUT = "This run timed out after running for {}, which exceeded the configured timeout of {} seconds."


class NotRetryableError(Exception):
    """The run cannot be retried. The text is a value of `retry_not_supported_reason`."""


@dataclass(frozen=True, kw_only=True)
class Delays:
    """Seconds that a run stays queued, and that a running one goes on after it was cancelled."""

    queue_seconds: float = 0.0
    cancel_seconds: float = 0.0


class Scheduler:
    """All jobs and runs of one account. Every method may be called from any thread."""

    def __init__(self, runner: Runner, now: Callable[[], float], delays: Delays, first_run_id: int) -> None:
        """`now` returns seconds since the epoch."""
        self.hold = False
        self._runner = runner
        self._now = now
        self._delays = delays
        self._next_run_id = first_run_id
        self._lock = threading.RLock()
        self._jobs: dict[int, Job] = {}
        self._runs: dict[int, Run] = {}
        self._executions: dict[int, Execution] = {}
        self._released: dict[int, float] = {}
        self._held: set[int] = set()

    # --- reading ---------------------------------------------------------------------------------------

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All jobs in order of creation."""
        with self._lock:
            return tuple(self._jobs.values())

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs in order of creation, up to date."""
        with self._lock:
            self.tick()
            return tuple(self._runs.values())

    def last_success(self, *job_ids: int) -> Run | None:
        """Return the newest successful run of these jobs."""
        found = [run for run in self.runs if run.job_id in job_ids and run.status == Status.SUCCESS]
        return found[-1] if found else None

    def put_job(self, job: Job) -> None:
        """Add a job or replace the one of the same id."""
        with self._lock:
            self._jobs[job.id] = job

    def retry_reason(self, run: Run) -> str | None:
        """Return why a run cannot be retried; None when it can."""
        return retry_reason(run, self.runs)

    # --- requests of clients ---------------------------------------------------------------------------

    def trigger(self, job: Job, fields: Mapping[str, Any]) -> Run:
        """Add a run to the queue and return it while it is still queued."""
        with self._lock:
            self.tick()
            return self._enqueue(job, fields, None)

    def retry(self, run: Run) -> Run:
        """Add a retry of a failed run to the queue. Raises `NotRetryableError`."""
        with self._lock:
            reason = retry_reason(run, self.runs)
            if reason is not None:
                raise NotRetryableError(reason)
            return self._enqueue(run.job, {**run.trigger, "cause_category": "rerun"}, run)

    def cancel(self, run: Run) -> Run:
        """Cancel a run; one that has ended stays as it is (assumption: no recording exists)."""
        with self._lock:
            self.tick()
            run = self._runs[run.id]
            if not run.over and run.cancel_at is None:
                self._runs[run.id] = replace(
                    run, cancelled_by_api=True, cancel_at=self._now() + self._cancel_delay(run)
                )
            self.tick()
            return self._runs[run.id]

    # --- requests of tests -----------------------------------------------------------------------------

    def release(self, run_id: int | None) -> None:
        """Let a held run, or all of them, leave the queue."""
        with self._lock:
            for held in [run_id] if run_id is not None else list(self._held):
                self._held.discard(held)
                self._released[held] = self._now()
            self.tick()

    def finish(self, run_id: int, status: int, message: str | None) -> Run:
        """End a run now with this status; its running step gets the same status."""
        with self._lock:
            self.tick()
            self._held.discard(run_id)
            self._close(self._runs[run_id], self._now(), status, message)
            self.tick()
            return self._runs[run_id]

    def close(self) -> None:
        """Stop every run that has not ended."""
        with self._lock:
            for run in self._runs.values():
                if not run.over:
                    self._executions[run.id].stop()
        self._runner.close()

    # --- the passing of time ---------------------------------------------------------------------------

    def tick(self) -> None:
        """Bring every run up to date, the oldest first: a run may wait for an older one."""
        with self._lock:
            now = self._now()
            for run_id in list(self._runs):
                self._cancel_if_due(run_id, now)
                if self._runs[run_id].status == Status.QUEUED:
                    self._start_if_ready(run_id, now)
                if not self._runs[run_id].over and self._runs[run_id].started_at is not None:
                    self._update(run_id, now)

    def _cancel_delay(self, run: Run) -> float:
        # A queued run is already cancelled in the answer (recorded), a running one may take longer (inferred).
        return 0.0 if run.status == Status.QUEUED else self._delays.cancel_seconds

    def _cancel_if_due(self, run_id: int, now: float) -> None:
        run = self._runs[run_id]
        if not run.over and run.cancel_at is not None and run.cancel_at <= now:
            message = CANCELLED_BY_USER if run.cancelled_by_api else None
            self._close(run, run.cancel_at, Status.CANCELLED, message)

    def _start_if_ready(self, run_id: int, now: float) -> None:
        run, execution = self._runs[run_id], self._executions[run_id]
        earlier = self._runs_before(run)
        open_runs = [other.id for other in earlier if not other.over]
        if tuple(open_runs[-1:]) != run.blocked_by:
            run = self._runs[run_id] = replace(run, blocked_by=tuple(open_runs[-1:]), updated_at=now)
        if open_runs or run_id in self._held:
            return
        free_at = max((other.finished_at or 0.0 for other in earlier), default=0.0)
        ready_at = max(run.created_at, free_at, self._released.get(run_id, 0.0))
        dequeued_at = ready_at + self._delays.queue_seconds + execution.queue_seconds
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

    def _runs_before(self, run: Run) -> list[Run]:
        """List the runs before this one: those of a job run one after another, CI runs in parallel (documented)."""
        if run.job.job_type == "ci":
            return []
        return [other for other in self._runs.values() if other.job_id == run.job_id and other.id < run.id]

    def _update(self, run_id: int, now: float) -> None:
        run, execution = self._runs[run_id], self._executions[run_id]
        limit = run.trigger["timeout_seconds_override"]
        limit = run.job.timeout_seconds if limit is None else limit
        deadline = (run.started_at or 0.0) + limit if limit else math.inf
        progress = execution.progress(min(now, deadline))
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
            # Recorded: a run that reaches dbt Cloud's time limit looks cancelled, only its message differs.
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
            deferring_run_id=self._deferring_run_id(job),
            artifacts_from=execution.artifact_seconds,
        )
        self._executions[run_id] = execution
        self._runs[run_id] = run
        if self.hold:
            self._held.add(run_id)
        return run

    def _deferring_run_id(self, job: Job) -> int | None:
        """Return the run that a new run of the job defers to: the newest successful one of the job or environment."""
        if job.deferring_job_definition_id is not None:
            base = self.last_success(job.deferring_job_definition_id)
        elif job.deferring_environment_id is not None:
            others = [
                other.id
                for other in self._jobs.values()
                if other.environment_id == job.deferring_environment_id and other.job_type != "ci"
            ]
            base = self.last_success(*others)
        else:
            return None
        return base.id if base else None

    def _supersede(self, job: Job, trigger: Mapping[str, Any], now: float) -> None:
        """Smart cancellation: a new commit of a pull request cancels the older run of the CI job (documented)."""
        numbers = {name: trigger[name] for name in PULL_REQUEST_FIELDS if trigger[name] is not None}
        if job.job_type != "ci" or not numbers:
            return
        for other in list(self._runs.values()):
            same = other.job_id == job.id and all(other.trigger[name] == numbers[name] for name in numbers)
            if same and not other.over and other.trigger["git_sha"] != trigger["git_sha"]:
                # Unverified: the status_message of such a run. None is assumed.
                self._close(other, now, Status.CANCELLED, None)


def humanized_limit(seconds: int) -> str:
    """Format a time limit: `1 day` (recorded), or in seconds below a minute (assumption)."""
    minute = 60
    return humanized(seconds) if seconds >= minute else f"{seconds} second{'' if seconds == 1 else 's'}"


def _closed(step: Step, at: float, status: int) -> Step:
    return step if step.finished_at is not None else replace(step, status=status, finished_at=at)
