"""Asks dbt Cloud and the code host what the checks need to know: at most eight requests, and only reading ones.

With `probe` two of them are a POST that is refused for another reason than a missing permission.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from dbt_action import checkout
from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.dbt_cloud.runs import Job, Run, RunStatus
from dbt_action.dbt_cloud.session import ApiSession
from dbt_action.doctor.checks import Findings, HostFindings
from dbt_action.errors import CloudError
from dbt_action.hosts.base import ChangeReader
from dbt_action.hosts.transport import HostError
from dbt_action.lifecycle import gates
from dbt_action.lifecycle.build_checks import Build
from dbt_action.lifecycle.gates import Gate
from dbt_action.lifecycle.run_context import RunContext
from dbt_action.timeouts import HttpTimeouts

T = TypeVar("T")
_PROJECT_FILE = "dbt_project.yml"


def read(run_context: RunContext, folder: Path, *, probe: bool, http_timeouts: HttpTimeouts) -> Findings:
    """The findings. `folder` is the working directory, which may be a checkout of the repository."""
    config = run_context.config
    session = ApiSession(config.dbt_url, config.dbt_token, clock=run_context.clock, http_timeouts=http_timeouts)
    cloud = DbtCloud(session, account_id=config.account_id)
    found = checkout.read(folder)
    build = Build(config=config, context=run_context.build, request=run_context.request)
    try:
        job = _value(lambda: cloud.get_job(config.job_id))
        # A job that can be read needs no other proof of host, token and account.
        account = _error(cloud.check_account) if isinstance(job, CloudError) else None
        if account is not None:
            return Findings(build=build, host_name=session.host, account=account, checkout=found)
        project_id = job.project_id if isinstance(job, Job) else None
        project = _value(lambda: cloud.project(project_id)) if project_id is not None else None
        runs: tuple[Run, ...] = ()
        with suppress(CloudError):
            runs = cloud.newest_runs(config.job_id, statuses=(RunStatus.SUCCESS,))[:5]
        may_trigger = None
        if probe and isinstance(job, Job):
            with suppress(CloudError):
                may_trigger = cloud.may_trigger(config.job_id)
    finally:
        session.close()
    return Findings(
        build=build,
        host_name=session.host,
        job=job,
        project=project,
        runs=runs,
        checkout=found,
        newest_commit_is_here=checkout.has_commit(folder, runs[0].git_sha) if found and runs else None,
        has_project_file=(folder / job.project_folder / _PROJECT_FILE).is_file()
        if found and isinstance(job, Job)
        else None,
        may_trigger=may_trigger,
        probed=probe,
        host=_host(run_context, probe=probe),
    )


def _host(run_context: RunContext, *, probe: bool) -> HostFindings:
    choice, build = run_context.host, run_context.build
    if choice.host_type is None or not build.repository:
        return HostFindings()
    name = f"the host of {build.repository}"
    if not choice.token:
        return HostFindings(name=name)
    asked = gates.asked(run_context.config, build)
    sha = run_context.status_sha

    def ask(question: Callable[[ChangeReader], object], *, wanted: bool) -> str | None:
        if not wanted:
            return None
        try:
            question(choice.read_changes(run_context.clock))
        except HostError as error:
            return f"{error.status or ''} {error.message}.{choice.changes_hint(error.status)}".strip()
        except Exception as error:  # noqa: BLE001 - an answer of an unknown shape is one that cannot be used
            return f"An answer of an unknown shape ({type(error).__name__})."
        return ""

    may_post = None
    if probe:
        with suppress(HostError):
            may_post = choice.may_post_status(run_context.clock)
    return HostFindings(
        name=name,
        has_token=True,
        sha=sha,
        commit=ask(lambda host: host.commit_message(sha), wanted=bool(sha)),
        files=ask(lambda host: host.pull_request_files(), wanted=Gate.FILES in asked and bool(build.number)),
        labels=ask(lambda host: host.labels(), wanted=Gate.LABEL in asked),
        may_post=may_post,
    )


def _value(call: Callable[[], T]) -> T | CloudError:
    try:
        return call()
    except CloudError as error:
        return error


def _error(call: Callable[[], None]) -> CloudError | None:
    try:
        call()
    except CloudError as error:
        return error
    return None
