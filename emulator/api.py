"""The routes of the emulated dbt Cloud: jobs and runs of the Admin API v2, and the HTML pages."""

from __future__ import annotations

import mimetypes
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

from emulator import api_json, pages
from emulator.request_parsing import (
    INVALID,
    InvalidError,
    page_of_jobs,
    page_of_runs,
    related,
    trigger_fields,
)
from emulator.retries import failed_step
from emulator.routing import add_routes
from emulator.scheduler import NotRetryableError, Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from emulator.read_after_write import ReadAfterWriteLag
    from emulator.routing import Route
    from emulator.runs import Job, Project, Run

ROOT = "/api/v2/accounts/<int:account>"
ACCOUNT_PATH = re.compile(r"^/api/v2/accounts/(\d+)/")
INVALID_TOKEN = "Invalid token."  # noqa: S105 - a message, not a token
WRONG_ACCOUNT = "Access denied: Token is not scoped to account."
NOT_FOUND = "The requested resource was not found."
"""Assumption: the text of a 404 is unverified; the envelope around it is recorded."""
FORBIDDEN = "You do not have permission to perform this action."
"""Assumption: the text of a 403 for a missing permission is unverified."""
READ_ONLY = "Access denied: Token may only read."
"""Assumption: the answer to a trigger with a read-only token is unverified."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """Everything that the routes need."""

    id: int
    token: str
    read_only_token: str
    redirect_code: int
    scheduler: Scheduler
    project: Project
    lag: ReadAfterWriteLag
    now: Callable[[], float]
    url: Callable[[], str]


class RefusedError(Exception):
    """The request is answered by an error envelope."""

    def __init__(self, code: int, message: str) -> None:
        """`code` is the HTTP status, `message` the `user_message`."""
        super().__init__(message)
        self.code = code
        self.message = message


def create_app(account: Account) -> Flask:
    """Build the application of one account."""
    app = Flask("emulator", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined] # the default provider has it
    views = _Views(account)
    app.url_value_preprocessor(_drop_account)
    app.before_request(views.check_credentials)
    app.after_request(views.set_redirect_code)
    app.register_error_handler(
        RefusedError, lambda error: (api_json.error_envelope(error.code, error.message), error.code)
    )
    app.register_error_handler(InvalidError, _invalid)
    app.register_error_handler(HTTPException, _http_error)
    run = f"{ROOT}/runs/<int:number>"
    routes: list[Route] = [
        ("GET", f"{ROOT}/", views.get_account),
        ("GET", f"{ROOT}/projects/<int:number>/", views.get_project),
        ("GET", f"{ROOT}/jobs/", views.list_jobs),
        ("GET", f"{ROOT}/jobs/<int:number>/", views.get_job),
        ("POST", f"{ROOT}/jobs/<int:number>/run/", views.trigger),
        ("GET", f"{ROOT}/jobs/<int:number>/artifacts/<path:path>", views.get_artifact_of_job),
        ("GET", f"{ROOT}/runs/", views.list_runs),
        ("GET", f"{run}/", views.get_run),
        ("POST", f"{run}/cancel/", views.cancel),
        ("POST", f"{run}/retry/", views.retry),
        ("GET", f"{run}/retry/", views.get_failure),
        ("GET", f"{run}/artifacts/", views.list_artifacts),
        ("GET", f"{run}/artifacts/<path:path>", views.get_artifact),
        ("GET", f"{ROOT}/steps/<int:number>/", views.get_step),
        ("GET", "/deploy/<int:account>/projects/<int:project>/runs/<int:number>/", views.run_page),
        ("GET", "/deploy/<int:account>/projects/<int:project>/jobs/<int:number>", views.job_page),
    ]
    # Recorded: dbt Cloud answers a double slash in a path by 404, so `add_routes` must not replace it.
    add_routes(app, routes)
    return app


def _drop_account(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Leave the account out of what the views of the API get: `check_credentials` compares it."""
    if values and ACCOUNT_PATH.match(request.path):
        values.pop("account", None)


