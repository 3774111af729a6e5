"""The JSON of the Admin API v2: envelopes, runs, steps, jobs and environments."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, TypeAlias

from emulator.runs import Run, Status

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from emulator.runs import Job, Project, Step

Json: TypeAlias = "dict[str, Any]"

HUMANIZED = {status.value: status.name.capitalize() for status in Status}
COLORS = {Status.SUCCESS: "#1A7F37", Status.ERROR: "#CF222E", Status.CANCELLED: "#57606A"}
TRUNCATED_LINES = 1000
TRUNCATED = "This log output is truncated. You can download the full log from the dbt Cloud UI.\n...\n\n"
"""What stands before the truncated log, however short it is (recorded)."""
CANCELLED_BY = "Emulated User"
DBT_VERSION = "latest"


@dataclass(frozen=True)
class View:
    """What the JSON of a run depends on besides the run: the server's URL, the time, the relations asked for."""

    url: str
    now: float
    retry_reasons: Mapping[int, str | None]
    include: Collection[str] = ()


def moment(seconds: float | None, *, separator: str = " ") -> str | None:
    """Format a time as in runs (recorded): `2024-07-03 13:59:00.653171+00:00`."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, tz=timezone.utc).isoformat(separator, "microseconds")


def job_moment(seconds: float) -> str:
    """Format a time as in jobs (recorded): `2024-03-25T13:47:20.129690Z`."""
    return str(moment(seconds, separator="T")).replace("+00:00", "Z")


def duration(seconds: float) -> str:
    """Format a duration as `HH:MM:SS`; hours may exceed 23 (recorded)."""
    minutes, rest = divmod(math.floor(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest:02}"


UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))


def humanized(seconds: float) -> str:
    """Format a duration in words: `1 day`, `2 hours, 5 minutes`; below a minute `0 minutes` (recorded)."""
    words, rest = [], math.floor(max(seconds, 0))
    for unit, size in UNITS:
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return ", ".join(words) or "0 minutes"


def envelope(data: object, *, extra: Json | None = None) -> Json:
    """Return the envelope of an answer (recorded)."""
    status = {"code": 200, "is_success": True, "user_message": "Success!", "developer_message": ""}
    answer: Json = {"status": status, "data": data}
    return answer if extra is None else {**answer, "extra": extra}


def error_envelope(code: int, message: str, *, data: object = None, developer_message: str | None = None) -> Json:
    """Return the envelope of an error (recorded for 401 and 403): `developer_message` and `data` are null."""
    status = {
        "code": code,
        "is_success": False,
        "user_message": message,
        "developer_message": developer_message,
    }
    return {"status": status, "data": data}


def run_href(url: str, run: Run) -> str:
    """Return the URL of the page of a run, as dbt Cloud forms it today."""
    return f"{url}/deploy/{run.job.account_id}/projects/{run.job.project_id}/runs/{run.id}/"


def step_id(run: Run, step: Step) -> int:
    """Return the id of a step; like every id it needs 64 bits."""
    return run.id * 100 + step.index


def run_json(run: Run, view: View) -> Json:
    """Return a run (recorded fields). Without being asked for, relations are null and the steps an empty list."""
    end = run.finished_at if run.over else view.now
    queued = (run.dequeued_at if run.dequeued_at is not None else end or view.now) - run.created_at
    ran = (end or view.now) - run.started_at if run.started_at is not None else 0.0
    over = run.over and run.complete
    reason = view.retry_reasons[run.id]
    times = {"duration": (end or view.now) - run.created_at, "queued_duration": queued, "run_duration": ran}
    return {
        "id": run.id,
        "trigger_id": run.trigger["id"],
        "account_id": run.job.account_id,
        "environment_id": run.job.environment_id,
        "project_id": run.job.project_id,
        "job_definition_id": run.job_id,
        "job_id": run.job_id,
        "status": run.status,
        "status_humanized": HUMANIZED.get(run.status, f"Unknown ({run.status})"),
        "status_message": run.status_message,
        "dbt_version": run.trigger["dbt_version_override"] or run.job.dbt_version or DBT_VERSION,
        "git_branch": run.git_branch,
        "git_sha": run.git_sha,
        "owner_thread_id": None,
        "executed_by_thread_id": None,
        "deferring_run_id": run.deferring_run_id,
        "artifacts_saved": over and any(step.artifacts for step in run.steps),
        "artifact_s3_path": None,
        "has_docs_generated": run.has_docs,
        "has_sources_generated": any("sources.json" in step.artifacts for step in run.steps),
        "notifications_sent": False,
        "blocked_by": list(run.blocked_by),
        "created_at": moment(run.created_at),
        "updated_at": moment(run.updated_at),
        "dequeued_at": moment(run.dequeued_at),
        "started_at": moment(run.started_at),
        "finished_at": moment(run.finished_at) if over else None,
        "last_checked_at": None,
        "last_heartbeat_at": None,
        "should_start_at": None,
        "in_progress": run.status < Status.SUCCESS and not over,
        "is_complete": over,
        "is_success": over and run.status == Status.SUCCESS,
        "is_error": over and run.status == Status.ERROR,
        "is_cancelled": over and run.status == Status.CANCELLED,
        "is_running": None,
        **{name: duration(seconds) for name, seconds in times.items()},
        **{f"{name}_humanized": humanized(seconds) for name, seconds in times.items()},
        "created_at_humanized": f"{humanized(view.now - run.created_at)} ago",
        "finished_at_humanized": f"{humanized(view.now - run.finished_at)} ago"
        if run.finished_at is not None and over
        else "0 minutes from now",
        "retrying_run_id": run.retrying_run_id,
        "can_retry": reason is None,
        "retry_not_supported_reason": reason,
        "href": run_href(view.url, run),
        "used_repo_cache": None,
        "deprecation": None,
        "audit": audit_json(run) if "audit" in view.include else None,
        "trigger": dict(run.trigger) if "trigger" in view.include else None,
        "job": run_job_json(run.job) if "job" in view.include else None,
        "environment": environment_json(run.job) if "environment" in view.include else None,
        "run_steps": [step_json(run, step, view) for step in run.steps if "run_steps" in view.include],
    }


def audit_json(run: Run) -> Json | None:
    """Return who has cancelled a run (documented). Without a person the actor is assumed to be null."""
    if run.status != Status.CANCELLED:
        return None
    actor = {"id": 1, "type": "user", "name": CANCELLED_BY} if run.cancelled_by_api else None
    return {"cancellation": {"actor": actor}}


def step_json(run: Run, step: Step, view: View) -> Json:
    """Return a step (documented fields and those of steps inside a run)."""
    number = step_id(run, step)
    end = view.now if step.finished_at is None else step.finished_at
    debug = step.debug_logs
    tail = TRUNCATED + "".join(debug.splitlines(keepends=True)[-TRUNCATED_LINES:]) if debug else None
    return {
        "id": number,
        "run_id": run.id,
        "account_id": run.job.account_id,
        "index": step.index,
        "status": step.status,
        "name": step.name,
        "logs": step.logs,
        "debug_logs": debug if "debug_logs" in view.include else None,
        "truncated_debug_logs": tail,
        "log_path": None,
        "debug_log_path": None,
        "started_at": moment(step.started_at),
        "finished_at": moment(step.finished_at),
        "created_at": moment(step.started_at),
        "updated_at": moment(end),
        "status_color": COLORS.get(Status(step.status)) if step.status in HUMANIZED else None,
        "status_humanized": HUMANIZED.get(step.status, f"Unknown ({step.status})"),
        "duration": duration(end - step.started_at),
        "duration_humanized": humanized(end - step.started_at),
        "run_step_command": {"run_step_id": number, "dbt_command": step.command} if step.command else None,
        "run_step_invocation": {"run_step_id": number, "run_id": run.id} if step.command else None,
    }


def _job_core(job: Job) -> Json:
    return {
        "id": job.id,
        "account_id": job.account_id,
        "project_id": job.project_id,
        "environment_id": job.environment_id,
        "name": job.name,
        "description": job.description,
        "dbt_version": job.dbt_version,
        "raw_dbt_version": job.dbt_version,
        "deferring_environment_id": job.deferring_environment_id,
        "deferring_job_definition_id": job.deferring_job_definition_id,
        "execute_steps": list(job.execute_steps),
        "execution": {"timeout_seconds": job.timeout_seconds},
        "generate_docs": job.generate_docs,
        "run_generate_sources": job.run_generate_sources,
        "job_type": job.job_type,
        "lifecycle_webhooks": False,
        "run_compare_changes": False,
        "compare_changes_flags": "--select state:modified",
        "run_lint": False,
        "errors_on_lint_failure": True,
        "cost_optimization_features": [],
        "settings": {"threads": job.threads, "target_name": job.target_name},
        "state": job.state,
        "triggers_on_draft_pr": job.triggers_on_draft_pr,
        "triggers": dict(job.triggers),
        "is_deferrable": False,
        "deactivated": job.deactivated,
        "run_failure_count": job.run_failure_count,
        "job_completion_trigger_condition": None,
        "created_at": job_moment(job.created_at),
        "updated_at": job_moment(job.created_at),
    }


def run_job_json(job: Job) -> Json:
    """Return a job inside a run: date and time of its schedule are strings there (recorded)."""
    return {**_job_core(job), "schedule": {"cron": "0 * * * *", "date": "every_day", "time": "every_hour"}}


def job_json(job: Job, include: Collection[str] = ()) -> Json:
    """Return a job of `/jobs/`: date and time of its schedule are objects there (recorded).

    `include` are the parts that the request asked for (documented); of these only the environment is known here.
    """
    return {
        **_job_core(job),
        "schedule": {
            "cron": "0 * * * *",
            "date": {"type": "every_day"},
            "time": {"type": "every_hour", "interval": 1},
        },
        "generate_sources": job.run_generate_sources,
        "lifecycle_webhooks_url": None,
        "cron_humanized": "Every hour",
        "next_run": None,
        "next_run_humanized": None,
        "account": None,
        "project": None,
        "environment": environment_json(job) if "environment" in include else None,
        "fusion_readiness": None,
        "most_recent_run": None,
        "most_recent_completed_run": None,
    }


def project_json(project: Project, number: int, account_id: int, include: Collection[str] = ()) -> Json:
    """Return a project (documented fields); its repository only when the request asked for it."""
    repository = {
        "id": number + 1,
        "account_id": account_id,
        "project_id": number,
        "full_name": project.repository,
        "remote_url": project.remote_url,
        "git_clone_strategy": project.git_clone_strategy,
        "state": 1,
    }
    return {
        "id": number,
        "account_id": account_id,
        "name": project.name,
        "repository_id": number + 1 if project.remote_url else None,
        "repository": repository if "repository" in include and (project.remote_url or project.repository) else None,
        "state": 1,
    }


def environment_json(job: Job) -> Json:
    """Return the environment of a job."""
    return {
        "id": job.environment_id,
        "account_id": job.account_id,
        "project_id": job.project_id,
        "name": (job.deployment_type or "other").capitalize(),
        "connection_id": None,
        "credentials_id": None,
        "repository_id": None,
        "extended_attributes_id": None,
        "custom_branch": None,
        "use_custom_branch": False,
        "dbt_project_subdirectory": job.project_subdirectory,
        "dbt_version": job.dbt_version or DBT_VERSION,
        "supports_docs": False,
        "deployment_type": job.deployment_type,
        "type": "deployment",
        "created_by_id": None,
        "state": 1,
    }
