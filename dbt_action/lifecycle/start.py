"""Starts the run: adopts that of an earlier attempt, has dbt Cloud retry one, or triggers a new one; exactly one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from dbt_action import timeouts
from dbt_action.clock import Clock
from dbt_action.dbt_cloud import backoff, marker
from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.dbt_cloud.run_request import RunRequest
from dbt_action.dbt_cloud.runs import GOING, Run, RunStatus
from dbt_action.errors import CloudError
from dbt_action.lifecycle import start_once
from dbt_action.lifecycle.state import Event, RequestRefused, RequestSent, RunFound


class NotStarted(CloudError):
    """No run was started as far as is known; `run_may_exist` when one may appear all the same."""

    def __init__(self, decision: start_once.GiveUp) -> None:
        """Take message and hint of the error that ended the attempt."""
        super().__init__(decision.error.message, hint=decision.error.hint)
        self.run_may_exist = decision.run_may_exist
        # An instance attribute over the class's: it depends on the error that ended the attempt.
        self.transient = decision.error.transient or decision.run_may_exist


class Starter:
    """Starts runs for one request. Past `deadline` (on `clock`) nothing is tried any more."""

    def __init__(
        self,
        cloud: DbtCloud,
        request: RunRequest,
        *,
        clock: Clock,
        deadline: float,
        log: Callable[[str], None],
        record: Callable[[Event], None],
    ) -> None:
        """`record` is called before each request that may start a run, and with what came of it."""
        self._cloud, self._request, self._clock, self._deadline = cloud, request, clock, deadline
        self._log, self._record = log, record

    def start(self, *, resume: bool, answered_before: bool) -> Run:
        """The run of an earlier attempt if there is one to go on with, else a new one. Raises NotStarted.

        `answered_before`: dbt Cloud has given a usable answer before, so it is worth waiting for longer.
        """
        earlier = self._run_of_earlier_attempt() if resume else None
        if earlier is None:
            return self._trigger(answered_before=answered_before)
        if not earlier.final:
            self._log(f"Run {earlier.id} of an earlier attempt is still going; watching that one.")
            self._record(RunFound(run=earlier))
            return earlier
        if earlier.can_retry:
            self._log(f"Run {earlier.id} of an earlier attempt failed; dbt Cloud retries it from the point of failure.")
            try:
                return self.retry(earlier)
            except NotStarted as error:
                if error.transient:
                    raise
                self._log(f"dbt Cloud refuses the retry, so a new run is started: {error.message}")
                return self._trigger()
        reason = f" and cannot be retried ({earlier.retry_refusal})" if earlier.status == RunStatus.ERROR else ""
        self._log(
            f"Run {earlier.id} of an earlier attempt ended as {earlier.status_in_words}{reason}; starting a new one."
        )
        return self._trigger()

    def retry(self, failed: Run) -> Run:
        """dbt Cloud's retry of `failed`, which is a run of its own. Raises NotStarted."""
        return self._start_once(lambda: self._cloud.retry(failed.id), lambda: self._retries_of(failed), retry_of=failed)

    def find_until(self, deadline: float, retry_of: Run | None) -> Run | None:
        """Look for the run of the last request until it is there; None when it does not appear by `deadline`."""
        while self._clock.now() < deadline:
            with suppress(CloudError):
                if found := self.find(retry_of):
                    return found
            self._clock.sleep(timeouts.CANCEL_POLL_SECONDS)
        return None

    def find(self, retry_of: Run | None) -> Run | None:
        """The run of a request that got no answer: a trigger, or the retry of a run. Raises CloudError."""
        found = self._retries_of(retry_of) if retry_of else self._runs_with_our_marker()
        return next(iter(found), None)

    def cancel_duplicates(self, run: Run) -> None:
        """Cancel what else our trigger has started; more than `run` only after an answer was lost for minutes."""
        try:
            ours = self._runs_with_our_marker()
        except CloudError as error:
            self._log(f"Looking for a second run of the same trigger was not possible: {error.message}")
            return
        for other in ours:
            if other.id != run.id and not other.final and other.retrying is None:
                self._log(f"dbt Cloud has started run {other.id} for the same trigger; cancelling that one.")
                self._cancel(other)

    def supersede(self, run: Run) -> None:
        """Cancel runs of earlier builds that are still going for the same pull request or branch."""
        try:
            going = self._cloud.newest_runs(self._request.job_id, statuses=GOING)
        except CloudError as error:
            self._log(f"Looking for runs of earlier builds was not possible: {error.explanation}")
            return
        for old in superseded(going, run, self._request.marker):
            self._log(f"Cancelling run {old.id}, which an earlier build started: this one takes its place.")
            self._cancel(old)

    def superseded_by(self, run: Run) -> str:
        """A sentence on the newer run that has taken the place of `run`, "" when there is none."""
        try:
            newest = self._cloud.newest_runs(self._request.job_id)
        except CloudError:
            return ""
        newer = superseding(newest, run, self._request.marker, self._request.pull_request)
        return f"Run {newer.id} of a newer commit has taken its place: {newer.url}" if newer else ""

    def _cancel(self, run: Run) -> None:
        try:
            self._cloud.cancel(run.id)
        except CloudError as error:
            self._log(f"Run {run.id} could not be cancelled: {error.explanation}")

    def _run_of_earlier_attempt(self) -> Run | None:
        """The earlier attempt's run. Raises CloudError when dbt Cloud stays unreachable: it may still be going."""
        if self._request.marker.attempt == 1:
            return None
        time_limit = min(timeouts.FIND_EARLIER_RUN_SECONDS, self._deadline - self._clock.now())
        try:
            newest = backoff.retry_transient(
                lambda: self._cloud.newest_runs(self._request.job_id), clock=self._clock, time_limit=time_limit
            )
            return earlier_run(newest, self._request.marker)
        except CloudError as error:
            if error.transient:
                raise
            # A token that may not list runs must not keep every second attempt from starting one.
            self._log(
                "Looking for the runs of earlier attempts was not possible, so a new run is started: " + error.message
            )
            return None

    def _trigger(self, *, answered_before: bool = True) -> Run:
        return self._start_once(
            lambda: self._cloud.trigger(self._request),
            self._runs_with_our_marker,
            answered_before=answered_before,
        )

    def _runs_with_our_marker(self) -> tuple[Run, ...]:
        """The oldest first. Raises CloudError."""
        newest = self._cloud.newest_runs(self._request.job_id)
        return tuple(run for run in reversed(newest) if marker.find(run.cause) == self._request.marker)

    def _retries_of(self, failed: Run) -> tuple[Run, ...]:
        newest = self._cloud.newest_runs(self._request.job_id)
        return tuple(run for run in reversed(newest) if run.retrying == failed.id)

    def _start_once(
        self,
        send: Callable[[], Run],
        find: Callable[[], tuple[Run, ...]],
        *,
        retry_of: Run | None = None,
        answered_before: bool = True,
    ) -> Run:
        self._record(RequestSent(retry_of=retry_of))
        started = start_once.exactly_once(
            send,
            lambda: next(iter(find()), None),
            clock=self._clock,
            deadline=self._deadline,
            log=self._log,
            answered_before=answered_before,
        )
        if isinstance(started, start_once.GiveUp):
            if not started.run_may_exist:
                self._record(RequestRefused())
            raise NotStarted(started)
        self._record(RunFound(run=started.run, duplicate_possible=started.duplicate_possible))
        if started.duplicate_possible and retry_of is None:
            self.cancel_duplicates(started.run)
        return started.run


