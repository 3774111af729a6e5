"""Azure Repos: statuses of commits and pull requests, comments as threads; the texts come from `report`.

https://learn.microsoft.com/rest/api/azure/devops/git/statuses/create
https://learn.microsoft.com/rest/api/azure/devops/git/pull-request-statuses/create
https://learn.microsoft.com/rest/api/azure/devops/git/pull-request-threads
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from dbt_action import text, timeouts
from dbt_action.clock import Clock
from dbt_action.config.context import CiContext
from dbt_action.hosts.base import ChangedFiles, HostSettings, HostType, MissingAddressError, token_input
from dbt_action.hosts.change_lists import collect, commit, entries, field, label_names
from dbt_action.hosts.rest import Comment, RestHost, account
from dbt_action.hosts.transport import Answer, HostError, JsonApi
from dbt_action.report.outcome import CommitState

API_VERSION = "7.1"
# No limit is documented; this is that of other hosts.
MAX_DESCRIPTION = 255
GENRE = "dbt Cloud"
_TEXT_COMMENT = 1
# Changed files of one page.
_CHANGES = 1_000

_OUTSIDE_OF_PIPELINES = (
    "Outside Azure Pipelines give `SYSTEM_COLLECTIONURI`, such as https://dev.azure.com/acme/, and the repository as "
    "`project/name`."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The address of the project's API, the repository in it (quoted), and the pull request (0: none)."""

    api_url: str
    # Of the organization's, or server's, own API.
    collection_url: str
    repository: str
    pull_request: int = 0


