"""One dbt Cloud run from the first request to the last word; how each thing is done is told elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from dbt_action import ci, collect, hosts, monitor, report, retry, text, trigger
from dbt_action.clock import Clock
from dbt_action.cloud import DbtCloud, StartFailed
from dbt_action.config import Config
from dbt_action.context import CiContext
from dbt_action.errors import CloudError, ExitCode
from dbt_action.interrupts import Interrupted, Interrupts
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
        self.environ, self.ci, self.context, self.config, self.request = (
            environ,
            here,
            context,
            config,
            request,
        )
        self.clock, self.interrupts = clock, interrupts
        self.session = Session(config.dbt_url, config.dbt_token, clock=clock)
        self.cloud = DbtCloud(self.session, account_id=config.account_id, clock=clock)
        self.sha = trigger.status_sha(config, context)
        self.began = clock.now()
        self.job: Job | None = None
        self.run: Run | None = None
        self.triggering = False
        self.saved = ""
        self._connected: hosts.Host | None = None
        self._host_timeout = hosts.TIMEOUT
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
            return self._end(Outcome.NOT_STARTED, error=error)
        if not self.config.wait:
            return self._end(Outcome.STARTED)
        policy = monitor.Policy(
            interval=self.config.poll_interval,
            timeout=self.config.timeout_seconds,
            usual=self._usual_duration(),
        )
        watched = monitor.watch(self._look, clock=self.clock, policy=policy, tell=self._progress, since=self.began)
        if watched.end is monitor.End.LOST:
            return self._end(Outcome.LOST, error=watched.error)
        if watched.end is monitor.End.TIMED_OUT:
            return self._timed_out()
        return self._finished()

    # The job, and the one run.

    def _read_job(self) -> None:
        """Name and project; also a harmless way to learn that token, host, account or job is wrong."""
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
        version = self.request.git_sha or self.request.git_branch or "the version that the job is set to"
        self.ci.info(f"Starting {self.job.name} on {version}")
        if self.job.triggered_by_pull_requests and self.request.pull_request:
            self.ci.warning(
                "dbt Cloud also starts this job by itself for pull requests, so each may be built twice. "
                "Switch that off in the job's settings (Triggered by pull requests), or use another job here."
            )

    def _start(self) -> None:
        self.triggering = True
        self._know(self.cloud.start(self.request, tell=self.ci.info))
        run = self._run
        self.ci.info(f"Run {run.id} has been started: {run.url}")
        self._host().set_status(CommitState.PENDING, "Started", run.url)
        wanted = self.config.project_id
        if wanted and run.project_id and wanted != run.project_id:
            self.ci.warning(
                f"The run belongs to project {run.project_id}, but `project-id` says {wanted}: "
                f"is job {self.config.job_id} the right one?"
            )

    def _know(self, run: Run) -> None:
        """Remember the newest look at the run; its address is in the outputs from the first one on."""
        first = self.run is None
        self.run = run
        if first:
            self._output(Outcome.STARTED)

    @property
    def _run(self) -> Run:
        if self.run is None:
            message = "no run yet"
            raise RuntimeError(message)
        return self.run

    # Watching.

    def _usual_duration(self) -> float | None:
        """Only for the rhythm of the looks: not worth a second try."""
        try:
            return self.cloud.usual_duration(self.config.job_id)
        except CloudError:
            return None

    def _look(self) -> monitor.Look:
        try:
            self._know(self.cloud.get_run(self._run.id))
        except CloudError as error:
            return error
        return self._run

    def _progress(self, look: monitor.Look) -> None:
        """One line for each change."""
        line = f"No news from dbt Cloud, asking again: {look.message}" if isinstance(look, CloudError) else _state(look)
        if line != self._told:
            self._told = line
            self.ci.info(f"{text.duration(self.clock.now() - self.began):>7}  {line}")

    # Endings.

    def _finished(self) -> ExitCode:
        run = self._run
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
        self.ci.info(f"The run was not over after {limit} and is being cancelled.")
        aftermath = self._cancel(CANCEL_PATIENCE)
        if self._run.final and report.judge(self._run) is not Outcome.CANCELLED:
            return self._finished()
        return self._end(Outcome.TIMED_OUT, aftermath=f"{told} {aftermath}")

    def _interrupted(self) -> ExitCode:
        """Within seconds: cancel what was started, close the status, say so."""
        self.session.hurry(HURRY)
        self._connected, self._host_timeout = None, HURRY
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
                self.clock.sleep(0.5)

    def _cancel(self, patience: float) -> str:
        """Cancel the run and look whether it worked; what came of it, as a sentence."""
        try:
            retry.persist(lambda: self.cloud.cancel(self._run.id), clock=self.clock, patience=patience)
        except CloudError as error:
            return f"It could NOT be cancelled and may still be going: {error.explanation}"
        deadline = self.clock.now() + patience
        while self.clock.now() < deadline:
            self._look()
            if self._run.final:
                return "It was cancelled." if report.judge(self._run) is Outcome.CANCELLED else "It ended on its own."
            self.clock.sleep(0.5)
        return "dbt Cloud has been asked to cancel it."

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
            seconds=self.clock.now() - self.began,
            run=self.run,
            results=results,
            error=error,
            aftermath=aftermath,
            sha=self.request.git_sha or self.sha,
            commit_url=self.context.commit_url if self.sha == self.context.sha else "",
            branch=self.request.git_branch or self.context.branch or self.context.tag,
        )
        told = report.build(facts)
        if isinstance(error, StartFailed) and error.doubt:
            self.ci.warning(
                f"A run may exist all the same; look for {self.request.marker} in the causes of the job's runs."
            )
        url = self.run.url if self.run else self.context.build_url
        # First what other people wait for.
        self._host().set_status(outcome.state, told.description, url)
        self._output(outcome)
        if self.config.summary:
            self.ci.summary(told.markdown)
        if told.log:
            self.ci.foreign(told.log_title, told.log)
        self._say(told)
        failed = outcome in (
            Outcome.FAILED,
            Outcome.CANCELLED,
            Outcome.TIMED_OUT,
            Outcome.LOST,
            Outcome.NOT_STARTED,
        )
        return ExitCode.OK if failed and not self.config.fail_on_error else outcome.exit_code

    def _say(self, told: report.Report) -> None:
        if not told.reason:
            self.ci.info(told.headline)
        elif self.config.annotations:
            self.ci.error(told.reason, title=told.headline)
        else:
            self.ci.info(f"{told.headline}\n{told.reason}")

    @property
    def _job_name(self) -> str:
        name = (self.job.name if self.job else "") or (self.run.job_name if self.run else "")
        return name or f"job {self.config.job_id}"

    def _host(self) -> hosts.Host:
        """Connected when first needed, which is after the trigger: it takes time to import."""
        if self._connected is None:
            name = self.config.status_context or f"dbt Cloud / {self._job_name}"
            self._connected = (
                hosts.connect(
                    self.environ,
                    self.context,
                    token=self.config.github_token,
                    sha=self.sha,
                    name=name,
                    warn=self.ci.warning,
                    timeout=self._host_timeout,
                )
                if self.config.commit_status
                else hosts.NoHost()
            )
        return self._connected

    def _output(self, outcome: Outcome) -> None:
        run = self.run
        values = {
            "run-id": str(run.id) if run else "",
            "run-url": run.url if run else "",
            "status": outcome.status,
            "git-sha": (run.git_sha if run else "") or self.request.git_sha,
            "git-branch": (run.git_branch if run else "") or self.request.git_branch,
            "job-name": self.job.name if self.job else "",
            "duration-seconds": str(round(self.clock.now() - self.began)),
            "artifacts-path": self.saved,
        }
        values |= {"run_id": values["run-id"], "git_sha": values["git-sha"]}
        self.ci.output({name: value for name, value in values.items() if value})


def _state(run: Run) -> str:
    if run.blocked_by:
        return f"{run.status_in_words}, behind run {', '.join(str(other) for other in run.blocked_by)}"
    step = run.current_step
    return f"{run.status_in_words} · step {step.index}: {step.name}" if step else run.status_in_words
