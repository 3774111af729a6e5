"""A GitLab with commit statuses and notes of merge requests, by the rules of its code, and nothing else of it.

[source: create_commit_status_service.rb, commit_status.rb; documented: commits and notes API]
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flask import Response, jsonify, request

from emulator.hosts.base import FakeHost, RefusedError, request_fields
from emulator.hosts.changes import gitlab_routes

if TYPE_CHECKING:
    from emulator.routing import Route

MAX_TEXT = 255
_LIMITED = ("ref", "target_url", "description")
_UNFINISHED = ("pending", "running")
_FINAL = ("success", "failed", "canceled", "skipped")
# The event of each state, and the states from which it is allowed; the error message names both.
_EVENTS = {
    "pending": ("enqueue", ("created", "skipped", "manual", "scheduled")),
    "running": ("run", ("created", "pending", "waiting_for_resource", "preparing")),
    "success": ("success", ("created", "pending", "running")),
    "failed": ("drop", ("created", "pending", "running")),
    "canceled": ("cancel", ("created", "pending", "running")),
    "skipped": ("skip", ("created", "pending", "running")),
}


@dataclass(frozen=True)
class Pipeline:
    """A pipeline of a commit. `source` is `external` when GitLab made it for a status."""

    id: int
    sha: str
    ref: str
    source: str = "push"


@dataclass(frozen=True)
class Status:
    """A commit status, which GitLab shows as an external job. A status after a final one is a new job."""

    id: int
    pipeline: int
    sha: str
    ref: str
    name: str
    status: str
    description: str | None
    target_url: str | None
    user: str


@dataclass
class Note:
    """A note of a merge request."""

    id: int
    body: str
    user: str


class GitLab(FakeHost):
    """A GitLab with one project and its pipelines.

    `tokens` maps personal or project access tokens to their users; a job token may use none of these endpoints.
    Users in `weak` may not post statuses, as on a protected branch.
    """

    def __init__(
        self,
        *,
        tokens: dict[str, str] | None = None,
        project: str = "1217",
        path: str = "acme/shop",
        pipelines: tuple[Pipeline, ...] = (),
        commits: frozenset[str] | None = None,
        weak: frozenset[str] = frozenset(),
        page: int = 100,
        **address: Any,  # noqa: ANN401 - host and port
    ) -> None:
        """With `commits` None every commit exists. `page` is the maximal size of a page of notes."""
        self.tokens = tokens or {"glpat-token": "bot"}
        self.project, self.path = project, path
        # Paths of other projects that the tokens may read; they have the same notes.
        self.also: tuple[str, ...] = ()
        self.pipelines = list(pipelines)
        self.commits, self.weak, self.page = commits, weak, page
        self.statuses: list[Status] = []
        self.notes: dict[int, list[Note]] = {}
        super().__init__(**address)

    @property
    def url(self) -> str:
        """The root of the API, as in `CI_API_V4_URL`."""
        return f"{self.root}/api/v4"

    def newest(self, sha: str, name: str) -> Status:
        """Return the status that users see."""
        return [status for status in self.statuses if (status.sha, status.name) == (sha, name)][-1]

    def routes(self) -> list[Route]:
        """Statuses and notes."""
        project = "/api/v4/projects/<path:project>"
        notes = f"{project}/merge_requests/<int:number>/notes"
        return [
            ("POST", f"{project}/statuses/<sha>", self._post_status),
            ("GET", f"{project}/repository/commits/<sha>/statuses", self._list_statuses),
            ("GET", notes, self._list_notes),
            ("POST", notes, self._post_note),
            ("PUT", f"{notes}/<int:note>", self._put_note),
            ("DELETE", f"{notes}/<int:note>", self._delete_note),
            ("GET", "/api/v4/user", self._get_user),
            *gitlab_routes(self, project, {"message": "403 Forbidden"}),
        ]

    def not_found(self) -> object:
        """Return the error of GitLab."""
        return {"message": "404 Not Found"}

    def check_credentials(self) -> Response | None:
        """Accept the headers `PRIVATE-TOKEN` and `Authorization: Bearer`; another project is answered by 404."""
        if self._user() is None:
            raise RefusedError(401, {"message": "401 Unauthorized"})
        project = (request.view_args or {}).get("project", self.project)
        if project not in (self.project, self.path, *self.also):
            raise RefusedError(404, {"message": "404 Project Not Found"})
        return None

    def _user(self) -> str | None:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return self.tokens.get(request.headers.get("PRIVATE-TOKEN", bearer))

    def _post_status(self, project: str, sha: str) -> tuple[Response, int]:
        del project
        fields = request_fields()
        user = self._user() or ""
        if user in self.weak:
            raise RefusedError(403, {"message": "403 Forbidden"})
        state = str(fields.get("state", ""))
        if state not in _EVENTS:
            raise RefusedError(400, {"error": "state does not have a valid value"})
        if not re.fullmatch("[0-9a-f]{40}", sha) or (self.commits is not None and sha not in self.commits):
            raise RefusedError(404, {"message": "404 Commit Not Found"})
        long = {name: ["is too long (maximum is 255 characters)"] for name in _LIMITED if _too_long(fields.get(name))}
        if long:
            raise RefusedError(400, {"message": long})
        pipeline = self._pipeline(sha, fields)
        name = str(fields.get("name") or fields.get("context") or "default")
        old = self._unfinished_status(pipeline, name, user)
        if old is not None:
            event, sources = _EVENTS[state]
            if old.status not in sources:
                words = f"Cannot transition status via :{event} from :{old.status}"
                raise RefusedError(400, {"message": f'{words} (Reason(s): Status cannot transition via "{event}")'})
        status = Status(
            id=old.id if old else len(self.statuses) + 1,
            pipeline=pipeline.id,
            sha=sha,
            ref=pipeline.ref,
            name=name,
            status=state,
            description=fields.get("description", old.description if old else None),
            target_url=fields.get("target_url", old.target_url if old else None),
            user=user,
        )
        if old:
            self.statuses[self.statuses.index(old)] = status
        else:
            self.statuses.append(status)
        return jsonify(_json(status)), 201

    def _pipeline(self, sha: str, fields: dict[str, Any]) -> Pipeline:
        """Return the newest pipeline of the commit, and of the ref and the id if they are given; else a new one."""
        wanted = fields.get("pipeline_id")
        ref = fields.get("ref")
        found = [
            pipeline
            for pipeline in self.pipelines
            if pipeline.sha == sha
            and (ref is None or pipeline.ref == ref)
            and (wanted is None or str(pipeline.id) == str(wanted))
        ]
        if found:
            return found[-1]
        if wanted is not None:
            raise RefusedError(404, {"message": "404 Pipeline for pipeline_id, sha and ref Not Found"})
        new = Pipeline(max((old.id for old in self.pipelines), default=0) + 1, sha, str(ref or "main"), "external")
        self.pipelines.append(new)
        return new

    def _unfinished_status(self, pipeline: Pipeline, name: str, user: str) -> Status | None:
        found = [
            status
            for status in self.statuses
            if (status.pipeline, status.name, status.user) == (pipeline.id, name, user) and status.status in _UNFINISHED
        ]
        return found[-1] if found else None

    def _list_statuses(self, project: str, sha: str) -> Response:
        """Return the newest status of each name, or every status when `all` is sent."""
        del project
        found = [status for status in self.statuses if status.sha == sha]
        if request.args.get("all") not in ("true", "True", "1"):
            found = list({status.name: status for status in found}.values())
        return jsonify([_json(status) for status in found])

    def _list_notes(self, project: str, number: int) -> Response:
        del project
        notes = self.notes.get(number, [])
        if request.args.get("sort", "desc") == "desc":
            notes = notes[::-1]
        size = min(int(request.args.get("per_page", 20)), self.page)
        page = int(request.args.get("page", 1))
        answer = jsonify([_note(note) for note in notes[(page - 1) * size : page * size]])
        answer.headers["X-Page"] = str(page)
        answer.headers["X-Next-Page"] = str(page + 1) if page * size < len(notes) else ""
        return answer

    def _get_user(self) -> Response:
        if not self.may_ask_account:
            raise RefusedError(403, {"message": "403 Forbidden"})
        return jsonify(_user_json(self._user() or ""))

    def _delete_note(self, project: str, number: int, note: int) -> tuple[str, int]:
        del project
        self.notes[number] = [known for known in self.notes.get(number, []) if known.id != note]
        return "", 204

    def _post_note(self, project: str, number: int) -> tuple[Response, int]:
        del project
        notes = self.notes.setdefault(number, [])
        note = Note(number * 1000 + len(notes) + 1, str(request_fields().get("body") or ""), self._user() or "")
        if not note.body:
            raise RefusedError(400, {"error": "body is missing"})
        notes.append(note)
        return jsonify(_note(note)), 201

    def _put_note(self, project: str, number: int, note: int) -> Response:
        del project
        for known in self.notes.get(number, []):
            if known.id == note:
                if known.user != self._user():
                    raise RefusedError(403, {"message": "403 Forbidden"})
                known.body = str(request_fields()["body"])
                return jsonify(_note(known))
        raise RefusedError(404, {"message": "404 Note Not Found"})

    def post(self, status: Status) -> None:
        """Add a status of another user."""
        self.statuses.append(replace(status, id=len(self.statuses) + 1))


def _too_long(value: object) -> bool:
    return isinstance(value, str) and len(value) > MAX_TEXT


def _json(status: Status) -> dict[str, Any]:
    return {
        "id": status.id,
        "sha": status.sha,
        "ref": status.ref,
        "status": status.status,
        "name": status.name,
        "target_url": status.target_url,
        "description": status.description,
        "pipeline_id": status.pipeline,
        "allow_failure": False,
        "author": {"username": status.user},
    }


def _note(note: Note) -> dict[str, Any]:
    return {"id": note.id, "body": note.body, "author": _user_json(note.user), "system": False}


def _user_json(user: str) -> dict[str, Any]:
    """Return a user (documented: users API); here the id follows from the name."""
    return {"id": sum(map(ord, user)), "username": user}
