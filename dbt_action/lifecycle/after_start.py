"""What a run needs only after it was triggered; imported then, since the trigger must not wait for these imports."""

from __future__ import annotations

from dbt_action.clock import Clock
from dbt_action.config.choices import LogMode
from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.dbt_cloud.runs import Run
from dbt_action.lifecycle import watch
from dbt_action.lifecycle.collect import Collector
from dbt_action.lifecycle.host_posts import HostPosts
from dbt_action.lifecycle.poll import PollPolicy, WatchResult
from dbt_action.lifecycle.publish import Publisher
from dbt_action.lifecycle.recorder import Recorder
from dbt_action.lifecycle.run_context import RunContext
from dbt_action.lifecycle.watch import OnLook, ProgressLog
from dbt_action.report.outcome import Delivery, Outcome


class AfterStart:
    """Watching, collecting and reporting for one run."""

    def __init__(
        self, run_context: RunContext, recorder: Recorder, *, cloud: DbtCloud, clock: Clock, started_at: float
    ) -> None:
        """Nothing is sent here. `started_at` is the moment on `clock` at which the step began."""
        self._context, self._cloud, self._clock, self._started_at = run_context, cloud, clock, started_at
        self.posts = HostPosts(run_context)
        self.publisher = Publisher(run_context, recorder, self.posts)
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

    def collector(self, run: Run) -> Collector:
        """What fetches the results and files of a run that is over."""
        return Collector(self._cloud, run, self._context.config, ci=self._context.ci, clock=self._clock)
