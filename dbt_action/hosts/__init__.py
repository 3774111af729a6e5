"""Where the code lives: choosing the host that shows the status; each one's HTTP is in its own module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from dbt_action.context import CiContext
from dbt_action.report import CommitState

# Seconds for connecting and for reading, so at most ten for a request.
TIMEOUT = 5


class Host(Protocol):
    """Shows the state of a commit."""

    def set_status(self, state: CommitState, description: str, url: str) -> bool:
        """Post a status, in bounded time; trouble is told once and raises nothing. False: try again later."""


class NoHost:
    """Nowhere to post to, or not wanted."""

    def set_status(self, state: CommitState, description: str, url: str) -> bool:
        """Do nothing."""
        del state, description, url
        return True


def connect(
    environ: Mapping[str, str],
    context: CiContext,
    *,
    token: str,
    sha: str,
    name: str,
    warn: Callable[[str], None],
    timeout: int = TIMEOUT,
) -> Host:
    """The host of this build's repository; `name` is the name of the status, `sha` its commit."""
    if context.platform != "GitHub Actions" or not context.repository:
        return NoHost()
    if not sha:
        warn(f"No commit status: the event `{context.event}` does not tell a commit. Give `git-sha`.")
        return NoHost()
    if not token:
        warn("No commit status: `github-token` is empty. Leave the input out, or give a token.")
        return NoHost()
    from dbt_action.hosts.github import GitHub  # noqa: PLC0415 - PyGithub costs start-up time

    return GitHub(
        api_url=environ.get("GITHUB_API_URL") or "https://api.github.com",
        token=token,
        repository=context.repository,
        sha=sha,
        name=name,
        timeout=timeout,
        warn=warn,
    )
