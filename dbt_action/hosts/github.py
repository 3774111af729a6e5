"""Commit statuses and comments on GitHub; what they say is `report`'s work, and PyGithub sends them.

https://docs.github.com/rest/commits/statuses
https://docs.github.com/rest/issues/comments
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar
from urllib.parse import urlsplit

from dbt_action import text
from dbt_action.config import inputs
from dbt_action.config.context import CiContext
from dbt_action.hosts.base import COMMENT, STATUS, Host, HostSettings, HostType
from dbt_action.hosts.rest import Comment, RestHost
from dbt_action.hosts.transport import Api, HostError
from dbt_action.report.headline import MAX_DESCRIPTION
from dbt_action.report.outcome import CommitState

_CREATED = 201
_PAGE = 100
# What is said of the token that a workflow gives; other ones the user has made.
_WRONG = "The token is wrong or expired. Leave `github-token` out to use the workflow's own."
_OF_WORKFLOW = {
    (STATUS, 401): _WRONG,
    (COMMENT, 401): _WRONG,
    (STATUS, 403): "The token may not write statuses. Give the job this:\n"
    "    permissions:\n"
    "      statuses: write\n"
    "In pull requests from forks and by Dependabot the token is read-only whatever the workflow says.",
    (COMMENT, 403): "The token may not write comments. Give the job this:\n"
    "    permissions:\n"
    "      pull-requests: write",
}
# A status cannot be "cancelled".
_STATES = {
    CommitState.PENDING: "pending",
    CommitState.SUCCESS: "success",
    CommitState.FAILURE: "failure",
    CommitState.ERROR: "error",
    CommitState.CANCELLED: "error",
}


class GitHub(RestHost):
    """The status named `name` of one commit."""

    title = "GitHub"
    longest = 65_536
    hints: ClassVar[Mapping[int, str]] = {
        401: "`GITHUB_TOKEN` is wrong or expired.",
        403: "`GITHUB_TOKEN` may not do that. Give it the permissions Commit statuses (write) and, for comments, Pull "
        "requests (write), or `repo` for a classic token.",
        404: "The token may not see the repository, or the repository is not on this server.",
        422: "The commit is not in this repository, or the commit has too many statuses.",
    }

    def __init__(
        self, api: Api, settings: HostSettings, *, repository: str, pull_request: int, own_token: bool
    ) -> None:
        """`own_token`: the user has made the token, no workflow has."""
        super().__init__(api, settings)
        self._repository = f"repos/{repository}"
        self._comments = f"{self._repository}/issues/{pull_request}/comments"
        self._own_token = own_token

    def hint(self, what: str, status: int) -> str:
        """The token of a workflow is given its permissions there, one for each kind of thing."""
        told = "" if self._own_token else _OF_WORKFLOW.get((what, status), "")
        return told or super().hint(what, status)

    def post_status(self, state: CommitState, description: str, url: str) -> None:
        """Every post adds a status; the newest one counts."""
        status = {
            "state": _STATES[state],
            "description": text.cut(description, MAX_DESCRIPTION),
            "context": self.settings.name,
            **({"target_url": url} if url else {}),
        }
        answer = self.api.send("POST", f"{self._repository}/statuses/{self.settings.sha}", status).json
        if not isinstance(answer, Mapping) or answer.get("state") != status["state"]:
            # Something of a proxy's.
            raise HostError(_CREATED, "an answer that is not GitHub's", transient=True)

    def comments(self) -> Iterator[Sequence[Comment]]:
        """The comments, the oldest first."""
        number = 1
        while True:
            page = self.api.get(self._comments, per_page=_PAGE, page=number).listed()
            place = f"{self._repository}/issues/comments"
            yield [Comment(str(comment.get("body")), f"{place}/{comment.get('id')}") for comment in page]
            if len(page) < _PAGE:
                return
            number += 1

    def create(self, body: str) -> None:
        """A comment of its own."""
        self.api.add(self._comments, {"body": body})

    def edit(self, comment: Comment, body: str) -> None:
        """The comment, changed in place."""
        self.api.send("PATCH", comment.url, {"body": body})


def read_api_url(environ: Mapping[str, str], context: CiContext) -> str:
    """The address that GitHub's own runner or the user says, else that of the server where the repository is."""
    told = environ.get("GITHUB_API_URL")
    server = urlsplit(context.server).netloc or "github.com"
    if told or server == "github.com":
        return told or "https://api.github.com"
    # Tenants of ghe.com have a subdomain for it, servers of their own a path.
    return f"https://api.{server}" if server.endswith(".ghe.com") else f"https://{server}/api/v3"


def _open(environ: Mapping[str, str], context: CiContext, settings: HostSettings, token: str) -> Host:
    from dbt_action.hosts._pygithub import PyGithub  # noqa: PLC0415 - takes time

    api = PyGithub(read_api_url(environ, context), token, timeout=settings.timeout, clock=settings.clock)
    return GitHub(
        api,
        settings,
        repository=context.repository,
        pull_request=context.number,
        own_token=context.ci_id != "github",
    )


HOST_TYPE = HostType(
    key="github",
    token=inputs.GITHUB_TOKEN,
    how="a token with the permission Commit statuses (write)",
    open=_open,
)
