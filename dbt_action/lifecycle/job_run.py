"""One dbt Cloud run from the first request to the last word; how each thing is done is told elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

from dbt_action import text, timeouts
from dbt_action.clock import Clock
from dbt_action.config.choices import LogMode, OnRerun, StopAction
from dbt_action.dbt_cloud import backoff
from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.dbt_cloud.runs import Run
from dbt_action.dbt_cloud.session import ApiSession
from dbt_action.errors import BUILT_TWICE, CloudError, ExitCode, WebPage
from dbt_action.interrupts import Interrupted, InterruptibleClock, Interrupts
from dbt_action.lifecycle import poll
from dbt_action.lifecycle.collect import Collector
from dbt_action.lifecycle.publish import Publisher
from dbt_action.lifecycle.start import Beginner, NotStarted
from dbt_action.lifecycle.watch import Watcher
from dbt_action.report.outcome import FORGIVABLE, Outcome, RunFacts, judge
from dbt_action.timeouts import HttpTimeouts

_NOT_SENT = "No dbt Cloud run had been started."
_UNANSWERED = "The trigger was unanswered and no run was found; one may still appear with {} in its cause."


class Story:
    """What is known about the run so far, also when a signal arrives, and the steps that make it more."""

    def __init__(
        self, publisher: Publisher, *, clock: Clock, interrupts: Interrupts, http_timeouts: HttpTimeouts
    ) -> None:
        """Build the edges to dbt Cloud. Nothing is sent here."""
        self.publisher, self.clock, self.interrupts = publisher, InterruptibleClock(clock, interrupts), interrupts
        self.ci, self.config, self.request = publisher.ci, publisher.config, publisher.request
        self.session = ApiSession(
            self.config.dbt_url, self.config.dbt_token, clock=self.clock, http_timeouts=http_timeouts
        )
        self.cloud = DbtCloud(self.session, account_id=self.config.account_id)
        self.began = clock.now()
        self.beginner = Beginner(
            self.cloud,
            self.request,
            clock=self.clock,
            deadline=self.began + self.config.timeout_seconds,
            tell=self.ci.info,
            # Before the request: whoever cleans up after a killed process finds its run by this only.
            remember=lambda run: publisher.save(run, in_flight=True),
        )
        self.watcher: Watcher | None = None
        self.retries: list[Run] = []
        self._usual: float | None = None
        # The verdict, once it has been told.
        self._told: RunFacts | None = None

    def tell(self) -> ExitCode:
        """The whole story; the exit code says how it ended."""
        try:
            return self._tell()
        except Interrupted:
            with self.interrupts.deferred():
                return self._interrupted()
        except Exception:
            # A bug must not leave a run that nobody watches.
            with self.interrupts.deferred(), suppress(Exception):
                self._crashed()
            raise
        finally:
            self.interrupts.shutting_down = True
            self.session.close()

    def _tell(self) -> ExitCode:
        try:
            self._read_job()
            watcher = self._begin()
        except CloudError as error:
            return self._not_started(error)
        if not self.config.wait:
            if self.config.retry_failed or self.config.artifacts:
                self.ci.warning("`retry-failed` and `artifacts` mean nothing with `wait: false`: nobody sees the end.")
            return self._end(Outcome.STARTED)
        self._usual = watcher.learn_usual(self.config.job_id)
        policy = poll.Policy(interval=self.config.poll_interval, timeout=self.config.timeout_seconds, usual=self._usual)
        while True:
            watched = watcher.watch(policy)
            if watched.end is poll.End.LOST:
                # Not closed: by the time of the clean-up dbt Cloud may be back.
                return self._end(Outcome.LOST, error=watched.error, closed=False)
            if watched.end is poll.End.TIMED_OUT:
                return self._timed_out(watcher)
            again = self._retry(watcher.run)
            if again is None:
                return self._finished(watcher.run)
            watcher = again

    # The job, and the one run.

    def _read_job(self) -> None:
        """Name and project; also a harmless way to learn that token, host, account or job is wrong."""
        self.ci.info(f"dbt Cloud at {self.session.host}, account {self.config.account_id}, job {self.config.job_id}")
        try:
            job = backoff.retry_transient(
                lambda: self.cloud.get_job(self.config.job_id),
                clock=self.clock,
                time_limit=min(timeouts.READ_JOB_SECONDS, self.config.timeout_seconds),
            )
        except CloudError as error:
            # A page instead of data, every time: that host is not the API.
            if not error.transient or isinstance(error, WebPage):
                raise
            self.ci.warning(f"The job could not be read, so its name is not known: {error.explanation}")
            self.beginner.known = False
            return
        self.publisher.name_job(job.name)
        version = self.request.git_sha or self.request.git_branch or "what the job is set to"
        self.ci.info(f"Starting {job.name or self.config.job_id} on {version}")
        if job.triggered_by_pull_requests and self.request.pull_request:
            self.ci.warning(BUILT_TWICE)

    def _begin(self) -> Watcher:
        watcher = self._watch_over(self.beginner.begin(resume=self.config.on_rerun is OnRerun.RESUME))
        wanted, run = self.config.project_id, watcher.run
        if wanted and run.project_id and wanted != run.project_id:
            self.ci.warning(
                f"The run belongs to project {run.project_id}, but `project-id` says {wanted}: "
                f"is job {self.config.job_id} the right one?"
            )
        if self.config.supersede:
            self.beginner.supersede(run)
        return watcher

    def _watch_over(self, run: Run) -> Watcher:
        """From now on `run` is ours."""
        follow = self.config.log is LogMode.LIVE
        self.watcher = Watcher(self.cloud, run, here=self.ci, clock=self.clock, began=self.began, follow=follow)
        self.watcher.usual = self._usual
        self.beginner.in_flight = None
        if self.interrupts.shutting_down:
            # It is going to be cancelled at once.
            self.publisher.save(run, in_flight=False)
            return self.watcher
        with self.interrupts.deferred():
            # An import that is torn apart leaves a library that cannot be imported again.
            self.publisher.connect()
        self.interrupts.check()
        self.publisher.started(run, seconds=self._age)
        return self.watcher

    def _retry(self, run: Run) -> Watcher | None:
        """A retry of a failed run from its point of failure, as often as `retry-failed` allows."""
        number = len(self.retries) + 1
        if judge(run) is not Outcome.FAILED or number > self.config.retry_failed:
            return None
        if not run.can_retry:
            self.ci.info(f"Run {run.id} cannot be retried ({run.retry_refusal or 'no reason given'}).")
            return None
        self.ci.info(f"Run {run.id} failed; retry {number} of {self.config.retry_failed} from the point of failure.")
        try:
            retried = self.beginner.retried(run)
        except NotStarted as error:
            self.ci.warning(f"The retry did not come to be: {error.explanation}")
            return None
        self.retries.append(run)
        return self._watch_over(retried)

    # Endings.

    def _not_started(self, error: CloudError) -> ExitCode:
        doubt = self.beginner.in_flight is not None
        aftermath = f"A run may exist all the same: look for {self.request.marker} in the job's runs." if doubt else ""
        return self._end(Outcome.NOT_STARTED, error=error, aftermath=aftermath)

    def _finished(self, run: Run) -> ExitCode:
        """The run is over: the verdict, then what it left behind."""
        outcome = judge(run)
        aftermath = self.beginner.superseded_by(run) if outcome is Outcome.CANCELLED else ""
        seconds = self._age
        collector = Collector(self.cloud, run, self.config, here=self.ci, clock=self.clock)
        results = collector.results(retries=self.retries)
        self._verdict(self._facts(outcome, results=results, aftermath=aftermath, seconds=seconds))
        folder = collector.save()
        manifest = collector.manifest()
        if manifest.locations and self.config.project_directory is None:
            self.publisher.folder = collector.project_folder(self.config.job_id)
        return self._details(manifest=manifest, artifacts_path=folder)

    def _timed_out(self, watcher: Watcher) -> ExitCode:
        limit = text.duration(self.config.timeout_seconds)
        told = f"It was not over after {limit}, the limit of `timeout-minutes`."
        if self.config.on_timeout is StopAction.LEAVE:
            return self._end(Outcome.TIMED_OUT, aftermath=f"{told} It has been left going (`on-timeout: leave`).")
        watcher.say("The time is up (`timeout-minutes`); cancelling the run")
        aftermath = watcher.cancel(timeouts.CANCEL_SECONDS)
        if watcher.run.final and judge(watcher.run) is not Outcome.CANCELLED:
            # It ended between the last look and the request to cancel.
            return self._finished(watcher.run)
        return self._end(Outcome.TIMED_OUT, aftermath=f"{told} {aftermath}", closed=watcher.run.final)

    def _interrupted(self) -> ExitCode:
        """Within seconds: cancel what was started, close the status, say so."""
        self.interrupts.shutting_down = True
        self.session.limit_timeouts(timeouts.INTERRUPTED_REQUEST_SECONDS)
        self.publisher.hurry(timeouts.INTERRUPTED_REQUEST_SECONDS)
        deadline = self.clock.now() + timeouts.INTERRUPTED_CANCEL_SECONDS
        if self._told:
            # How it ended is known; it was still being told, or its details collected.
            self.publisher.post_verdict()
            self._details(on_host=False)
            return ExitCode.INTERRUPTED
        unanswered = self.beginner.in_flight is not None and not self._find_unanswered(deadline)
        if self.watcher is None or unanswered:
            aftermath = _UNANSWERED.format(self.request.marker) if unanswered else _NOT_SENT
            return self._end(Outcome.INTERRUPTED, aftermath=aftermath, closed=not unanswered)
        if self.watcher.run.final:
            self._end(judge(self.watcher.run))
            return ExitCode.INTERRUPTED
        if self.config.on_cancel is StopAction.LEAVE:
            aftermath = "The dbt Cloud run has been left going (`on-cancel: leave`)."
            return self._end(Outcome.INTERRUPTED, aftermath=aftermath)
        aftermath = self.watcher.cancel(max(0.0, deadline - self.clock.now()))
        if self.watcher.run.final and judge(self.watcher.run) is not Outcome.CANCELLED:
            # It ended before the request to cancel came.
            self._end(judge(self.watcher.run), aftermath=aftermath)
            return ExitCode.INTERRUPTED
        return self._end(Outcome.INTERRUPTED, aftermath=aftermath, closed=self.watcher.run.final)

    def _crashed(self) -> None:
        if self._told or self.watcher is None or self.watcher.run.final or self.config.on_cancel is StopAction.LEAVE:
            return
        aftermath = f"The action itself broke down. {self.watcher.cancel(timeouts.CANCEL_SECONDS)}"
        self._verdict(self._facts(Outcome.LOST, aftermath=aftermath), closed=self.watcher.run.final)

    def _find_unanswered(self, deadline: float) -> bool:
        """A trigger or retry was on its way when the signal came: its run may appear any moment."""
        while self.beginner.in_flight and self.clock.now() < deadline:
            with suppress(CloudError):
                for found in self.beginner.in_flight():
                    self._watch_over(found)
                    return True
            self.clock.sleep(timeouts.CANCEL_POLL_SECONDS)
        return False

    def _end(self, outcome: Outcome, *, closed: bool = True, **more: Any) -> ExitCode:  # noqa: ANN401 - of RunFacts
        """Tell the end. `closed`: no run is left that somebody would have to look after."""
        self._verdict(self._facts(outcome, **more), closed=closed)
        return self._details()

    def _facts(self, outcome: Outcome, **more: Any) -> RunFacts:  # noqa: ANN401 - of RunFacts
        run = self.watcher.run if self.watcher else None
        known = {"seconds": self._age, "retries": tuple(self.retries), "usual": self._usual, **more}
        return RunFacts(outcome=outcome, run=run, doubt=self.beginner.in_flight is not None, **known)

    def _verdict(self, facts: RunFacts, *, closed: bool = True) -> None:
        """What other people wait for."""
        if self.interrupts.shutting_down and self.beginner.doubt:
            # There is no time to look for a twin; the clean-up has it.
            closed = False
        elif facts.run:
            self.beginner.settle(facts.run)
        with self.interrupts.deferred():
            self._told = facts
            self.publisher.verdict(facts, closed=closed)
        self.interrupts.check()
        self.publisher.post_verdict()

    def _details(self, *, on_host: bool = True, **more: Any) -> ExitCode:  # noqa: ANN401 - of RunFacts
        """What the person who reads this build wants to know; trouble in telling it changes nothing."""
        self._told = replace(cast("RunFacts", self._told), **more)
        hurried, told = self.interrupts.shutting_down, self._told
        if on_host and not hurried:
            self._try(lambda: self.publisher.on_host(told))
        with self.interrupts.deferred():
            self._try(lambda: self.publisher.details(told))
            if not hurried:
                # A host that was slow a moment ago may be back.
                self._try(self.publisher.post_verdict)
            elif on_host:
                self._try(lambda: self.publisher.on_host(told))
        # Nothing is left that a signal could stop.
        self.interrupts.shutting_down = True
        outcome = self._told.outcome
        forgiven = not self.config.fail_on_error and outcome in FORGIVABLE
        return ExitCode.OK if forgiven else outcome.exit_code

    def _try(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except Exception as error:  # noqa: BLE001 - a page that cannot be written is no reason for a red step
            self.ci.warning(f"Not everything about the run could be told ({error!r}). That is a bug of ours.")

    @property
    def _age(self) -> float:
        return self.clock.now() - self.began
