"""Posts to the code host: the commit status, the comment, the report beside it; a failure is one warning."""

from __future__ import annotations

from dataclasses import replace

from dbt_action import hosts, timeouts
from dbt_action.ci.saved_state import PendingStatus
from dbt_action.config.choices import CommentMode, StatusMode
from dbt_action.dbt_cloud.marker import digest
from dbt_action.lifecycle.run_context import RunContext
from dbt_action.lifecycle.state import RunState
from dbt_action.report import comment, headline, node_annotations
from dbt_action.report.outcome import CommitState, Outcome, RunFacts
from dbt_action.results.run_results import COUNTED

# The most failed nodes, and as many warned ones, in a report at the commit.
_MAX_ANNOTATIONS = 50


class HostPosts:
    """The code host of one build, opened when it is first needed: after the trigger, because imports take time."""

    def __init__(self, run_context: RunContext) -> None:
        """Nothing is imported or sent here."""
        self._context, self._ci, self._config = run_context, run_context.ci, run_context.config
        self._timeout = timeouts.HOST_REQUEST_SECONDS
        self._host: hosts.Host | None = None
        # Whether a pending status can be renewed, as far as is known.
        self._renews = True

    @property
    def wanted(self) -> bool:
        """Whether the user wants anything posted."""
        return self._posts_status or self._posts_comment

    @property
    def _posts_comment(self) -> bool:
        return self._config.comment is not CommentMode.NEVER and self._context.build.pull_request is not None

    @property
    def _posts_status(self) -> bool:
        return self._config.commit_status is not StatusMode.NONE

    def limit_timeouts(self, seconds: float) -> None:
        """From now on no request waits longer than `seconds`: the process has to end soon."""
        self._timeout = seconds
        self._host = None

    def open(self, state: RunState) -> hosts.Host:
        """The host. `state` gives the name of the status."""
        if self._host is None:
            try:
                self._host = self._connect(state)
            except Exception as error:  # noqa: BLE001 - an address that cannot be used, for one
                self._ci.warning(f"Nothing can be posted to the host of the repository ({error!r}).")
                self._host = hosts.NoHost()
        return self._host

    def _connect(self, state: RunState) -> hosts.Host:
        if not self.wanted:
            return hosts.NoHost()
        return self._context.host.connect(
            hosts.HostSettings(
                sha=self._context.status_sha,
                name=self._context.status_name(state),
                warn=self._ci.warning,
                info=self._ci.info,
                timeout=self._timeout,
                wanted=hosts.STATUS if self._posts_status else hosts.COMMENT,
                waits=self._config.wait,
                clock=self._context.clock,
            )
        )

    def post_status(self, state: RunState, status: PendingStatus) -> bool:
        """Post a commit status. False when another try may help."""
        if not self._posts_status:
            return True
        url = status.url or self._context.build.build_url
        description = self._ci.log.safe(status.description)
        return self.open(state).set_status(CommitState(status.state), description, url)

    def renew_status(self, state: RunState, status: PendingStatus) -> None:
        """Post a pending status again with another description, where the host shows that; no more after a failure."""
        if self._renews and self._context.host.renews_pending:
            self._renews = self.post_status(state, status)

    def post_comment(self, state: RunState, facts: RunFacts) -> None:
        """Keep the one comment of this status on a pull request up to date."""
        if not self._posts_comment:
            return
        # A skip, and with `on-failure` a success, only replaces the report of an earlier run.
        good = self._config.comment is CommentMode.ON_FAILURE and facts.outcome is Outcome.SUCCEEDED
        only_change = good or facts.outcome is Outcome.SKIPPED
        body = self._ci.log.safe(comment.body(facts, self._context.subject(state)))
        marker = f"dbt-cloud-run {digest(self._context.status_name(state))}"
        self.open(state).comment(body, marker, only_change=only_change)

    def post_report(self, state: RunState, facts: RunFacts) -> None:
        """Show failed and warned nodes at the commit, where the host has a place for them."""
        if self._config.annotations and facts.run and facts.run.final:
            self.open(state).post_report(lambda: self._commit_report(state, facts))

    def _commit_report(self, state: RunState, facts: RunFacts) -> hosts.CommitReport:
        safe, subject = self._ci.log.safe, self._context.subject(state)
        selected = node_annotations.pick(facts.results, facts.manifest, subject.folder, most=_MAX_ANNOTATIONS)
        counts = facts.results.counts
        return hosts.CommitReport(
            headline=safe(headline.build(facts, subject).headline),
            url=facts.run.url if facts.run else "",
            passed=facts.outcome is Outcome.SUCCEEDED,
            counts={status.value: counts[status] for status in COUNTED if counts[status]},
            annotations=[
                replace(shown, title=safe(shown.title), message=safe(shown.message), file=safe(shown.file))
                for shown in selected.shown
            ],
        )
