"""Example Forge, which does not exist: statuses and comments. Copy it to `dbt_action/hosts/<name>.py`.

https://forge.example/docs/api
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar
from urllib.parse import quote

from dbt_action import text
from dbt_action.config.context import CiContext
from dbt_action.hosts.base import Host, HostSettings, HostType, MissingAddressError, token_input
from dbt_action.hosts.rest import Comment, RestHost
from dbt_action.hosts.transport import Api, Http
from dbt_action.report.outcome import CommitState

MAX_TEXT = 255
# A word for each, whatever the host can tell apart.
_STATES = {
    CommitState.PENDING: "running",
    CommitState.SUCCESS: "passed",
    CommitState.FAILURE: "failed",
    CommitState.ERROR: "failed",
    CommitState.CANCELLED: "cancelled",
}


class ExampleForge(RestHost):
    """The status of one commit. `RestHost` warns, gives up and finds our comment among the others."""

    title = "Example Forge"
    longest = 10_000
    # What a refusal usually means, and what to do.
    hints: ClassVar[Mapping[int, str]] = {
        401: "`EXAMPLE_TOKEN` is wrong or expired. Create one in Settings → Tokens.",
        403: "`EXAMPLE_TOKEN` needs the scope `status`.",
        404: "`EXAMPLE_TOKEN` may not see the repository, or the commit is not in it.",
    }

    def __init__(self, api: Api, settings: HostSettings, *, repository: str, pull_request: int) -> None:
        """Nothing is sent here."""
        super().__init__(api, settings)
        self._repository = f"repositories/{quote(repository)}"
        self._comments = f"{self._repository}/pulls/{pull_request}/comments"

    def post_status(self, state: CommitState, description: str, url: str) -> None:
        """The same name on the same commit overwrites."""
        body = {
            "state": _STATES[state],
            "name": text.cut(self.settings.name, MAX_TEXT),
            "description": text.cut(description, MAX_TEXT),
            "url": url,
        }
        self.api.send("POST", f"{self._repository}/commits/{self.settings.sha}/status", body)

    def comments(self) -> Iterator[Sequence[Comment]]:
        """Page by page."""
        page = 1
        while page:
            answer = self.api.get(self._comments, page=page)
            yield [
                Comment(str(comment.get("body")), f"{self._comments}/{comment.get('id')}")
                for comment in answer.listed("comments")
            ]
            page = int(answer.json.get("next_page") or 0)

    def create(self, body: str) -> None:
        """Not twice, hence `add`."""
        self.api.add(self._comments, {"body": body})

    def edit(self, comment: Comment, body: str) -> None:
        """The comment, changed in place."""
        self.api.send("PUT", comment.url, {"body": body})


def _open(environ: Mapping[str, str], context: CiContext, settings: HostSettings, token: str) -> Host:
    root = environ.get("EXAMPLE_API_URL", "")
    if not root:
        # Everybody has a server of their own.
        message = "`EXAMPLE_API_URL` is not set, so it is not known where Example Forge is."
        raise MissingAddressError(message)
    headers = {"Authorization": f"Bearer {token}"}
    return ExampleForge(
        Http(root, headers, timeout=settings.timeout, clock=settings.clock),
        settings,
        repository=context.repository,
        pull_request=context.number,
    )


HOST_TYPE = HostType(
    key="example",
    token=token_input("example", "EXAMPLE_TOKEN", "For statuses and comments on Example Forge, with scope `status`."),
    how="a token with scope `status`",
    open=_open,
)
