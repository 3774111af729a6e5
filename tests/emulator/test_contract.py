"""Every answer against dbt Labs' OpenAPI description, modulo the deviations that are known to be real."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from emulator import Emulator, Script, ScriptedStep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.emulator.conftest import Client

SPECIFICATION = Path(__file__).resolve().parents[3] / "shared" / "data" / "dbt-cloud-openapi-v2.yaml"

SCHEMAS = {
    "RunResponse",
    "RunStep",
    "RunStepResponse",
    "RunTrigger",
    "InternalJobDefinition",
    "HumanReadableJobDefinitionResponse",
    "EnvironmentV2",
    "ResponseStatus",
    "ListOfStringsEnveloped",
    "RunFailureDetailsResponse",
}
"""Deviation: no schema says `nullable`, yet most fields of these can be null."""

ADDITIONAL = {
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
    "RunStep": {
        "id",
        "status_humanized",
        "started_at",
        "finished_at",
        "duration",
        "truncated_debug_logs",
        "created_at",
        "updated_at",
        "status_color",
        "duration_humanized",
        "run_step_command",
        "run_step_invocation",
    },
    "EnvironmentV2": {"id"},
}
"""Deviation: fields that answers have and the description has not."""


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    """The description's schemas: nothing additional but ADDITIONAL, null where SCHEMAS allows it."""
    if not SPECIFICATION.exists():
        pytest.skip(f"the OpenAPI description is not part of the repository and not at {SPECIFICATION}")
    described = yaml.safe_load(SPECIFICATION.read_text(encoding="utf-8"))["components"]["schemas"]
    schemas: dict[str, Any] = copy.deepcopy(described)
    for name in SCHEMAS:
        properties = schemas[name]["properties"]
        for field, schema in properties.items():
            properties[field] = {"anyOf": [schema, {"type": "null"}]}
        properties.update({field: {} for field in ADDITIONAL.get(name, ())})
        schemas[name]["additionalProperties"] = False
    return schemas


@pytest.fixture(scope="module")
def validate(schemas: dict[str, Any]) -> Callable[[str, object], None]:
    """Return how a value is held against a schema of the description."""

    def check(name: str, value: object) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
        jsonschema.Draft202012Validator(schema).validate(value)

    return check


@pytest.fixture
def contract(client_of: Callable[[Emulator], Client]) -> Iterator[Client]:
    """Return a client of an emulator in which runs fail, so that as many fields as possible are filled."""
    artifacts = {"run_results.json": b"{}", "catalog.json": b"{}"}
    with Emulator(Script(steps=(ScriptedStep(status=20, logs="a\n", artifacts=artifacts),))) as cloud:
        yield client_of(cloud)


def test_trigger__answers_as_described(contract: Client, validate: Callable[[str, object], None]) -> None:
    fields = {"git_sha": "a1b2", "github_pull_request_id": 7, "steps_override": ["dbt build"], "threads_override": 2}

    answer = contract.send("POST", f"jobs/{contract.cloud.job_id}/run/", json={"cause": "x", **fields})

    validate("TriggerRunRequestRequest", {"cause": "x", **fields})
    validate("RunResponseEnveloped", answer.json())


@pytest.mark.parametrize(
    "path, name",
    [
        ("runs/{run}/", "RunResponseEnveloped"),
        (
            'runs/{run}/?include_related=["trigger","job","environment","run_steps","debug_logs"]',
            "RunResponseEnveloped",
        ),
        ('runs/?include_related=["trigger","job"]', "RunResponseListEnveloped"),
        ("runs/{run}/retry/", "RunFailureDetailsEnveloped"),
        ("runs/{run}/artifacts/", "ListOfStringsEnveloped"),
        ("jobs/", "HumanReadableJobDefinitionListEnveloped"),
        ("jobs/{job}/", "HumanReadableJobDefinitionEnveloped"),
        ("steps/{run}04/", "RunStepEnveloped"),
    ],
)
def test_get__answers_as_described(
    contract: Client, validate: Callable[[str, object], None], path: str, name: str
) -> None:
    run = contract.trigger(git_branch="main")

    answer = contract.send("GET", path.format(run=run["id"], job=contract.cloud.job_id))

    assert answer.status_code == 200
    validate(name, answer.json())


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_post__answers_as_described(contract: Client, validate: Callable[[str, object], None], verb: str) -> None:
    run = contract.trigger()
    contract.get(f"runs/{run['id']}/")

    answer = contract.send("POST", f"runs/{run['id']}/{verb}/")

    assert answer.status_code == 200
    validate("RunResponseEnveloped", answer.json())


def test_fields__are_all_there(contract: Client, schemas: dict[str, Any]) -> None:
    """A client may rely on any described field being present, if only as null."""
    run = contract.get(f"runs/{contract.trigger()['id']}/", include_related='["trigger","run_steps"]')

    for name, value in (
        ("RunResponse", run),
        ("RunTrigger", run["trigger"]),
        ("RunStepResponse", run["run_steps"][0]),
    ):
        assert set(schemas[name]["properties"]) - set(value) == set()


def test_routes__are_all_described(contract: Client, schemas: dict[str, Any]) -> None:
    assert schemas
    described = yaml.safe_load(SPECIFICATION.read_text(encoding="utf-8"))["paths"]
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

    assert {f"/api/v2/accounts/{{account_id}}/{path}" for path in served} <= set(described)
    assert contract.cloud.runs == ()
