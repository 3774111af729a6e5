"""A GitHub with commit statuses and comments on pull requests, by the rules of its REST API."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from flask import Response, jsonify, request

from emulator.hosts.base import FakeHost, RefusedError, request_fields
from emulator.hosts.changes import github_routes

if TYPE_CHECKING:
    from collections.abc import Collection

    from emulator.routing import Route

STATES = ("error", "failure", "pending", "success")
MAX_DESCRIPTION = 140
"""Reported several times; GitHub's OpenAPI description does not have it."""
MAX_COMMENT = 65_536
PAGE_SIZE = 30
MAX_PAGE_SIZE = 100
WEB_URL = re.compile(r"^https?://", re.IGNORECASE)
DOCS = "https://docs.github.com/rest"
NO_PERMISSION = "Resource not accessible by integration"


@dataclass(frozen=True)
class CommitStatus:
    """A commit status as it was posted."""

    repository: str
    sha: str
    state: str
    context: str
    description: str | None
    target_url: str | None


@dataclass(frozen=True)
class Account:
    """The account that has written a comment."""

    login: str
    id: int
    type: str = "User"


STRANGER = Account("stranger", 99)
WORKFLOW_BOT = Account("github-actions[bot]", 41898282, "Bot")
"""The account of every token that a workflow gets (documented); it may not ask for its own name."""


@dataclass
class Comment:
    """A comment on a pull request; `edits` counts how often it was changed."""

    id: int
    pull_request: int
    body: str
    edits: int = 0
    user: Account = STRANGER


