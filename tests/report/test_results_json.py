"""The JSON document for other tools, held against its published schema."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.report import results_json
from dbt_action.report.outcome import Outcome, RunFacts
from dbt_action.results.changes import ChangedModel, Changes
from dbt_action.results.freshness import LateSource
from dbt_action.results.history import EarlierRun, History, Known, Slower
from dbt_action.results.manifest import NO_MANIFEST, Definition, Exposure, Manifest
from dbt_action.results.run_results import NodeStatus
from tests.support.results import SHA, SUBJECT, Ended, a_manifest, a_node, facts

Json = Any
PATH = Path(__file__).resolve().parents[2] / "docs" / "results.schema.json"


@cache
def schema() -> dict[str, Json]:
    found: dict[str, Json] = json.loads(PATH.read_text(encoding="utf-8"))
    return found


def exported(run_facts: RunFacts) -> Json:
    """The document, which is valid by the schema and has exactly the keys that the schema describes."""
    document = json.loads(results_json.render(run_facts, SUBJECT).decode("utf-8"))
    jsonschema.Draft202012Validator(schema()).validate(document)
    assert set(document) == set(schema()["properties"])
    for node in document["nodes"]:
        assert set(node) == set(schema()["$defs"]["node"]["properties"])
    return document


def test_schema__is_valid_and_describes_every_key() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())

    parts = [*schema()["properties"].values(), *schema()["$defs"]["node"]["properties"].values()]
    assert all(part["description"].endswith(".") for part in parts)


def test_schema__has_every_outcome_and_every_node_status() -> None:
    assert {outcome.status for outcome in Outcome} == set(schema()["properties"]["status"]["enum"])
    assert {status.value for status in NodeStatus} == set(schema()["$defs"]["node"]["properties"]["verdict"]["enum"])
    assert {status.value for status in NodeStatus} == set(schema()["properties"]["counts"]["required"])
    assert results_json.VERSION == schema()["properties"]["version"]["const"]


def test_render__has_job_counts_and_nodes() -> None:
    manifest = a_manifest(test__shop__t__0123456789=Definition("shop", "models/x.yml"))
    test = a_node("test.shop.t.0123456789", "fail", failures=3, message="Got 3\nresults", seconds=0.123456)

    document = exported(facts(a_node(), test, manifest=manifest))

    assert ("error", "Production build", SHA, 100.0) == tuple(
        document[key] for key in ("status", "job", "git_sha", "seconds")
    )
    assert {"failed": 1, "warned": 0, "passed": 1, "skipped": 0, "reused": 0, "other": 0} == document["counts"]
    assert {
        "unique_id": "test.shop.t.0123456789",
        "kind": "test",
        "name": "t",
        "package": "shop",
        "status": "fail",
        "verdict": "failed",
        "message": "Got 3\nresults",
        "failures": 3,
        "seconds": 0.123,
        "thread": "Thread-1 (worker)",
        "step": 4,
        "file": "models/x.yml",
    } == document["nodes"][1]


def test_render__has_what_the_failure_means() -> None:
    failed, skipped = a_node("model.shop.a", "error"), a_node("model.shop.b", "skipped")
    manifest = Manifest(
        "shop",
        {
            "model.shop.b": Definition(depends_on=("model.shop.a",)),
            "exposure.shop.x": Definition(depends_on=("model.shop.b",)),
        },
        {"exposure.shop.x": Exposure("Revenue", "dashboard", "https://bi.example", "Ann")},
    )
    earlier = EarlierRun(id=3, url="https://cloud.example/3", succeeded=False)
    history = History(
        against=earlier,
        known={"model.shop.a": Known(since=earlier, runs=2, at_least=True)},
        fixed=("c",),
        slower=(Slower(node=a_node(seconds=99.0), usual_seconds=3.0),),
    )
    changes = Changes(
        models=(ChangedModel(name="a", what="changed", columns_added=("x",)),), exposures=(Exposure("R"),)
    )
    late = LateSource(name="raw.orders", status="error", age_seconds=90.0, limit="1 hour")

    document = exported(
        facts(failed, skipped, manifest=manifest, history=history, changes=changes, late_sources=(late,))
    )

    assert ["model.shop.a"] == [node["unique_id"] for node in document["failed_nodes"]]
    assert ["model.shop.b"] == document["not_built"]
    assert [{"name": "Revenue", "type": "dashboard", "url": "https://bi.example", "owner": "Ann"}] == document[
        "affected_exposures"
    ]
    assert (3, 0, {"model.shop.a": {"since_run_id": 3, "runs": 2, "at_least": True}}) == tuple(
        document["history"][key] for key in ("run_id", "new_failures", "known")
    )
    assert [{"unique_id": "model.shop.orders", "seconds": 99.0, "usual_seconds": 3.0}] == document["history"]["slower"]
    assert ["R"] == document["changes"]["exposures"]
    assert ["raw.orders"] == [source["name"] for source in document["late_sources"]]


@pytest.mark.parametrize("outcome", Outcome)
def test_render__every_outcome_has_a_document(outcome: Outcome) -> None:
    run = None if outcome is Outcome.NOT_STARTED else facts().run

    document = exported(facts(run=run, ended=Ended(outcome)))

    assert (outcome.status, []) == (document["status"], document["nodes"])


@given(st.text(), st.text(), st.text(), st.text())
def test_render__any_text_stays_json(name: str, status: str, message: str, thread: str) -> None:
    """Lone surrogates included: they come out of JSON and cannot be written as UTF-8."""
    node = a_node(f"model.shop.{name}", status, message=message, thread_id=thread)

    (written,) = exported(facts(node, manifest=NO_MANIFEST))["nodes"]

    assert node.status.value == written["verdict"]


def test_render__has_no_compiled_sql() -> None:
    """The file may be published, and SQL may hold values of the data."""
    assert b"secret" not in results_json.render(facts(a_node(status="error", sql="select 'secret'")), SUBJECT)
