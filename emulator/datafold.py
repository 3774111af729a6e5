"""A Datafold on this machine: takes uploads of dbt artifacts, and has CI runs of pull requests.

[source: datafold-sdk 0.4.1, whose requests were recorded; documented: Datafold's OpenAPI description, for CI runs]
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from emulator.routing import add_routes
from emulator.server import HttpServer, Service

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.routing import Route

RUN_TYPES = ("production", "pull_request")
# The parts of an upload in their order; `run_id` may be left out.
PARTS = (["commit_sha", "run_type", "artifacts"], ["commit_sha", "run_type", "run_id", "artifacts"])


@dataclass(frozen=True)
class Part:
    """A part of a multipart body: its headers by their names in lower case, its file name or None, its content."""

    name: str
    headers: Mapping[str, str]
    file_name: str | None
    content: bytes


@dataclass(frozen=True)
class Upload:
    """Artifacts of one commit; `files` are the SHA-256 of each file in the archive, by its name there."""

    config_id: int
    commit_sha: str
    run_type: str
    run_id: str | None
    files: Mapping[str, str]


@dataclass
class CiRun:
    """Datafold's own run for a commit of a pull request. Each look at it goes to the next of `statuses`."""

    id: int
    config_id: int
    pr_sha: str
    statuses: list[str] = field(default_factory=lambda: ["done"])


class RefusedError(Exception):
    """The request is answered by an error."""

    def __init__(self, code: int, message: str, place: Sequence[str] = ()) -> None:
        """`place` is where in the request the problem is, as in FastAPI's errors."""
        super().__init__(message)
        self.code, self.message, self.place = code, message, place


class Datafold(Service):
    """A Datafold with one API key and some CI configurations, a context manager."""

    def __init__(
        self,
        *,
        api_key: str = "datafold-key",
        config_ids: frozenset[int] = frozenset({77}),
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """The port is opened by `start`; 0 means a free one."""
        self.api_key, self.config_ids = api_key, config_ids
        self.uploads: list[Upload] = []
        self.ci_runs: list[CiRun] = []
        self._server = HttpServer(self._app(), host=host, port=port)

    def add_ci_run(self, pr_sha: str, *statuses: str, config_id: int = 77) -> CiRun:
        """Add a run for a commit; it stays at the last of `statuses`."""
        run = CiRun(len(self.ci_runs) + 1, config_id, pr_sha, list(statuses))
        self.ci_runs.append(run)
        return run

    def _app(self) -> Flask:
        app = Flask("datafold", static_folder=None)
        app.before_request(self._check)
        app.register_error_handler(RefusedError, _refusal)
        add_routes(app, self._routes())
        return app

    def _routes(self) -> list[Route]:
        return [
            ("POST", "/api/v1/dbt/submit_artifacts/<int:config_id>", self._submit),
            ("GET", "/api/v1/ci/<int:config_id>/runs", self._list_runs),
            ("POST", "/api/v1/ci/<int:config_id>/trigger", self._trigger),
            # The client's own log lines, which need no key.
            ("POST", "/api/internal/sdk/log", lambda: jsonify({})),
        ]

    def _check(self) -> None:
        if request.path == "/api/internal/sdk/log":
            return
        if request.headers.get("Authorization") != f"Key {self.api_key}":
            # The text of this error is not known.
            raise RefusedError(401, "Unauthorized")
        config_id = (request.view_args or {}).get("config_id")
        if config_id is not None and config_id not in self.config_ids:
            raise RefusedError(404, "Not Found")

    def _submit(self, config_id: int) -> Response:
        parts = parts_of(request.headers.get("Content-Type", ""), request.get_data())
        if [part.name for part in parts] not in PARTS:
            raise RefusedError(422, "Field required", ("body", "artifacts"))
        texts = {part.name: part.content.decode() for part in parts if part.file_name is None}
        if texts.get("run_type") not in RUN_TYPES:
            raise RefusedError(422, "Input should be 'production' or 'pull_request'", ("body", "run_type"))
        upload = Upload(
            config_id=config_id,
            commit_sha=texts["commit_sha"],
            run_type=texts["run_type"],
            run_id=texts.get("run_id"),
            files=_files(parts[-1].content),
        )
        self.uploads.append(upload)
        return jsonify({})

    def _list_runs(self, config_id: int) -> Response:
        wanted = request.args.get("pr_sha")
        found = [run for run in self.ci_runs if run.config_id == config_id and wanted in (None, run.pr_sha)]
        limit = int(request.args.get("limit", 100))
        return jsonify([_run_json(run) for run in found[::-1][:limit]])

    def _trigger(self, config_id: int) -> Response:
        fields = request.get_json()
        run = self.add_ci_run(str(fields["pr_sha"]), "done", config_id=config_id)
        return jsonify({"ci_run_id": run.id, "run_id": run.id})


def parts_of(content_type: str, body: bytes) -> list[Part]:
    """Read a multipart body, part by part in its order."""
    kind, _, parameters = content_type.partition(";")
    boundary = parameters.partition("boundary=")[2].strip('"')
    if kind != "multipart/form-data" or not boundary:
        raise RefusedError(422, "Field required", ("body", "commit_sha"))
    decoder = MultipartDecoder(boundary.encode())
    decoder.receive_data(body)
    decoder.receive_data(None)
    parts: list[Part] = []
    while not isinstance(event := decoder.next_event(), (Epilogue, NeedData)):
        if isinstance(event, (Field, File)):
            headers = {name.lower(): value for name, value in event.headers.items()}
            parts.append(Part(event.name, headers, event.filename if isinstance(event, File) else None, b""))
        elif isinstance(event, Data):
            last = parts[-1]
            parts[-1] = Part(last.name, last.headers, last.file_name, last.content + event.data)
    return parts


def _files(archive: bytes) -> dict[str, str]:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            names = [name for name in opened.namelist() if not name.endswith("/")]
            found = {name: hashlib.sha256(opened.read(name)).hexdigest() for name in names}
    except zipfile.BadZipFile:
        raise RefusedError(422, "Not an archive", ("body", "artifacts")) from None
    if not any(name.rpartition("/")[2] == "manifest.json" for name in found):
        raise RefusedError(422, "No manifest.json", ("body", "artifacts"))
    return found


def _run_json(run: CiRun) -> dict[str, Any]:
    status = run.statuses.pop(0) if len(run.statuses) > 1 else run.statuses[0]
    return {
        "id": run.id,
        "base_branch": "main",
        "base_sha": "0" * 40,
        "pr_branch": "feature/a",
        "pr_sha": run.pr_sha,
        "pr_num": "7",
        "status": status,
        "source": "github",
    }


def _refusal(error: RefusedError) -> tuple[Response, int]:
    """Return the body of a refusal: a list for one of validation (documented), a text for others (not known)."""
    detail: Any = error.message
    if error.place:
        detail = [{"loc": list(error.place), "msg": error.message, "type": "value_error"}]
    return jsonify({"detail": detail}), error.code
