"""A Bitbucket Cloud with build statuses, Code Insights reports and comments, and nothing else of it.

[documented: commit statuses and pull requests of the REST API 2.0; the refusal of a long key is recorded]
"""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from flask import Response, jsonify, request

from emulator.hosts.base import FakeHost, RefusedError, request_fields
from emulator.hosts.changes import bitbucket_routes

if TYPE_CHECKING:
    from emulator.routing import Route

STATES = ("SUCCESSFUL", "FAILED", "INPROGRESS", "STOPPED")
MAX_KEY = 40
MAX_TEXT = 255
MIN_HASH = 7
# Limits of Code Insights [documented: reports API; recorded: the length of a summary].
REPORT_TYPES = ("SECURITY", "COVERAGE", "TEST", "BUG")
RESULTS = ("PASSED", "FAILED", "PENDING")
ANNOTATION_TYPES = ("VULNERABILITY", "CODE_SMELL", "BUG")
MAX_DATA, MAX_ANNOTATIONS, MAX_SUMMARY = 10, 100, 450


@dataclass(frozen=True)
class Status:
    """A build status. Another one with the same key on the same commit replaces it."""

    commit: str
    key: str
    state: str
    name: str
    url: str
    description: str
    refname: str | None
    creator: str


@dataclass
class Comment:
    """A comment of a pull request."""

    id: int
    raw: str
    deleted: bool = False
    user: str = "stranger"


@dataclass
class Report:
    """A report of Code Insights, with its annotations by id."""

    fields: dict[str, Any]
    annotations: dict[str, dict[str, Any]] = field(default_factory=dict)


