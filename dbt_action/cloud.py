"""dbt Cloud's Admin API v2 as this product uses it: jobs, runs, artifacts; deciding anything is not done here.

Paths and parameters are those of the OpenAPI description. Every path ends in a slash except artifact
paths: without it a POST is redirected (recorded).
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import requests

from dbt_action import runs
from dbt_action.clock import Clock
from dbt_action.errors import CloudError, Unavailable
from dbt_action.runs import Job, Run, RunStatus
from dbt_action.session import Session
from dbt_action.start import FIRST, Answer, Do, GiveUp, State, advance, explain
from dbt_action.trigger import RunRequest

# How many of the job's newest runs are searched for a marker.
SEARCH_DEPTH = 50
# How many successful runs tell the usual duration.
USUAL_OF = 5
_CHUNK = 256 * 1024


class DbtCloud:
    """One account of dbt Cloud. Every method sends one request, but `start`, and raises CloudError."""

    def __init__(self, session: Session, *, account_id: int, clock: Clock) -> None:
        """Nothing is sent here."""
        self.session = session
        self._root = f"/api/v2/accounts/{account_id}"
        self._clock = clock

    def get_job(self, job_id: int) -> Job:
        """The job's definition."""
        return runs.read_job(self.session.get_json(f"{self._root}/jobs/{job_id}/"))

    def get_run(self, run_id: int) -> Run:
        """One look at a run, its steps included."""
        query = {"include_related": json.dumps(["run_steps"])}
        return runs.read_run(self.session.get_json(f"{self._root}/runs/{run_id}/", query))

    def find(self, request: RunRequest) -> Run | None:
        """The run that carries the request's marker, among the job's newest; the oldest if there are several."""
        newest = self._newest(request.job_id, include_related=json.dumps(["trigger"]), limit=SEARCH_DEPTH)
        ours = [run for run in newest if run.cause.endswith(request.marker)]
        return min(ours, key=lambda run: run.id, default=None)

    def usual_duration(self, job_id: int) -> float | None:
        """The median duration of the job's last successful runs, in seconds, queue included."""
        newest = self._newest(job_id, status=int(RunStatus.SUCCESS), limit=USUAL_OF)
        durations = [run.duration for run in newest if run.duration]
        return statistics.median(durations) if durations else None

    def start(self, request: RunRequest, *, tell: Callable[[str], None]) -> Run:
        """Exactly one run for `request`, triggered or adopted. Raises StartFailed."""
        state, do_next = State(), FIRST
        while True:
            self._clock.sleep(do_next.pause)
            answer = self._answer(do_next.do, request)
            state, decision = advance(state, do_next.do, answer)
            if isinstance(decision, Run):
                return decision
            if isinstance(decision, GiveUp):
                raise StartFailed(decision)
            tell(explain(do_next.do, answer, decision))
            do_next = decision

    def _answer(self, do: Do, request: RunRequest) -> Answer:
        try:
            if do is Do.LOOK:
                return self.find(request)
            path = f"{self._root}/jobs/{request.job_id}/run/"
            return runs.read_run(self.session.post_json(path, request.body()))
        except CloudError as error:
            return error

    def cancel(self, run_id: int) -> Run:
        """Ask dbt Cloud to cancel; the answer may still say that the run is running. Safe to repeat."""
        return runs.read_run(self.session.post_json(f"{self._root}/runs/{run_id}/cancel/"))

    def artifact_names(self, run_id: int) -> tuple[str, ...]:
        """Paths of everything that the run's steps left behind."""
        return runs.read_artifact_names(self.session.get_json(f"{self._root}/runs/{run_id}/artifacts/"))

    def artifact(self, run_id: int, name: str, *, step: int) -> bytes:
        """A small artifact of one step, in memory."""
        with self._artifact(run_id, name, step=step) as response:
            return response.content

    def save_artifact(self, run_id: int, name: str, target: Path) -> int:
        """Stream an artifact to `target`, which appears only when whole; its size in bytes."""
        partial = target.with_name(f"{target.name}.part")
        try:
            with self._artifact(run_id, name) as response, partial.open("wb") as file:
                for part in response.iter_content(_CHUNK):
                    file.write(part)
                size = file.tell()
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        return size

    @contextmanager
    def _artifact(self, run_id: int, name: str, *, step: int | None = None) -> Iterator[requests.Response]:
        query = {"step": step} if step is not None else None
        with self.session.stream(f"{self._root}/runs/{run_id}/artifacts/{quote(name)}", query) as response:
            yield response
            expected = response.headers.get("Content-Length", "")
            # urllib3 notices a short body only since version 2, and only when it is read to its end.
            if (
                expected.isdigit()
                and not response.headers.get("Content-Encoding")
                and response.raw.tell() < int(expected)
            ):
                message = f"{name} was cut off on its way."
                raise Unavailable(message)

    def _newest(self, job_id: int, **query: str | int) -> tuple[Run, ...]:
        # The default order is ascending, which would give the oldest runs.
        filters = {"job_definition_id": job_id, "order_by": "-id", **query}
        return runs.read_runs(self.session.get_json(f"{self._root}/runs/", filters))


class StartFailed(CloudError):
    """No run, as far as is known; `doubt` when one may have come to be all the same."""

    def __init__(self, decision: GiveUp) -> None:
        """Take message and hint of the error that ended the attempt."""
        super().__init__(decision.error.message, hint=decision.error.hint)
        self.doubt = decision.doubt
