"""GitHub: commit statuses and comments, sent by PyGithub; the texts come from `report`.

https://docs.github.com/rest/commits/statuses
https://docs.github.com/rest/issues/comments
https://pygithub.readthedocs.io/
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from urllib.parse import quote, urlsplit

from dbt_action import http_limits, text, timeouts
from dbt_action.clock import Clock
from dbt_action.config import inputs
from dbt_action.config.context import CiContext
from dbt_action.hosts import transport
from dbt_action.hosts.base import COMMENT, STATUS, ChangedFiles, Host, HostSettings, HostType
from dbt_action.hosts.change_lists import MAX_PAGES, collect, commit, entries, field, label_names
from dbt_action.hosts.rest import Comment, RestHost, account
from dbt_action.hosts.transport import HostError, JsonApi
from dbt_action.report.outcome import CommitState

if TYPE_CHECKING:
    from dbt_action.hosts._pygithub import Repository

T = TypeVar("T")

_PAGE = 100
# Files that GitHub lists of a pull request, and of a comparison (documented).
MAX_FILES, MAX_COMPARED = 3_000, 300
# The status of a comparison with a commit that is a descendant, or the same one.
_FORWARD = frozenset({"ahead", "identical"})
# The brackets are part of the name, and no person can have them in theirs.
_WORKFLOW_BOT = frozenset({"login:github-actions[bot]"})
_FORBIDDEN, _TOO_MANY_REQUESTS = 403, 429
_SUCCESS, _SIGN_IN, _REDIRECT = 200, 203, 300
# Hints about the token of a workflow, whose permissions are in the workflow's file.
_WRONG = "The token is wrong or expired. Leave `github-token` out to use the workflow's own."
_WORKFLOW_HINTS = {
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The address of the API, the repository as `owner/name`, and the pull request (0: none)."""

    api_url: str
    repository: str
    pull_request: int = 0
    # The user has made the token; otherwise it is that of a workflow.
    own_token: bool = True


def read_address(environ: Mapping[str, str], context: CiContext) -> Address:
    """Read where statuses and comments go.

    The API is where GitHub's runner or the user says (`GITHUB_API_URL`), else at the server of the repository.
    """
    return Address(
        api_url=environ.get("GITHUB_API_URL") or _api_url(urlsplit(context.server).netloc or "github.com"),
        repository=context.repository,
        pull_request=context.number,
        own_token=context.ci_id != "github",
    )


def _api_url(server: str) -> str:
    if server == "github.com":
        return "https://api.github.com"
    # Tenants of ghe.com have a subdomain for the API, Enterprise Servers a path.
    return f"https://api.{server}" if server.endswith(".ghe.com") else f"https://{server}/api/v3"


# GitHub has no state for "cancelled".
_STATES = {
    CommitState.PENDING: "pending",
    CommitState.SUCCESS: "success",
    CommitState.FAILURE: "failure",
    CommitState.ERROR: "error",
    CommitState.CANCELLED: "error",
}


