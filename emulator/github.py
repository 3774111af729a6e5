"""A GitHub that knows commits and their statuses, to be posted to by the product; nothing else of GitHub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request

from emulator.server import HttpServer, Served

if TYPE_CHECKING:
    from collections.abc import Collection

STATES = ("error", "failure", "pending", "success")
DESCRIPTION_MAX_LENGTH = 140
"""Reported several times, not in GitHub's OpenAPI."""
WEB_ADDRESS = re.compile(r"^https?://", re.IGNORECASE)
DOCS = "https://docs.github.com/rest"


@dataclass(frozen=True)
class CommitStatus:
    """A status as it was posted."""

    repository: str
    sha: str
    state: str
    context: str
    description: str | None
    target_url: str | None


class RefusedError(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, message: str, errors: list[dict[str, str]] | None = None) -> None:
        """Keep code and text."""
        super().__init__(message)
        self.code = code
        self.body = {"message": message, "documentation_url": DOCS, "status": str(code)}
        self.errors = errors


class GitHub(Served):
    """One repository on a GitHub of its own, a context manager.

    `commits` None knows every commit; otherwise a status on another one is refused. `read_only` is the token
    of a fork's pull request. `prefix` "/api/v3" is how an Enterprise server is addressed.
    """

    def __init__(
        self,
        *,
        token: str = "github-token",  # noqa: S107 - of no use anywhere else
        repository: str = "acme/shop",
        commits: Collection[str] | None = None,
        read_only: bool = False,
        prefix: str = "",
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Wire everything; nothing is bound before `start`."""
        self.token = token
        self.repository = repository
        self.commits = commits
        self.read_only = read_only
        self._prefix = prefix
        self._statuses: list[CommitStatus] = []
        self._server = HttpServer(self._app, host=host, port=port)

    # --- life and what tests see -----------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The root of the API, as in `GITHUB_API_URL`."""
        return self._server.url + self._prefix

    @property
    def statuses(self) -> tuple[CommitStatus, ...]:
        """Every status that was accepted, in order."""
        return tuple(self._statuses)

    # --- routes ----------------------------------------------------------------------------------------

    def _app(self) -> Flask:
        app = Flask("emulator-github", static_folder=None)
        app.before_request(self._admit)
        app.register_error_handler(RefusedError, _refuse)
        app.register_error_handler(404, lambda _error: _refuse(RefusedError(404, "Not Found")))
        repository = f"{self._prefix}/repos/<owner>/<name>"
        for method, rule, view in (
            ("GET", repository, self._get_repository),
            ("GET", f"{repository}/commits/<sha>", self._get_commit),
            ("GET", f"{repository}/commits/<sha>/statuses", self._list_statuses),
            ("GET", f"{repository}/commits/<sha>/status", self._combined_status),
            # The older address of the same list, which PyGithub asks for (measured).
            ("GET", f"{repository}/statuses/<sha>", self._list_statuses),
            ("POST", f"{repository}/statuses/<sha>", self._create_status),
        ):
            app.add_url_rule(rule, f"{method} {rule}", view, methods=[method])
        return app

    def _admit(self) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() not in {"token", "bearer"} or token != self.token:
            raise RefusedError(401, "Bad credentials")
        owner, name = (request.view_args or {}).get("owner"), (request.view_args or {}).get("name")
        # Unknown and forbidden repositories look the same; names do not care about case.
        if owner is not None and f"{owner}/{name}".lower() != self.repository.lower():
            raise RefusedError(404, "Not Found")

    def _get_repository(self, owner: str, name: str) -> Response:
        return jsonify(
            {
                "id": 1,
                "name": name,
                "full_name": f"{owner}/{name}",
                "private": True,
                "owner": {"login": owner, "id": 2, "type": "Organization"},
                "url": f"{self.url}/repos/{owner}/{name}",
                "html_url": f"{self._server.url}/{owner}/{name}",
                "default_branch": "main",
            }
        )

    def _get_commit(self, owner: str, name: str, sha: str) -> Response:
        self._check_commit(sha, f"No commit found for SHA: {sha}")
        # Absolute addresses have this server's name: PyGithub refuses any other (measured).
        base = f"{self.url}/repos/{owner}/{name}"
        return jsonify({"sha": sha, "url": f"{base}/commits/{sha}", "commit": {"message": ""}, "parents": []})

    def _list_statuses(self, owner: str, name: str, sha: str) -> Response:
        found = [self._status_json(number, owner, name) for number in self._of(sha)]
        return jsonify(found[::-1])

    def _combined_status(self, owner: str, name: str, sha: str) -> Response:
        latest = {self._statuses[number].context.lower(): number for number in self._of(sha)}
        states = {self._statuses[number].state for number in latest.values()}
        state = "failure" if states & {"error", "failure"} else "pending" if states != {"success"} else "success"
        found = [self._status_json(number, owner, name) for number in latest.values()]
        base = f"{self.url}/repos/{owner}/{name}/commits/{sha}"
        return jsonify(
            {
                "state": state,
                "sha": sha,
                "total_count": len(found),
                "statuses": found,
                "commit_url": base,
                "url": f"{base}/status",
            }
        )

    def _create_status(self, owner: str, name: str, sha: str) -> tuple[Response, int]:
        if self.read_only:
            raise RefusedError(403, "Resource not accessible by integration")
        asked = request.get_json(silent=True)
        asked = asked if isinstance(asked, dict) else {}
        status = CommitStatus(
            repository=f"{owner}/{name}",
            sha=sha,
            state=str(asked.get("state")),
            context=asked.get("context") or "default",
            description=asked.get("description"),
            target_url=asked.get("target_url"),
        )
        problems = _problems(status)
        if problems:
            raise RefusedError(422, "Validation Failed", problems)
        self._check_commit(sha, f"No commit found for SHA: {sha}")
        self._statuses.append(status)
        return jsonify(self._status_json(len(self._statuses) - 1, owner, name)), 201

    # --- shared ----------------------------------------------------------------------------------------

    def _check_commit(self, sha: str, message: str) -> None:
        if self.commits is not None and sha not in self.commits:
            raise RefusedError(422, message)

    def _of(self, sha: str) -> list[int]:
        return [number for number, status in enumerate(self._statuses) if status.sha == sha]

    def _status_json(self, number: int, owner: str, name: str) -> dict[str, Any]:
        status = self._statuses[number]
        return {
            "id": number + 1,
            "state": status.state,
            "context": status.context,
            "description": status.description,
            "target_url": status.target_url,
            "url": f"{self.url}/repos/{owner}/{name}/statuses/{status.sha}",
        }


def _problems(status: CommitStatus) -> list[dict[str, str]]:
    rules = (
        ("state", status.state in STATES, f"state is not one of {', '.join(STATES)}"),
        (
            "description",
            len(status.description or "") <= DESCRIPTION_MAX_LENGTH,
            f"description is too long (maximum is {DESCRIPTION_MAX_LENGTH} characters)",
        ),
        (
            "target_url",
            not status.target_url or WEB_ADDRESS.match(status.target_url) is not None,
            "target_url must use http(s) scheme",
        ),
    )
    return [
        {"resource": "Status", "code": "custom", "field": field, "message": message}
        for field, fine, message in rules
        if not fine
    ]


def _refuse(error: RefusedError) -> tuple[Response, int]:
    body: dict[str, Any] = {**error.body}
    if error.errors:
        body["errors"] = error.errors
    return jsonify(body), error.code
