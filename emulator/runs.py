"""Jobs, runs and steps of the emulated account, and what passes between the scheduler and a runner."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Status(enum.IntEnum):
    """The status of a run or a step (documented for runs; steps use the same numbers)."""

    QUEUED = 1
    STARTING = 2
    RUNNING = 3
    SUCCESS = 10
    ERROR = 20
    CANCELLED = 30


FINAL = frozenset({Status.SUCCESS, Status.ERROR, Status.CANCELLED})

PULL_REQUEST_FIELDS = (
    "github_pull_request_id",
    "gitlab_merge_request_id",
    "azure_pull_request_id",
    "non_native_pull_request_id",
)
"""The fields of a trigger that hold the number of a pull request (documented)."""

NO_TRIGGERS: Mapping[str, bool] = MappingProxyType(
    {
        "github_webhook": False,
        "git_provider_webhook": False,
        "schedule": False,
        "on_merge": False,
        "custom_branch_only": False,
    }
)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job definition. `timeout_seconds` 0 means no limit (documented)."""

    id: int
    account_id: int
    project_id: int
    environment_id: int
    name: str
    execute_steps: tuple[str, ...]
    created_at: float
    job_type: str = "other"
    description: str = ""
    dbt_version: str | None = None
    threads: int = 4
    target_name: str = "default"
    timeout_seconds: int = 0
    generate_docs: bool = False
    run_generate_sources: bool = False
    triggers: Mapping[str, bool] = field(default_factory=lambda: NO_TRIGGERS)
    deferring_environment_id: int | None = None
    deferring_job_definition_id: int | None = None
    # Of the job's environment.
    deployment_type: str | None = "production"
    project_subdirectory: str | None = None
    triggers_on_draft_pr: bool = False
    deactivated: bool = False
    run_failure_count: int = 0
    state: int = 1


@dataclass(kw_only=True)
class Project:
    """The one project of the account; tests change the fields. `repository` is `owner/name`, None: not connected."""

    name: str = "Shop"
    repository: str | None = None
    remote_url: str | None = None
    git_clone_strategy: str | None = None
    # The token may not read projects.
    forbidden: bool = False


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a run. Times are seconds since the epoch; `index` starts at 1.

    `fails_run` says whether the run fails when this step does.
    """

    index: int
    name: str
    status: int
    started_at: float
    finished_at: float | None = None
    logs: str | None = None
    debug_logs: str | None = None
    artifacts: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    fails_run: bool = True

    @property
    def command(self) -> str | None:
        """The dbt command between the backticks of the name; None for the clone and profile steps."""
        parts = self.name.split("`")
        return parts[1] if len(parts) == 3 else None  # noqa: PLR2004 - text, command, text


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is, as its runner reports it to the scheduler.

    `finished_at` is None while the run goes on. `complete` False with a `finished_at` is a run that has stopped
    with a status that is not documented.
    """

    status: int = Status.RUNNING
    steps: tuple[Step, ...] = ()
    finished_at: float | None = None
    complete: bool = True
    status_message: str | None = None
    git_sha: str | None = None
    git_branch: str | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a job. `trigger` is the trigger object as the API shows it."""

    id: int
    job: Job
    trigger: Mapping[str, Any]
    created_at: float
    status: int = Status.QUEUED
    status_message: str | None = None
    updated_at: float
    dequeued_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    complete: bool = False
    git_sha: str | None = None
    git_branch: str | None = None
    steps: tuple[Step, ...] = ()
    retrying_run_id: int | None = None
    deferring_run_id: int | None = None
    blocked_by: tuple[int, ...] = ()
    cancel_at: float | None = None
    cancelled_by_api: bool = False
    artifacts_from: float = 0.0
    """Seconds after the end in which artifacts cannot be downloaded yet: dbt Cloud uploads them asynchronously."""

    @property
    def job_id(self) -> int:
        """The id of the job."""
        return self.job.id

    @property
    def cause(self) -> str:
        """The `cause` that the client sent."""
        return str(self.trigger["cause"])

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        return self.finished_at is not None

    @property
    def has_docs(self) -> bool:
        """Whether a step wrote catalog.json."""
        return any("catalog.json" in step.artifacts for step in self.steps)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a runner is asked to execute. `retrying` is the failed run that is retried, if this is a retry."""

    run_id: int
    job: Job
    trigger: Mapping[str, Any]
    retrying: Run | None = None

    @property
    def commands(self) -> tuple[str, ...]:
        """The dbt commands: the override or the job's own, docs at the end (documented)."""
        commands = tuple(self.trigger["steps_override"] or self.job.execute_steps)
        override = self.trigger["generate_docs_override"]
        docs = self.job.generate_docs if override is None else override
        return (*commands, "dbt docs generate") if docs else commands
