"""dbt Cloud's words: jobs, runs, steps and statuses; the only readers of that JSON, and tolerant ones.

Recorded answers have null almost everywhere, whatever the OpenAPI description says, so everything but
the ids and the status may be absent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from dbt_action.errors import Malformed
from dbt_action.text import one_line


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
# The field for a pull request's number, by the host of the repository (documented: OpenAPI, CI jobs page). Other hosts
# have no native connection; a connection by deploy key has to be told with `pull-request-field`.
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
    # dbt Cloud itself starts this job for pull requests.
    triggered_by_pull_requests: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStep:
    """One step of a run; `index` starts at 1 and counts clone, profile and deps too."""

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
        """The dbt command, "" for steps of another sort (recorded names hold it between backticks)."""
        match = _COMMAND.search(self.name)
        return match[1] if match else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a job, as of one look at it. `duration` is in seconds, the queue included."""

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
    # Of the trigger, which answers hold only when asked for.
    cause: str
    pull_request: int | None
    # The failed run that this one takes up again.
    retrying: int | None
    can_retry: bool
    retry_refusal: str

    @property
    def final(self) -> bool:
        """Whether this run is over; an unknown status is over only when dbt Cloud says so."""
        return self.status in FINAL or (self.status not in KNOWN and self.is_complete)

    @property
    def status_in_words(self) -> str:
        """The status for people."""
        return _IN_WORDS.get(self.status, f"status {self.status}")

    @property
    def failed_steps(self) -> tuple[RunStep, ...]:
        """All of them: a failed source freshness check can stand before the step that matters."""
        return tuple(step for step in self.steps if step.status == RunStatus.ERROR)

    @property
    def current_step(self) -> RunStep | None:
        """The step that is running now."""
        return next((step for step in self.steps if step.status in (RunStatus.STARTING, RunStatus.RUNNING)), None)


def read_job(data: object) -> Job:
    """A job from the `data` of an answer. Raises Malformed when it is none."""
    fields = _fields(data, "job")
    triggers = fields.get("triggers")
    webhooks = triggers if isinstance(triggers, Mapping) else {}
    return Job(
        id=_id(fields, "job"),
        name=one_line(_text(fields, "name")),
        project_id=_number(fields, "project_id"),
        triggered_by_pull_requests=True in (webhooks.get("github_webhook"), webhooks.get("git_provider_webhook")),
    )


def read_run(data: object) -> Run:
    """A run from the `data` of an answer. Raises Malformed when it is none."""
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
    )


def read_runs(data: object) -> tuple[Run, ...]:
    """The runs of a list answer. Raises Malformed when it is none."""
    if not isinstance(data, list):
        message = "dbt Cloud's answer is not a list of runs."
        raise Malformed(message)
    found = []
    for item in data:
        # One that cannot be read must not hide the others.
        with suppress(Malformed):
            found.append(read_run(item))
    return tuple(found)


def read_project_folder(data: object) -> str:
    """`dbt_project_subdirectory` of a job's environment, without slashes at its ends."""
    return _text(_part(_fields(data, "job"), "environment"), "dbt_project_subdirectory").strip("/")


def read_artifact_names(data: object) -> tuple[str, ...]:
    """The paths of an artifact list, which is null when the run made none (recorded)."""
    return tuple(item for item in data if isinstance(item, str)) if isinstance(data, list) else ()


def _step(fields: Mapping[str, Any]) -> RunStep:
    return RunStep(
        index=_number(fields, "index") or 0,
        name=one_line(_text(fields, "name")),
        status=_number(fields, "status") or 0,
        # `logs` may be null while the truncated form is there, and the other way round (recorded).
        logs=_text(fields, "logs") or _text(fields, "truncated_debug_logs"),
        seconds=_seconds(_text(fields, "duration")),
    )


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
    """One field for each way in which dbt Cloud is connected to a repository."""
    return next(
        (number for name in PULL_REQUEST_FIELDS.values() if (number := _number(trigger, name)) is not None), None
    )


def _number(fields: Mapping[str, Any], name: str) -> int | None:
    value = fields.get(name)
    return value if _is_integer(value) else None


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _seconds(clock: str) -> float | None:
    """`HH:MM:SS`, whose hours go beyond 23 (recorded: 24:00:36)."""
    match = re.fullmatch(r"(\d+):(\d\d):(\d\d)", clock)
    return int(match[1]) * 3600.0 + int(match[2]) * 60 + int(match[3]) if match else None
