"""Finds the job that the input `job-name` means. An unknown or ambiguous name is an error that lists the candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dbt_action import text, timeouts
from dbt_action.dbt_cloud import backoff
from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.dbt_cloud.runs import Job
from dbt_action.dbt_cloud.session import ApiSession
from dbt_action.errors import ConfigError
from dbt_action.lifecycle.run_context import RunContext
from dbt_action.timeouts import HttpTimeouts

_MOST = 10


def resolve(run_context: RunContext, *, http_timeouts: HttpTimeouts) -> RunContext:
    """The same with the number of the job. Raises CloudError, and ConfigError for a name that no single job has."""
    config = run_context.config
    if config.job_id:
        return run_context
    session = ApiSession(config.dbt_url, config.dbt_token, clock=run_context.clock, http_timeouts=http_timeouts)
    try:
        cloud = DbtCloud(session, account_id=config.account_id)
        jobs = backoff.retry_transient(
            lambda: cloud.jobs_named(
                config.job_name, project_id=config.project_id, environment_id=config.environment_id
            ),
            clock=run_context.clock,
            time_limit=min(timeouts.READ_JOB_SECONDS, config.timeout_seconds),
        )
    finally:
        session.close()
    job_id = choose(jobs, config.job_name)
    return replace(
        run_context,
        config=replace(config, job_id=job_id),
        request=replace(run_context.request, job_id=job_id),
    )


def choose(jobs: Sequence[Job], name: str) -> int:
    """The number of the one job with exactly this name. Raises ConfigError with what there is otherwise."""
    exact = [job for job in jobs if job.name == text.one_line(name)]
    if len(exact) == 1:
        return exact[0].id
    if exact:
        listed = ", ".join(str(job.id) for job in exact[:_MOST])
        raise ConfigError((f"`job-name` is {name!r}, the name of {len(exact)} jobs: {listed}. Give `job-id`.",))
    similar = "".join(f"\n  - {text.cut(job.name, 100)} ({job.id})" for job in jobs[:_MOST])
    hint = f" Similar names:{similar}" if similar else " No job has a name like it there."
    raise ConfigError((f"`job-name` is {name!r}, which no job is called; capital letters count.{hint}",))
