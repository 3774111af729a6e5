"""Orchestrates one run: read the job, start, watch, retry, collect, report, and cancel when interrupted."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from dbt_action import text, timeouts
from dbt_action.config.choices import OnRerun, StopAction
from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.dbt_cloud.runs import Job, Run
from dbt_action.dbt_cloud.session import ApiSession
from dbt_action.errors import CloudError, ExitCode
from dbt_action.interrupts import Interrupted, InterruptibleClock, Interrupts
from dbt_action.lifecycle import build_checks, gates, job_reader
from dbt_action.lifecycle.recorder import Recorder
from dbt_action.lifecycle.run_context import RunContext
from dbt_action.lifecycle.start import NotStarted, Starter
from dbt_action.lifecycle.state import (
    Closed,
    JobRead,
    Phase,
    RunFound,
    RunSeen,
    WhenInterrupted,
    when_interrupted,
)
from dbt_action.report.outcome import MAY_BE_IGNORED, Outcome, RunFacts, of_final_run
from dbt_action.results.run_results import NO_RESULTS, Results
from dbt_action.timeouts import HttpTimeouts

if TYPE_CHECKING:
    from dbt_action.lifecycle.after_start import AfterStart
    from dbt_action.lifecycle.collect import Collector

_NOT_SENT = "No dbt Cloud run had been started."
_UNANSWERED = "The trigger got no answer and no run was found; one may still appear with {} in its cause."


class JobRun:
    """One run from the first request to the exit code. What is known about it is `recorder.state`, also for signals."""

    def __init__(self, run_context: RunContext, *, interrupts: Interrupts, http_timeouts: HttpTimeouts) -> None:
        """Build the parts. Nothing is sent here."""
        self.context, self.interrupts = run_context, interrupts
        self.ci, self.config, self.request = run_context.ci, run_context.config, run_context.request
        self.clock = InterruptibleClock(run_context.clock, interrupts)
        self.started_at = self.clock.now()
        self.build = build_checks.Build(config=self.config, context=run_context.build, request=self.request)
        # None until it has been read, or when dbt Cloud does not answer properly.
        self.job: Job | None = None
        # The job's usual duration, as soon as it has been read.
        self.usual_seconds: float | None = None
        # How long that took.
        self.usual_took = 0.0
        self.session = ApiSession(
            self.config.dbt_url, self.config.dbt_token, clock=self.clock, http_timeouts=http_timeouts
        )
        self.cloud = DbtCloud(self.session, account_id=self.config.account_id)
        self.recorder = Recorder(run_context)
        self.starter = Starter(
            self.cloud,
            self.request,
            clock=self.clock,
            deadline=self.started_at + self.config.timeout_seconds,
            log=self.ci.info,
            record=self.recorder.record,
        )

    @cached_property
    def after(self) -> AfterStart:
        """What is needed after the trigger. A module whose import a signal breaks off could not be imported again."""
        with self.interrupts.deferred():
            from dbt_action.lifecycle.after_start import AfterStart  # noqa: PLC0415 - the trigger need not wait for it

            return AfterStart(
                self.context, self.recorder, cloud=self.cloud, clock=self.clock, started_at=self.started_at
            )

    def run(self, failed: CloudError | None = None) -> ExitCode:
        """Everything; the exit code says how it ended. `failed`: dbt Cloud could not even be asked for the job."""
        try:
            return self._not_started(failed) if failed else self._run()
        except Interrupted:
            with self.interrupts.deferred():
                return self._interrupted()
        except Exception:
            # A bug must not leave a run that is not watched.
            with self.interrupts.deferred(), suppress(Exception):
                self._crashed()
            raise
        finally:
            self.interrupts.shut_down()
            self.session.close()

    def _run(self) -> ExitCode:
        reason = self._reason_to_skip()
        if reason and not self.config.dry_run:
            return self._skipped(reason)
        try:
            self._read_job()
            if self.config.dry_run:
                return self.after.dry_run(self.job, reason)
            run = self._existing_or_new_run()
        except CloudError as error:
            return self._not_started(error)
        job_reader.check_project(run, self.config, ci=self.ci)
        self._report_start(run)
        if self.config.supersede:
            self.starter.supersede(run)
        if self.config.wait:
            return self._watch(run)
        if self.config.run_id and run.final:
            self._seen(self.after.with_steps(run))
            return self._finished(self._known_run)
        if self.config.retry_failed or self.config.artifacts:
            self.ci.warning("`retry-failed` and `artifacts` have no effect with `wait: false`: both need the end.")
        return self._end(Outcome.STARTED)

    def _read_job(self) -> None:
        self.job = job_reader.read(self.cloud, self.build, ci=self.ci, clock=self.clock)
        if self.job:
            self.recorder.record(JobRead(name=self.job.name))
            if not self.config.run_id:
                job_reader.check(self.job, self.build, ci=self.ci)

    def _existing_or_new_run(self) -> Run:
        if self.config.run_id:
            run = self.after.existing_run()
            self.recorder.record(RunFound(run=run))
            return run
        resume = self.config.on_rerun is OnRerun.RESUME
        return self.starter.start(resume=resume, answered_before=self.job is not None)

    def _reason_to_skip(self) -> str:
        if not gates.asked(self.config, self.context.build):
            return ""
        with self.interrupts.deferred():
            from dbt_action.lifecycle import gate_reader  # noqa: PLC0415 - most builds have no gates

        return gate_reader.decide(self.context, self.clock)

    def _skipped(self, reason: str) -> ExitCode:
        """Close the commit status; dbt Cloud is asked for the name of that status only, and only if it is needed."""
        named_by_job = not self.config.status_context and self.after.posts.wanted
        try:
            if named_by_job:
                name = job_reader.read_name(self.cloud, self.config, clock=self.clock)
                self.recorder.record(JobRead(name=name))
        except CloudError as error:
            return self._not_started(error)
        return self._end(Outcome.SKIPPED, skip_reason=reason)

    def _report_start(self, run: Run) -> None:
        with self.interrupts.deferred():
            # A library whose import is interrupted cannot be imported again.
            self.after.posts.open(self.recorder.state)
        self.interrupts.check()
        self.after.publisher.run_started(run, seconds=self._age)

    def _watch(self, run: Run) -> ExitCode:
        began = self.clock.now()
        with suppress(CloudError):
            # For the pauses between looks and for people: not worth a second try.
            self.usual_seconds = self.cloud.usual_duration_seconds(self.config.job_id)
        self.usual_took = self.clock.now() - began
        if warning := build_checks.duration_warning(self.build, self.usual_seconds):
            self.ci.warning(warning)
        from dbt_action.lifecycle.poll import PollPolicy, WatchEnd  # noqa: PLC0415 - `after` has imported it

        policy = PollPolicy(
            interval_seconds=self.config.poll_interval,
            timeout_seconds=self.config.timeout_seconds,
            usual_seconds=self.usual_seconds,
        )
        while True:
            result = self.after.watch(run, policy, on_look=self._seen_going_on)
            run = self._known_run
            if result.end is WatchEnd.LOST:
                # Not settled: by the time of the clean-up dbt Cloud may be back.
                return self._end(Outcome.LOST, error=result.error, run_settled=False)
            if result.end is WatchEnd.TIMED_OUT:
                return self._timed_out(run)
            retried = self._retry(run)
            if retried is None:
                return self._finished(run)
            run = retried

    def _seen(self, run: Run) -> None:
        self.recorder.record(RunSeen(run=run))

    def _seen_going_on(self, run: Run) -> None:
        self._seen(run)
        self.after.publisher.run_goes_on(run, self.usual_seconds, age=self._age)

    @property
    def _known_run(self) -> Run:
        run = self.recorder.state.run
        if run is None:
            message = "no run is known"
            raise ValueError(message)
        return run

    def _retry(self, run: Run) -> Run | None:
        """A retry of a failed run from its point of failure, as often as `retry-failed` allows."""
        number = len(self.recorder.state.retries) + 1
        if of_final_run(run) is not Outcome.FAILED or number > self.config.retry_failed:
            return None
        if not run.can_retry:
            self.ci.info(f"Run {run.id} cannot be retried ({run.retry_refusal or 'no reason given'}).")
            return None
        self.ci.info(f"Run {run.id} failed; retry {number} of {self.config.retry_failed} from the point of failure.")
        try:
            retried = self.starter.retry(run)
        except NotStarted as error:
            self.ci.warning(f"The retry was not started: {error.explanation}")
            return None
        self._report_start(retried)
        return retried

    def _not_started(self, error: CloudError) -> ExitCode:
        in_flight = self.recorder.state.phase is Phase.IN_FLIGHT
        look_for = f"A run may exist all the same: look for {self.request.marker} in the job's runs."
        return self._end(Outcome.NOT_STARTED, error=error, aftermath=look_for if in_flight else "")

    def _finished(self, run: Run) -> ExitCode:
        """The run is over: first its outcome, at once, then what it has left behind."""
        facts = self._facts(of_final_run(run), seconds=self._age)
        if facts.outcome is Outcome.CANCELLED:
            facts = self._with_canceller(facts, run)

        def known(results: Results) -> RunFacts:
            found = self.after.with_results(facts, results)
            self._outcome_known(found)
            return found

        retries = self.recorder.state.retries
        collector = self.after.collector(run, self.job)
        limit = timeouts.RESULTS_BEFORE_STATUS_SECONDS
        with self.session.shorter_timeouts(limit):
            results = collector.results(retries=retries, wait_seconds=limit)
        if not collector.complete:
            # Numbers that are not final would be shown as final.
            known(NO_RESULTS)
            results = collector.results(retries=retries)
        self._details_known(known(results), collector)
        return self._report()

    def _with_canceller(self, facts: RunFacts, run: Run) -> RunFacts:
        if by_newer := self.starter.superseded_by(run):
            return replace(facts, aftermath=by_newer)
        with suppress(CloudError):
            # For people: not worth a second try.
            return replace(facts, cancelled_by=self.cloud.cancelled_by(run.id))
        return facts

    def _details_known(self, facts: RunFacts, collector: Collector) -> None:
        """What the run has left behind, and what it means; the commit status is renewed when that changes it."""
        facts, folder = self.after.with_details(facts, collector, self.job, seconds_used=self.usual_took)
        shown = self.recorder.state.phase is Phase.REPORTED
        with self.interrupts.deferred():
            self.after.publisher.outcome_known(facts, run_settled=True, folder=folder)
        self.interrupts.check()
        # A host that did not answer a moment ago is asked again at the end.
        if shown:
            self.after.publisher.post_status()

    def _timed_out(self, run: Run) -> ExitCode:
        limit = text.duration(self.config.timeout_seconds)
        what = f"It was not over after {limit}, the limit of `timeout-minutes`."
        if self.config.on_timeout is StopAction.LEAVE:
            aftermath = f"{what} It has been left going (`on-timeout: leave`)."
            return self._end(Outcome.TIMED_OUT, aftermath=aftermath)
        self.after.progress.line("The time is up (`timeout-minutes`); cancelling the run")
        run, result = self._cancel(run, timeouts.CANCEL_SECONDS)
        if run.final and of_final_run(run) is not Outcome.CANCELLED:
            # It ended between the last look and the request to cancel.
            self._seen(self.after.with_steps(run))
            return self._finished(self._known_run)
        aftermath = f"{what} {result}"
        return self._end(Outcome.TIMED_OUT, aftermath=aftermath, run_settled=run.final)

    def _cancel(self, run: Run, time_limit: float) -> tuple[Run, str]:
        return self.after.cancel(run, time_limit=time_limit, on_look=self._seen)

    def _interrupted(self) -> ExitCode:
        """Within seconds: cancel what was started, post the status, and write the report."""
        self.interrupts.shut_down()
        self.session.limit_timeouts(timeouts.INTERRUPTED_REQUEST_SECONDS)
        self.after.posts.limit_timeouts(timeouts.INTERRUPTED_REQUEST_SECONDS)
        deadline = self.clock.now() + timeouts.INTERRUPTED_CANCEL_SECONDS
        in_flight = self.recorder.state.phase is Phase.IN_FLIGHT
        # A trigger or retry was on its way when the signal came: its run may appear any moment.
        if in_flight and (found := self.starter.find_until(deadline, self.recorder.state.retry_of)):
            self.recorder.record(RunFound(run=found))
        action = when_interrupted(self.recorder.state, self.config.on_cancel)
        if action is WhenInterrupted.REPORT:
            self.after.publisher.post_status()
            self._report(with_details=False)
        elif action is WhenInterrupted.NOTHING:
            self._end(Outcome.INTERRUPTED, aftermath=_NOT_SENT)
        elif action is WhenInterrupted.FIND_RUN:
            aftermath = _UNANSWERED.format(self.request.marker)
            self._end(Outcome.INTERRUPTED, aftermath=aftermath, run_settled=False)
        elif action is WhenInterrupted.RUN_IS_OVER:
            self._end(of_final_run(self._known_run))
        elif action is WhenInterrupted.LEAVE_RUN:
            aftermath = "The dbt Cloud run has been left going (`on-cancel: leave`)."
            self._end(Outcome.INTERRUPTED, aftermath=aftermath)
        else:
            run, aftermath = self._cancel(self._known_run, max(0.0, deadline - self.clock.now()))
            ended = run.final and of_final_run(run) is not Outcome.CANCELLED
            # It may have ended before the request to cancel arrived.
            outcome = of_final_run(run) if ended else Outcome.INTERRUPTED
            self._end(outcome, aftermath=aftermath, run_settled=run.final)
        return ExitCode.INTERRUPTED

    def _crashed(self) -> None:
        """A bug of the action: the run is cancelled, since nothing watches it any more."""
        if when_interrupted(self.recorder.state, self.config.on_cancel) is WhenInterrupted.CANCEL_RUN:
            run, result = self._cancel(self._known_run, timeouts.CANCEL_SECONDS)
            facts = self._facts(Outcome.LOST, aftermath=f"The action itself failed. {result}")
            self._outcome_known(facts, run_settled=run.final)

    def _end(
        self,
        outcome: Outcome,
        *,
        error: CloudError | None = None,
        aftermath: str = "",
        skip_reason: str = "",
        run_settled: bool = True,
    ) -> ExitCode:
        """Report an end without results. `run_settled`: nothing is left for a clean-up to do at dbt Cloud."""
        facts = replace(
            self._facts(outcome, error=error, aftermath=aftermath),
            skip_reason=skip_reason,
            datafold=self.after.without_upload(outcome),
        )
        self._outcome_known(facts, run_settled=run_settled)
        return self._report()

    def _facts(
        self,
        outcome: Outcome,
        *,
        error: CloudError | None = None,
        aftermath: str = "",
        seconds: float | None = None,
    ) -> RunFacts:
        state = self.recorder.state
        return RunFacts(
            outcome=outcome,
            seconds=self._age if seconds is None else seconds,
            run=state.run,
            error=error,
            aftermath=aftermath,
            run_may_exist=state.unanswered or state.phase is Phase.IN_FLIGHT,
            retries=state.retries,
            usual_seconds=self.usual_seconds,
        )

    def _outcome_known(self, facts: RunFacts, *, run_settled: bool = True) -> None:
        """Report what other people wait for."""
        if facts.run and self.recorder.state.duplicate_possible:
            if self.interrupts.shutting_down:
                # There is no time to look for a duplicate run; the clean-up does.
                run_settled = False
            else:
                self.starter.cancel_duplicates(facts.run)
        with self.interrupts.deferred():
            self.after.publisher.outcome_known(facts, run_settled=run_settled)
        self.interrupts.check()
        self.after.publisher.post_status()

    def _report(self, *, with_details: bool = True) -> ExitCode:
        """Write what the person who reads this build wants to know; a failure in that changes nothing."""
        shutting_down = self.interrupts.shutting_down
        if with_details and not shutting_down:
            self.after.publisher.attempt(self.after.publisher.post_details)
        with self.interrupts.deferred():
            self.after.publisher.attempt(self.after.publisher.write_build_report)
            if not shutting_down:
                # A host that was slow a moment ago may be back.
                self.after.publisher.attempt(self.after.publisher.post_status)
            elif with_details:
                self.after.publisher.attempt(self.after.publisher.post_details)
        # From here a signal has nothing left to stop.
        self.interrupts.shut_down()
        facts = self.recorder.state.facts
        self.recorder.record(Closed())
        outcome = facts.outcome if facts else Outcome.LOST
        ignored = not self.config.fail_on_error and outcome in MAY_BE_IGNORED
        return ExitCode.OK if ignored else outcome.exit_code

    @property
    def _age(self) -> float:
        return self.clock.now() - self.started_at
