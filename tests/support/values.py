"""Values for tests, made by the product's own readers; a test gives only the fields that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dbt_action.config import loader
from dbt_action.config.context import CiContext
from dbt_action.config.loader import Config
from dbt_action.dbt_cloud import runs
from dbt_action.dbt_cloud.runs import Run

# A recorded answer to a trigger: most fields are null, ids have 64 bits, timestamps contain blanks.
RECORDED: Mapping[str, Any] = {
    "id": 70403110257794,
    "trigger_id": 70403110257796,
    "account_id": 70403103922125,
    "environment_id": 70403103931988,
    "project_id": 70403103936332,
    "job_definition_id": 70403103937390,
    "job_id": 70403103937390,
    "status": 1,
    "status_humanized": "Queued",
    "status_message": None,
    "dbt_version": "versionless",
    "git_branch": None,
    "git_sha": None,
    "artifact_s3_path": None,
    "artifacts_saved": False,
    "blocked_by": [],
    "created_at": "2024-07-03 13:59:00.653171+00:00",
    "updated_at": "2024-07-03 13:59:00.653180+00:00",
    "dequeued_at": None,
    "started_at": None,
    "finished_at": None,
    "in_progress": True,
    "is_complete": False,
    "is_success": False,
    "is_error": False,
    "is_cancelled": False,
    "is_running": None,
    "duration": "00:00:00",
    "queued_duration": "00:00:00",
    "run_duration": "00:00:00",
    "duration_humanized": "0 minutes",
    "finished_at_humanized": "0 minutes from now",
    "can_retry": False,
    "retry_not_supported_reason": "RETRY_NOT_FAILED_RUN",
    "retrying_run_id": None,
    "href": "https://ab123.us1.dbt.com/deploy/70403103922125/projects/70403103936332/runs/70403110257794/",
    "used_repo_cache": None,
    "audit": None,
    "trigger": None,
    "job": None,
    "environment": None,
    "run_steps": [],
}

TOKEN = "dbtc_Sup3rS3cret"
ENVIRON: Mapping[str, str] = {
    "INPUT_DBT-URL": "https://ab123.us1.dbt.com",
    "INPUT_DBT-TOKEN": TOKEN,
    "INPUT_ACCOUNT-ID": "1",
    "INPUT_JOB-ID": "3",
}


def a_run(**fields: Any) -> Run:  # noqa: ANN401 - JSON
    """The recorded run with other `fields`."""
    return runs.read_run({**RECORDED, **fields})


def a_step(index: int = 4, *, command: str = "dbt build", **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """A step as it is embedded in a run."""
    name = f"Invoke dbt with `{command}`"
    return {"index": index, "name": name, "status": 20, "logs": "", "truncated_debug_logs": None, **fields}


def a_config(**inputs: str) -> Config:
    """The configuration of a step with `inputs`; names have underscores instead of hyphens."""
    environ = {f"INPUT_{name.upper().replace('_', '-')}": value for name, value in inputs.items()}
    return loader.read({**ENVIRON, **environ})


def a_context(**fields: Any) -> CiContext:  # noqa: ANN401 - of CiContext
    """The context of a push to `main`, with other `fields`."""
    values: dict[str, Any] = {
        "ci_id": "github",
        "ci_name": "GitHub Actions",
        "inputs_are_variables": False,
        "event": "push",
        "workflow": "Deploy",
        "actor": "octocat",
        "repository": "acme/shop",
        "sha": "a" * 40,
        "branch": "main",
        "build_id": "5",
        "job": "deploy",
    }
    return CiContext(**{**values, **fields})
