"""How our run comes to be: taken over from an earlier attempt, retried by dbt Cloud, or triggered; exactly one."""

from __future__ import annotations

from collections.abc import Callable

from dbt_action import timeouts
from dbt_action.clock import Clock
from dbt_action.dbt_cloud import backoff, marker
from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.dbt_cloud.run_request import RunRequest
from dbt_action.dbt_cloud.runs import GOING, Run, RunStatus
from dbt_action.errors import CloudError
from dbt_action.lifecycle import start_once

Tell = Callable[[str], None]


class NotStarted(CloudError):
    """No run, as far as is known; `doubt` when one may have come to be all the same."""

    def __init__(self, decision: start_once.GiveUp) -> None:
        """Take message and hint of the error that ended the attempt."""
        super().__init__(decision.error.message, hint=decision.error.hint)
        self.doubt = decision.run_may_exist
        self.passing = decision.error.transient or decision.run_may_exist


class Beginner:
    """Starts runs for one request. Past `deadline` (on `clock`) nothing more is tried."""

    def __init__(
        self,
        cloud: DbtCloud,
        request: RunRequest,
        *,
        clock: Clock,
        deadline: float,
        tell: Tell,
        remember: Callable[[Run | None], None],
    ) -> None:
        """`remember` is told the run that a request is about to take up, None for a new one. Nothing is sent here."""
        self.cloud, self.request = cloud, request
        self.clock, self.deadline, self.tell, self.remember = clock, deadline, tell, remember
        # dbt Cloud has given a usable answer before.
        self.known = True
        # More than one trigger was sent, so a twin of the run may turn up late.
        self.doubt = False
        # Finds the run of a request whose fate is unknown. Whoever takes the run over sets it back.
        self.in_flight: Callable[[], tuple[Run, ...]] | None = None

    def begin(self, *, resume: bool) -> Run:
        """The run of an earlier attempt if there is one to go on with, else a new one. Raises NotStarted."""
        earlier = self._earlier() if resume else None
        if earlier is None:
            return self._triggered()
        if not earlier.final:
            self.tell(f"Run {earlier.id} of an earlier attempt is still going; watching that one.")
            return earlier
        if earlier.can_retry:
            self.tell(f"Run {earlier.id} of an earlier attempt failed; dbt Cloud retries it from the point of failure.")
            try:
                return self.retried(earlier)
            except NotStarted as error:
                if error.passing:
                    raise
                self.tell(f"dbt Cloud refuses the retry, so a new run is started: {error.message}")
                return self._triggered()
        why = f" and cannot be retried ({earlier.retry_refusal})" if earlier.status == RunStatus.ERROR else ""
        self.tell(
            f"Run {earlier.id} of an earlier attempt ended as {earlier.status_in_words}{why}; starting a new one."
        )
        return self._triggered()

    def retried(self, failed: Run) -> Run:
        """Dbt Cloud's retry of `failed`, which is a run of its own. Raises NotStarted."""
        self.remember(failed)
        return self._once(lambda: self.cloud.retry(failed.id), lambda: self._retries_of(failed))

    def ours(self) -> tuple[Run, ...]:
        """The runs that carry the request's marker, the oldest first. Raises CloudError."""
        newest = self.cloud.newest_runs(self.request.job_id)
        return tuple(run for run in reversed(newest) if marker.find(run.cause) == self.request.marker)

    def settle(self, run: Run) -> None:
        """Cancel what else our trigger has started; more than `run` only after an answer was lost for minutes."""
        if not self.doubt:
            return
        try:
            ours = self.ours()
        except CloudError as error:
            self.tell(f"No look for a second run of the same trigger was possible: {error.message}")
            return
        for twin in ours:
            if twin.id != run.id and not twin.final and twin.retrying is None:
                self.tell(f"dbt Cloud has started run {twin.id} for the same trigger; cancelling that one.")
                self._cancel(twin)

    def _cancel(self, run: Run) -> None:
        try:
            self.cloud.cancel(run.id)
        except CloudError as error:
            self.tell(f"Run {run.id} could not be cancelled: {error.explanation}")

    def supersede(self, run: Run) -> None:
        """Cancel what earlier builds have left going for the same pull request or branch."""
        try:
            going = self.cloud.newest_runs(self.request.job_id, statuses=GOING)
        except CloudError as error:
            self.tell(f"No look for runs of earlier builds was possible: {error.explanation}")
            return
        for old in superseded(going, run, self.request.marker):
            self.tell(f"Cancelling run {old.id}, which an earlier build started: this one takes its place.")
            self._cancel(old)

    def superseded_by(self, run: Run) -> str:
        """A sentence on the newer run that has taken the place of `run`, "" when there is none."""
        try:
            newest = self.cloud.newest_runs(self.request.job_id)
        except CloudError:
            return ""
        newer = superseding(newest, run, self.request.marker, self.request.pull_request)
        return f"Run {newer.id} of a newer commit has taken its place: {newer.url}" if newer else ""

    def _earlier(self) -> Run | None:
        """The earlier attempt's run. Raises CloudError when dbt Cloud stays out of reach: it may still be going."""
        if self.request.marker.attempt == 1:
            return None
        time_limit = min(timeouts.FIND_EARLIER_RUN_SECONDS, self.deadline - self.clock.now())
        try:
            newest = backoff.retry_transient(
                lambda: self.cloud.newest_runs(self.request.job_id), clock=self.clock, time_limit=time_limit
            )
            return earlier_run(newest, self.request.marker)
        except CloudError as error:
            if error.transient:
                raise
            # A token that may not list runs is no reason never to start one again.
            self.tell(f"No look at the runs of earlier attempts was possible, so a new run is started: {error.message}")
            return None

    def _triggered(self) -> Run:
        self.remember(None)
        run = self._once(lambda: self.cloud.trigger(self.request), self.ours)
        self.settle(run)
        return run

    def _retries_of(self, failed: Run) -> tuple[Run, ...]:
        return tuple(run for run in reversed(self.cloud.newest_runs(self.request.job_id)) if run.retrying == failed.id)

    def _once(self, send: Callable[[], Run], find: Callable[[], tuple[Run, ...]]) -> Run:
        self.in_flight = find
        started = start_once.exactly_once(
            send,
            lambda: next(iter(find()), None),
            clock=self.clock,
            deadline=self.deadline,
            log=self.tell,
            answered_before=self.known,
        )
        if isinstance(started, start_once.GiveUp):
            self.in_flight = find if started.run_may_exist else None
            raise NotStarted(started)
        self.doubt = self.doubt or started.duplicate_possible
        return started.run


def earlier_run(runs: tuple[Run, ...], ours: marker.Marker) -> Run | None:
    """The last run of an earlier attempt of our step, retries included; None when it is not clear which.

    Two steps that nothing tells apart (a matrix without differences) must not take each other's runs.
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
    """The newest of `runs` that takes up `run`, over any number of retries; `run` itself when there is none."""
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
        foreign = found is None and pull_request is not None and other.pull_request == pull_request
        same_commit = bool(other.git_sha) and other.git_sha == run.git_sha
        if other.id > run.id and not same_commit and (foreign or (found is not None and ours.other_build(found))):
            return other
    return None
