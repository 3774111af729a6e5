"""Where the code lives: choosing the host that shows the status; each one's HTTP is in its own module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from dbt_action.context import CiContext
from dbt_action.hosts.place import TIMEOUT, Place
from dbt_action.report import CommitState

__all__ = ["KNOWN", "TIMEOUT", "TOKENS", "Host", "Kind", "NoHost", "Place", "connect"]


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
    kind = KNOWN.get(context.host)
    if kind is None or not context.repository:
        return NoHost()
    on_github_actions = context.platform == "GitHub Actions"
    if place.sha and token:
        return kind.open(environ, context, place, token)
    if not place.sha:
        known = f"the event `{context.event}` does not tell a commit" if context.event else "no commit is known"
        place.warn(f"No commit status: {known}. Give `git-sha`.")
    elif on_github_actions:
        place.warn("No commit status: `github-token` is empty. Leave the input out, or give a token.")
    else:
        info(f"No commit status: `{kind.token}` is not set ({kind.how}).")
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


def _gitlab(environ: Mapping[str, str], context: CiContext, place: Place, token: str) -> Host:
    from dbt_action.hosts import gitlab  # noqa: PLC0415 - only the one that is needed, and late

    return gitlab.GitLab(gitlab.read_address(environ, context, place.sha), token, place)


def _azure(environ: Mapping[str, str], context: CiContext, place: Place, token: str) -> Host:
    from dbt_action.hosts import azure_repos  # noqa: PLC0415 - as above

    return azure_repos.AzureRepos(azure_repos.read_address(environ, context, place.sha), token, place)


def _bitbucket(environ: Mapping[str, str], context: CiContext, place: Place, token: str) -> Host:
    from dbt_action.hosts import bitbucket  # noqa: PLC0415 - as above

    return bitbucket.Bitbucket(bitbucket.read_address(environ, context, place.sha), token, place)


def _github_api(environ: Mapping[str, str], context: CiContext) -> str:
    """The address that GitHub's own runner or the user says, else that of the server where the repository is."""
    told = environ.get("GITHUB_API_URL")
    server = urlsplit(context.commit_url).hostname or "github.com"
    if told or server == "github.com":
        return told or "https://api.github.com"
    # Tenants of ghe.com have a subdomain for it, servers of their own a path.
    return f"https://api.{server}" if server.endswith(".ghe.com") else f"https://{server}/api/v3"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of host: the variable of its token, how one gets the token, and how it is reached with it."""

    token: str
    how: str
    open: Callable[[Mapping[str, str], CiContext, Place, str], Host]


# By `CiContext.host`. Which host a build has is another question than where it runs. A token goes to its own kind of
# host only, so there is no "everything else" here.
KNOWN: Mapping[str, Kind] = {
    "github": Kind("GITHUB_TOKEN", "a token with the permission Commit statuses (write)", _github),
    "gitlab": Kind("GITLAB_TOKEN", "a project access token with scope `api` and role Developer", _gitlab),
    "azure": Kind(
        "SYSTEM_ACCESSTOKEN", "map it in the step, `env: {SYSTEM_ACCESSTOKEN: $(System.AccessToken)}`", _azure
    ),
    "bitbucket": Kind("BITBUCKET_ACCESS_TOKEN", "a repository access token, in a secured variable", _bitbucket),
}
TOKENS: Mapping[str, str] = {key: kind.token for key, kind in KNOWN.items()}
