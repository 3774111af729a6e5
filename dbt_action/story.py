"""One dbt Cloud run from the first request to the last word; how each thing is done is told elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from dbt_action import ci, collect, monitor, report, retry, text, trigger
from dbt_action.clock import Clock
from dbt_action.cloud import DbtCloud, StartFailed
from dbt_action.config import Config
from dbt_action.context import CiContext
from dbt_action.errors import CloudError, ExitCode
from dbt_action.interrupts import Interrupted, Interrupts
from dbt_action.publish import Publisher
from dbt_action.report import CommitState, Facts, Outcome
from dbt_action.results import NO_RESULTS, Results
from dbt_action.runs import KNOWN, Job, Run
from dbt_action.session import Session

# A wrong host should be told soon; the trigger has a patience of its own after this one.
JOB_PATIENCE = 10.0
# After a signal GitHub's runner kills within ten seconds, and everything should be over in half of that: seconds
# for one request, and for finding and cancelling the run altogether.
HURRY = 1
CLEAN_UP = 2.5
# How long a run may take to turn "cancelled" after the request when nothing is pressing.
CANCEL_PATIENCE = 20.0
CANCEL_LOOKS = 0.5

_FORGIVABLE = frozenset({Outcome.FAILED, Outcome.CANCELLED, Outcome.TIMED_OUT})
_NOT_SENT = "No dbt Cloud run had been started."
_UNANSWERED = "The trigger was unanswered and no run was found; one may still appear with {} in its cause."


class Story:
    """What is known about the run so far, also when a signal arrives, and the steps that make it more."""

    def __init__(
        self,
        environ: Mapping[str, str],
        here: ci.Ci,
        context: CiContext,
        config: Config,
        request: trigger.RunRequest,
        clock: Clock,
        interrupts: Interrupts,
    ) -> None:
        """Build the edges. Nothing is sent here."""
        self.context, self.config, self.request = context, config, request
        self.clock, self.interrupts = clock, interrupts
        self.session = Session(config.dbt_url, config.dbt_token, clock=clock)
        self.cloud = DbtCloud(self.session, account_id=config.account_id, clock=clock)
        self.sha = trigger.status_sha(config, context)
        self.publisher = Publisher(environ, here, context, config, sha=self.sha)
        self.ci = here
        self.began = clock.now()
        self.job: Job | None = None
        self.run: Run | None = None
        self.triggering = False
        self.saved = ""
        self._told = ""

    def tell(self) -> ExitCode:
        """The whole story; the exit code says how it ended."""
        try:
            return self._tell()
        except Interrupted:
            with self.interrupts.shielded():
                return self._interrupted()
        finally:
            self.session.close()

    def _tell(self) -> ExitCode:
        try:
            self._read_job()
            self._start()
        except CloudError as error:
            return self._not_started(error)
        if not self.config.wait:
            return self._end(Outcome.STARTED)
        policy = monitor.Policy(
            interval=self.config.poll_interval, timeout=self.config.timeout_seconds, usual=self._usual_duration()
        )
        watched = monitor.watch(self._look, clock=self.clock, policy=policy, tell=self._progress, since=self.began)
        if watched.end is monitor.End.LOST:
            return self._end(Outcome.LOST, error=watched.error)
        return self._finished() if watched.end is monitor.End.FINISHED else self._timed_out()

    # The job, and the one run.

    def _read_job(self) -> None:
        """Name and project; also a harmless way to learn that token, host, account or job is wrong."""
        self.publisher.status_name = self.config.status_context or f"dbt Cloud / job {self.config.job_id}"
        self.ci.info(f"dbt Cloud at {self.session.host}, account {self.config.account_id}, job {self.config.job_id}")
        try:
            self.job = retry.persist(
                lambda: self.cloud.get_job(self.config.job_id), clock=self.clock, patience=JOB_PATIENCE
            )
        except CloudError as error:
            if not error.transient:
                raise
            self.ci.warning(f"The job could not be read, so its name is not known: {error.explanation}")
            return
        if not self.config.status_context and self.job.name:
            self.publisher.status_name = f"dbt Cloud / {self.job.name}"
        version = self.request.git_sha or self.request.git_branch or "what the job is set to"
        self.ci.info(f"Starting {self.job.name} on {version}")
        if self.job.triggered_by_pull_requests and self.request.pull_request:
            self.ci.warning(
                "dbt Cloud also starts this job by itself for pull requests, so each may be built twice. "
                "Switch that off in the job's settings (Triggered by pull requests), or use another job here."
            )

    def _start(self) -> None:
        self.triggering = True
        run = self._know(self.cloud.start(self.request, tell=self.ci.info))
        self.ci.info(f"Run {run.id}: {run.url}")
        self.publisher.status(CommitState.PENDING, "Started", run.url)
        wanted = self.config.project_id
        if wanted and run.project_id and wanted != run.project_id:
            self.ci.warning(
                f"The run belongs to project {run.project_id}, but `project-id` says {wanted}: "
                f"is job {self.config.job_id} the right one?"
            )

    def _know(self, run: Run) -> Run:
        """Remember the newest look at the run; its address is in the outputs from the first one on."""
        first = self.run is None
        self.run = run
        if first:
            self._outputs(Outcome.STARTED)
        return run

    # Watching.

    def _usual_duration(self) -> float | None:
        """Only for the rhythm of the looks: not worth a second try."""
        try:
            return self.cloud.usual_duration(self.config.job_id)
        except CloudError:
            return None

    def _look(self) -> monitor.Look:
        try:
            return self._know(self.cloud.get_run(self._started.id))
        except CloudError as error:
            return error

    @property
    def _started(self) -> Run:
        if self.run is None:
            message = "no run yet"
            raise RuntimeError(message)
        return self.run

    def _progress(self, look: monitor.Look) -> None:
        """One line for each change."""
        line = f"No news, asking again: {look.message}" if isinstance(look, CloudError) else report.progress(look)
        if line != self._told:
            self._told = line
            self.ci.info(f"{text.duration(self._age):>7}  {line}")

    @property
    def _age(self) -> float:
        return self.clock.now() - self.began

    # Endings.

    def _not_started(self, error: CloudError) -> ExitCode:
        if isinstance(error, StartFailed) and error.doubt:
            self.ci.warning(f"A run may exist all the same: look for {self.request.marker} in the job's run history.")
        return self._end(Outcome.NOT_STARTED, error=error)

    def _finished(self) -> ExitCode:
        run = self._started
        if run.status not in KNOWN:
            self.ci.warning(f"dbt Cloud says that the run is over with status {run.status}, which is not known here.")
        outcome = report.judge(run)
        with_results = outcome in (Outcome.SUCCEEDED, Outcome.FAILED)
        results = collect.results(self.cloud, run, clock=self.clock) if with_results else NO_RESULTS
        if self.config.artifacts:
            self.saved = collect.artifacts(
                self.cloud, run.id, self.config, clock=self.clock, info=self.ci.info, warn=self.ci.warning
            )
        return self._end(outcome, results=results)

    def _timed_out(self) -> ExitCode:
        limit = text.duration(self.config.timeout_seconds)
        told = f"It was not over after {limit}, the limit of `timeout-minutes`."
        if self.config.on_timeout == "leave":
            return self._end(Outcome.TIMED_OUT, aftermath=f"{told} It has been left going (`on-timeout: leave`).")
        self.ci.info(f"{text.duration(self._age):>7}  The time is up (`timeout-minutes`); cancelling the run")
        aftermath = self._cancel(CANCEL_PATIENCE)
        if self._started.final and report.judge(self._started) is not Outcome.CANCELLED:
            # It ended between the last look and the request to cancel.
            return self._finished()
        return self._end(Outcome.TIMED_OUT, aftermath=f"{told} {aftermath}")

    def _interrupted(self) -> ExitCode:
        """Within seconds: cancel what was started, close the status, say so."""
        self.session.hurry(HURRY)
        self.publisher.hurry(HURRY)
        deadline = self.clock.now() + CLEAN_UP
        if self.run is None and self.triggering:
            self._find_unanswered(deadline)
        if self.run is None:
            aftermath = _UNANSWERED.format(self.request.marker) if self.triggering else _NOT_SENT
        elif self.run.final:
            aftermath = "The run was over already."
        elif self.config.on_cancel == "leave":
            aftermath = "The dbt Cloud run has been left going (`on-cancel: leave`)."
        else:
            aftermath = self._cancel(max(0.0, deadline - self.clock.now()))
        return self._end(Outcome.INTERRUPTED, aftermath=aftermath)

    def _find_unanswered(self, deadline: float) -> None:
        """The signal came while the trigger was on its way: its run may appear any moment."""
        while self.run is None and self.clock.now() < deadline:
            try:
                found = self.cloud.find(self.request)
            except CloudError:
                found = None
            if found:
                self._know(found)
            else:
                self.clock.sleep(CANCEL_LOOKS)

    def _cancel(self, patience: float) -> str:
        """Cancel the run and look whether it worked; what came of it, as a sentence."""
        try:
            self._know(retry.persist(lambda: self.cloud.cancel(self._started.id), clock=self.clock, patience=patience))
        except CloudError as error:
            return f"It could NOT be cancelled and may still be going: {error.explanation}"
        deadline = self.clock.now() + patience
        while not self._started.final and self.clock.now() < deadline:
            self.clock.sleep(CANCEL_LOOKS)
            self._look()
        if not self._started.final:
            return "dbt Cloud has been asked to cancel it."
        return "It was cancelled." if report.judge(self._started) is Outcome.CANCELLED else "It ended on its own."

    # Telling.

    def _end(
        self,
        outcome: Outcome,
        *,
        results: Results = NO_RESULTS,
        error: CloudError | None = None,
        aftermath: str = "",
    ) -> ExitCode:
        facts = Facts(
            job_name=self._job_name,
            outcome=outcome,
            seconds=self._age,
            run=self.run,
            results=results,
            error=error,
            aftermath=aftermath,
            sha=self.request.git_sha or self.sha,
            commit_url=self.context.commit_url if self.sha == self.context.sha else "",
            branch=self.request.git_branch or self.context.branch or self.context.tag,
        )
        self._outputs(outcome)
        self.publisher.end(report.build(facts), url=self.run.url if self.run else "")
        # Ends of a run; that there was none, or that nobody knows its end, is another matter.
        forgiven = not self.config.fail_on_error and outcome in _FORGIVABLE
        return ExitCode.OK if forgiven else outcome.exit_code

    @property
    def _job_name(self) -> str:
        return (self.job.name if self.job else "") or f"job {self.config.job_id}"

    def _outputs(self, outcome: Outcome) -> None:
        self.publisher.outputs(
            {
                "run-id": str(self.run.id) if self.run else "",
                "run-url": self.run.url if self.run else "",
                "status": outcome.status,
                "git-sha": (self.run.git_sha if self.run else "") or self.request.git_sha,
                "git-branch": (self.run.git_branch if self.run else "") or self.request.git_branch,
                "job-name": self.job.name if self.job else "",
                "duration-seconds": str(round(self._age)),
                "artifacts-path": self.saved,
            }
        )
