"""A GitHub that also has comments on pull requests: as much as the product needs, as GitHub's REST API has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, jsonify, request

from emulator.github import GitHub, RefusedError

PAGE = 30


@dataclass
class Comment:
    """A comment on a pull request, with the times it was changed."""

    id: int
    pull_request: int
    body: str
    edits: int = 0


class CommentingGitHub(GitHub):
    """Statuses and comments; `mute` is a token that may not write comments."""

    def __init__(self, *, mute: bool = False, **more: Any) -> None:  # noqa: ANN401 - of GitHub
        super().__init__(**more)
        self.comments: list[Comment] = []
        self.mute = mute

    def add(self, body: str, *, pull_request: int = 7) -> Comment:
        """A comment of somebody else's."""
        comment = Comment(len(self.comments) + 1, pull_request, body)
        self.comments.append(comment)
        return comment

    def _app(self) -> Flask:
        app = super()._app()
        issues = f"{self._prefix}/repos/<owner>/<name>/issues"
        for method, rule, view in (
            ("GET", f"{issues}/<int:number>", self._get_issue),
            ("GET", f"{issues}/<int:number>/comments", self._list_comments),
            ("POST", f"{issues}/<int:number>/comments", self._create_comment),
            ("PATCH", f"{issues}/comments/<int:number>", self._edit_comment),
        ):
            app.add_url_rule(rule, f"{method} {rule}", view, methods=[method])
        return app

    def _get_issue(self, owner: str, name: str, number: int) -> Response:
        return jsonify({"id": number, "number": number, "url": f"{self.url}/repos/{owner}/{name}/issues/{number}"})

    def _list_comments(self, owner: str, name: str, number: int) -> Response:
        size, page = min(int(request.args.get("per_page", PAGE)), 100), int(request.args.get("page", 1))
        found = [comment for comment in self.comments if comment.pull_request == number]
        answer = jsonify([self._json(one, owner, name) for one in found[(page - 1) * size : page * size]])
        if page * size < len(found):
            url = f"{self.url}/repos/{owner}/{name}/issues/{number}/comments?per_page={size}&page={page + 1}"
            answer.headers["Link"] = f'<{url}>; rel="next"'
        return answer

    def _create_comment(self, owner: str, name: str, number: int) -> tuple[Response, int]:
        return jsonify(self._json(self.add(self._body(), pull_request=number), owner, name)), 201

    def _edit_comment(self, owner: str, name: str, number: int) -> Response:
        body = self._body()
        (comment,) = [comment for comment in self.comments if comment.id == number]
        comment.body, comment.edits = body, comment.edits + 1
        return jsonify(self._json(comment, owner, name))

    def _body(self) -> str:
        if self.mute:
            raise RefusedError(403, "Resource not accessible by integration")
        asked = request.get_json(silent=True) or {}
        body = str(asked.get("body") or "")
        if not body or len(body) > 65_536:
            raise RefusedError(422, "Validation Failed")
        return body

    def _json(self, comment: Comment, owner: str, name: str) -> dict[str, Any]:
        url = f"{self.url}/repos/{owner}/{name}/issues/comments/{comment.id}"
        return {"id": comment.id, "url": url, "body": comment.body, "user": {"login": "somebody", "id": 1}}
