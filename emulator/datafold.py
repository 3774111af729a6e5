"""A Datafold with uploads of dbt artifacts and CI runs, as far as its command line client uses them.

[source: datafold-sdk 0.4.1; documented: the CI part of the public OpenAPI description]

Neither says what the errors 401 and 404 contain, nor which words a CI run's status has beside `done`, `failed` and
`cancelled`; what is answered here is an assumption.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request

from emulator import datafold_uploads
from emulator.datafold_uploads import InvalidUploadError, Upload
from emulator.hosts.base import RefusedError
from emulator.routing import add_routes
from emulator.server import HttpServer, Service

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import UnionType

    from emulator.routing import Route

FIRST_CI_RUN_ID = 9001
STATUSES = ("running", "done")
LOG_PATH = "/api/internal/sdk/log"
_TRIGGER_FIELDS = {"pr_number": int, "base_branch": str, "base_sha": str, "pr_sha": str, "pr_branch": str}
_DIFF_FIELDS = {"prod": str, "pr": str, "pk": list | None}
_LIMITS = range(1, 1001)


@dataclass(frozen=True, slots=True, kw_only=True)
class CiRun:
    """A CI run of a pull request, with the fields of the API."""

    id: int
    base_branch: str
    base_sha: str
    pr_branch: str
    pr_sha: str
    pr_num: str
    status: str
    source: str


@dataclass(slots=True)
class _PlannedRun:
    """A CI run and the statuses that it will have, of which `run` has the present one."""

    config_id: int
    run: CiRun
    later: list[str]


class Datafold(Service):
    """A Datafold, a context manager, with the CI configurations `config_ids`."""

    def __init__(
        self,
        *,
        api_key: str = "datafold-key",
        config_ids: Iterable[int] = (77,),
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """The port is opened by `start`; 0 means a free one."""
        self.api_key = api_key
        self.config_ids = frozenset(config_ids)
        self._lock = threading.Lock()
        self._uploads: list[Upload] = []
        self._ci_runs: list[_PlannedRun] = []
        self._server = HttpServer(self._app(), host=host, port=port)

    @property
    def uploads(self) -> tuple[Upload, ...]:
        """Every upload that was accepted, in order."""
        with self._lock:
            return tuple(self._uploads)

    @property
    def ci_runs(self) -> tuple[CiRun, ...]:
        """Every CI run with its present status, in order."""
        with self._lock:
            return tuple(planned.run for planned in self._ci_runs)

    def add_ci_run(
        self,
        config_id: int,
        pr_sha: str,
        statuses: tuple[str, ...] = STATUSES,
        *,
        pr_num: str = "6",
        pr_branch: str = "feature",
        base_branch: str = "main",
        base_sha: str = "0" * 40,
    ) -> CiRun:
        """Add a CI run. Each list that has it moves it to its next status; it stays at the last one."""
        with self._lock:
            run = CiRun(
                id=FIRST_CI_RUN_ID + len(self._ci_runs),
                base_branch=base_branch,
                base_sha=base_sha,
                pr_branch=pr_branch,
                pr_sha=pr_sha,
                pr_num=pr_num,
                status=statuses[0],
                source="api",
            )
            self._ci_runs.append(_PlannedRun(config_id, run, list(statuses[1:])))
        return run

    def _app(self) -> Flask:
        app = Flask("Datafold", static_folder=None)
        app.before_request(self._check_request)
        app.register_error_handler(RefusedError, lambda error: (jsonify(error.body), error.code))
        app.register_error_handler(404, lambda _error: (jsonify({"detail": "Not Found"}), 404))
        add_routes(app, self._routes())
        return app

    def _routes(self) -> list[Route]:
        ci = "/api/v1/ci/<int:config_id>"
        return [
            ("POST", "/api/v1/dbt/submit_artifacts/<int:config_id>", self._post_artifacts),
            ("POST", "/api/v1/dbt/post_upload_check_artifacts/<int:config_id>", self._post_check),
            ("GET", f"{ci}/runs", self._list_ci_runs),
            ("POST", f"{ci}/trigger", self._post_trigger),
            ("POST", f"{ci}/<int:pr_num>", self._post_diffs),
            ("POST", "/api/internal/ci/<int:config_id>/check_pks_in_dbt_manifest", self._post_manifest),
            ("POST", LOG_PATH, self._post_log),
        ]

    def _check_request(self) -> None:
        """Check the key and the CI configuration. The client's own log is taken from anybody."""
        if request.path == LOG_PATH:
            return
        if request.headers.get("Authorization") != f"Key {self.api_key}":
            raise RefusedError(401, {"detail": "Invalid API key"})
        config_id = (request.view_args or {}).get("config_id")
        if config_id is not None and config_id not in self.config_ids:
            raise RefusedError(404, {"detail": f"CI config {config_id} not found"})

    def _post_artifacts(self, config_id: int) -> Response:
        """Keep an upload. The client reads nothing of the answer but its status."""
        try:
            upload = datafold_uploads.read(request, config_id)
        except InvalidUploadError as error:
            raise _invalid(error.place, error.message, error.kind) from error
        with self._lock:
            self._uploads.append(upload)
        return jsonify({})

    def _post_check(self, config_id: int) -> Response:
        wanted = {name: _form_field(name) for name in ("commit_sha", "run_type", "branch")}
        found = any(
            (upload.config_id, upload.commit_sha, upload.run_type)
            == (config_id, wanted["commit_sha"], wanted["run_type"])
            for upload in self.uploads
        )
        return jsonify({"status": "ok" if found else "missing"})

    def _list_ci_runs(self, config_id: int) -> Response:
        """Return the newest runs first (assumption), filtered as asked for."""
        limit = _number("limit", 100, _LIMITS)
        offset = _number("offset", 0, range(1_000_000))
        wanted = {name: request.args[name] for name in ("pr_sha", "pr_num") if name in request.args}
        with self._lock:
            found = [
                planned
                for planned in reversed(self._ci_runs)
                if planned.config_id == config_id
                and all(getattr(planned.run, name) == value for name, value in wanted.items())
            ][offset : offset + limit]
            answer = jsonify([asdict(planned.run) for planned in found])
            for planned in found:
                _move(planned)
        return answer

    def _post_trigger(self, config_id: int) -> Response:
        body = _object(request.get_json(silent=True), _TRIGGER_FIELDS, ("body",))
        run = self.add_ci_run(
            config_id,
            body["pr_sha"],
            pr_num=str(body["pr_number"]),
            pr_branch=body["pr_branch"],
            base_branch=body["base_branch"],
            base_sha=body["base_sha"],
        )
        return jsonify({"ci_run_id": run.id, "run_id": run.id})

    def _post_diffs(self, config_id: int, pr_num: int) -> Response:
        """Attach diffs to the newest CI run of the pull request; without one both ids are null."""
        body = request.get_json(silent=True)
        if not isinstance(body, list):
            raise _invalid(("body",), "value is not a valid list", "type_error.list")
        for position, diff in enumerate(body):
            _object(diff, _DIFF_FIELDS, ("body", position))
        with self._lock:
            ids = [
                planned.run.id
                for planned in self._ci_runs
                if (planned.config_id, planned.run.pr_num) == (config_id, str(pr_num))
            ]
        newest = ids[-1] if ids else None
        return jsonify({"ci_run_id": newest, "run_id": newest})

    def _post_manifest(self, config_id: int) -> Response:
        """Name each model of the manifest, without looking for primary keys."""
        del config_id
        try:
            nodes = json.load(request.stream)["nodes"].values()
            models = [_without_keys(node) for node in nodes if node["resource_type"] == "model"]
        except (ValueError, TypeError, KeyError, AttributeError):
            raise _invalid(("body",), "not a manifest") from None
        return jsonify(models)

    def _post_log(self) -> Response:
        return jsonify({})


