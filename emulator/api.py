"""The routes: Admin API v2 as far as jobs and runs go, and the pages; nothing of what happens behind."""

from __future__ import annotations

import mimetypes
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

from emulator import pages, wire
from emulator.asks import (
    INVALID,
    InvalidError,
    page_of_jobs,
    page_of_runs,
    related,
    trigger_fields,
)
from emulator.retries import failed_step
from emulator.scheduler import NotRetryableError, Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from emulator.records import Job, Run
    from emulator.visibility import Visibility

ROOT = "/api/v2/accounts/<int:account>"
ACCOUNT_PATH = re.compile(r"^/api/v2/accounts/(\d+)/")
INVALID_TOKEN = "Invalid token."  # noqa: S105 - a message, not a token
WRONG_ACCOUNT = "Access denied: Token is not scoped to account."
NOT_FOUND = "The requested resource was not found."
"""Assumption: the text of a 404 is unverified, the envelope around it is not."""
READ_ONLY = "Access denied: Token may only read."
"""Assumption: what a read-only token gets on a trigger is unverified."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """Everything that the routes need."""

    id: int
    token: str
    read_only_token: str
    redirect_code: int
    scheduler: Scheduler
    visibility: Visibility
    now: Callable[[], float]
    url: Callable[[], str]


class RefusedError(Exception):
    """An answer that is an error envelope."""

    def __init__(self, code: int, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.code = code
        self.message = message


def create_app(account: Account) -> Flask:
    """Build the application of one account."""
    app = Flask("emulator", static_folder=None)
    # Recorded: a double slash is a wrong address, not something to be tidied up.
    app.url_map.merge_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined] # the default provider has it
    routes = _Routes(account)
    app.before_request(routes.admit)
    app.after_request(routes.finish)
    app.register_error_handler(RefusedError, lambda error: (wire.failure(error.code, error.message), error.code))
    app.register_error_handler(InvalidError, _invalid)
    app.register_error_handler(HTTPException, _http_error)
    run = f"{ROOT}/runs/<int:number>"
    for method, rule, view in (
        ("GET", f"{ROOT}/jobs/", routes.list_jobs),
        ("GET", f"{ROOT}/jobs/<int:number>/", routes.get_job),
        ("POST", f"{ROOT}/jobs/<int:number>/run/", routes.trigger),
        ("GET", f"{ROOT}/runs/", routes.list_runs),
        ("GET", f"{run}/", routes.get_run),
        ("POST", f"{run}/cancel/", routes.cancel),
        ("POST", f"{run}/retry/", routes.retry),
        ("GET", f"{run}/retry/", routes.get_failure),
        ("GET", f"{run}/artifacts/", routes.list_artifacts),
        ("GET", f"{run}/artifacts/<path:path>", routes.get_artifact),
        ("GET", f"{ROOT}/steps/<int:number>/", routes.get_step),
        ("GET", "/deploy/<int:account>/projects/<int:project>/runs/<int:number>/", routes.run_page),
        ("GET", "/deploy/<int:account>/projects/<int:project>/jobs/<int:number>", routes.job_page),
    ):
        app.add_url_rule(rule, f"{method} {rule}", view, methods=[method], provide_automatic_options=False)
    return app


class _Routes:
    """One method for each route."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._scheduler = account.scheduler

    # --- before and after ------------------------------------------------------------------------------

    def admit(self) -> None:
        """Check token, then account, as recorded; wrong addresses and pages need neither."""
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

    def finish(self, response: Response) -> Response:
        """Redirect with the code that was asked for: 301 and 308 have both been seen."""
        if response.status_code == 308:  # noqa: PLR2004 - the router's own redirect
            response.status_code = self._account.redirect_code
        return response

    # --- jobs ------------------------------------------------------------------------------------------

    def list_jobs(self, account: int) -> Response:
        page = page_of_jobs(self._scheduler.jobs, request.args, account)
        return jsonify(wire.envelope([wire.job_json(job) for job in page.items], extra=page.extra))

    def get_job(self, account: int, number: int) -> Response:  # noqa: ARG002 - the account is checked above
        return jsonify(wire.envelope(wire.job_json(self._job(number))))

    def trigger(self, account: int, number: int) -> Response:  # noqa: ARG002
        job = self._job(number)
        fields = trigger_fields(request.content_type or "", request.get_data())
        run = self._scheduler.trigger(job, fields)
        # Both relations are filled here and null in a plain GET (recorded).
        return self._run_answer(run, {"trigger", "job"})

    # --- runs ------------------------------------------------------------------------------------------

    def list_runs(self, account: int) -> Response:
        page = page_of_runs(self._visible(self._scheduler.runs), request.args, account)
        include = related(request.args.get("include_related")) & {"trigger", "job", "debug_logs"}
        view = self._view(page.items, include)
        return jsonify(wire.envelope([wire.run_json(run, view) for run in page.items], extra=page.extra))

    def get_run(self, account: int, number: int) -> Response:  # noqa: ARG002
        return self._run_answer(self._run(number), related(request.args.get("include_related")))

    def cancel(self, account: int, number: int) -> Response:  # noqa: ARG002
        return self._run_answer(self._scheduler.cancel(self._run(number)), ())

    def retry(self, account: int, number: int) -> Response:  # noqa: ARG002
        try:
            run = self._scheduler.retry(self._run(number))
        except NotRetryableError as error:
            # Assumption: code and body of the refusal are unverified.
            raise InvalidError({"_model": f"This run cannot be retried: {error}"}) from error
        return self._run_answer(run, {"trigger", "job"})

    def get_failure(self, account: int, number: int) -> Response:  # noqa: ARG002
        run = self._run(number)
        failed = failed_step(run)
        commands = [str(step.command) for step in run.steps if step.command]
        planned = list(run.trigger["steps_override"] or run.job.execute_steps)
        data = {
            "failed_step": failed.command or failed.name if failed else None,
            "skipped_steps": [command for command in planned if command not in commands],
        }
        return jsonify(wire.envelope(data))

    def get_step(self, account: int, number: int) -> Response:  # noqa: ARG002
        include = related(request.args.get("include_related"))
        for run in self._visible(self._scheduler.runs):
            for step in run.steps:
                if wire.step_id(run, step) == number:
                    return jsonify(wire.envelope(wire.step_json(run, step, self._view([run], include))))
        raise RefusedError(404, NOT_FOUND)

    # --- artifacts -------------------------------------------------------------------------------------

    def list_artifacts(self, account: int, number: int) -> Response:  # noqa: ARG002
        run = self._run(number)
        paths = {path for step in run.steps for path in step.artifacts} if self._uploaded(run) else set()
        # Recorded: null when there are none. `step` is not honoured (documented by its absence).
        return jsonify(wire.envelope(sorted(paths) or None))

    def get_artifact(self, account: int, number: int, path: str) -> Response:  # noqa: ARG002
        run = self._run(number)
        # Assumption: without `step` the last step counts that has left anything at all.
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
        asked = [run for run in self._scheduler.runs if run.id == number]
        visible = self._visible(asked)
        if not visible:
            raise RefusedError(404, NOT_FOUND)
        return visible[0]

    def _visible(self, runs: Iterable[Run]) -> list[Run]:
        return self._account.visibility.seen(runs, self._account.now())

    def _uploaded(self, run: Run) -> bool:
        return run.finished_at is None or self._account.now() >= run.finished_at + run.artifacts_from

    def _view(self, runs: Iterable[Run], include: Iterable[str]) -> wire.View:
        reasons = {run.id: self._scheduler.retry_reason(run) for run in runs}
        return wire.View(self._account.url(), self._account.now(), reasons, frozenset(include))

    def _run_answer(self, run: Run, include: Iterable[str]) -> Response:
        return jsonify(wire.envelope(wire.run_json(run, self._view([run], include))))


def _invalid(error: InvalidError) -> tuple[wire.Json, int]:
    """Answer 400 as recorded, with its two additional keys."""
    body = wire.failure(400, INVALID, data=dict(error.fields), developer_message="")
    return {**body, "extra": {}, "error_code": None}, 400


def _http_error(error: HTTPException) -> HTTPException | tuple[wire.Json, int]:
    """Answer 405 without an envelope (recorded); other addresses get a page, also without one."""
    if isinstance(error, MethodNotAllowed):
        return {"detail": f'Method "{request.method}" not allowed.'}, 405
    return error
