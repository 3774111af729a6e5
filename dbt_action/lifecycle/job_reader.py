"""Reads the job's definition, and decides from it whether the run may start: before anything is triggered."""

from __future__ import annotations

from functools import partial

from dbt_action import __version__, timeouts
from dbt_action.ci import CiPlatform
from dbt_action.clock import Clock
from dbt_action.config.loader import Config
from dbt_action.dbt_cloud import backoff
from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.dbt_cloud.runs import Job, Run
from dbt_action.errors import CloudError, Forbidden, Refused, Rejected, WebPage
from dbt_action.lifecycle import build_checks
from dbt_action.lifecycle.build_checks import Build

_SWITCH_ON = (
    "dbt Cloud does that after many failed runs in a row. Repair what makes them fail, and switch the job on in its "
    "settings."
)


def read(cloud: DbtCloud, build: Build, *, ci: CiPlatform, clock: Clock) -> Job | None:
    """The job, None when dbt Cloud does not answer properly and the job need not be known.

    It gives the name, and is a harmless way to learn that token, host, account or job is wrong. Raises CloudError;
    Refused when it must not run this build, before anything has been recorded that a clean-up would look at.
    """
    config = build.config
    ci.info(f"dbt-cloud-run {__version__}")
    ci.info(f"dbt Cloud at {cloud.session.host}, account {config.account_id}, job {config.job_id}")
    try:
        job = backoff.retry_transient(
            lambda: _get(cloud, config.job_id),
            clock=clock,
            time_limit=min(timeouts.READ_JOB_SECONDS, config.timeout_seconds),
        )
    except CloudError as error:
        # A web page instead of data at every try: that address is not the API's.
        if not error.transient or isinstance(error, WebPage) or build.needs_job:
            raise
        ci.warning(f"The job could not be read, so its name is not known: {error.explanation}")
        return None
    if problem := build_checks.schema_problem(build, job):
        raise Refused((problem,))
    return job


def read_name(cloud: DbtCloud, config: Config, *, clock: Clock) -> str:
    """The job's name, for the name of a commit status. Raises CloudError: under another name it would close nothing."""
    limit = min(timeouts.READ_JOB_SECONDS, config.timeout_seconds)
    get = partial(cloud.get_job, config.job_id, with_environment=False)
    return backoff.retry_transient(get, clock=clock, time_limit=limit).name


def _get(cloud: DbtCloud, job_id: int) -> Job:
    try:
        return cloud.get_job(job_id)
    except Forbidden:
        # A token that may run jobs may not be allowed to read environments; what dbt Cloud answers then is not
        # documented.
        return cloud.get_job(job_id, with_environment=False)


def check_project(run: Run, config: Config, *, ci: CiPlatform) -> None:
    """Warn when the run belongs to another project than the one that `project-id` names."""
    if config.project_id and run.project_id and config.project_id != run.project_id:
        ci.warning(
            f"The run belongs to project {run.project_id}, but `project-id` says {config.project_id}: "
            f"is job {config.job_id} the right one?"
        )


def check(job: Job, build: Build, *, ci: CiPlatform) -> None:
    """Log what will be run, and warn of what the job's settings make of it. Raises Rejected when it is deactivated."""
    name = job.name or str(job.id)
    if job.deactivated:
        reason = f": {job.deactivation_reason.rstrip('.')}" if job.deactivation_reason else ""
        message = f"The job {name} is deactivated{reason}."
        raise Rejected(message, hint=_SWITCH_ON)
    starting = "This would start" if build.config.dry_run else "Starting"
    ci.info(f"{starting} {name} on {build.request.in_words()}")
    for warning in build_checks.job_warnings(build, job):
        ci.warning(warning)
