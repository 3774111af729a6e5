"""Commit and pull request statuses and threads in Azure Repos, by plain HTTP; what they say is `report`'s work.

https://learn.microsoft.com/rest/api/azure/devops/git/statuses/create
https://learn.microsoft.com/rest/api/azure/devops/git/pull-request-statuses/create
https://learn.microsoft.com/rest/api/azure/devops/git/pull-request-threads
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from dbt_action import text
from dbt_action.config.context import CiContext
from dbt_action.hosts.base import Host, HostSettings, HostType, MissingAddressError, token_input
from dbt_action.hosts.rest import Comment, RestHost
from dbt_action.hosts.transport import HostError, Http
from dbt_action.report.outcome import CommitState

API_VERSION = "7.1"
# No limit is documented; this is the one of other hosts.
MAX_DESCRIPTION = 255
GENRE = "dbt Cloud"
_COMMENT_OF_TEXT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The project's API, the repository in it, the commit and the pull request."""

    api_url: str
    repository: str
    sha: str
    pull_request: int = 0


def read_address(environ: Mapping[str, str], context: CiContext, sha: str) -> Address:
    """Where a status of `sha` goes; on-premises the collection is in the address too. Raises MissingAddressError."""
    collection = environ.get("SYSTEM_COLLECTIONURI") or environ.get("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "")
    # Given by hand the project may be in front; one that is in no address has no slash in its name.
    project, _, repository = context.repository.rpartition("/")
    project = project or environ.get("SYSTEM_TEAMPROJECT") or environ.get("SYSTEM_TEAMPROJECTID", "")
    if context.repository.casefold() == environ.get("BUILD_REPOSITORY_NAME", "").casefold():
        repository = environ.get("BUILD_REPOSITORY_ID") or repository
    for name, value in (("SYSTEM_COLLECTIONURI", collection), ("SYSTEM_TEAMPROJECT", project)):
        if not value:
            message = f"`{name}` is not set, so it is not known where Azure Repos is. {_BY_HAND}"
            raise MissingAddressError(message)
    return Address(
        api_url=f"{collection.rstrip('/')}/{quote(project, safe='')}/_apis/git/repositories",
        repository=quote(repository, safe=""),
        sha=sha,
        pull_request=context.number,
    )


_STATES = {
    CommitState.PENDING: "pending",
    CommitState.SUCCESS: "succeeded",
    CommitState.FAILURE: "failed",
    CommitState.ERROR: "error",
    CommitState.CANCELLED: "error",
}
_BY_HAND = (
    "Outside Azure Pipelines give `SYSTEM_COLLECTIONURI`, such as https://dev.azure.com/acme/, and the repository as "
    "`project/name`."
)
_PERMISSION = (
    "The build's identity (`<project> Build Service (<organization>)`) needs the permission Contribute to pull "
    "requests, and Contribute for commits (Project settings → Repositories → Security)."
)


class AzureRepos(RestHost):
    """The statuses of one commit and of its pull request."""

    title = "Azure Repos"
    longest = 150_000
    hints: ClassVar[Mapping[int, str]] = {
        401: "`SYSTEM_ACCESSTOKEN` is wrong or has ended with the job. Map it in the step: "
        "`env: {SYSTEM_ACCESSTOKEN: $(System.AccessToken)}`.",
        403: _PERMISSION,
        404: "The build's identity may not see the repository, or the commit is not in it.",
    }

    def __init__(self, address: Address, token: str, settings: HostSettings) -> None:
        """Basic authentication does for the build's own token and for personal ones."""
        super().__init__(
            Http(address.api_url, {}, timeout=settings.timeout, clock=settings.clock, basic=("", token)), settings
        )
        self._address = address
        self._iteration: int | None = None

    def posts(self, state: CommitState, description: str, url: str) -> Sequence[tuple[str, Callable[[], None]]]:
        """Branch policies look at the pull request only, people at both; the permissions are different ones."""
        body = self._body(state, description, url)
        on_commit = ("commit", lambda: self._post_on_commit(body))
        if not self._address.pull_request:
            return [on_commit]
        return [("pull request", lambda: self._post_on_pull_request(body)), on_commit]

    def _body(self, state: CommitState, description: str, url: str) -> Mapping[str, Any]:
        genre, name = names(self.settings.name)
        return {
            "state": _STATES[state],
            "description": text.cut(description, MAX_DESCRIPTION),
            "context": {"name": name, "genre": genre},
            **({"targetUrl": url} if url else {}),
        }

    # Every post adds a status; the newest one counts.

    def _post_on_commit(self, body: Mapping[str, Any]) -> None:
        self._send("POST", f"{self._address.repository}/commits/{self._address.sha}/statuses", body)

    def _post_on_pull_request(self, body: Mapping[str, Any]) -> None:
        self._send("POST", f"{self._pull_request}/statuses", {**body, **self._of_iteration()})

    @property
    def _pull_request(self) -> str:
        return f"{self._address.repository}/pullRequests/{self._address.pull_request}"

    def _send(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        self.api.send(method, path, body, **{"api-version": API_VERSION})

    def _of_iteration(self) -> Mapping[str, int]:
        """Policies that are reset by new commits see only statuses of an iteration; ours is that of our commit."""
        if self._iteration is None:
            try:
                answer = self.api.get(f"{self._pull_request}/iterations", **{"api-version": API_VERSION})
                iterations = answer.listed("value")
            except HostError as error:
                if error.transient:
                    raise
                # A status of the whole pull request is better than none.
                iterations = []
            self._iteration = 0
            for iteration in iterations:
                source = iteration.get("sourceRefCommit")
                if isinstance(source, Mapping) and source.get("commitId") == self._address.sha:
                    self._iteration = int(iteration.get("id") or 0)
        return {"iterationId": self._iteration} if self._iteration else {}

    def comments(self) -> Iterator[Sequence[Comment]]:
        """The first comment of each thread; the answer has no pages."""
        threads = f"{self._pull_request}/threads"
        yield [
            Comment(comment.get("content") or "", f"{threads}/{thread.get('id')}/comments/{comment.get('id')}")
            for thread in self.api.get(threads, **{"api-version": API_VERSION}).listed("value")
            for comment in (thread.get("comments") or ())[:1]
            if not comment.get("isDeleted")
        ]

    def create(self, body: str) -> None:
        """A closed thread: an open one could block the pull request."""
        comment = {"parentCommentId": 0, "content": body, "commentType": _COMMENT_OF_TEXT}
        thread = {"comments": [comment], "status": "closed"}
        self.api.add(f"{self._pull_request}/threads", thread, **{"api-version": API_VERSION})

    def edit(self, comment: Comment, body: str) -> None:
        """The comment, changed in place."""
        self._send("PATCH", comment.url, {"content": body})


def names(name: str) -> tuple[str, str]:
    """Genre and name: what is before the first slash and what is after it, since names of jobs have slashes too."""
    genre, slash, rest = (part.strip() for part in name.partition("/"))
    return (genre or GENRE, rest) if slash and rest else (GENRE, genre or GENRE)


def _open(environ: Mapping[str, str], context: CiContext, settings: HostSettings, token: str) -> Host:
    return AzureRepos(read_address(environ, context, settings.sha), token, settings)


HOST_TYPE = HostType(
    key="azure",
    token=token_input(
        "azure",
        "SYSTEM_ACCESSTOKEN",
        "For statuses and comments in Azure Repos: map `$(System.AccessToken)` to the variable.",
    ),
    how="map it in the step, `env: {SYSTEM_ACCESSTOKEN: $(System.AccessToken)}`",
    open=_open,
)