class Bitbucket(FakeHost):
    """A Bitbucket with one repository.

    `tokens` maps access tokens, or `user:secret` for basic authentication, to the user.
    """

    def __init__(
        self,
        *,
        tokens: dict[str, str] | None = None,
        repository: str = "acme/shop",
        commits: tuple[str, ...] = (),
        admins: frozenset[str] = frozenset(),
        page: int = 100,
        **address: Any,  # noqa: ANN401 - host and port
    ) -> None:
        """`commits` are full hashes; without any, every full hash exists. `page` is the maximal size of a page."""
        self.tokens = tokens or {"bitbucket-token": "bot"}
        self.repository, self.commits, self.admins, self.page = repository, commits, admins, page
        self.statuses: dict[tuple[str, str], Status] = {}
        # Every status as it was posted, in order.
        self.history: list[Status] = []
        self.comments: dict[int, list[Comment]] = {}
        # The key is commit and name.
        self.reports: dict[tuple[str, str], Report] = {}
        super().__init__(**address)

    @property
    def url(self) -> str:
        """The root of the API, as in `BITBUCKET_API_URL`."""
        return f"{self.root}/2.0"

    def routes(self) -> list[Route]:
        """Statuses, comments and reports."""
        repository = "/2.0/repositories/<workspace>/<slug>"
        build = f"{repository}/commit/<commit>/statuses/build"
        comments = f"{repository}/pullrequests/<int:number>/comments"
        report = f"{repository}/commit/<commit>/reports/<name>"
        return [
            ("POST", build, self._post_status),
            ("GET", f"{build}/<key>", self._get_status),
            ("GET", f"{repository}/commit/<commit>/statuses", self._list_statuses),
            ("GET", f"{repository}/commit/<commit>", self._get_commit),
            ("GET", comments, self._list_comments),
            ("POST", comments, self._post_comment),
            ("PUT", f"{comments}/<int:comment>", self._put_comment),
            ("DELETE", f"{comments}/<int:comment>", self._delete_comment),
            ("GET", "/2.0/user", self._get_user),
            *bitbucket_routes(self, repository, _problem("Your credentials lack one or more required scopes.")),
            ("PUT", report, self._put_report),
            ("DELETE", report, self._delete_report),
            ("POST", f"{report}/annotations", self._post_annotations),
        ]

    def not_found(self) -> object:
        """Return the error of Bitbucket."""
        return _problem("Resource not found")

    def check_credentials(self) -> Response | None:
        """Accept access tokens by Bearer and users by Basic. The proxy of a pipeline needs neither for reports."""
        proxied = request.environ["REQUEST_URI"].startswith("http://") and "/reports/" in request.path
        if self._user() is None and not (proxied and "Authorization" not in request.headers):
            raise RefusedError(401, _problem("Token is invalid, expired, or not supported for this endpoint."))
        names = request.view_args or {}
        if "slug" in names and f"{names['workspace']}/{names['slug']}" != self.repository:
            raise RefusedError(404, _problem(f"Repository {names['workspace']}/{names['slug']} not found"))
        return None

    def _user(self) -> str | None:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            value = base64.b64decode(value).decode()
            return self.tokens.get(value) if ":" in value else None
        return self.tokens.get(value) if scheme == "Bearer" and ":" not in value else None

    def _commit(self, commit: str) -> str:
        """Return the full hash of a commit; an abbreviated one is accepted in paths."""
        if not self.commits and len(commit) == len("0" * 40):
            return commit
        found = [full for full in self.commits if full.startswith(commit)] if len(commit) >= MIN_HASH else []
        if len(found) != 1:
            raise RefusedError(404, _problem(f"Commit not found: {commit}"))
        return found[0]

    def _post_status(self, commit: str, **_scope: str) -> tuple[Response, int]:
        fields, user = request_fields(), self._user() or ""
        commit = self._commit(commit)
        problems = _problems(fields)
        if problems:
            raise RefusedError(400, _problem(" ".join(problems)))
        old = self.statuses.get((commit, fields["key"]))
        if old and user != old.creator and user not in self.admins:
            raise RefusedError(403, _problem("You may not change this build status."))
        status = Status(
            commit=commit,
            key=fields["key"],
            state=fields["state"],
            name=fields.get("name") or fields["key"],
            url=fields["url"],
            description=fields.get("description") or "",
            refname=fields.get("refname"),
            creator=old.creator if old else user,
        )
        self.statuses[commit, status.key] = status
        self.history.append(status)
        return jsonify(_json(status)), 200 if old else 201

    def _get_status(self, commit: str, key: str, **_scope: str) -> Response:
        status = self.statuses.get((self._commit(commit), key))
        if status is None:
            raise RefusedError(404, _problem(f"There is no build with key {key}"))
        return jsonify(_json(status))

    def _get_commit(self, commit: str, **_scope: str) -> Response:
        full = self._commit(commit)
        links = {"self": {"href": request.base_url}, "statuses": {"href": f"{request.base_url}/statuses"}}
        message = self.changes.messages.get(full, "")
        return jsonify({"type": "commit", "hash": full, "links": links, "message": message})

    def _list_statuses(self, commit: str, **_scope: str) -> Response:
        full = self._commit(commit)
        found = [_json(status) for (of, _), status in self.statuses.items() if of == full]
        return jsonify({"pagelen": 100, "values": found, "page": 1, "size": len(found)})

    def _list_comments(self, number: int, **_scope: str) -> Response:
        comments = self.comments.get(number, [])
        size = min(int(request.args.get("pagelen", 10)), self.page)
        page = int(request.args.get("page", 1))
        body = {
            "pagelen": size,
            "page": page,
            "values": [_comment(one) for one in comments[(page - 1) * size : page * size]],
        }
        if page * size < len(comments):
            body["next"] = f"{request.base_url}?pagelen={size}&page={page + 1}"
        return jsonify(body)

    def _post_comment(self, number: int, **_scope: str) -> tuple[Response, int]:
        comments = self.comments.setdefault(number, [])
        comment = Comment(number * 1000 + len(comments) + 1, request_fields()["content"]["raw"])
        comment.user = self._user() or ""
        comments.append(comment)
        return jsonify(_comment(comment)), 201

    def _put_comment(self, number: int, comment: int, **_scope: str) -> Response:
        for known in self.comments.get(number, []):
            if known.id == comment and not known.deleted:
                known.raw = request_fields()["content"]["raw"]
                return jsonify(_comment(known))
        raise RefusedError(404, _problem("Comment not found"))

    def _delete_comment(self, number: int, comment: int, **_scope: str) -> tuple[str, int]:
        for known in self.comments.get(number, []):
            known.deleted = known.deleted or known.id == comment
        return "", 204

    def _get_user(self) -> Response:
        if not self.may_ask_account:
            words = "Your credentials lack one or more required privilege scopes."
            raise RefusedError(403, _problem(words))
        return jsonify(_user_json(self._user() or ""))

    def _put_report(self, commit: str, name: str, **_scope: str) -> Response:
        fields = request_fields()
        if fields.get("report_type") not in REPORT_TYPES or fields.get("result") not in RESULTS:
            raise RefusedError(400, _bad_request("Invalid report"))
        if len(fields.get("data") or []) > MAX_DATA:
            raise RefusedError(400, _bad_request("Too many data fields"))
        key = (self._commit(commit), name)
        old = self.reports.get(key)
        self.reports[key] = Report(fields, old.annotations if old else {})
        return jsonify({**fields, "type": "report", "external_id": name})

    def _delete_report(self, commit: str, name: str, **_scope: str) -> tuple[str, int]:
        if self.reports.pop((self._commit(commit), name), None) is None:
            raise RefusedError(404, _bad_request("Report not found"))
        return "", 204

    def _post_annotations(self, commit: str, name: str, **_scope: str) -> Response:
        report = self.reports.get((self._commit(commit), name))
        if report is None:
            raise RefusedError(404, _bad_request("Report not found"))
        found = request.get_json()
        if len(found) > MAX_ANNOTATIONS:
            raise RefusedError(400, _bad_request("Too many annotations"))
        for annotation in found:
            summary = annotation.get("summary") or ""
            if not summary:
                raise RefusedError(400, _bad_request("The summary field is required."))
            if len(summary) > MAX_SUMMARY:
                raise RefusedError(400, _bad_request("The summary field cannot contain more than 450 characters."))
            if annotation.get("annotation_type") not in ANNOTATION_TYPES:
                raise RefusedError(400, _bad_request("Invalid annotation_type"))
        report.annotations |= {annotation["external_id"]: annotation for annotation in found}
        return jsonify(found)

    def post(self, status: Status) -> None:
        """Add a status of another user."""
        self.statuses[status.commit, status.key] = replace(status)


