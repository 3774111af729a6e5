"""dbt Cloud's jobs, runs, steps and statuses, and the functions that read them from its JSON. Pure.

Nothing else reads this JSON. Recorded answers have null almost everywhere, whatever the OpenAPI description
says, so everything except the ids and the status may be absent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeVar

from dbt_action.errors import Malformed
from dbt_action.text import one_line, unix_time

T = TypeVar("T")


class RunStatus(IntEnum):
    """Status numbers of runs and of steps (documented in the OpenAPI description)."""

    QUEUED = 1
    STARTING = 2
    RUNNING = 3
    SUCCESS = 10
    ERROR = 20
    CANCELLED = 30


FINAL = frozenset({RunStatus.SUCCESS, RunStatus.ERROR, RunStatus.CANCELLED})
KNOWN = frozenset(RunStatus)
GOING = KNOWN - FINAL
_IN_WORDS: dict[int, str] = {status: status.name.capitalize() for status in RunStatus}
_COMMAND = re.compile("`([^`]+)`")


NON_NATIVE = "non-native"
# Who has cancelled a run, when it was no person.
BY_ITSELF = "by dbt Cloud itself"
# The field of the trigger that holds the pull request's number, by the host of the repository (documented: OpenAPI,
# CI jobs page). dbt Cloud has no native connection to other hosts. Whether a repository of one of these hosts is
# connected natively cannot be seen from here; the input `pull-request-field` says when it is not.
PULL_REQUEST_FIELDS = {
    "github": "github_pull_request_id",
    "gitlab": "gitlab_merge_request_id",
    "azure": "azure_pull_request_id",
    NON_NATIVE: "non_native_pull_request_id",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job definition."""

    id: int
    name: str
    project_id: int | None
    # dbt Cloud itself triggers this job for pull requests.
    triggered_by_pull_requests: bool
    # `ci`, `scheduled`, `merge`, `other` … (documented: OpenAPI), "" when the answer does not say.
    job_type: str
    # The commands.
    steps: tuple[str, ...]
    # The job compares with, and takes what is not built from, another environment or job.
    defers: bool
    deferring_job_id: int | None
    # dbt Cloud's own limit for a run; 0: none.
    timeout_seconds: int
    # dbt Cloud runs it no more; the reason is "" when the answer has none.
    deactivated: bool
    deactivation_reason: str
    # Of the job's environment, "" when the answer has none: `production`, `staging`.
    deployment_type: str
    environment_name: str
    # The folder of the dbt project in its repository, "" for the root.
    project_folder: str

    @property
    def is_ci(self) -> bool:
        """Whether dbt Cloud treats its runs as those of pull requests."""
        return self.job_type == "ci"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStep:
    """One command of a run. `index` starts at 1 and counts dbt Cloud's own steps (clone, profile, deps) too."""

    index: int
    name: str
    status: int
    logs: str
    seconds: float | None = None

    @property
    def status_in_words(self) -> str:
        """The status for people."""
        return _IN_WORDS.get(self.status, f"status {self.status}")

    @property
    def command(self) -> str:
        """The dbt command, "" for dbt Cloud's own steps (recorded: names hold the command between backticks)."""
        match = _COMMAND.search(self.name)
        return match[1] if match else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a job, as one answer of the API describes it.

    `duration` is in seconds and includes `queued`, the seconds that the run has waited in the queue.
    """

    id: int
    status: int
    status_message: str
    is_complete: bool
    url: str
    project_id: int | None
    git_sha: str
    git_branch: str
    blocked_by: tuple[int, ...]
    steps: tuple[RunStep, ...]
    duration: float | None
    queued: float | None
    # These two are part of the trigger, which an answer holds only when the request asked for it.
    cause: str
    pull_request: int | None
    # The id of the failed run that this one retries.
    retrying: int | None
    # Whether dbt Cloud would retry this run, and if not, why.
    can_retry: bool
    retry_refusal: str
    # The Unix time of the end, None before it.
    finished_at: float | None
    # As the job has it, often a release track: `latest`.
    dbt_version: str
    # Part of the trigger too.
    schema: str
    # The run whose tables stand for those that this one does not build.
    deferring_run_id: int | None
    has_docs: bool
    # Who cancelled it, as a clause: "by Jane", "by dbt Cloud itself"; only when the request asked for it.
    cancelled_by: str

    @property
    def final(self) -> bool:
        """Whether this run is over. With an unknown status it is over only when dbt Cloud says that it is complete."""
        return self.status in FINAL or (self.status not in KNOWN and self.is_complete)

    @property
    def status_in_words(self) -> str:
        """The status for people."""
        return _IN_WORDS.get(self.status, f"status {self.status}")

    @property
    def failed_steps(self) -> tuple[RunStep, ...]:
        """Every step that failed; a failed source freshness check may come before the one that failed the run."""
        return tuple(step for step in self.steps if step.status == RunStatus.ERROR)

    @property
    def current_step(self) -> RunStep | None:
        """The step that is running now."""
        return next((step for step in self.steps if step.status in (RunStatus.STARTING, RunStatus.RUNNING)), None)


def read_job(data: object) -> Job:
    """Read a job from the `data` of an answer. Raises Malformed when it is not one."""
    fields = _fields(data, "job")
    webhooks, environment = _part(fields, "triggers"), _part(fields, "environment")
    deferring = ("deferring_environment_id", "deferring_job_definition_id")
    return Job(
        id=_id(fields, "job"),
        name=one_line(_text(fields, "name")),
        project_id=_number(fields, "project_id"),
        triggered_by_pull_requests=True in (webhooks.get("github_webhook"), webhooks.get("git_provider_webhook")),
        job_type=_text(fields, "job_type"),
        steps=tuple(step for step in _items(fields, "execute_steps") if isinstance(step, str)),
        defers=any(_number(fields, name) is not None for name in deferring),
        deferring_job_id=_number(fields, "deferring_job_definition_id"),
        timeout_seconds=_number(_part(fields, "execution"), "timeout_seconds") or 0,
        deactivated=fields.get("deactivated") is True,
        deactivation_reason=_deactivation_reason(fields),
        deployment_type=_text(environment, "deployment_type"),
        environment_name=one_line(_text(environment, "name")),
        project_folder=_text(environment, "dbt_project_subdirectory").strip("/"),
    )


def read_jobs(data: object) -> tuple[Job, ...]:
    """Read the jobs from the `data` of an answer. Raises Malformed when it is not a list."""
    return _read_list(data, read_job, "jobs")


def read_run(data: object) -> Run:
    """Read a run from the `data` of an answer. Raises Malformed when it is not one."""
    fields = _fields(data, "run")
    trigger = _part(fields, "trigger")
    status = _number(fields, "status")
    if status is None:
        message = "dbt Cloud's answer describes a run without a status."
        raise Malformed(message)
    return Run(
        id=_id(fields, "run"),
        status=status,
        status_message=one_line(_text(fields, "status_message")),
        is_complete=fields.get("is_complete") is True,
        url=_text(fields, "href"),
        project_id=_number(fields, "project_id"),
        git_sha=_text(fields, "git_sha"),
        git_branch=_text(fields, "git_branch"),
        blocked_by=tuple(item for item in _items(fields, "blocked_by") if _is_integer(item)),
        steps=tuple(_step(item) for item in _items(fields, "run_steps") if isinstance(item, Mapping)),
        duration=_seconds(_text(fields, "duration")),
        queued=_seconds(_text(fields, "queued_duration")),
        cause=_text(trigger, "cause"),
        pull_request=_pull_request(trigger),
        retrying=_number(fields, "retrying_run_id"),
        can_retry=fields.get("can_retry") is True,
        retry_refusal=_text(fields, "retry_not_supported_reason"),
        finished_at=unix_time(_text(fields, "finished_at")),
        dbt_version=one_line(_text(fields, "dbt_version")),
        schema=one_line(_text(trigger, "schema_override")),
        deferring_run_id=_number(fields, "deferring_run_id"),
        has_docs=fields.get("has_docs_generated") is True,
        cancelled_by=_cancelled_by(_part(fields, "audit")),
    )


def read_runs(data: object) -> tuple[Run, ...]:
    """Read the runs from the `data` of an answer. Raises Malformed when it is not a list."""
    return _read_list(data, read_run, "runs")


def _read_list(data: object, read: Callable[[object], T], what: str) -> tuple[T, ...]:
    if not isinstance(data, list):
        message = f"dbt Cloud's answer is not a list of {what}."
        raise Malformed(message)
    found = []
    for item in data:
        # One that cannot be read must not hide the others.
        with suppress(Malformed):
            found.append(read(item))
    return tuple(found)


def read_artifact_names(data: object) -> tuple[str, ...]:
    """Read the paths of an artifact list, which is null when the run made none (recorded)."""
    return tuple(item for item in data if isinstance(item, str)) if isinstance(data, list) else ()


def _deactivation_reason(fields: Mapping[str, Any]) -> str:
    """dbt Cloud has given reasons since July 2026 (release notes); how the field is called is not documented."""
    names = sorted(name for name in fields if name.startswith("deactivat"))
    return one_line(next((reason for name in names if (reason := _text(fields, name))), ""))


def _step(fields: Mapping[str, Any]) -> RunStep:
    return RunStep(
        index=_number(fields, "index") or 0,
        name=one_line(_text(fields, "name")),
        status=_number(fields, "status") or 0,
        # `logs` may be null. `truncated_debug_logs` is not the same: it begins with a sentence about itself, and has
        # lines that are for people who debug dbt (recorded).
        logs=_text(fields, "logs"),
        seconds=_seconds(_text(fields, "duration")),
    )


def _cancelled_by(audit: Mapping[str, Any]) -> str:
    """dbt Cloud says since March 2026 who has cancelled a run (release notes); "" when it does not."""
    cancellation = _part(audit, "cancellation")
    name = one_line(_text(_part(cancellation, "actor"), "name"))
    if name:
        return f"by {name}"
    return BY_ITSELF if cancellation else ""


def _fields(data: object, what: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        message = f"dbt Cloud's answer holds no {what}."
        raise Malformed(message)
    return data


def _id(fields: Mapping[str, Any], what: str) -> int:
    value = _number(fields, "id")
    if value is None:
        message = f"dbt Cloud's answer describes a {what} without an id."
        raise Malformed(message)
    return value


def _part(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields.get(name)
    return value if isinstance(value, Mapping) else {}


def _items(fields: Mapping[str, Any], name: str) -> list[Any]:
    value = fields.get(name)
    return value if isinstance(value, list) else []


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _pull_request(trigger: Mapping[str, Any]) -> int | None:
    """Only the field of the way in which dbt Cloud is connected to the repository is filled."""
    return next(
        (number for name in PULL_REQUEST_FIELDS.values() if (number := _number(trigger, name)) is not None), None
    )


def _number(fields: Mapping[str, Any], name: str) -> int | None:
    value = fields.get(name)
    return value if _is_integer(value) else None


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _seconds(clock: str) -> float | None:
    """Seconds of `HH:MM:SS`, whose hours go beyond 23 (recorded: 24:00:36)."""
    match = re.fullmatch(r"(\d+):(\d\d):(\d\d)", clock)
    return int(match[1]) * 3600.0 + int(match[2]) * 60 + int(match[3]) if match else None