class GitHub(FakeHost):
    """A GitHub with one repository, a context manager.

    With `commits` None every commit exists; otherwise a status on another one is refused. `read_only` is a token as
    in pull requests from forks: it may post nothing. `may_comment` False is a token without `pull-requests: write`.
    `prefix` is "/api/v3" on an Enterprise server.
    """

    def __init__(  # noqa: PLR0913 - settings of the server, all with defaults
        self,
        *,
        token: str = "github-token",  # noqa: S107 - a token of the emulator only
        repository: str = "acme/shop",
        commits: Collection[str] | None = None,
        read_only: bool = False,
        may_comment: bool = True,
        prefix: str = "",
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """The port is opened by `start`; 0 means a free one."""
        self.token = token
        self.repository = repository
        self.commits = commits
        self.read_only = read_only
        self.may_comment = may_comment
        self.comments: list[Comment] = []
        self._prefix = prefix
        self._statuses: list[CommitStatus] = []
        super().__init__(host=host, port=port)
        self.account = WORKFLOW_BOT if token.startswith("ghs_") else Account("octo-bot", 7)
        self.may_ask_account = self.account is not WORKFLOW_BOT

    # --- for tests -------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The root of the API, as in `GITHUB_API_URL`."""
        return self.root + self._prefix

    @property
    def statuses(self) -> tuple[CommitStatus, ...]:
        """Every status that was accepted, in order."""
        return tuple(self._statuses)

    def add_comment(self, body: str, *, pull_request: int) -> Comment:
        """Add a comment to a pull request."""
        number = max((comment.id for comment in self.comments), default=0) + 1
        comment = Comment(number, pull_request, body)
        self.comments.append(comment)
        return comment

    # --- what a host has to have -----------------------------------------------------------------------

    def routes(self) -> list[Route]:
        """Repository, commit, its statuses, and comments of pull requests."""
        repository = f"{self._prefix}/repos/<owner>/<name>"
        return [
            ("GET", repository, self._get_repository),
            ("GET", f"{repository}/commits/<sha>", self._get_commit),
            ("GET", f"{repository}/commits/<sha>/statuses", self._list_statuses),
            ("GET", f"{repository}/commits/<sha>/status", self._combined_status),
            # The older path of the same list, which PyGithub requests (measured).
            ("GET", f"{repository}/statuses/<sha>", self._list_statuses),
            ("POST", f"{repository}/statuses/<sha>", self._create_status),
            ("GET", f"{repository}/issues/<int:number>", self._get_issue),
            ("GET", f"{repository}/issues/<int:number>/comments", self._list_comments),
            ("POST", f"{repository}/issues/<int:number>/comments", self._create_comment),
            ("PATCH", f"{repository}/issues/comments/<int:number>", self._edit_comment),
            ("DELETE", f"{repository}/issues/comments/<int:number>", self._delete_comment),
            ("GET", f"{self._prefix}/user", self._get_user),
            ("POST", f"{self._prefix.removesuffix('/v3')}/graphql", self._query),
            *github_routes(self, repository, _refusal(403, NO_PERMISSION).body),
        ]

    def check_credentials(self) -> None:
        """Check the token. A repository that it cannot read does not exist for it; names ignore case."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() not in {"token", "bearer"} or token != self.token:
            raise _refusal(401, "Bad credentials")
        owner, name = (request.view_args or {}).get("owner"), (request.view_args or {}).get("name")
        if owner is not None and f"{owner}/{name}".lower() != self.repository.lower():
            raise _refusal(404, "Not Found")

    def not_found(self) -> object:
        """Return GitHub's JSON of a 404."""
        return _refusal(404, "Not Found").body

    # --- repository and statuses -----------------------------------------------------------------------

    def _get_repository(self, owner: str, name: str) -> Response:
        return jsonify(
            {
                "id": 1,
                "name": name,
                "full_name": f"{owner}/{name}",
                "private": True,
                "owner": {"login": owner, "id": 2, "type": "Organization"},
                "url": self._repository_url(owner, name),
                "html_url": f"{self.root}/{owner}/{name}",
                "default_branch": "main",
            }
        )

    def _get_commit(self, owner: str, name: str, sha: str) -> Response:
        self._check_commit(sha)
        # PyGithub refuses URLs of another server than the one that it has asked (measured).
        url = f"{self._repository_url(owner, name)}/commits/{sha}"
        message = self.changes.messages.get(sha, "")
        return jsonify({"sha": sha, "url": url, "commit": {"message": message}, "parents": []})

    def _list_statuses(self, owner: str, name: str, sha: str) -> Response:
        found = [self._status_json(number, owner, name) for number in self._numbers_of_statuses(sha)]
        return jsonify(found[::-1])

    def _combined_status(self, owner: str, name: str, sha: str) -> Response:
        latest = {self._statuses[number].context.lower(): number for number in self._numbers_of_statuses(sha)}
        states = {self._statuses[number].state for number in latest.values()}
        state = "failure" if states & {"error", "failure"} else "pending" if states != {"success"} else "success"
        found = [self._status_json(number, owner, name) for number in latest.values()]
        url = f"{self._repository_url(owner, name)}/commits/{sha}"
        return jsonify(
            {
                "state": state,
                "sha": sha,
                "total_count": len(found),
                "statuses": found,
                "commit_url": url,
                "url": f"{url}/status",
            }
        )

    def _create_status(self, owner: str, name: str, sha: str) -> tuple[Response, int]:
        if self.read_only:
            raise _refusal(403, NO_PERMISSION)
        fields = request_fields()
        status = CommitStatus(
            repository=f"{owner}/{name}",
            sha=sha,
            state=str(fields.get("state")),
            context=fields.get("context") or "default",
            description=fields.get("description"),
            target_url=fields.get("target_url"),
        )
        problems = _problems(status)
        if problems:
            raise _refusal(422, "Validation Failed", problems)
        self._check_commit(sha)
        self._statuses.append(status)
        return jsonify(self._status_json(len(self._statuses) - 1, owner, name)), 201

    def _check_commit(self, sha: str) -> None:
        if sha == "0" * 40 or (self.commits is not None and sha not in self.commits):
            raise _refusal(422, f"No commit found for SHA: {sha}")

    def _numbers_of_statuses(self, sha: str) -> list[int]:
        return [number for number, status in enumerate(self._statuses) if status.sha == sha]

    def _status_json(self, number: int, owner: str, name: str) -> dict[str, Any]:
        status = self._statuses[number]
        return {
            "id": number + 1,
            "state": status.state,
            "context": status.context,
            "description": status.description,
            "target_url": status.target_url,
            "url": f"{self._repository_url(owner, name)}/statuses/{status.sha}",
        }

    # --- comments --------------------------------------------------------------------------------------

    def _get_issue(self, owner: str, name: str, number: int) -> Response:
        url = f"{self._repository_url(owner, name)}/issues/{number}"
        return jsonify({"id": number, "number": number, "url": url})

    def _list_comments(self, owner: str, name: str, number: int) -> Response:
        size = min(int(request.args.get("per_page", PAGE_SIZE)), MAX_PAGE_SIZE)
        page = int(request.args.get("page", 1))
        comments = [comment for comment in self.comments if comment.pull_request == number]
        shown = comments[(page - 1) * size : page * size]
        answer = jsonify([self._comment_json(comment, owner, name) for comment in shown])
        if page * size < len(comments):
            answer.headers["Link"] = f'<{request.base_url}?per_page={size}&page={page + 1}>; rel="next"'
        return answer

    def _create_comment(self, owner: str, name: str, number: int) -> tuple[Response, int]:
        comment = self.add_comment(self._sent_body(), pull_request=number)
        comment.user = self.account
        return jsonify(self._comment_json(comment, owner, name)), 201

    def _edit_comment(self, owner: str, name: str, number: int) -> Response:
        body = self._sent_body()
        comment = next((comment for comment in self.comments if comment.id == number), None)
        if comment is None:
            raise _refusal(404, "Not Found")
        comment.body, comment.edits = body, comment.edits + 1
        return jsonify(self._comment_json(comment, owner, name))

    def _delete_comment(self, owner: str, name: str, number: int) -> tuple[str, int]:
        del owner, name
        self.comments = [comment for comment in self.comments if comment.id != number]
        return "", 204

    # --- the account of the token ----------------------------------------------------------------------

    def _get_user(self) -> Response:
        if not self.may_ask_account:
            raise _refusal(403, NO_PERMISSION)
        return jsonify(asdict(self.account))

    def _query(self) -> Response:
        """Answer the one question that GraphQL is asked here: who is the viewer (documented)."""
        if not self.may_ask_account:
            raise _refusal(403, NO_PERMISSION)
        viewer = {"login": self.account.login, "databaseId": self.account.id}
        return jsonify({"data": {"viewer": viewer}})

    def _sent_body(self) -> str:
        if self.read_only or not self.may_comment:
            raise _refusal(403, NO_PERMISSION)
        body = str(request_fields().get("body") or "")
        if not body or len(body) > MAX_COMMENT:
            problem = {"resource": "IssueComment", "code": "unprocessable", "field": "data"}
            raise _refusal(422, "Validation Failed", [{**problem, "message": "Body is too long"}])
        return body

    def _comment_json(self, comment: Comment, owner: str, name: str) -> dict[str, Any]:
        return {
            "id": comment.id,
            "body": comment.body,
            "user": asdict(comment.user),
            "url": f"{self._repository_url(owner, name)}/issues/comments/{comment.id}",
        }

    def _repository_url(self, owner: str, name: str) -> str:
        return f"{self.url}/repos/{owner}/{name}"


def _problems(status: CommitStatus) -> list[dict[str, str]]:
    rules = (
        ("state", status.state in STATES, f"state is not one of {', '.join(STATES)}"),
        (
            "description",
            len(status.description or "") <= MAX_DESCRIPTION,
            f"description is too long (maximum is {MAX_DESCRIPTION} characters)",
        ),
        (
            "target_url",
            not status.target_url or WEB_URL.match(status.target_url) is not None,
            "target_url must use http(s) scheme",
        ),
    )
    return [
        {"resource": "Status", "code": "custom", "field": field, "message": message}
        for field, valid, message in rules
        if not valid
    ]


def _refusal(code: int, message: str, errors: list[dict[str, str]] | None = None) -> RefusedError:
    body: dict[str, Any] = {"message": message, "documentation_url": DOCS, "status": str(code)}
    return RefusedError(code, body if errors is None else {**body, "errors": errors})
