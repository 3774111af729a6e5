"""Our schema of the API against dbt Labs' OpenAPI description. Collected only where that lies beside the checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.emulator import api_schema as api

DESCRIPTION = Path(__file__).resolve().parents[3] / "shared" / "data" / "dbt-cloud-openapi-v2.yaml"

SCHEMAS = {
    "TriggerRunRequestRequest": api.TRIGGER_BODY,
    "RunResponse": api.RUN,
    "RunTrigger": api.TRIGGER,
    "RunStepResponse": api.STEP,
    "InternalJobDefinition": api.JOB_OF_A_RUN,
    "HumanReadableJobDefinitionResponse": api.JOB,
    "EnvironmentV2": api.ENVIRONMENT,
    "RunFailureDetailsResponse": api.RETRY_DETAILS,
    "ResponseStatus": api.STATUS,
    "Extra": api.EXTRA,
    "RunResponseEnveloped": api.envelope(api.RUN),
    "RunResponseListEnveloped": api.list_envelope(api.RUN),
    "RunStepEnveloped": api.envelope(api.STEP),
    "HumanReadableJobDefinitionEnveloped": api.envelope(api.JOB),
    "HumanReadableJobDefinitionListEnveloped": api.list_envelope(api.JOB),
    "RunFailureDetailsEnveloped": api.envelope(api.RETRY_DETAILS),
    "ListOfStringsEnveloped": api.envelope(api.ARTIFACTS),
}

UNDESCRIBED = {
    "RunTrigger": {"id", "created_at", "cause_humanized", "job"},
    "InternalJobDefinition": {
        "id",
        "deactivated",
        "run_failure_count",
        "is_deferrable",
        "raw_dbt_version",
        "created_at",
        "updated_at",
        "job_completion_trigger_condition",
    },
    "HumanReadableJobDefinitionResponse": {
        "deactivated",
        "cron_humanized",
        "next_run",
        "next_run_humanized",
        "most_recent_run",
        "most_recent_completed_run",
    },
    "EnvironmentV2": {"id"},
}
"""Fields that answers of dbt Cloud have (recorded) and its description has not."""


@cache
def description() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(DESCRIPTION.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return loaded


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself in place of a reference to it."""
    if "$ref" in schema:
        return resolve(description()["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    (only,) = schema.get("allOf", [schema])
    return schema if only is schema else resolve(only)


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without the null that we allow: the description says of no field that it can be null."""
    (only,) = [one for one in schema.get("anyOf", [schema]) if one != {"type": "null"}]
    found: dict[str, Any] = only
    return found


def assert_agrees(ours: dict[str, Any], theirs: dict[str, Any], where: str) -> None:
    ours, theirs = without_null(ours), resolve(theirs)
    if ours.get("type") == "null" or "type" not in theirs:
        return
    assert theirs["type"] == ours["type"], where
    if "enum" in ours:
        assert set(ours["enum"]) == set(theirs["enum"]), where
    if "items" in ours:
        assert_agrees(ours["items"], theirs["items"], f"{where}[]")
    for name, schema in ours.get("properties", {}).items():
        if name in theirs["properties"]:
            assert_agrees(schema, theirs["properties"][name], f"{where}.{name}")


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema__has_the_fields_and_types_of_the_description(name: str) -> None:
    theirs = resolve(description()["components"]["schemas"][name])

    ours = set(SCHEMAS[name]["properties"])
    assert ours - UNDESCRIBED.get(name, set()) == set(theirs["properties"])
    assert_agrees(SCHEMAS[name], theirs, name)


def test_trigger_body__requires_what_the_description_requires() -> None:
    theirs = description()["components"]["schemas"]["TriggerRunRequestRequest"]

    assert theirs["required"] == api.TRIGGER_BODY["required"]


def test_routes__are_all_described() -> None:
    served = {
        "jobs/",
        "jobs/{id}/",
        "jobs/{job_id}/run/",
        "runs/",
        "runs/{id}/",
        "runs/{run_id}/cancel/",
        "runs/{run_id}/retry/",
        "runs/{run_id}/artifacts/",
        "runs/{run_id}/artifacts/{remainder}",
        "steps/{id}/",
    }

    assert {f"/api/v2/accounts/{{account_id}}/{path}" for path in served} <= set(description()["paths"])
