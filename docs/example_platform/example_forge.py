"""Example Forge, which does not exist: statuses and comments. Copy it to `dbt_action/hosts/<name>.py`.

https://forge.example/docs/api
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from dbt_action import text, timeouts
from dbt_action.clock import Clock
from dbt_action.config.context import CiContext
from dbt_action.hosts.base import ChangedFiles, HostSettings, HostType, MissingAddressError, token_input
from dbt_action.hosts.change_lists import collect, commit, entries, field, label_names
from dbt_action.hosts.rest import Comment, RestHost, account
from dbt_action.hosts.transport import HostError, JsonApi
from dbt_action.report.outcome import CommitState

MAX_TEXT = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The address of the API, the repository, and the number of the pull request (0: none)."""

    api_url: str
    repository: str
    pull_request: int = 0


def read_address(environ: Mapping[str, str], context: CiContext) -> Address:
    """Read where statuses and comments go: the only place that reads variables. Raises MissingAddressError."""
    api_url = environ.get("EXAMPLE_API_URL", "")
    if not api_url:
        # Each user of this host has a server of their own, so there is no default.
        message = "`EXAMPLE_API_URL` is not set, so it is not known where Example Forge is."
        raise MissingAddressError(message)
    return Address(api_url=api_url, repository=context.repository, pull_request=context.number)


# Example Forge's word for each state.
_STATES = {
    CommitState.PENDING: "running",
    CommitState.SUCCESS: "passed",
    CommitState.FAILURE: "failed",
    CommitState.ERROR: "failed",
    CommitState.CANCELLED: "cancelled",
}


class ExampleForge(RestHost):
    """The status of one commit. `RestHost` logs failures, gives up, and finds our comment among the others."""

    title = "Example Forge"
    max_comment_length = 10_000
    # What a refusal usually means, and what to do.
    hints: ClassVar[Mapping[int, str]] = {
        401: "`EXAMPLE_TOKEN` is wrong or expired. Create one in Settings → Tokens.",
        403: "`EXAMPLE_TOKEN` needs the scope `status`.",
        404: "`EXAMPLE_TOKEN` may not see the repository, or the commit is not in it.",
    }

    def __init__(self, address: Address, settings: HostSettings, token: str) -> None:
        """Nothing is sent here."""
        super().__init__(settings)
        headers = {"Authorization": f"Bearer {token}"}
        self._api = JsonApi(address.api_url, headers, time_limit=settings.timeout, clock=settings.clock)
        self._repository = f"repositories/{quote(address.repository)}"
        self._comments = f"{self._repository}/pulls/{address.pull_request}/comments"

    def post_status(self, state: CommitState, description: str, url: str) -> None:
        """Post a status; one of the same name on the same commit is replaced."""
        body = {
            "state": _STATES[state],
            "name": text.cut(self.settings.name, MAX_TEXT),
            "description": text.cut(description, MAX_TEXT),
            "url": url,
        }
        self._api.write("POST", f"{self._repository}/commits/{self.settings.sha}/status", body)

    def comments(self) -> Iterator[Sequence[Comment]]:
        """Yield the comments, page by page."""
        page = 1
        while page:
            answer = self._api.get(self._comments, page=page)
            yield [self._comment(comment) for comment in answer.objects("comments")]
            page = int(answer.json.get("next_page") or 0)

    def _comment(self, comment: Mapping[str, Any]) -> Comment:
        key = f"{self._comments}/{comment.get('id')}"
        return Comment(str(comment.get("body")), key, account(comment.get("author"), "id"))

    def own_account(self) -> frozenset[str]:
        """Ask whose the token is: comments of others are never changed."""
        return account(self._api.get("user").json, "id")

    def create_comment(self, body: str) -> Comment:
        """Create a comment; `JsonApi.create` does not repeat what must not be there twice."""
        return self._comment(self._api.create(self._comments, {"body": body}).object())

    def edit_comment(self, comment: Comment, body: str) -> None:
        """Change the comment."""
        self._api.write("PUT", comment.key, {"body": body})

    def delete_comment(self, comment: Comment) -> None:
        """Delete the comment; needed only where a token may not ask whose it is."""
        self._api.write("DELETE", comment.key, {})


class ExampleForgeChanges:
    """What the gates ask of it: each method may raise HostError, and then the job is run."""

    def __init__(self, address: Address, token: str, clock: Clock) -> None:
        """Nothing is sent here."""
        headers = {"Authorization": f"Bearer {token}"}
        self._clock = clock
        self._api = JsonApi(address.api_url, headers, time_limit=timeouts.HOST_REQUEST_SECONDS, clock=clock)
        self._repository = f"repositories/{quote(address.repository)}"
        self._pull_request = f"{self._repository}/pulls/{address.pull_request}"

    def pull_request_files(self) -> ChangedFiles:
        """The files; `collect` bounds pages and time, and refuses what has no name."""
        files = [entries(self._api.get(f"{self._pull_request}/files"), "files")]
        return collect(files, lambda file: (file.get("path"), file.get("old_path")), clock=self._clock)

    def pushed_files(self, before: str, after: str) -> ChangedFiles:
        """Raise HostError: it cannot compare commits."""
        del before, after
        raise HostError(0, "the files of a push are not known here", transient=False)

    def labels(self) -> frozenset[str]:
        """The labels of the pull request."""
        return label_names(field(self._api.get(self._pull_request), "labels", list))

    def is_draft(self) -> bool:
        """Whether the pull request is a draft."""
        return bool(field(self._api.get(self._pull_request), "draft", bool))

    def commit_message(self, sha: str) -> str:
        """The message of a commit."""
        return str(field(self._api.get(f"{self._repository}/commits/{commit(sha)}"), "message", str))


HOST_TYPE = HostType(
    key="example",
    token=token_input("example", "EXAMPLE_TOKEN", "For statuses and comments on Example Forge, with scope `status`."),
    credential_hint="a token with scope `status`",
    read_address=read_address,
    api_url=lambda address: address.api_url,
    api_variable="EXAMPLE_API_URL",
    connect=ExampleForge,
    read_changes=ExampleForgeChanges,
)