def _problems(fields: dict[str, Any]) -> list[str]:
    found = [f"{name}: This field is required." for name in ("key", "state", "url") if not fields.get(name)]
    if fields.get("state") and fields["state"] not in STATES:
        found.append(f"state: {fields['state']} is not a valid choice.")
    for name, limit in (("key", MAX_KEY), ("name", MAX_TEXT), ("description", MAX_TEXT)):
        length = len(str(fields.get(name) or ""))
        if length > limit:
            found.append(f"{name}: Ensure this value has at most {limit} characters (it has {length}).")
    return found


def _bad_request(message: str) -> dict[str, Any]:
    """Return the error of the report service (recorded)."""
    return {"key": "report-service.general.bad-request", "message": message, "arguments": {}}


def _problem(message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"message": message}}


def _json(status: Status) -> dict[str, Any]:
    return {
        "type": "build",
        "key": status.key,
        "state": status.state,
        "name": status.name,
        "url": status.url,
        "description": status.description,
        "refname": status.refname,
    }


def _comment(comment: Comment) -> dict[str, Any]:
    return {
        "id": comment.id,
        "deleted": comment.deleted,
        "content": {"raw": comment.raw, "markup": "markdown"},
        "user": _user_json(comment.user),
    }


def _user_json(user: str) -> dict[str, Any]:
    """Return a user (documented: users API); here the UUID follows from the name."""
    return {"type": "user", "nickname": user, "uuid": f"{{{uuid.uuid5(uuid.NAMESPACE_DNS, user)}}}"}