class GitHub(RestHost):
    """The status of one commit and the comments of one pull request."""

    title = "GitHub"
    max_comment_length = 65_536
    hints: ClassVar[Mapping[int, str]] = {
        401: "`GITHUB_TOKEN` is wrong or expired.",
        403: "`GITHUB_TOKEN` may not do that. Give it the permissions Commit statuses (write) and, for comments, Pull "
        "requests (write), or `repo` for a classic token.",
        404: "The token may not see the repository, or the repository is not on this server.",
        422: "The commit is not in this repository, or the commit has too many statuses.",
    }

    def __init__(self, address: Address, settings: HostSettings, token: str) -> None:
        """Nothing is sent here."""
        super().__init__(settings)
        self._address, self._token = address, token

    def hint(self, what: str, status: int) -> str:
        """Return a hint; for the token of a workflow it says which permission is missing there."""
        own = "" if self._address.own_token else _WORKFLOW_HINTS.get((what, status), "")
        return own or super().hint(what, status)

    def post_status(self, state: CommitState, description: str, url: str) -> None:
        """Post a status. Every post adds one; the newest counts."""
        from dbt_action.report.headline import MAX_DESCRIPTION  # noqa: PLC0415 - not needed before the trigger

        fields = {
            "state": _STATES[state],
            "description": text.cut(description, MAX_DESCRIPTION),
            "context": self.settings.name,
            **({"target_url": url} if url else {}),
        }

        def post(repository: Repository) -> None:
            status = repository.get_commit(self.settings.sha).create_status(**fields)
            if status.state != fields["state"]:
                raise _not_githubs_answer()

        self._call(post)

    def comments(self) -> Iterator[Sequence[Comment]]:
        """Yield the comments, the oldest first."""
        number = 1
        while True:
            page = self._call(self._page_reader(number))
            yield [_comment(comment) for comment in page]
            if len(page) < _PAGE:
                return
            number += 1

    def _page_reader(self, number: int) -> Callable[[Repository], Sequence[Mapping[str, Any]]]:
        """Return what reads one page of comments.

        Not by `Issue.get_comments`: it takes an empty answer of a proxy for "no comments", and a second comment of ours
        would be the result.
        """

        def read(repository: Repository) -> Sequence[Mapping[str, Any]]:
            path = f"{repository.get_issue(self._address.pull_request).url}/comments"
            query = {"per_page": _PAGE, "page": number}
            _, page = repository.requester.requestJsonAndCheck("GET", path, query)
            if not isinstance(page, list):
                raise _not_githubs_answer()
            return [comment for comment in page if isinstance(comment, Mapping)]

        return read

    def own_account(self) -> frozenset[str]:
        """Ask whose the token is, in two ways: a token of an App may use the first, that of a workflow neither.

        A workflow's token, and a comment by it, belong to a bot that is the same everywhere (documented).
        """
        found = self._call_if_allowed(_read_viewer) or self._call_if_allowed(_read_user)
        return found or (frozenset() if self._address.own_token else _WORKFLOW_BOT)

    def _call_if_allowed(self, read: Callable[[Repository], frozenset[str]]) -> frozenset[str]:
        try:
            return self._call(read)
        except HostError as error:
            if error.transient:
                raise
            return frozenset()

    def create_comment(self, body: str) -> Comment:
        """Create a comment."""

        def create(repository: Repository) -> Comment:
            comment = repository.get_issue(self._address.pull_request).create_comment(body)
            if not isinstance(comment.raw_data.get("id"), int):
                raise _not_githubs_answer()
            return _comment(comment.raw_data)

        return self._call(create, once=True)

    def edit_comment(self, comment: Comment, body: str) -> None:
        """Change the comment."""

        def edit(repository: Repository) -> None:
            found = repository.get_issue(self._address.pull_request).get_comment(int(comment.key))
            found.edit(body)
            # It was not read before, so the text is that of the answer.
            if found.body is None:
                raise _not_githubs_answer()

        self._call(edit)

    def delete_comment(self, comment: Comment) -> None:
        """Delete the comment."""

        def delete(repository: Repository) -> None:
            repository.get_issue(self._address.pull_request).get_comment(int(comment.key)).delete()

        self._call(delete)

    def _call(self, work: Callable[[Repository], T], *, once: bool = False) -> T:
        """Return the result of `work`, which sends one request; `once`: it must not be done twice. Raises HostError."""
        return transport.call_with_retries(
            lambda: self._call_once(work), clock=self.settings.clock, time_limit=self.settings.timeout, once=once
        )

    def _call_once(self, work: Callable[[Repository], T]) -> T:
        from dbt_action.hosts import _pygithub  # noqa: PLC0415 - imported by `_connect`

        # A client for each call: one that is abandoned after its time limit must not share a connection with the next.
        client = _pygithub.client(self._address.api_url, self._token, timeout=self.settings.timeout)

        def call() -> T:
            with client:
                return work(client.get_repo(self._address.repository))

        try:
            return http_limits.call_within(2 * self.settings.timeout, call)
        except HostError:
            raise
        except Exception as error:  # noqa: BLE001 - PyGithub raises what Python raises when an answer has another shape
            raise _host_error(error) from None


_NO_COMMIT = "0" * 40


class GitHubChanges:
    """Changed files, labels and messages; by plain HTTP, since a trigger waits for it, and PyGithub takes time."""

    def __init__(self, address: Address, token: str, clock: Clock) -> None:
        """Nothing is sent here."""
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        self._clock = clock
        self._api = JsonApi(address.api_url, headers, time_limit=timeouts.HOST_REQUEST_SECONDS, clock=clock)
        self._repository = f"repos/{quote(address.repository)}"
        self._number = address.pull_request

    def pull_request_files(self) -> ChangedFiles:
        """The files of the pull request."""
        pages = self._pages(f"{self._repository}/pulls/{self._number}/files")
        return collect(pages, _file_names, clock=self._clock, most=MAX_FILES, host="GitHub")

    def _pages(self, path: str) -> Iterator[Sequence[Mapping[str, Any]]]:
        number = 1
        while True:
            answer = self._api.get(path, per_page=_PAGE, page=number)
            page = entries(answer)
            yield page
            # Beyond the files that it lists, GitHub has been seen to name a next page after one that is not full.
            if len(page) < _PAGE and 'rel="next"' not in answer.headers.get("Link", ""):
                return
            number += 1

    def pushed_files(self, before: str, after: str) -> ChangedFiles:
        """The files of a comparison, which are all on its first page."""
        path = f"{self._repository}/compare/{commit(before)}...{commit(after)}"
        answer = self._api.get(path, per_page=_PAGE)
        status = field(answer, "status", str)
        files = collect([entries(answer, "files")], _file_names, clock=self._clock, most=MAX_COMPARED, host="GitHub")
        if status not in _FORWARD:
            return ChangedFiles(paths=files.paths, gap=f"the push did not only add commits (`{text.one_line(status)}`)")
        return files

    def labels(self) -> frozenset[str]:
        """The labels of the pull request, which is an issue here."""
        pages = self._pages(f"{self._repository}/issues/{self._number}/labels")
        return label_names([label.get("name") for page in islice(pages, MAX_PAGES) for label in page])

    def is_draft(self) -> bool:
        """Whether the pull request is a draft."""
        return bool(field(self._api.get(f"{self._repository}/pulls/{self._number}"), "draft", bool))

    def may_post_status(self) -> bool | None:
        """Ask by a status on a commit that cannot exist: who may post is told so (422), who may not is refused."""
        path = f"{self._repository}/statuses/{_NO_COMMIT}"
        try:
            self._api.create(path, {"state": "pending", "context": "dbt-cloud-run doctor"})
        except HostError as error:
            return {422: True, 403: False, 404: False}.get(error.status)
        return True

    def commit_message(self, sha: str) -> str:
        """The message of a commit."""
        found = field(self._api.get(f"{self._repository}/commits/{commit(sha)}"), "commit", Mapping)
        return str(found.get("message") or "")


