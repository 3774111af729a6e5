"""An emulator of Example Forge, for the tests of all hosts. Copy it to `tests/hosts/test_<name>.py`.

An emulator that the demo or a local runner needs too belongs in `emulator/hosts/`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, jsonify, request

from dbt_action.report.outcome import CommitState
from emulator.hosts.base import FakeHost, RefusedError, request_fields
from tests.ci.test_example_ci import HEAD, PULL_REQUEST
from tests.support.host_cases import NAME
from tests.support.samples import HostSample


class Forge(FakeHost):
    """One repository with the rules of the host, refusals included. Say for each where it is documented or recorded."""

    def __init__(self) -> None:
        self.history: list[str] = []
        self.statuses: dict[tuple[str, str], str] = {}
        # Author and text.
        self.comments: dict[int, tuple[str, str]] = {}
        # Comments on a page.
        self.page = 100
        super().__init__()

    @property
    def url(self) -> str:
        return f"{self.root}/api"

    def routes(self) -> list[tuple[str, str, Callable[..., Any]]]:
        repository = "/api/repositories/acme/shop"
        return [
            ("POST", f"{repository}/commits/<sha>/status", self._post_status),
            ("GET", f"{repository}/pulls/3/comments", self._list_comments),
            ("POST", f"{repository}/pulls/3/comments", self._write_comment),
            ("PUT", f"{repository}/pulls/3/comments/<int:number>", self._write_comment),
            ("DELETE", f"{repository}/pulls/3/comments/<int:number>", self._delete_comment),
            ("GET", "/api/user", self._get_user),
            ("GET", f"{repository}/pulls/3", self._get_pull),
            ("GET", f"{repository}/pulls/3/files", self._list_files),
            ("GET", f"{repository}/commits/<sha>", self._get_commit),
        ]

    def check_credentials(self) -> Response | None:
        if request.headers.get("Authorization") != "Bearer example-token":
            raise RefusedError(401, {"message": "Who are you?"})
        return None

    def not_found(self) -> object:
        return {"message": "Not found"}

    def _post_status(self, sha: str) -> Response:
        fields = request_fields()
        if fields["state"] not in {"running", "passed", "failed", "cancelled"}:
            raise RefusedError(422, {"message": "An unknown state"})
        self.history.append(fields["state"])
        self.statuses[sha, fields["name"]] = fields["state"]
        return jsonify(fields)

    def _list_comments(self) -> Response:
        page, everything = int(request.args["page"]), list(self.comments.items())
        shown = everything[(page - 1) * self.page : page * self.page]
        following = page + 1 if page * self.page < len(everything) else None
        comments = [_comment(number, *comment) for number, comment in shown]
        return jsonify({"comments": comments, "next_page": following})

    def _write_comment(self, number: int = 0) -> Response:
        number = number or len(self.comments) + 1
        self.comments[number] = ("ours", request_fields()["body"])
        return jsonify(_comment(number, *self.comments[number]))

    def _delete_comment(self, number: int) -> tuple[str, int]:
        del self.comments[number]
        return "", 204

    def _get_pull(self) -> Response:
        self._check_readable()
        return jsonify({"draft": self.changes.draft, "labels": list(self.changes.labels)})

    def _list_files(self) -> Response:
        self._check_readable()
        return jsonify({"files": [{"path": path, "old_path": old} for path, old in self.changes.files]})

    def _get_commit(self, sha: str) -> Response:
        return jsonify({"message": self.changes.messages.get(sha, "")})

    def _check_readable(self) -> None:
        if self.changes.refused:
            raise RefusedError(403, {"message": "Not allowed"})

    def _get_user(self) -> Response:
        """A host may have tokens that belong to nobody who could be asked for."""
        if not self.may_ask_account:
            raise RefusedError(403, {"message": "Not allowed"})
        return jsonify({"id": "ours"})


def _comment(number: int, author: str, body: str) -> dict[str, Any]:
    return {"id": number, "body": body, "author": {"id": author}}


def environ(host: Forge) -> Mapping[str, str]:
    return {**PULL_REQUEST, "EXAMPLE_API_URL": host.url, "EXAMPLE_TOKEN": "example-token"}


def chat(host: Forge, words: list[str]) -> None:
    host.comments = dict(enumerate((("stranger", body) for body in words), 1))


SAMPLE = HostSample(
    start=Forge,
    environ=environ,
    by_hand=lambda host: {"EXAMPLE_API_URL": host.url, "DBT_REPOSITORY": "acme/shop"},
    words={
        CommitState.PENDING: "running",
        CommitState.SUCCESS: "passed",
        CommitState.FAILURE: "failed",
        CommitState.ERROR: "failed",
        CommitState.CANCELLED: "cancelled",
    },
    posted=lambda host: host.history,
    shown=lambda host: [host.statuses[HEAD, NAME]],
    comments=lambda host: [body for _, body in host.comments.values()],
    chat=chat,
    longest_comment=10_000,
    field="non_native_pull_request_id",
    number=3,
    odd_lists=({}, {"files": [1]}, {"files": [{"path": ""}]}),
)