def _move(planned: _PlannedRun) -> None:
    """Give a CI run its next status, if it has one left."""
    if planned.later:
        planned.run = replace(planned.run, status=planned.later.pop(0))


def _invalid(place: tuple[str | int, ...], message: str, kind: str = "value_error") -> RefusedError:
    return RefusedError(422, {"detail": [{"loc": list(place), "msg": message, "type": kind}]})


def _form_field(name: str) -> str:
    if not request.form.get(name):
        raise _invalid(("body", name), "field required", "value_error.missing")
    return request.form[name]


def _number(name: str, default: int, allowed: range) -> int:
    text = request.args.get(name, str(default))
    if not text.isdecimal() or int(text) not in allowed:
        raise _invalid(("query", name), f"not an integer from {allowed[0]} to {allowed[-1]}")
    return int(text)


def _object(value: object, fields: Mapping[str, type | UnionType], place: tuple[str | int, ...]) -> dict[str, Any]:
    """Return JSON that has to be an object with these fields, and may have more."""
    if not isinstance(value, dict):
        raise _invalid(place, "value is not a valid dict", "type_error.dict")
    for name, kind in fields.items():
        if name not in value:
            raise _invalid((*place, name), "field required", "value_error.missing")
        if not isinstance(value[name], kind):
            raise _invalid((*place, name), f"the type of the value is not {kind}", "type_error")
    return value


def _without_keys(node: dict[str, Any]) -> dict[str, Any]:
    return {
        "source": "none",
        "sql_table": [node["database"], node["schema"], node["alias"]],
        "sql_pks": [],
        "dbt_fqn": node["fqn"],
        "dbt_pks": [],
        "dbt_original_file_path": node["original_file_path"],
        "dbt_patch_path": node.get("patch_path"),
        "warnings": [],
    }
