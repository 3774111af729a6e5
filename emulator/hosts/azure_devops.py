"""An Azure DevOps with statuses and comment threads of Azure Repos, and nothing else of it.

[documented: Git statuses, pull request statuses, iterations and threads of the REST API 7.1]
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import Response, jsonify, request

from emulator.hosts.base import FakeHost, RefusedError, request_fields
from emulator.hosts.changes import azure_routes

if TYPE_CHECKING:
    from emulator.routing import Route

STATES = ("notSet", "pending", "succeeded", "failed", "error", "notApplicable")
SIGN_IN = "<!doctype html>\n<title>Azure DevOps Services | Sign In</title>\n"
AREA = "/_apis/git/repositories"


ACCOUNT = "5f8a0c2e-7d41-4c55-9a57-0d7a8b1c2d3e"
"""The identity that the token belongs to."""


@dataclass(frozen=True)
class Status:
    """A status as it was posted. `iteration` is None on commits and on pull requests as a whole."""

    state: str
    genre: str
    name: str
    description: str | None
    target_url: str | None
    commit: str = ""
    pull_request: int = 0
    iteration: int | None = None


@dataclass
class Thread:
    """A comment thread of a pull request, with its first comment."""

    id: int
    content: str
    status: str
    deleted: bool = False
    author: str = "stranger"


@dataclass
class PullRequest:
    """A pull request: the head commit of each iteration, and the threads."""

    heads: list[str]
    threads: list[Thread] = field(default_factory=list)


class AzureDevOps(FakeHost):
    """One project of an organization with one repository.

    `read_only` means that the identity of the build may not contribute to pull requests. A wrong token is answered by
    a page to sign in with status 203, as the service does.
    """

    def __init__(
        self,
        *,
        token: str = "azure-token",  # noqa: S107 - a token of the emulator only
        organization: str = "acme",
        project: str = "Data Platform",
        repository: str = "278d5cd2-584d-4b63-824a-2ba458937249",
        name: str = "shop",
        pull_requests: dict[int, PullRequest] | None = None,
        read_only: bool = False,
        **address: Any,  # noqa: ANN401 - host and port
    ) -> None:
        """The port is opened by `start`."""
        self.token, self.read_only = token, read_only
        self.organization, self.project, self.repository, self.name = organization, project, repository, name
        self.pull_requests = pull_requests or {}
        self.statuses: list[Status] = []
        super().__init__(**address)

    @property
    def url(self) -> str:
        """The collection, as in `SYSTEM_COLLECTIONURI`."""
        return f"{self.root}/{self.organization}/"

    def newest(self, *, commit: str = "", pull_request: int = 0) -> dict[tuple[str, str], Status]:
        """Return the statuses that users see: the newest of each genre and name."""
        return {
            (status.genre, status.name): status
            for status in self.statuses
            if (status.commit, status.pull_request) == (commit, pull_request)
        }

    def routes(self) -> list[Route]:
        """Statuses of commits and pull requests, iterations and threads."""
        repository = f"/<organization>/<project>{AREA}/<repository>"
        pull = f"{repository}/pullRequests/<int:number>"
        return [
            ("POST", f"{repository}/commits/<commit>/statuses", self._post_commit_status),
            ("GET", f"{repository}/commits/<commit>/statuses", self._list_commit_statuses),
            ("POST", f"{pull}/statuses", self._post_pull_status),
            ("GET", f"{pull}/statuses", self._list_pull_statuses),
            ("GET", f"{pull}/iterations", self._list_iterations),
            ("GET", f"{pull}/threads", self._list_threads),
            ("POST", f"{pull}/threads", self._post_thread),
            ("PATCH", f"{pull}/threads/<int:thread>/comments/<int:comment>", self._patch_comment),
            ("DELETE", f"{pull}/threads/<int:thread>/comments/<int:comment>", self._delete_comment),
            *azure_routes(self, repository, _problem("TF401027", "You need the Git 'GenericRead' permission.")),
            ("GET", "/<organization>/_apis/connectionData", self._connection_data),
            # The official client reads the paths of all resources here.
            ("OPTIONS", "/<organization>/_apis", self._locations),
        ]

    def not_found(self) -> object:
        """Return the error of Azure DevOps."""
        return _problem("TF401019", "The Git repository does not exist or you do not have permissions.")

    def check_credentials(self) -> Response | None:
        """Accept the token by Basic with any user, or by Bearer; answer others by the page to sign in."""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        secret = value
        if scheme.lower() == "basic":
            try:
                secret = base64.b64decode(value).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                secret = ""
        if secret != self.token:
            return Response(SIGN_IN, 203, content_type="text/html; charset=utf-8")
        names = request.view_args or {}
        known = {
            "organization": {self.organization},
            "project": {self.project},
            "repository": {self.repository, self.name},
        }
        if any(name in names and names[name] not in values for name, values in known.items()):
            raise RefusedError(404, self.not_found())
        unversioned = request.method == "OPTIONS" or request.path.endswith("/connectionData")
        if not unversioned and not request.args.get("api-version", request.headers.get("Accept", "")):
            raise RefusedError(400, _problem("VssVersionNotSpecifiedException", "No api-version was supplied."))
        return None

    def _post_commit_status(self, commit: str, **_scope: str) -> tuple[Response, int]:
        status = self._status(commit=commit)
        return jsonify(_json(status, len(self.statuses))), 201

    def _list_commit_statuses(self, commit: str, **_scope: str) -> Response:
        found = self.newest(commit=commit).values() if request.args.get("latestOnly") == "true" else self._of(commit)
        return jsonify(_listed([_json(status, number) for number, status in enumerate(found)]))

    def _of(self, commit: str) -> list[Status]:
        return [status for status in self.statuses if status.commit == commit]

    def _post_pull_status(self, number: int, **_scope: str) -> Response:
        self._pull(number)
        if self.read_only:
            words = "TF401027: You need the Git 'PullRequestContribute' permission to perform this action."
            raise RefusedError(403, _problem("GitNeedsPermissionException", words))
        return jsonify(_json(self._status(pull_request=number), len(self.statuses)))

    def _list_pull_statuses(self, number: int, **_scope: str) -> Response:
        found = [status for status in self.statuses if status.pull_request == number]
        return jsonify(_listed([_json(status, position) for position, status in enumerate(found)]))

    def _status(self, *, commit: str = "", pull_request: int = 0) -> Status:
        fields = request_fields()
        context = fields.get("context") or {}
        if not context.get("name"):
            raise RefusedError(400, _problem("ArgumentException", "The context name cannot be empty."))
        if fields.get("state") not in STATES:
            raise RefusedError(400, _problem("ArgumentException", "The state is not valid."))
        iteration = fields.get("iterationId")
        if iteration is not None and not 1 <= iteration <= len(self._pull(pull_request).heads):
            raise RefusedError(400, _problem("ArgumentException", "The iteration does not exist."))
        status = Status(
            state=fields["state"],
            genre=context.get("genre") or "",
            name=context["name"],
            description=fields.get("description"),
            target_url=fields.get("targetUrl"),
            commit=commit,
            pull_request=pull_request,
            iteration=iteration,
        )
        self.statuses.append(status)
        return status

    def _pull(self, number: int) -> PullRequest:
        if number not in self.pull_requests:
            raise RefusedError(404, _problem("TF401180", "The requested pull request was not found."))
        return self.pull_requests[number]

    def _list_iterations(self, number: int, **_scope: str) -> Response:
        heads = self._pull(number).heads
        listed = [{"id": index, "sourceRefCommit": {"commitId": head}} for index, head in enumerate(heads, 1)]
        return jsonify(_listed(listed))

    def _list_threads(self, number: int, **_scope: str) -> Response:
        return jsonify(_listed([_thread(thread) for thread in self._pull(number).threads]))

    def _post_thread(self, number: int, **_scope: str) -> Response:
        pull, fields = self._pull(number), request_fields()
        thread = Thread(len(pull.threads) + 1, fields["comments"][0]["content"], fields.get("status", "active"))
        thread.author = ACCOUNT
        pull.threads.append(thread)
        return jsonify(_thread(thread))

    def _patch_comment(self, number: int, thread: int, comment: int, **_scope: str) -> Response:
        for known in self._pull(number).threads:
            if (known.id, 1) == (thread, comment):
                known.content = request_fields()["content"]
                return jsonify(_thread(known)["comments"][0])
        raise RefusedError(404, _problem("GitPullRequestCommentThreadNotFound", "The thread does not exist."))

    def _delete_comment(self, number: int, thread: int, comment: int, **_scope: str) -> tuple[str, int]:
        del comment
        for known in self._pull(number).threads:
            known.deleted = known.deleted or known.id == thread
        return "", 200

    def _connection_data(self, **_scope: str) -> Response:
        """Whose the token is (documented: the clients of Azure DevOps read it when they connect)."""
        if not self.may_ask_account:
            raise RefusedError(403, _problem("AccessDeniedException", "Access denied."))
        return jsonify({"authenticatedUser": {"id": ACCOUNT, "providerDisplayName": "Build Service"}})

    def _locations(self, **_scope: str) -> Response:
        routes = {
            "428dd4fb-fda5-4722-af02-9313b80305da": ("statuses", "commits/{commitId}/statuses"),
            "b5f6bb4f-8d1e-4d79-8d11-4c9172c99c35": (
                "pullRequestStatuses",
                "pullRequests/{pullRequestId}/statuses/{statusId}",
            ),
            "4216bdcf-b6b1-4d59-8b82-c34cc183fc8b": (
                "pullRequestIterationChanges",
                "pullRequests/{pullRequestId}/iterations/{iterationId}/changes",
            ),
            "f22387e3-984e-4c52-9c6d-fbb8f14c812d": (
                "pullRequestLabels",
                "pullRequests/{pullRequestId}/labels/{labelIdOrName}",
            ),
            "ab6e2e5d-a0b7-4153-b64a-a4efe0d49449": (
                "pullRequestThreads",
                "pullRequests/{pullRequestId}/threads/{threadId}",
            ),
        }
        listed = [
            {
                "id": identity,
                "area": "git",
                "resourceName": name,
                "routeTemplate": f"{{project}}/_apis/git/repositories/{{repositoryId}}/{path}",
                "resourceVersion": 1,
                "minVersion": "2.0",
                "maxVersion": "7.2",
                "releasedVersion": "7.1",
            }
            for identity, (name, path) in routes.items()
        ]
        return jsonify(_listed(listed))


def _listed(values: list[dict[str, Any]]) -> dict[str, Any]:
    return {"count": len(values), "value": values}


def _problem(kind: str, message: str) -> dict[str, Any]:
    return {"$id": "1", "message": message, "typeKey": kind, "errorCode": 0}


def _json(status: Status, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "state": status.state,
        "description": status.description,
        "context": {"name": status.name, "genre": status.genre},
        "targetUrl": status.target_url,
        **({"iterationId": status.iteration} if status.iteration is not None else {}),
    }


def _thread(thread: Thread) -> dict[str, Any]:
    comment = {
        "id": 1,
        "author": {"id": thread.author, "displayName": thread.author},
        "content": thread.content,
        "commentType": "text",
        "isDeleted": thread.deleted,
    }
    return {"id": thread.id, "status": thread.status, "comments": [comment], "isDeleted": thread.deleted}
