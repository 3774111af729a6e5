"""What a run needs only after it was triggered; imported then, since the trigger must not wait for these imports."""

from __future__ import annotations

from dataclasses import replace

from dbt_action.clock import Clock
from dbt_action.config.choices import LogMode
from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.dbt_cloud.runs import Job, Run
from dbt_action.errors import ExitCode
from dbt_action.lifecycle import watch
from dbt_action.lifecycle.collect import Collector
from dbt_action.lifecycle.details import DetailsReader
from dbt_action.lifecycle.host_posts import HostPosts
from dbt_action.lifecycle.poll import PollPolicy, WatchResult
from dbt_action.lifecycle.publish import Publisher
from dbt_action.lifecycle.recorder import Recorder
from dbt_action.lifecycle.run_context import RunContext
from dbt_action.lifecycle.watch import OnLook, ProgressLog
from dbt_action.report.outcome import Delivery, Outcome, RunFacts
from dbt_action.results import impact
from dbt_action.results.run_results import Results


class AfterStart:
    """Watching, collecting and reporting for one run."""

    def __init__(
        self, run_context: RunContext, recorder: Recorder, *, cloud: DbtCloud, clock: Clock, started_at: float
    ) -> None:
        """Nothing is sent here. `started_at` is the moment on `clock` at which the step began."""
        self._context, self._cloud, self._clock, self._started_at = run_context, cloud, clock, started_at
        self.posts = HostPosts(run_context)
        self.publisher = Publisher(run_context, recorder, self.posts)
        self.details = DetailsReader(run_context, cloud, clock=clock)
        follow_logs = run_context.config.log is LogMode.LIVE
        self.progress = ProgressLog(run_context.ci, clock, started_at=started_at, follow_logs=follow_logs)

    def watch(self, run: Run, policy: PollPolicy, *, on_look: OnLook) -> WatchResult:
        """Look at the run until it is over, the time is over, or dbt Cloud stays unreachable."""
        return watch.watch(
            self._cloud,
            run.id,
            policy,
            clock=self._clock,
            progress=self.progress,
            wait_started_at=self._started_at,
            on_look=on_look,
        )

    def cancel(self, run: Run, *, time_limit: float, on_look: OnLook) -> tuple[Run, str]:
        """Cancel the run: the newest look at it, and a sentence on what came of it."""
        return watch.cancel(self._cloud, run, clock=self._clock, time_limit=time_limit, on_look=on_look)

    def with_steps(self, run: Run) -> Run:
        """A run that is over with its steps."""
        return watch.with_steps(self._cloud, run, self._clock)

    def existing_run(self) -> Run:
        """The run that `run-id` means. Raises CloudError."""
        from dbt_action.lifecycle import existing_run  # noqa: PLC0415 - most steps start a run

        run = existing_run.find(self._cloud, self._context, self._clock)
        self._context.ci.info(f"Run {run.id} exists already; nothing is started.")
        return run

    def dry_run(self, job: Job | None, skip_reason: str) -> ExitCode:
        """Say what would be sent; `skip_reason` is why nothing would be run."""
        from dbt_action.lifecycle import dry_run  # noqa: PLC0415 - few steps want it

        dry_run.report(self._context, job, skip_reason)
        return ExitCode.OK

    def to_datafold(self, collector: Collector, *, commit: str) -> Delivery | None:
        """Upload the artifacts; None when the user does not want that."""
        if self._context.config.datafold.ci_config_id is None:
            return None
        from dbt_action.lifecycle import deliver  # noqa: PLC0415 - few runs want it

        return deliver.to_datafold(self._context, collector, commit=commit, clock=self._clock)

    def without_upload(self, outcome: Outcome) -> Delivery | None:
        """What is said of Datafold where nothing can be uploaded; None when the user does not want that anyway."""
        if self._context.config.datafold.ci_config_id is None:
            return None
        if outcome is Outcome.SKIPPED:
            # The line that says so is enough.
            return Delivery(uploaded=False, words="")
        not_waiting, other = "this build does not wait for the run", "there are no results of a finished run"
        words = f"not uploaded: {not_waiting if outcome is Outcome.STARTED else other}"
        self._context.ci.info(f"Datafold: {words}")
        return Delivery(uploaded=False, words=words)

    def with_results(self, facts: RunFacts, results: Results) -> RunFacts:
        """The facts with the results, and with what these say about the causes of a failure."""
        return replace(facts, results=results, impact=impact.of(results))

    def with_details(
        self, facts: RunFacts, collector: Collector, job: Job | None, *, seconds_used: float
    ) -> tuple[RunFacts, str | None]:
        """The facts with all that the run has left behind and what it means, and the folder of the dbt project.

        `seconds_used` is what the usual duration took of the time for the job's other runs.
        """
        config = self._context.config
        facts = self.details.with_history(facts, seconds_used=seconds_used)
        commit = (facts.run.git_sha if facts.run else "") or self._context.request.git_sha
        facts = replace(
            facts,
            artifacts_path=collector.save_artifacts(),
            datafold=self.to_datafold(collector, commit=commit),
        )
        collector.save_base_artifacts(job)
        facts = self.details.with_project(facts, collector, job)
        folder = config.project_directory
        if facts.manifest.nodes and folder is None:
            folder = job.project_folder if job else collector.project_folder(config.job_id)
        return self.details.with_touched(facts, folder or ""), folder

    def collector(self, run: Run, job: Job | None) -> Collector:
        """What fetches the results and files of a run that is over."""
        return Collector(
            self._cloud,
            run,
            self._context.config,
            ci=self._context.ci,
            clock=self._clock,
            with_columns=self.details.wants_changes(run, job),
        )