class _Views:
    """One method for each route."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._scheduler = account.scheduler

    # --- before and after every request ----------------------------------------------------------------

    def check_credentials(self) -> None:
        """Check the token, then the account (recorded); unknown paths and pages need neither."""
        if isinstance(request.routing_exception, RequestRedirect | NotFound):
            return
        path = ACCOUNT_PATH.match(request.path)
        if path is None:
            return
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        known = {self._account.token, self._account.read_only_token}
        if scheme not in {"Token", "Bearer"} or token not in known:
            raise RefusedError(401, INVALID_TOKEN)
        if int(path[1]) != self._account.id:
            raise RefusedError(403, WRONG_ACCOUNT)
        if request.method != "GET" and token == self._account.read_only_token:
            raise RefusedError(403, READ_ONLY)

    def set_redirect_code(self, response: Response) -> Response:
        """Redirect with the configured code: both 301 and 308 were recorded."""
        if response.status_code == 308:  # noqa: PLR2004 - the code that werkzeug redirects with
            response.status_code = self._account.redirect_code
        return response

    # --- jobs ------------------------------------------------------------------------------------------

    def get_account(self) -> Response:
        return jsonify(api_json.envelope({"id": self._account.id, "name": "Acme", "plan": "enterprise", "state": 1}))

    def get_project(self, number: int) -> Response:
        project = self._account.project
        if project.forbidden:
            raise RefusedError(403, FORBIDDEN)
        if number not in {job.project_id for job in self._scheduler.jobs}:
            raise RefusedError(404, NOT_FOUND)
        include = related(request.args.get("include_related"))
        return jsonify(api_json.envelope(api_json.project_json(project, number, self._account.id, include)))

    def list_jobs(self) -> Response:
        page = page_of_jobs(self._scheduler.jobs, request.args, self._account.id)
        return jsonify(api_json.envelope([api_json.job_json(job) for job in page.items], extra=page.extra))

    def get_job(self, number: int) -> Response:
        include = related(request.args.get("include_related"))
        return jsonify(api_json.envelope(api_json.job_json(self._job(number), include)))

    def trigger(self, number: int) -> Response:
        job = self._job(number)
        fields = trigger_fields(request.content_type or "", request.get_data())
        run = self._scheduler.trigger(job, fields)
        # The answer to a trigger has both relations, a plain GET has null there (recorded).
        return self._run_answer(run, {"trigger", "job"})

    # --- runs ------------------------------------------------------------------------------------------

    def list_runs(self) -> Response:
        page = page_of_runs(self._visible(self._scheduler.runs), request.args, self._account.id)
        include = related(request.args.get("include_related")) & {"trigger", "job", "debug_logs"}
        view = self._view(page.items, include)
        return jsonify(api_json.envelope([api_json.run_json(run, view) for run in page.items], extra=page.extra))

    def get_run(self, number: int) -> Response:
        return self._run_answer(self._run(number), related(request.args.get("include_related")))

    def cancel(self, number: int) -> Response:
        return self._run_answer(self._scheduler.cancel(self._run(number)), ())

    def retry(self, number: int) -> Response:
        try:
            run = self._scheduler.retry(self._run(number))
        except NotRetryableError as error:
            # Assumption: status code and body are unverified.
            raise InvalidError({"_model": f"This run cannot be retried: {error}"}) from error
        return self._run_answer(run, {"trigger", "job"})

    def get_failure(self, number: int) -> Response:
        run = self._run(number)
        failed = failed_step(run)
        commands = [str(step.command) for step in run.steps if step.command]
        planned = list(run.trigger["steps_override"] or run.job.execute_steps)
        data = {
            "failed_step": failed.command or failed.name if failed else None,
            "skipped_steps": [command for command in planned if command not in commands],
        }
        return jsonify(api_json.envelope(data))

    def get_step(self, number: int) -> Response:
        include = related(request.args.get("include_related"))
        for run in self._visible(self._scheduler.runs):
            for step in run.steps:
                if api_json.step_id(run, step) == number:
                    return jsonify(api_json.envelope(api_json.step_json(run, step, self._view([run], include))))
        raise RefusedError(404, NOT_FOUND)

    # --- artifacts -------------------------------------------------------------------------------------

    def list_artifacts(self, number: int) -> Response:
        run = self._run(number)
        paths = {path for step in run.steps for path in step.artifacts} if self._uploaded(run) else set()
        # Recorded: null when there are none. The specification has no parameter `step` here.
        return jsonify(api_json.envelope(sorted(paths) or None))

    def get_artifact_of_job(self, number: int, path: str) -> Response:
        """The artifact of the job's last successful run (documented)."""
        run = self._scheduler.last_success(self._job(number).id)
        if run is None:
            raise RefusedError(404, NOT_FOUND)
        return self.get_artifact(run.id, path)

    def get_artifact(self, number: int, path: str) -> Response:
        run = self._run(number)
        # Assumption: without `step`, the artifacts are those of the last step that has any.
        last = next((step.index for step in reversed(run.steps) if step.artifacts), 0)
        try:
            index = int(request.args.get("step", last))
        except ValueError as error:
            raise InvalidError({"step": str(error)}) from error
        step = next((step for step in run.steps if step.index == index), None)
        if step is None or path not in step.artifacts or not self._uploaded(run):
            raise RefusedError(404, NOT_FOUND)
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        return Response(step.artifacts[path], content_type=kind)

    # --- pages -----------------------------------------------------------------------------------------

    def run_page(self, account: int, project: int, number: int) -> str:
        run = self._run(number)
        if (run.job.account_id, run.job.project_id) != (account, project):
            raise NotFound
        return pages.run_page(self._account.url(), run, self._account.now())

    def job_page(self, account: int, project: int, number: int) -> str:
        job = self._job(number)
        if (job.account_id, job.project_id) != (account, project):
            raise NotFound
        runs = [run for run in self._scheduler.runs if run.job_id == number]
        return pages.job_page(self._account.url(), job, runs)

    # --- shared ----------------------------------------------------------------------------------------

    def _job(self, number: int) -> Job:
        job = next((job for job in self._scheduler.jobs if job.id == number), None)
        if job is None:
            raise RefusedError(404, NOT_FOUND)
        return job

    def _run(self, number: int) -> Run:
        visible = self._visible(run for run in self._scheduler.runs if run.id == number)
        if not visible:
            raise RefusedError(404, NOT_FOUND)
        return visible[0]

    def _visible(self, runs: Iterable[Run]) -> list[Run]:
        return self._account.lag.visible(runs, self._account.now())

    def _uploaded(self, run: Run) -> bool:
        return run.finished_at is None or self._account.now() >= run.finished_at + run.artifacts_from

    def _view(self, runs: Iterable[Run], include: Iterable[str]) -> api_json.View:
        reasons = {run.id: self._scheduler.retry_reason(run) for run in runs}
        return api_json.View(self._account.url(), self._account.now(), reasons, frozenset(include))

    def _run_answer(self, run: Run, include: Iterable[str]) -> Response:
        return jsonify(api_json.envelope(api_json.run_json(run, self._view([run], include))))


def _invalid(error: InvalidError) -> tuple[api_json.Json, int]:
    """Answer 400 with the two additional keys of this answer (recorded)."""
    body = api_json.error_envelope(400, INVALID, data=dict(error.fields), developer_message="")
    return {**body, "extra": {}, "error_code": None}, 400


def _http_error(error: HTTPException) -> HTTPException | tuple[api_json.Json, int]:
    """Answer 405 by JSON without an envelope (recorded), and other errors by an HTML page."""
    if isinstance(error, MethodNotAllowed):
        return {"detail": f'Method "{request.method}" not allowed.'}, 405
    return error
