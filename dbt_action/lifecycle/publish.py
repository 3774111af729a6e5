"""Reports a run to the build, the commit and the pull request; failures to report are warnings of the CI."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dbt_action import text, timeouts
from dbt_action.ci.saved_state import PendingStatus
from dbt_action.dbt_cloud.runs import Run
from dbt_action.errors import CloudError
from dbt_action.lifecycle import build_report
from dbt_action.lifecycle.host_posts import HostPosts
from dbt_action.lifecycle.recorder import Recorder
from dbt_action.lifecycle.run_context import RunContext
from dbt_action.lifecycle.state import OutcomeKnown, StatusPosted
from dbt_action.report import headline
from dbt_action.report.outcome import CommitState, Outcome, RunFacts


class Publisher:
    """Reports what the recorder knows. The order of the calls is the order in which people wait for them."""

    def __init__(self, run_context: RunContext, recorder: Recorder, posts: HostPosts) -> None:
        """Nothing is sent here."""
        self._context, self._recorder, self._posts = run_context, recorder, posts
        # The last description of a pending status, and the age of the step when it was posted.
        self._renewed, self._renewed_at = "", 0.0

    def run_started(self, run: Run, *, seconds: float) -> None:
        """There is a run: outputs and log, then the pending commit status."""
        self._renewed_at = seconds
        self._set_outputs(RunFacts(outcome=Outcome.STARTED, seconds=seconds, run=run))
        self._context.ci.info(f"Run {run.id}: {run.url}")
        pending = PendingStatus(state=CommitState.PENDING.value, description="Started", url=run.url)
        self._posts.post_status(self._recorder.state, pending)

    def run_goes_on(self, run: Run, usual_seconds: float | None, *, age: float) -> None:
        """Renew the description of the pending commit status, at most once a minute; `age` is that of the step."""
        description = headline.pending_description(run, usual_seconds)
        pause = next(pause for limit, pause in timeouts.STATUS_RENEWAL_SECONDS if age < limit)
        if not description or age - self._renewed_at < pause or description == self._renewed:
            return
        pending = PendingStatus(state=CommitState.PENDING.value, description=description, url=run.url)
        self._renewed, self._renewed_at = description, age
        self._posts.renew_status(self._recorder.state, pending)

    def outcome_known(self, facts: RunFacts, *, run_settled: bool, folder: str | None = None) -> None:
        """Outputs and saved state of the end; posting and the rest of the report may take their time.

        `run_settled`: nothing is left to do at dbt Cloud for a clean-up. `folder` is that of the dbt project.
        """
        safe = self._without_secrets(facts)
        self._set_outputs(safe)
        subject, mode = self._context.subject(self._recorder.state), self._context.config.commit_status
        state, description = headline.commit_status(safe, subject, mode)
        url = facts.run.url if facts.run else ""
        status = PendingStatus(state=state.value, description=description, url=url)
        self._recorder.record(OutcomeKnown(facts=facts, run_settled=run_settled, status=status, folder=folder))

    def post_status(self) -> None:
        """Post the status with the outcome, unless that has been done. If it fails, the clean-up posts it."""
        pending = self._recorder.state.pending_status
        if pending and self._posts.post_status(self._recorder.state, pending):
            self._recorder.record(StatusPosted())

    def post_details(self) -> None:
        """The comment, and the report beside the status."""
        facts = self._facts
        self._posts.post_comment(self._recorder.state, facts)
        self._posts.post_report(self._recorder.state, facts)

    def write_build_report(self) -> None:
        """Files, outputs, summary, log and annotations of the build."""
        build_report.write(self._context, self._recorder.state, self._facts)

    @property
    def _facts(self) -> RunFacts:
        facts = self._recorder.state.facts
        if facts is None:
            message = "there is no outcome to report"
            raise ValueError(message)
        return self._without_secrets(facts)

    def _set_outputs(self, facts: RunFacts) -> None:
        build_report.set_outputs(self._context, self._recorder.state, facts)

    def _without_secrets(self, facts: RunFacts) -> RunFacts:
        safe = self._context.ci.log.safe
        error = facts.error and CloudError(safe(facts.error.message), hint=safe(facts.error.hint))
        scrubbed: RunFacts = text.scrub(facts, self._context.ci.log.secrets)
        return replace(scrubbed, error=error)

    def attempt(self, report: Callable[[], None]) -> None:
        """Call `report`; a bug in it is a warning: a page that cannot be written is no reason for a failed step."""
        try:
            report()
        except Exception as error:  # noqa: BLE001 - whatever it is, the outcome of the run stands
            self._context.ci.warning(f"The report is incomplete ({error!r}); please report this bug.")
