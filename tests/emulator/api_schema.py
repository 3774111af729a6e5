"""The answers of the Admin API v2 that the product relies on, as JSON Schema.

Written from recorded answers and from dbt's documentation; each field says which. Every field is required, if only
with null, because a client may rely on it. `test_openapi_description` compares this with dbt Labs' own description.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Schema: TypeAlias = "dict[str, Any]"

RECORDED = "recorded: seen in an answer of dbt Cloud"
DOCUMENTED = "documented by dbt Labs; not seen in a recording of ours"


def _field(kind: str | list[str], grade: str = RECORDED, **more: Any) -> Schema:  # noqa: ANN401 - JSON Schema
    return {"type": kind, "description": grade, **more}


def _object(properties: Mapping[str, Schema], *, required: list[str] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties) if required is None else required,
        "additionalProperties": False,
    }


def _documented(properties: Mapping[str, Schema]) -> dict[str, Schema]:
    return {name: {**schema, "description": DOCUMENTED} for name, schema in properties.items()}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _list_of(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


# Ids need 64 bits (recorded).
_ID = _field("integer", minimum=1)
_INTEGER = _field("integer")
_TEXT = _field("string")
_BOOLEAN = _field("boolean")
_TEXTS = _list_of(_TEXT)
_RUN_TIME = _field("string", pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+00:00$")
_JOB_TIME = _field("string", pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$")
# Hours may exceed 23 (recorded: 24:00:36).
_DURATION = _field("string", pattern=r"^\d{2,}:\d\d:\d\d$")
_NULL_TEXT = _or_null(_TEXT)
_NULL_ID = _or_null(_ID)
_NULL_INTEGER = _or_null(_INTEGER)
_NULL_BOOLEAN = _or_null(_BOOLEAN)
_NULL_RUN_TIME = _or_null(_RUN_TIME)
_ALWAYS_NULL = _field("null")

JOB_TYPE = _field(
    "string", DOCUMENTED, enum=["ci", "scheduled", "other", "merge", "exposure_sync", "adaptive", "hybrid"]
)
RETRY_REASON = _field(
    "string",
    enum=[
        "RETRY_UNSUPPORTED_CMD",
        "RETRY_UNSUPPORTED_VERSION",
        "RETRY_NOT_LATEST_RUN",
        "RETRY_NOT_FAILED_RUN",
        "RETRY_NO_RUN_RESULTS",
    ],
)

_NONEMPTY = _field("string", minLength=1)
_OVERRIDES = {
    "git_branch": _NONEMPTY,
    "git_sha": _NONEMPTY,
    "azure_pull_request_id": _INTEGER,
    "github_pull_request_id": _INTEGER,
    "gitlab_merge_request_id": _INTEGER,
    "non_native_pull_request_id": _INTEGER,
    "schema_override": _NONEMPTY,
    "dbt_version_override": _NONEMPTY,
    "threads_override": _INTEGER,
    "target_name_override": _NONEMPTY,
    "generate_docs_override": _BOOLEAN,
    "timeout_seconds_override": _INTEGER,
    "steps_override": _list_of(_NONEMPTY),
}

TRIGGER_BODY = _object({"cause": _NONEMPTY, **_OVERRIDES}, required=["cause"])
"""What is sent to trigger a run. Strings are not empty, and unset fields are left out."""

TRIGGER = _object(
    {
        "cause": _TEXT,
        "job_definition_id": _ID,
        **{name: _or_null(schema) for name, schema in _OVERRIDES.items()},
        "cause_category": _field("string"),
        "id": _ID,
        "created_at": _RUN_TIME,
        "cause_humanized": _TEXT,
        "job": _ALWAYS_NULL,
    }
)

STEP = _object(
    {
        "id": _ID,
        "index": _field("integer", minimum=1),
        "status": _INTEGER,
        "status_humanized": _TEXT,
        "name": _TEXT,
        "logs": _NULL_TEXT,
        "truncated_debug_logs": _NULL_TEXT,
        "started_at": _NULL_RUN_TIME,
        "finished_at": _NULL_RUN_TIME,
        "duration": _DURATION,
        **_documented(
            {
                "run_id": _ID,
                "account_id": _ID,
                "debug_logs": _NULL_TEXT,
                "log_path": _NULL_TEXT,
                "debug_log_path": _NULL_TEXT,
                "created_at": _RUN_TIME,
                "updated_at": _RUN_TIME,
                "status_color": _NULL_TEXT,
                "duration_humanized": _TEXT,
                "run_step_command": _or_null(_object({"run_step_id": _ID, "dbt_command": _TEXT})),
                "run_step_invocation": _or_null(_object({"run_step_id": _ID, "run_id": _ID})),
            }
        ),
    }
)

_JOB = {
    "id": _ID,
    "account_id": _ID,
    "project_id": _ID,
    "environment_id": _ID,
    "name": _TEXT,
    "description": _TEXT,
    "dbt_version": _NULL_TEXT,
    "raw_dbt_version": _NULL_TEXT,
    "deferring_environment_id": _NULL_ID,
    "deferring_job_definition_id": _NULL_ID,
    "execute_steps": _TEXTS,
    "execution": _object({"timeout_seconds": _INTEGER}),
    "generate_docs": _BOOLEAN,
    "run_generate_sources": _BOOLEAN,
    "job_type": JOB_TYPE,
    "lifecycle_webhooks": _BOOLEAN,
    "run_compare_changes": _BOOLEAN,
    "compare_changes_flags": _TEXT,
    "run_lint": _BOOLEAN,
    "errors_on_lint_failure": _BOOLEAN,
    "cost_optimization_features": _list_of(_field("string", DOCUMENTED)),
    "settings": _object({"threads": _INTEGER, "target_name": _TEXT}),
    "state": _INTEGER,
    "triggers_on_draft_pr": _BOOLEAN,
    "triggers": _object(
        {
            "github_webhook": _BOOLEAN,
            "git_provider_webhook": _BOOLEAN,
            "schedule": _BOOLEAN,
            "on_merge": _BOOLEAN,
            "custom_branch_only": _BOOLEAN,
        }
    ),
    "is_deferrable": _BOOLEAN,
    "deactivated": _BOOLEAN,
    "run_failure_count": _INTEGER,
    "job_completion_trigger_condition": _ALWAYS_NULL,
    "created_at": _JOB_TIME,
    "updated_at": _JOB_TIME,
}

JOB_OF_A_RUN = _object({**_JOB, "schedule": _object({"cron": _TEXT, "date": _TEXT, "time": _TEXT})})
"""The job inside a run: date and time of its schedule are strings there (recorded)."""

ENVIRONMENT = _object(
    _documented(
        {
            "id": _ID,
            "account_id": _ID,
            "project_id": _ID,
            "name": _TEXT,
            "connection_id": _NULL_ID,
            "credentials_id": _NULL_ID,
            "repository_id": _NULL_ID,
            "extended_attributes_id": _NULL_ID,
            "custom_branch": _NULL_TEXT,
            "use_custom_branch": _BOOLEAN,
            "dbt_project_subdirectory": _NULL_TEXT,
            "dbt_version": _NULL_TEXT,
            "supports_docs": _BOOLEAN,
            "deployment_type": _or_null(_field("string", enum=["production", "staging"])),
            "type": _field("string", enum=["deployment", "development"]),
            "created_by_id": _NULL_ID,
            "state": _INTEGER,
        }
    )
)

JOB = _object(
    {
        **_JOB,
        "schedule": _object(
            {
                "cron": _TEXT,
                "date": _object({"type": _TEXT}),
                "time": _object({"type": _TEXT, "interval": _INTEGER}),
            }
        ),
        "generate_sources": _field("boolean", DOCUMENTED),
        "lifecycle_webhooks_url": _NULL_TEXT,
        "cron_humanized": _TEXT,
        "next_run": _NULL_TEXT,
        "next_run_humanized": _NULL_TEXT,
        "account": _ALWAYS_NULL,
        "project": _ALWAYS_NULL,
        "environment": _or_null(ENVIRONMENT),
        "fusion_readiness": _ALWAYS_NULL,
        "most_recent_run": _ALWAYS_NULL,
        "most_recent_completed_run": _ALWAYS_NULL,
    }
)
"""A job of `/jobs/`: date and time of its schedule are objects there (recorded)."""

RUN = _object(
    {
        **dict.fromkeys(
            (
                "id",
                "trigger_id",
                "account_id",
                "environment_id",
                "project_id",
                "job_definition_id",
                "job_id",
            ),
            _ID,
        ),
        "status": _INTEGER,
        "status_humanized": _TEXT,
        "status_message": _NULL_TEXT,
        "dbt_version": _TEXT,
        # Both are null until the checkout, also when they were requested (recorded).
        "git_branch": _NULL_TEXT,
        "git_sha": _NULL_TEXT,
        "owner_thread_id": _NULL_TEXT,
        "executed_by_thread_id": _NULL_TEXT,
        "deferring_run_id": _NULL_ID,
        "artifacts_saved": _BOOLEAN,
        "artifact_s3_path": _NULL_TEXT,
        "has_docs_generated": _BOOLEAN,
        "has_sources_generated": _BOOLEAN,
        "notifications_sent": _BOOLEAN,
        "blocked_by": _list_of(_INTEGER),
        "created_at": _RUN_TIME,
        "updated_at": _RUN_TIME,
        **dict.fromkeys(
            (
                "dequeued_at",
                "started_at",
                "finished_at",
                "last_checked_at",
                "last_heartbeat_at",
                "should_start_at",
            ),
            _NULL_RUN_TIME,
        ),
        **dict.fromkeys(("in_progress", "is_complete", "is_success", "is_error", "is_cancelled"), _BOOLEAN),
        "is_running": _NULL_BOOLEAN,
        **dict.fromkeys(("duration", "queued_duration", "run_duration"), _DURATION),
        **dict.fromkeys(
            (
                "duration_humanized",
                "queued_duration_humanized",
                "run_duration_humanized",
                "created_at_humanized",
                "finished_at_humanized",
            ),
            _TEXT,
        ),
        "retrying_run_id": _NULL_ID,
        "can_retry": _BOOLEAN,
        "retry_not_supported_reason": _or_null(RETRY_REASON),
        "href": _field("string", pattern="^https?://"),
        "used_repo_cache": _NULL_BOOLEAN,
        "deprecation": _ALWAYS_NULL,
        "audit": _field("null", DOCUMENTED),
        # Filled in the answer to a trigger, else null unless the relation was asked for (recorded).
        "trigger": _or_null(TRIGGER),
        "job": _or_null(JOB_OF_A_RUN),
        "environment": _or_null(ENVIRONMENT),
        "run_steps": _list_of(STEP),
    }
)

RETRY_DETAILS = _object(_documented({"failed_step": _NULL_TEXT, "skipped_steps": _TEXTS}))

ARTIFACTS = _or_null(_list_of(_TEXT))
"""The paths of the artifacts of a run; null when there are none (recorded)."""

STATUS = _object({"code": _INTEGER, "is_success": _BOOLEAN, "user_message": _TEXT, "developer_message": _NULL_TEXT})

EXTRA = _object(
    _documented(
        {
            "filters": {"type": "object"},
            "order_by": _TEXT,
            "pagination": _object({"count": _INTEGER, "total_count": _INTEGER}),
        }
    )
)

ERROR = _object({"status": STATUS, "data": _field("null")})
"""The envelope of 401, 403 and 404."""

INVALID_REQUEST = _object(
    {
        "status": STATUS,
        "data": {"type": "object", "additionalProperties": _TEXT, "description": RECORDED},
        "extra": {"type": "object", "maxProperties": 0, "description": RECORDED},
        "error_code": _field("null"),
    }
)
"""The envelope of 400: `data` maps the name of a field, or `_model`, to a message."""

METHOD_NOT_ALLOWED = _object({"detail": _TEXT})
"""The answer 405 has no envelope."""


def envelope(data: Schema) -> Schema:
    """The envelope of one value."""
    return _object({"status": STATUS, "data": data})


def list_envelope(data: Schema) -> Schema:
    """The envelope of a page of a list."""
    return _object({"status": STATUS, "data": _list_of(data), "extra": EXTRA})
