"""The requests of dbt Cloud's Admin API v2 that the action sends: jobs, runs, artifacts. No decisions are made here.

Paths and parameters are those of the OpenAPI description. Every path ends in a slash, because a POST without it
is redirected (recorded); paths of artifacts do not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote

from dbt_action.dbt_cloud import projects, runs
from dbt_action.dbt_cloud.projects import Project
from dbt_action.dbt_cloud.run_request import RunRequest
from dbt_action.dbt_cloud.runs import Job, Run, RunStatus
from dbt_action.dbt_cloud.session import ApiSession
from dbt_action.errors import Forbidden, NotFound, Rejected, Unavailable

# Runs in one list: the most that the API gives. Our own run is searched for among as many.
MAX_LISTED_RUNS = 100
# Successful runs from which the usual duration is computed.
RUNS_FOR_USUAL_DURATION = 5
_NO_COMMIT = "0" * 40


class DbtCloud:
    """One account of dbt Cloud. Every method sends one request and raises CloudError."""

    def __init__(self, session: ApiSession, *, account_id: int) -> None:
        """Take the session, without sending anything."""
        self.session = session
        self._root = f"/api/v2/accounts/{account_id}"

    def check_account(self) -> None:
        """Raises CloudError when host, token or account is wrong, and returns nothing otherwise."""
        self.session.get_json(f"{self._root}/")

    def project(self, project_id: int) -> Project:
        """The project with its repository. Tokens that may only run jobs may not read it."""
        query = {"include_related": json.dumps(["repository"])}
        return projects.read_project(self.session.get_json(f"{self._root}/projects/{project_id}/", query))

    def may_trigger(self, job_id: int) -> bool | None:
        """Whether the token may start runs of the job; None when the answer does not say.

        There is no dry run, so a trigger is sent with a commit and a branch, which dbt Cloud refuses together
        (reported). A token that may trigger is told so; one that may not is refused before (inferred). Should a run be
        started all the same, it is cancelled.
        """
        body = {"cause": "dbt-cloud-run doctor --probe", "git_sha": _NO_COMMIT, "git_branch": "dbt-cloud-run-doctor"}
        try:
            started = runs.read_run(self.session.post_json(f"{self._root}/jobs/{job_id}/run/", body))
        except Rejected:
            return True
        except (Forbidden, NotFound):
            return False
        self.cancel(started.id)
        return True

    def get_job(self, job_id: int, *, with_environment: bool = True) -> Job:
        """The job's definition, and of its environment what `Job` has."""
        query = {"include_related": json.dumps(["environment"])} if with_environment else None
        return runs.read_job(self.session.get_json(f"{self._root}/jobs/{job_id}/", query))

    def jobs_named(self, name: str, *, project_id: int | None, environment_id: int | None) -> tuple[Job, ...]:
        """The jobs whose name contains this text, in any case, in a project or an environment."""
        places = {"project_id": project_id, "environment_id": environment_id}
        query: dict[str, str | int] = {key: value for key, value in places.items() if value is not None}
        return runs.read_jobs(self.session.get_json(f"{self._root}/jobs/", {"name__icontains": name, **query}))

    def get_run(self, run_id: int, *, with_steps: bool = True) -> Run:
        """The run as it is now with its trigger, and with its steps, which bring the logs of all of them (recorded)."""
        query = {"include_related": json.dumps(["run_steps", "trigger"] if with_steps else ["trigger"])}
        return runs.read_run(self.session.get_json(f"{self._root}/runs/{run_id}/", query))

    def cancelled_by(self, run_id: int) -> str:
        """Who has cancelled the run, as a clause; "" when dbt Cloud does not say."""
        query = {"include_related": json.dumps(["audit"])}
        return runs.read_run(self.session.get_json(f"{self._root}/runs/{run_id}/", query)).cancelled_by

    def trigger(self, request: RunRequest) -> Run:
        """Trigger a run. A second call may start a second run; `lifecycle.start_once` says when it is safe."""
        path = f"{self._root}/jobs/{request.job_id}/run/"
        return runs.read_run(self.session.post_json(path, request.body()))

    def retry(self, run_id: int) -> Run:
        """Start a new run that retries a failed one from its point of failure. A second call may start a second run.

        `/jobs/{id}/rerun/` is not used: it retries the last failed run of whatever origin, or starts an ordinary one.
        """
        return runs.read_run(self.session.post_json(f"{self._root}/runs/{run_id}/retry/"))

    def newest_runs(self, job_id: int, *, statuses: Iterable[RunStatus] = ()) -> tuple[Run, ...]:
        """The job's newest runs with their triggers, the newest first; of every status when none is given."""
        numbers = [int(status) for status in statuses]
        filters = {"status__in": json.dumps(numbers)} if numbers else {}
        return self._list(job_id, limit=MAX_LISTED_RUNS, include_related=json.dumps(["trigger"]), **filters)

    def usual_duration_seconds(self, job_id: int) -> float | None:
        """The median duration of the job's last successful runs, including the queue; None when it has none."""
        newest = self._list(job_id, limit=RUNS_FOR_USUAL_DURATION, status=int(RunStatus.SUCCESS))
        import statistics  # noqa: PLC0415 - takes time, and is needed after the trigger

        durations = [run.duration for run in newest if run.duration]
        return statistics.median(durations) if durations else None

    def cancel(self, run_id: int) -> Run:
        """Ask dbt Cloud to cancel; the answer may still say that the run is running. Safe to repeat."""
        return runs.read_run(self.session.post_json(f"{self._root}/runs/{run_id}/cancel/"))

    def artifact_names(self, run_id: int) -> tuple[str, ...]:
        """The paths of all artifacts of the run."""
        return runs.read_artifact_names(self.session.get_json(f"{self._root}/runs/{run_id}/artifacts/"))

    @contextmanager
    def artifact(self, run_id: int, name: str, *, step: int | None = None) -> Iterator[Iterator[bytes]]:
        """The bytes of an artifact in pieces: that of one step, or that of the last step that wrote it.

        Raises Unavailable at the end of a body that is shorter than its `Content-Length`.
        """
        query = {"step": step} if step is not None else None
        with self._download(f"{self._root}/runs/{run_id}/artifacts/{quote(name)}", name, query) as chunks:
            yield chunks

    @contextmanager
    def artifact_of_job(self, job_id: int, name: str) -> Iterator[Iterator[bytes]]:
        """The bytes of an artifact of the job's last successful run; see `artifact`."""
        with self._download(f"{self._root}/jobs/{job_id}/artifacts/{quote(name)}", name, None) as chunks:
            yield chunks

    @contextmanager
    def _download(self, path: str, name: str, query: Mapping[str, int] | None) -> Iterator[Iterator[bytes]]:
        with self.session.stream(path, query) as response:
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