def read_address(environ: Mapping[str, str], context: CiContext) -> Address:
    """Read where statuses and comments go. Raises MissingAddressError.

    The variables also serve on-premises: the collection's address has the server in it.
    """
    collection = environ.get("SYSTEM_COLLECTIONURI") or environ.get("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "")
    # A repository that the user gives may have its project in front; from the pipeline it is the name alone.
    project, _, repository = context.repository.rpartition("/")
    project = project or environ.get("SYSTEM_TEAMPROJECT") or environ.get("SYSTEM_TEAMPROJECTID", "")
    if context.repository.casefold() == environ.get("BUILD_REPOSITORY_NAME", "").casefold():
        repository = environ.get("BUILD_REPOSITORY_ID") or repository
    for name, value in (("SYSTEM_COLLECTIONURI", collection), ("SYSTEM_TEAMPROJECT", project)):
        if not value:
            message = f"`{name}` is not set, so it is not known where Azure Repos is. {_OUTSIDE_OF_PIPELINES}"
            raise MissingAddressError(message)
    return Address(
        collection_url=f"{collection.rstrip('/')}/_apis",
        api_url=f"{collection.rstrip('/')}/{quote(project, safe='')}/_apis/git/repositories",
        repository=quote(repository, safe=""),
        pull_request=context.number,
    )


_STATES = {
    CommitState.PENDING: "pending",
    CommitState.SUCCESS: "succeeded",
    CommitState.FAILURE: "failed",
    CommitState.ERROR: "error",
    CommitState.CANCELLED: "error",
}
_PERMISSION = (
    "The build's identity (`<project> Build Service (<organization>)`) needs the permission Contribute to pull "
    "requests, and Contribute for commits (Project settings → Repositories → Security)."
)


class AzureRepos(RestHost):
    """The statuses of one commit and of its pull request."""

    title = "Azure Repos"
    max_comment_length = 150_000
    hints: ClassVar[Mapping[int, str]] = {
        401: "`SYSTEM_ACCESSTOKEN` is wrong or has ended with the job. Map it in the step: "
        "`env: {SYSTEM_ACCESSTOKEN: $(System.AccessToken)}`.",
        403: _PERMISSION,
        404: "The build's identity may not see the repository, or the commit is not in it.",
    }

    def __init__(self, address: Address, settings: HostSettings, token: str) -> None:
        """Basic authentication without a user works for the build's own token and for personal ones."""
        super().__init__(settings)
        self._api, self._collection = (
            JsonApi(url, {}, time_limit=settings.timeout, clock=settings.clock, basic=("", token))
            for url in (address.api_url, address.collection_url)
        )
        self._commit = f"{address.repository}/commits/{settings.sha}"
        self._pull_request = f"{address.repository}/pullRequests/{address.pull_request}" if address.pull_request else ""
        # None: not read so far; 0: there is none for our commit.
        self._iteration: int | None = None

    def status_parts(self, state: CommitState, description: str, url: str) -> Sequence[tuple[str, Callable[[], None]]]:
        """Branch policies read only statuses of the pull request, people both; each needs its own permission."""
        body = self._body(state, description, url)
        # Every post adds a status; the newest one counts.
        on_commit = ("commit", lambda: self._write("POST", f"{self._commit}/statuses", body))
        if not self._pull_request:
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

    def _post_on_pull_request(self, body: Mapping[str, Any]) -> None:
        self._write("POST", f"{self._pull_request}/statuses", {**body, **self._iteration_fields()})

    def _write(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        self._api.write(method, path, body, **{"api-version": API_VERSION})

    def _iteration_fields(self) -> Mapping[str, int]:
        """Return the iteration (push) of our commit: policies that new commits reset read only statuses of one."""
        if self._iteration is None:
            self._iteration = self._find_iteration()
        return {"iterationId": self._iteration} if self._iteration else {}

    def _find_iteration(self) -> int:
        try:
            answer = self._api.get(f"{self._pull_request}/iterations", **{"api-version": API_VERSION})
            iterations = answer.objects("value")
        except HostError as error:
            if error.transient:
                raise
            # A status of the whole pull request is better than none.
            return 0
        found = 0
        for iteration in iterations:
            source = iteration.get("sourceRefCommit")
            if isinstance(source, Mapping) and source.get("commitId") == self.settings.sha:
                found = int(iteration.get("id") or 0)
        return found

    def comments(self) -> Iterator[Sequence[Comment]]:
        """Yield the first comment of each thread; the answer has no pages."""
        threads = self._api.get(f"{self._pull_request}/threads", **{"api-version": API_VERSION})
        yield [comment for thread in threads.objects("value") for comment in self._first_comment(thread)]

    def _first_comment(self, thread: Mapping[str, Any]) -> Sequence[Comment]:
        return [
            Comment(
                comment.get("content") or "",
                f"{self._pull_request}/threads/{thread.get('id')}/comments/{comment.get('id')}",
                account(comment.get("author"), "id"),
            )
            for comment in (thread.get("comments") or ())[:1]
            if not comment.get("isDeleted")
        ]

    def own_account(self) -> frozenset[str]:
        """Ask whose the token is; the build's own token belongs to the build service (documented)."""
        return account(self._collection.get("connectionData").object().get("authenticatedUser"), "id")

    def create_comment(self, body: str) -> Comment:
        """Create a closed thread: an open one could block the pull request."""
        comment = {"parentCommentId": 0, "content": body, "commentType": _TEXT_COMMENT}
        thread = {"comments": [comment], "status": "closed"}
        answer = self._api.create(f"{self._pull_request}/threads", thread, **{"api-version": API_VERSION})
        (created,) = self._first_comment(answer.object()) or [Comment(body, "")]
        return created

    def edit_comment(self, comment: Comment, body: str) -> None:
        """Change the comment."""
        self._write("PATCH", comment.key, {"content": body})

    def delete_comment(self, comment: Comment) -> None:
        """Delete the comment, and with it its thread."""
        self._write("DELETE", comment.key, {})


class AzureChanges:
    """Changed files, labels and state of a pull request, messages of commits."""

    def __init__(self, address: Address, token: str, clock: Clock) -> None:
        """Nothing is sent here."""
        self._clock = clock
        self._api = JsonApi(
            address.api_url, {}, time_limit=timeouts.HOST_REQUEST_SECONDS, clock=clock, basic=("", token)
        )
        self._repository = address.repository
        self._pull_request = f"{address.repository}/pullRequests/{address.pull_request}"

    def _get(self, path: str, **query: str | int) -> Answer:
        return self._api.get(path, **{"api-version": API_VERSION, **query})

    def pull_request_files(self) -> ChangedFiles:
        """The files in which the last iteration (push) differs from the common commit of source and target."""
        iterations = entries(self._get(f"{self._pull_request}/iterations"), "value")
        numbers = [found for iteration in iterations if isinstance(found := iteration.get("id"), int)]
        if not numbers:
            raise HostError(0, "an answer without iterations", transient=False)
        return collect(
            self._pages(f"{self._pull_request}/iterations/{max(numbers)}/changes"), _paths, clock=self._clock
        )

    def _pages(self, path: str) -> Iterator[Sequence[Mapping[str, Any]]]:
        skip = 0
        while True:
            answer = self._get(path, **{"$top": _CHANGES, "$skip": skip, "$compareTo": 0})
            yield [change for change in entries(answer, "changeEntries") if not _is_folder(change)]
            following = answer.object().get("nextSkip") or 0
            # Zero after the last page (documented).
            if not isinstance(following, int) or following <= skip:
                return
            skip = following

    def pushed_files(self, before: str, after: str) -> ChangedFiles:
        """Raise HostError: no pipeline knows the commit before a push to Azure Repos."""
        del before, after
        raise HostError(0, "the files of a push are not known here", transient=False)

    def labels(self) -> frozenset[str]:
        """The labels of the pull request, which are called tags on its page."""
        labels = entries(self._get(f"{self._pull_request}/labels"), "value")
        return label_names([label.get("name") for label in labels if label.get("active") is not False])

    def is_draft(self) -> bool:
        """Whether the pull request is a draft."""
        return bool(field(self._get(self._pull_request), "isDraft", bool))

    def commit_message(self, sha: str) -> str:
        """The message of a commit, of which Azure Repos may return only the beginning."""
        return str(field(self._get(f"{self._repository}/commits/{commit(sha)}"), "comment", str))


def _is_folder(change: Mapping[str, Any]) -> bool:
    item = change.get("item")
    return isinstance(item, Mapping) and item.get("isFolder") is True


def _paths(change: Mapping[str, Any]) -> Sequence[object]:
    """Return the names of a file, which begin with a slash here; the old one of a rename is in one of two fields."""
    item = change.get("item")
    path = item.get("path") if isinstance(item, Mapping) else None
    names = (path, change.get("originalPath"), change.get("sourceServerItem"))
    return [name.removeprefix("/") if isinstance(name, str) else name for name in names]


def names(name: str) -> tuple[str, str]:
    """Return genre and name, split at the first slash: names of jobs have slashes too."""
    genre, slash, rest = (part.strip() for part in name.partition("/"))
    return (genre or GENRE, rest) if slash and rest else (GENRE, genre or GENRE)


HOST_TYPE = HostType(
    key="azure",
    token=token_input(
        "azure",
        "SYSTEM_ACCESSTOKEN",
        "For statuses and comments in Azure Repos: map `$(System.AccessToken)` to the variable.",
    ),
    credential_hint="map it in the step, `env: {SYSTEM_ACCESSTOKEN: $(System.AccessToken)}`",
    read_address=read_address,
    api_url=lambda address: address.api_url,
    api_variable="SYSTEM_COLLECTIONURI",
    connect=AzureRepos,
    read_changes=AzureChanges,
    changes_hint="The build's identity needs the permission Read on the repository.",
)
