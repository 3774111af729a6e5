"""Where the code lives: choosing the host that shows the status; each one's HTTP is in its own module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import urlsplit

from dbt_action.context import CiContext
from dbt_action.hosts.place import TIMEOUT, Place
from dbt_action.report import CommitState

__all__ = ["TIMEOUT", "TOKENS", "Host", "NoHost", "Place", "connect"]

# The variable of each host's token, for the one line that tells how to get a status. Which host a build has is
# known from its context, and is another question than where it runs.
TOKENS = {
    "github": "GITHUB_TOKEN",
    "gitlab": "GITLAB_TOKEN",
    "azure": "SYSTEM_ACCESSTOKEN",
    "bitbucket": "BITBUCKET_ACCESS_TOKEN",
}
_HOW = {
    "github": "a token with the permission Commit statuses (write)",
    "gitlab": "a project access token with scope `api` and role Developer",
    "azure": "map it in the step, `env: {SYSTEM_ACCESSTOKEN: $(System.AccessToken)}`",
    "bitbucket": "a repository access token, in a secured variable",
}


class Host(Protocol):
    """Shows the state of a commit, and says more about it on its pull request."""

    def set_status(self, state: CommitState, description: str, url: str) -> bool:
        """Post a status, in bounded time; trouble is told once and raises nothing. False: try again later."""

    def comment(self, body: str, marker: str, *, only_change: bool = False) -> None:
        """The one comment with `marker` (a short text that the host hides) becomes `body`, Markdown.

        Looked for over all pages, changed in place, written when it is not there, unless `only_change`. Bounded
        time; trouble is told once and raises nothing.
        """


class NoHost:
    """Nowhere to post to, or not wanted."""

    def set_status(self, state: CommitState, description: str, url: str) -> bool:
        """Do nothing."""
        del state, description, url
        return True

    def comment(self, body: str, marker: str, *, only_change: bool = False) -> None:
        """Do nothing."""
        del body, marker, only_change


def connect(
    environ: Mapping[str, str], context: CiContext, place: Place, *, token: str, info: Callable[[str], None]
) -> Host:
    """The host of this build's repository; `info` is told when there is none for want of a token."""
    if context.host not in TOKENS or not context.repository:
        return NoHost()
    on_github_actions = context.platform == "GitHub Actions"
    if place.sha and token:
        return (
            _github(environ, context, place, token)
            if context.host == "github"
            else _rest(environ, context, place, token)
        )
    if not place.sha:
        known = f"the event `{context.event}` does not tell a commit" if context.event else "no commit is known"
        place.warn(f"No commit status: {known}. Give `git-sha`.")
    elif on_github_actions:
        place.warn("No commit status: `github-token` is empty. Leave the input out, or give a token.")
    else:
        info(f"No commit status: `{TOKENS[context.host]}` is not set ({_HOW[context.host]}).")
    return NoHost()


def _github(environ: Mapping[str, str], context: CiContext, place: Place, token: str) -> Host:
    from dbt_action.hosts.github import GitHub  # noqa: PLC0415 - PyGithub costs start-up time

    return GitHub(
        api_url=_github_api(environ, context),
        token=token,
        repository=context.repository,
        place=place,
        pull_request=context.pull_request.number if context.pull_request else 0,
        own_token=context.platform != "GitHub Actions",
    )


def _rest(environ: Mapping[str, str], context: CiContext, place: Place, token: str) -> Host:
    from dbt_action.hosts import azure_repos, bitbucket, gitlab  # noqa: PLC0415 - one of them, and late

    if context.host == "gitlab":
        return gitlab.GitLab(gitlab.read_address(environ, context, place.sha), token, place)
    if context.host == "azure":
        return azure_repos.AzureRepos(azure_repos.read_address(environ, context, place.sha), token, place)
    return bitbucket.Bitbucket(bitbucket.read_address(environ, context, place.sha), token, place)


def _github_api(environ: Mapping[str, str], context: CiContext) -> str:
    """The address that GitHub's own runner or the user says, else that of the server where the repository is."""
    told = environ.get("GITHUB_API_URL")
    server = urlsplit(context.commit_url).hostname or "github.com"
    if told or server == "github.com":
        return told or "https://api.github.com"
    # Tenants of ghe.com have a subdomain for it, servers of their own a path.
    return f"https://api.{server}" if server.endswith(".ghe.com") else f"https://{server}/api/v3"