def earlier_run(runs: tuple[Run, ...], ours: marker.Marker) -> Run | None:
    """The last run of an earlier attempt of our step, retries included; None when it is not clear which.

    Two steps without any difference (jobs of a matrix with the same settings) must not take each other's runs.
    """
    marked = {run.id: found for run in runs if (found := marker.find(run.cause)) and ours.earlier_attempt(found)}
    if not marked:
        return None
    latest = max(found.attempt for found in marked.values())
    candidates = [run for run in runs if run.id in marked and marked[run.id].attempt == latest]
    if len({marked[run.id].nonce for run in candidates}) > 1:
        return None
    return last_retry(runs, min(candidates, key=lambda run: run.id))


def last_retry(runs: tuple[Run, ...], run: Run) -> Run:
    """The newest retry of `run` among `runs`, or a retry of that and so on; `run` itself when there is none."""
    for newer in sorted(runs, key=lambda other: other.id):
        if newer.retrying == run.id:
            run = newer
    return run


def superseded(runs: tuple[Run, ...], run: Run, ours: marker.Marker) -> tuple[Run, ...]:
    """Runs that are still going, older than `run`, and started by other builds for the same subject."""
    return tuple(
        other
        for other in runs
        if not other.final
        and other.id < run.id
        and (found := marker.find(other.cause)) is not None
        and ours.other_build(found)
    )


def superseding(runs: tuple[Run, ...], run: Run, ours: marker.Marker, pull_request: int | None) -> Run | None:
    """The newer run of the same pull request or branch that took the place of `run`."""
    for other in sorted(runs, key=lambda other: other.id):
        found = marker.find(other.cause)
        not_ours = found is None and pull_request is not None and other.pull_request == pull_request
        same_commit = bool(other.git_sha) and other.git_sha == run.git_sha
        if other.id > run.id and not same_commit and (not_ours or (found is not None and ours.other_build(found))):
            return other
    return None
