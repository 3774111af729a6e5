"""A GitHub that knows comments of pull requests too; commits and statuses are in `emulator.github`.

[documented: issue comments of the REST API]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, jsonify, request

from emulator.github import GitHub as StatusGitHub
from emulator.github import RefusedError

if TYPE_CHECKING:
    from flask import Flask

MAX_BODY = 65_536
_MOST = 100


class GitHub(StatusGitHub):
    """One repository with the comments of its pull requests; `silent` is a token without `pull-requests: write`."""

    def __init__(self, *, silent: bool = False, **more: Any) -> None:  # noqa: ANN401 - those of the other class
        """Nothing is bound before `start`."""
        self.silent = silent
        # Number of the pull request -> bodies by the number of the comment, the oldest first.
        self.comments: dict[int, dict[int, str]] = {}
        super().__init__(**more)

    def _app(self) -> Flask:
        app = super()._app()
        issues = f"{self._prefix}/repos/<owner>/<name>/issues"
        for method, rule, view in (
            ("GET", f"{issues}/<int:number>/comments", self._list_comments),
            ("POST", f"{issues}/<int:number>/comments", self._create_comment),
            ("PATCH", f"{issues}/comments/<int:comment>", self._update_comment),
        ):
            app.add_url_rule(rule, f"{method} {rule}", view, methods=[method])
        return app

    def _list_comments(self, owner: str, name: str, number: int) -> Response:
        size = min(int(request.args.get("per_page", 30)), _MOST)
        page = int(request.args.get("page", 1))
        comments = list(self.comments.get(number, {}).items())
        shown = comments[(page - 1) * size : page * size]
        answer = jsonify([self._comment(owner, name, comment, body) for comment, body in shown])
        if page * size < len(comments):
            answer.headers["Link"] = f'<{request.base_url}?per_page={size}&page={page + 1}>; rel="next"'
        return answer

    def _create_comment(self, owner: str, name: str, number: int) -> tuple[Response, int]:
        comments = self.comments.setdefault(number, {})
        comment = number * 1000 + len(comments) + 1
        comments[comment] = self._body()
        return jsonify(self._comment(owner, name, comment, comments[comment])), 201

    def _update_comment(self, owner: str, name: str, comment: int) -> Response:
        for comments in self.comments.values():
            if comment in comments:
                comments[comment] = self._body()
                return jsonify(self._comment(owner, name, comment, comments[comment]))
        raise RefusedError(404, "Not Found")

    def _body(self) -> str:
        if self.silent:
            raise RefusedError(403, "Resource not accessible by integration")
        body = str((request.get_json(silent=True) or {}).get("body") or "")
        if not body or len(body) > MAX_BODY:
            problem = {
                "resource": "IssueComment",
                "code": "unprocessable",
                "field": "data",
                "message": "Body is too long",
            }
            raise RefusedError(422, "Validation Failed", [problem])
        return body

    def _comment(self, owner: str, name: str, comment: int, body: str) -> dict[str, Any]:
        return {
            "id": comment,
            "body": body,
            "user": {"login": "bot", "id": 1, "type": "Bot"},
            "url": f"{self.url}/repos/{owner}/{name}/issues/comments/{comment}",
        }
