"""Our one run, seen from here: looking at it, telling what changes, cancelling it; verdicts are `report`'s."""

from __future__ import annotations

from contextlib import suppress

from dbt_action import ci, text, timeouts
from dbt_action.clock import Clock
from dbt_action.dbt_cloud import backoff
from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.dbt_cloud.runs import KNOWN, Run
from dbt_action.dbt_cloud.step_logs import LogFollower, nodes_done
from dbt_action.errors import CloudError, NotFound
from dbt_action.lifecycle import poll
from dbt_action.lifecycle.poll import Look
from dbt_action.report import headline
from dbt_action.report.outcome import Outcome, of_final_run


class Watcher:
    """Remembers the newest look at the run."""

    def __init__(
        self,
        cloud: DbtCloud,
        run: Run,
        *,
        here: ci.CiPlatform,
        clock: Clock,
        began: float,
        follow: bool = False,
    ) -> None:
        """`began` is when the wait began, on `clock`; `follow` shows the steps' logs as they come."""
        self.cloud, self.run = cloud, run
        self._born = clock.now()
        # The job's usual duration in seconds, as soon as somebody knows it.
        self.usual: float | None = None
        self._ci, self._clock, self._began = here, clock, began
        self._follower = LogFollower() if follow else None
        self._unknown: set[int] = set()
        self._told = ""
        self._told_at = began

    def look(self) -> Look:
        """One look, or why there was none."""
        try:
            self.run = self.cloud.get_run(self.run.id)
        except CloudError as error:
            return error
        return self.run

    def learn_usual(self, job_id: int) -> float | None:
        """The job's usual duration, for the rhythm of the looks and for people: not worth a second try."""
        with suppress(CloudError):
            self.usual = self.cloud.usual_duration_seconds(job_id)
        return self.usual

    def watch(self, policy: poll.PollPolicy) -> poll.WatchResult:
        """Look until the end."""
        return poll.watch(
            self.look,
            clock=self._clock,
            policy=policy,
            on_look=self._progress,
            wait_started_at=self._began,
            run_started_at=self._born,
        )

    def cancel(self, time_limit: float) -> str:
        """Cancel the run and look whether it worked; what came of it, as a sentence."""
        deadline = self._clock.now() + time_limit
        try:
            # A run may be invisible for a while after its start.
            self.run = backoff.retry_transient(
                lambda: self.cloud.cancel(self.run.id),
                clock=self._clock,
                time_limit=time_limit,
                max_pause=timeouts.CANCEL_POLL_SECONDS,
                also_transient=(NotFound,),
            )
        except CloudError as error:
            self.look()
            if self.run.final:
                # It has ended before the request came.
                return self._became()
            return f"It could NOT be cancelled and may still be going: {error.explanation}"
        while not self.run.final and self._clock.now() < deadline:
            self._clock.sleep(timeouts.CANCEL_POLL_SECONDS)
            self.look()
        if not self.run.final:
            return "dbt Cloud has been asked to cancel it."
        return self._became()

    def _became(self) -> str:
        return "It was cancelled." if of_final_run(self.run) is Outcome.CANCELLED else "It ended on its own."

    def say(self, line: str) -> None:
        """A line with the time since the beginning."""
        self._ci.info(f"{text.duration(self._clock.now() - self._began):>7}  {line}")

    def _progress(self, look: Look) -> None:
        """One line for each change, and a heartbeat that says how far the run is."""
        if self._follower and isinstance(look, Run):
            for excerpt in self._follower.new_lines(look):
                self._ci.untrusted_block(excerpt.title, excerpt.body, more_follows=excerpt.more_follows)
        now = self._clock.now()
        if isinstance(look, CloudError):
            line, more = f"No news, asking again: {look.message}", ""
            # The words differ in numbers that nobody needs each time.
            news = type(look).__name__
        else:
            news = line = headline.progress_line(look)
            more = self._share(look)
            self._wonder(look)
        if news != self._told or now - self._told_at >= timeouts.HEARTBEAT_SECONDS:
            self._told, self._told_at = news, now
            self.say(line + more)

    def _share(self, run: Run) -> str:
        step = run.current_step
        done = nodes_done(step) if step else ""
        usual = f"usually {text.duration(self.usual)}" if self.usual and not run.final else ""
        return "".join(f" · {part}" for part in (done, usual) if part)

    def _wonder(self, run: Run) -> None:
        """Say once that a status is not known here; only dbt Cloud can tell whether such a run is over."""
        if run.status not in KNOWN and run.status not in self._unknown:
            self._unknown.add(run.status)
            self._ci.warning(f"dbt Cloud says status {run.status}, which this version does not know; still watching.")
