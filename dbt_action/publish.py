"""Where the story is told: log, outputs, summary, annotations and commit status; what to say comes from `report`."""

from __future__ import annotations

from collections.abc import Mapping

from dbt_action import ci, hosts
from dbt_action.config import Config
from dbt_action.context import CiContext
from dbt_action.report import CommitState, Report


class Publisher:
    """The CI and the host of one build. Trouble in telling is a warning and never changes the verdict."""

    def __init__(
        self, environ: Mapping[str, str], here: ci.Ci, context: CiContext, config: Config, *, sha: str
    ) -> None:
        """`sha` is the commit that gets the status. Nothing is sent here."""
        self.ci = here
        self.status_name = config.status_context
        self._environ, self._context, self._config, self._sha = environ, context, config, sha
        self._timeout = hosts.TIMEOUT
        self._host: hosts.Host | None = None

    def hurry(self, seconds: int) -> None:
        """From now on no status waits longer than `seconds`."""
        self._timeout = seconds
        self._host = None

    def status(self, state: CommitState, description: str, url: str) -> None:
        """Post a commit status; without a run it links to the build."""
        if self._host is None:
            # Only now, which is after the trigger: the host's library takes time to import.
            self._host = self._connect()
        self._host.set_status(state, description, url or self._context.build_url)

    def outputs(self, values: Mapping[str, str]) -> None:
        """Set the step's outputs, as many as are known; later values win."""
        known = {name: value for name, value in values.items() if value}
        # The spellings of other actions.
        old = {name: known[name.replace("_", "-")] for name in ("run_id", "git_sha") if name.replace("_", "-") in known}
        self.ci.output(known | old)

    def end(self, told: Report, *, url: str) -> None:
        """Tell the end: first what other people wait for, then this log."""
        self.status(told.outcome.state, told.description, url)
        if self._config.summary:
            self.ci.summary(told.markdown)
        if told.log:
            self.ci.foreign(told.log_title, told.log)
        if not told.reason:
            self.ci.info(told.headline)
        elif self._config.annotations:
            self.ci.error(told.reason, title=told.headline)
        else:
            self.ci.info(f"{told.headline}\n{told.reason}")

    def _connect(self) -> hosts.Host:
        if not self._config.commit_status:
            return hosts.NoHost()
        return hosts.connect(
            self._environ,
            self._context,
            token=self._config.github_token,
            sha=self._sha,
            name=self.status_name,
            warn=self.ci.warning,
            timeout=self._timeout,
        )
