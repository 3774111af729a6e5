"""The dbt commands and the schema of a run, without starting dbt."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import pytest

from emulator import Job, Run, Step
from emulator.dbt_commands import commands_of, commands_of_retry, schema_of
from emulator.request_parsing import TRIGGER_FIELDS
from emulator.runs import Order
from emulator.scripted_runs import invocation

Json: TypeAlias = Any
"""Whatever JSON or a keyword may hold."""


def order(*, retrying: Run | None = None, job_type: str = "other", sources: bool = False, **trigger: Json) -> Order:
    job = Job(
        id=5,
        account_id=1,
        project_id=2,
        environment_id=3,
        name="J",
        execute_steps=("dbt seed", "dbt run", "dbt test"),
        created_at=0.0,
        job_type=job_type,
        run_generate_sources=sources,
    )
    return Order(run_id=9, job=job, trigger={**dict.fromkeys(TRIGGER_FIELDS), **trigger}, retrying=retrying)


@pytest.mark.parametrize(
    "fields, schema",
    [
        ({}, "analytics"),
        ({"schema_override": "mine"}, "mine"),
        ({"github_pull_request_id": 7}, "analytics"),
        ({"job_type": "ci"}, "analytics"),
        ({"job_type": "ci", "gitlab_merge_request_id": 7}, "dbt_cloud_pr_5_7"),
        ({"job_type": "ci", "github_pull_request_id": 7, "schema_override": "mine"}, "mine"),
    ],
)
def test_schema__of(fields: dict[str, Any], schema: str) -> None:
    """That a CI job derives its own schema is inferred."""
    assert schema == schema_of(order(**fields))


def test_commands__deps_and_freshness_first_docs_last() -> None:
    commands = commands_of(order(sources=True, steps_override=["dbt build"], generate_docs_override=True))

    assert [command.text for command in commands] == [
        "dbt deps",
        "dbt source freshness",
        "dbt build",
        "dbt docs generate",
    ]
    assert [command.fails_run for command in commands if "freshness" in command.text] == [False]


def test_commands__of_a_retry_of_a_retry_continue_where_it_stopped() -> None:
    first = commands_of(order())
    failed = _failed(order(), [command.text for command in first[:3]])
    second = commands_of_retry(order(retrying=failed), first, Path("/state"))
    again = _failed(order(), ["dbt deps", "dbt retry"])
    third = commands_of_retry(order(retrying=again), second, Path("/state"))

    assert [command.text for command in second] == ["dbt deps", "dbt retry --state /state", "dbt test"]
    assert second == third
    assert second[1].step_name == "Invoke dbt with `dbt retry`"


def _failed(of: Order, commands: list[str]) -> Run:
    names = ["Clone Git Repository", "Create Profile", *map(invocation, commands)]
    steps = tuple(
        Step(index=index, name=name, status=20 if index == len(names) else 10, started_at=0.0)
        for index, name in enumerate(names, start=1)
    )
    return Run(id=1, job=of.job, trigger=of.trigger, created_at=0.0, updated_at=0.0, status=20, steps=steps)
