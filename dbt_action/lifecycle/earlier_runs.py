"""Reads what this run is compared with: earlier runs of the job, or the run that a pull request's run deferred to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from dbt_action import timeouts
from dbt_action.clock import Clock
from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.dbt_cloud.runs import Run, RunStatus
from dbt_action.errors import CloudError, Unavailable
from dbt_action.lifecycle.collect import RUN_RESULTS, steps_with_results
from dbt_action.results import history, run_results
from dbt_action.results.history import EarlierRun, History
from dbt_action.results.run_results import NodeStatus, Results

# Files with results that are fetched at most.
MAX_RESULTS = 5
_ENDED = frozenset({RunStatus.SUCCESS, RunStatus.ERROR})


class HistoryReader:
    """Compares a run that is over with earlier ones, within a few seconds. Whatever cannot be read is left out."""

    def __init__(self, cloud: DbtCloud, run: Run, results: Results, *, clock: Clock, seconds: float) -> None:
        """`seconds` is how long all requests together may take. Nothing is sent here."""
        self._cloud, self._run, self._results, self._clock = cloud, run, results, clock
        self._deadline = clock.now() + seconds
        self._left = MAX_RESULTS

    def history(self, job_id: int, *, pull_request: bool, own: Iterable[int]) -> History | None:
        """The comparison; None when there is nothing to compare with. `own` are runs that this one has retried."""
        with suppress(CloudError), self._cloud.session.shorter_timeouts(timeouts.HISTORY_SECONDS):
            if pull_request:
                return history.compare(self._results, list(self._base(job_id)), same_selection=False)
            return history.compare(self._results, self._earlier(job_id, frozenset(own)))
        return None

    def _earlier(self, job_id: int, own: frozenset[int]) -> list[EarlierRun]:
        """The newest runs that ended before this one, outside of pull requests; the results of as many as allowed."""
        listed = self._cloud.newest_runs(job_id, statuses=_ENDED)
        runs = [run for run in listed if run.id < self._run.id and run.id not in own and run.pull_request is None]
        failed = self._results.of(NodeStatus.FAILED)
        if not failed and (not runs or runs[0].status == RunStatus.SUCCESS):
            # All is well, and was before.
            return []
        # A failed run has its results in the step that failed, which is the last one that wrote any.
        steps: list[int | None] = [*sorted({node.step for node in failed})] or [None]
        found = []
        for run in runs[:MAX_RESULTS]:
            if not failed and run.status == RunStatus.SUCCESS:
                break
            found.append(self._with_results(run, steps))
        return found

    def _base(self, job_id: int) -> Iterator[EarlierRun]:
        """What a pull request's run is compared with: never another pull request, whose selection is another one."""
        if not self._results.of(NodeStatus.FAILED):
            return
        if self._run.deferring_run_id is not None:
            base = self._cloud.get_run(self._run.deferring_run_id)
            yield self._with_results(base, [step.index for step in steps_with_results(base)])
            return
        for run in self._cloud.newest_runs(job_id, statuses=(RunStatus.SUCCESS,)):
            if run.id < self._run.id and run.pull_request is None:
                steps: list[int | None] = [*sorted({node.step for node in self._results.nodes})]
                yield self._with_results(run, steps)
                return

    def _with_results(self, run: Run, steps: Iterable[int | None]) -> EarlierRun:
        read = []
        for step in steps:
            if self._left <= 0 or self._clock.now() >= self._deadline:
                break
            self._left -= 1
            with suppress(CloudError, ValueError), self._cloud.artifact(run.id, RUN_RESULTS, step=step) as chunks:
                read.append(run_results.read(self._until_deadline(chunks), step=step or 0))
        return EarlierRun(
            id=run.id,
            url=run.url,
            succeeded=run.status == RunStatus.SUCCESS,
            finished_at=run.finished_at,
            nodes=run_results.merge(read).nodes if read else None,
        )

    def _until_deadline(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self._clock.now() > self._deadline:
                message = "An earlier run's results are large or slow."
                raise Unavailable(message)
            yield chunk
