"""Finds the run that the input `run-id` means, instead of starting one."""

from __future__ import annotations

from dbt_action import timeouts
from dbt_action.clock import Clock
from dbt_action.config.parsers import FOR_COMMIT, LATEST
from dbt_action.dbt_cloud import backoff
from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.dbt_cloud.runs import Run
from dbt_action.errors import NotFound
from dbt_action.lifecycle.run_context import RunContext


def find(cloud: DbtCloud, run_context: RunContext, clock: Clock) -> Run:
    """The run. Raises CloudError; NotFound when there is none."""
    wanted, sha = run_context.config.run_id, run_context.status_sha

    def read() -> Run:
        if wanted not in (LATEST, FOR_COMMIT):
            return cloud.get_run(int(wanted), with_steps=False)
        runs = cloud.newest_runs(run_context.config.job_id)
        found = next((run for run in runs if wanted == LATEST or (sha and run.git_sha == sha)), None)
        if found is None:
            what = f"for commit {sha or '(none is known)'}" if wanted == FOR_COMMIT else "at all"
            raise NotFound(
                f"The job has no run {what} among its newest {len(runs)}.",
                hint="dbt Cloud knows the commit of a run only after its checkout. Start a run, or wait for it.",
            )
        return found

    return backoff.retry_transient(
        read, clock=clock, time_limit=min(timeouts.READ_JOB_SECONDS, run_context.config.timeout_seconds)
    )
