"""dbt Cloud's Admin API v2 as this product uses it: jobs, runs, artifacts; deciding anything is not done here.

Paths and parameters are those of the OpenAPI description. Every path ends in a slash except artifact
paths: without it a POST is redirected (recorded).
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import quote

from dbt_action.dbt_cloud import runs
from dbt_action.dbt_cloud.run_request import RunRequest
from dbt_action.dbt_cloud.runs import Job, Run, RunStatus
from dbt_action.dbt_cloud.session import ApiSession
from dbt_action.errors import Unavailable

# How many of the job's newest runs are searched for ours: the longest page that the API gives.
SEARCH_DEPTH = 100
# How many successful runs tell the usual duration.
USUAL_OF = 5


class DbtCloud:
    """One account of dbt Cloud. Every method sends one request and raises CloudError."""

    def __init__(self, session: ApiSession, *, account_id: int) -> None:
        """Nothing is sent here."""
        self.session = session
        self._root = f"/api/v2/accounts/{account_id}"

    def get_job(self, job_id: int) -> Job:
        """The job's definition."""
        return runs.read_job(self.session.get_json(f"{self._root}/jobs/{job_id}/"))

    def get_run(self, run_id: int) -> Run:
        """One look at a run, its steps included."""
        query = {"include_related": json.dumps(["run_steps"])}
        return runs.read_run(self.session.get_json(f"{self._root}/runs/{run_id}/", query))

    def trigger(self, request: RunRequest) -> Run:
        """Ask for a run. Not to be repeated blindly: see `start`."""
        path = f"{self._root}/jobs/{request.job_id}/run/"
        return runs.read_run(self.session.post_json(path, request.body()))

    def retry(self, run_id: int) -> Run:
        """Ask for a new run that takes a failed one up at its point of failure; not to be repeated blindly.

        Never `/jobs/{id}/rerun/`: that one takes up anybody's last failed run, or starts a fresh one.
        """
        return runs.read_run(self.session.post_json(f"{self._root}/runs/{run_id}/retry/"))

    def newest(self, job_id: int, *, only: Iterable[RunStatus] = ()) -> tuple[Run, ...]:
        """The job's newest runs with their triggers, the newest first."""
        statuses = [int(status) for status in only]
        filters = {"status__in": json.dumps(statuses)} if statuses else {}
        return self._list(job_id, limit=SEARCH_DEPTH, include_related=json.dumps(["trigger"]), **filters)

    def usual_duration(self, job_id: int) -> float | None:
        """The median duration of the job's last successful runs, in seconds, queue included."""
        newest = self._list(job_id, limit=USUAL_OF, status=int(RunStatus.SUCCESS))
        durations = [run.duration for run in newest if run.duration]
        return statistics.median(durations) if durations else None

    def cancel(self, run_id: int) -> Run:
        """Ask dbt Cloud to cancel; the answer may still say that the run is running. Safe to repeat."""
        return runs.read_run(self.session.post_json(f"{self._root}/runs/{run_id}/cancel/"))

    def artifact_names(self, run_id: int) -> tuple[str, ...]:
        """Paths of everything that the run's steps left behind."""
        return runs.read_artifact_names(self.session.get_json(f"{self._root}/runs/{run_id}/artifacts/"))

    def project_folder(self, job_id: int) -> str:
        """The folder of the dbt project in its repository, as the job's environment knows it; "" for the root."""
        query = {"include_related": json.dumps(["environment"])}
        return runs.read_project_folder(self.session.get_json(f"{self._root}/jobs/{job_id}/", query))

    @contextmanager
    def artifact(self, run_id: int, name: str, *, step: int | None = None) -> Iterator[Iterator[bytes]]:
        """An artifact in pieces: of one step, or of the last one that wrote it.

        Raises Unavailable at the end of a body that is shorter than announced.
        """
        query = {"step": step} if step is not None else None
        with self.session.stream(f"{self._root}/runs/{run_id}/artifacts/{quote(name)}", query) as response:
            yield self.session.chunks(response)
            expected = response.headers.get("Content-Length", "")
            # urllib3 notices a short body only since version 2, and only when it is read to its end.
            short = expected.isdigit() and response.raw.tell() < int(expected)
            if short and not response.headers.get("Content-Encoding"):
                message = f"{name} was cut off on its way."
                raise Unavailable(message)

    def _list(self, job_id: int, **query: str | int) -> tuple[Run, ...]:
        # The default order is ascending, which would give the oldest runs.
        filters = {"job_definition_id": job_id, "order_by": "-id", **query}
        return runs.read_runs(self.session.get_json(f"{self._root}/runs/", filters))