def _file_names(file: Mapping[str, Any]) -> Sequence[object]:
    return file.get("filename"), file.get("previous_filename")


def _comment(comment: Mapping[str, Any]) -> Comment:
    return Comment(str(comment.get("body")), str(comment.get("id")), account(comment.get("user"), "id", "login"))


def _read_viewer(repository: Repository) -> frozenset[str]:
    """Return the account of the token by the GraphQL API, which gives an App the account of its bot."""
    _, answer = repository.requester.graphql_query("query { viewer { databaseId login } }", {})
    data = answer.get("data")
    viewer = data.get("viewer") if isinstance(data, Mapping) else None
    if not isinstance(viewer, Mapping):
        raise _not_githubs_answer()
    return account({"id": viewer.get("databaseId")}, "id") or account(viewer, "login")


def _read_user(repository: Repository) -> frozenset[str]:
    _, user = repository.requester.requestJsonAndCheck("GET", "/user")
    return account(user, "id")


def _host_error(error: Exception) -> HostError:
    """Return the error for what PyGithub has raised. The only place that knows its exceptions."""
    from dbt_action.hosts import _pygithub  # noqa: PLC0415 - imported by `_connect`

    if isinstance(error, _pygithub.GithubException):
        return _refusal(error.status, error.data, error.headers or {})
    if isinstance(error, _pygithub.UnexpectedStatusError):
        transient = error.status < _REDIRECT and error.status != _SIGN_IN
        return HostError(error.status, "an answer that is not GitHub's", transient=transient)
    if isinstance(error, http_limits.CallTimeoutError):
        return transport.timeout_error()
    if isinstance(error, http_limits.HTTP_EXCEPTIONS):
        return transport.connection_error(error)
    # ValueError, AssertionError, AttributeError and others: an answer of another shape.
    return _not_githubs_answer()


def _not_githubs_answer() -> HostError:
    """Return the error for an answer with a status below 300 that is not GitHub's, such as a proxy's page."""
    return HostError(_SUCCESS, "an answer that is not GitHub's", transient=True)


def _refusal(status: int, body: object, headers: Mapping[str, str]) -> HostError:
    """Return the error for an answer with `status` >= 400."""
    reason = transport.short_reason(body.get("message") if isinstance(body, Mapping) else "")
    error = transport.refusal(status, reason, headers)
    # GitHub's rate limits have this status too. Without `Retry-After` they last up to an hour, and another request
    # before that makes it longer.
    wait = http_limits.retry_after_seconds(headers)
    if status == _FORBIDDEN and (wait is not None or "rate limit" in reason.lower()):
        return HostError(_TOO_MANY_REQUESTS, reason, transient=True, wait=math.inf if wait is None else error.wait)
    return error


def _connect(address: Address, settings: HostSettings, token: str) -> Host:
    """Import PyGithub: after the trigger, which must not wait for it, and here, where signals are deferred.

    A signal in the middle of the import would leave the library half imported for the rest of the process.
    """
    from dbt_action.hosts import _pygithub  # noqa: F401, PLC0415 - for its effect

    return GitHub(address, settings, token)


HOST_TYPE = HostType(
    key="github",
    token=inputs.GITHUB_TOKEN,
    credential_hint="a token with the permission Commit statuses (write)",
    read_address=read_address,
    api_url=lambda address: address.api_url,
    api_variable="GITHUB_API_URL",
    connect=_connect,
    read_changes=GitHubChanges,
    may_post_status=lambda address, token, clock: GitHubChanges(address, token, clock).may_post_status(),
    changes_hint="The token needs `pull-requests: read`, and `contents: read` for pushes and commit messages.",
)
