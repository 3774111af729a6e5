"""Artifacts of real dbt: every kind of node and every status is read and reported correctly."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import jsonschema
import junitparser
import pytest

from dbt_action.dbt_cloud import step_logs
from dbt_action.errors import ExitCode
from dbt_action.results import manifest, run_results
from dbt_action.results.run_results import Node, NodeStatus
from emulator import Script, ScriptedStep
from tests.support.markdown import render
from tests.support.real_run_fixtures import BUILD, RealRun
from tests.support.values import a_run, a_step
from tests.support.workflow_step import REPOSITORY, SHA, WorkflowStep

pytestmark = pytest.mark.dbt

MakeStep = Callable[..., WorkflowStep]
Runs = Mapping[str, RealRun]
WARNED = "accepted_values_stg_payments_method__card__transfer"


def nodes(runs: Runs, scenario: str) -> dict[str, Node]:
    """The nodes of the build by name."""
    results = run_results.read([runs[scenario].artifact("run_results.json")], step=BUILD)
    return {node.name: node for node in results}


def replayed(runs: Runs, scenario: str) -> Script:
    """A script that replays the run on a virtual clock."""
    steps = runs[scenario].steps
    return Script(
        bare=True,
        steps=tuple(
            ScriptedStep(name=step.name, status=step.status, logs=step.logs, artifacts=step.artifacts, seconds=10)
            for step in steps
        ),
    )


def test_green__every_kind_passes(real_runs: Runs) -> None:
    found = nodes(real_runs, "green")

    assert {
        "orders": ("seed", NodeStatus.PASSED),
        "stg_orders": ("model", NodeStatus.PASSED),
        "order_status": ("snapshot", NodeStatus.PASSED),
        "customer_value.customer_value_leaves_out_returned_orders": ("unit test", NodeStatus.PASSED),
        "assert_no_negative_amounts": ("test", NodeStatus.PASSED),
        "unique_stg_orders_order_id": ("test", NodeStatus.PASSED),
        WARNED: ("test", NodeStatus.WARNED),
    }.items() <= {name: (node.kind, node.status) for name, node in found.items()}.items()
    assert "26 passed, 1 warned" == run_results.merge([tuple(found.values())]).in_words()


def test_green__times_and_threads_are_known(real_runs: Runs) -> None:
    found = nodes(real_runs, "green").values()

    assert all(0 < node.seconds < 60 for node in found)
    assert all(
        node.started_at is not None and node.completed_at is not None and node.started_at <= node.completed_at
        for node in found
    )
    assert len({node.thread for node in found}) > 1


def test_warned__has_its_message_and_number_of_failures(real_runs: Runs) -> None:
    node = nodes(real_runs, "green")[WARNED]

    assert ("warn", "Got 1 result, configured to warn if != 0", 1) == (node.dbt_status, node.message, node.failures)
    assert "select" in node.sql


def test_failing_test__fails_its_node_and_skips_those_below(real_runs: Runs) -> None:
    found = nodes(real_runs, "failing-test")

    node = found["assert_no_negative_amounts"]
    assert (NodeStatus.FAILED, "fail", "Got 1 result, configured to fail if != 0", 1) == (
        node.status,
        node.dbt_status,
        node.message,
        node.failures,
    )
    assert NodeStatus.SKIPPED is found["order_payments"].status
    assert NodeStatus.SKIPPED is found["customer_value.customer_value_leaves_out_returned_orders"].status


def test_failing_model__fails_its_node_and_skips_those_below(real_runs: Runs) -> None:
    found = nodes(real_runs, "failing-model")

    node = found["order_payments"]
    assert (NodeStatus.FAILED, "error") == (node.status, node.dbt_status)
    assert node.message.startswith("Runtime Error in model order_payments (models/marts/order_payments.sql)\n")
    assert node.sql
    assert NodeStatus.SKIPPED is found["customer_value"].status
    assert NodeStatus.PASSED is found["order_status"].status


def test_manifest__has_the_file_of_every_node(real_runs: Runs, root: Path) -> None:
    run = real_runs["green"]
    wanted = [node.unique_id for node in nodes(real_runs, "green").values()]

    found = manifest.read([run.artifact("manifest.json")])

    assert "shop" == found.project
    assert set(wanted) == {uid for uid in found.nodes if not uid.startswith(("exposure.", "source."))}
    assert all((root / "demo/project" / found.file(uid)).is_file() for uid in wanted)
    unit_test = "unit_test.shop.customer_value.customer_value_leaves_out_returned_orders"
    assert "model.shop.customer_value" in found.nodes[unit_test].depends_on


def test_log__contains_the_number_of_finished_nodes(real_runs: Runs) -> None:
    log = re.sub("\x1b\\[[0-9;]*m", "", str(real_runs["green"].steps[BUILD - 1].logs))
    first_half = log[: log.index("14 of 29 START")]

    (step,) = a_run(run_steps=[a_step(logs=log)]).steps
    (half,) = a_run(run_steps=[a_step(logs=first_half)]).steps

    assert "29 of 29 nodes" == step_logs.nodes_done(step)
    assert re.fullmatch(r"(9|1[0-3]) of 29 nodes", step_logs.nodes_done(half))


def test_green__docs_do_not_hide_the_warning(make_step: MakeStep, real_runs: Runs) -> None:
    workflow_step = make_step(replayed(real_runs, "green"))

    assert ExitCode.OK == workflow_step.run()

    assert "26 passed, 1 warned" in str(workflow_step.statuses[-1].description)
    assert ["26", "0", "1", "0"] == [
        workflow_step.outputs[f"nodes-{w}"] for w in ("passed", "failed", "warned", "skipped")
    ]
    (warned,) = [command for command in workflow_step.commands if command.name == "warning"]
    assert "models/staging/staging.yml" == warned.properties["file"]


@pytest.mark.parametrize(
    "scenario, node, file, message, description",
    [
        (
            "failing-test",
            "assert_no_negative_amounts (test)",
            "tests/assert_no_negative_amounts.sql",
            "Got 1 result, configured to fail if != 0",
            "assert_no_negative_amounts failed · 11 not built",
        ),
        (
            "failing-model",
            "order_payments (model)",
            "models/marts/order_payments.sql",
            "Binder Error",
            "order_payments failed · 9 not built",
        ),
    ],
)
def test_red__log_summary_and_status_report_the_failed_node(
    make_step: MakeStep, real_runs: Runs, scenario: str, node: str, file: str, message: str, description: str
) -> None:
    workflow_step = make_step(replayed(real_runs, scenario))

    assert ExitCode.FAILED == workflow_step.run()

    first = next(command for command in workflow_step.commands if command.name == "error")
    assert {"file": file, "title": node} == first.properties
    assert message in first.data
    page = render(workflow_step.summary)
    assert (f"https://github.example/{REPOSITORY}/blob/{SHA}/{file}", file) in page.links
    assert any(message in words for words in (*page.text, *(content for _, content in page.code)))
    assert description == workflow_step.statuses[-1].description
    verdict = next(words for words in page.text if words.startswith(node.split(maxsplit=1)[0]))
    assert "→ 2 dashboards are stale. Owner: " in verdict
    assert "Done. PASS=" in workflow_step.log


def test_results_and_junit_files__agree_with_dbt(make_step: MakeStep, real_runs: Runs, root: Path) -> None:
    workflow_step = make_step(replayed(real_runs, "failing-test"))

    workflow_step.run(results_path=str(workflow_step.folder / "r.json"), junit_path=str(workflow_step.folder / "j.xml"))

    written = json.loads(workflow_step.file("r.json"))
    jsonschema.validate(written, json.loads((root / "docs/results.schema.json").read_text(encoding="utf-8")))
    dbt = json.loads(real_runs["failing-test"].artifact("run_results.json"))["results"]
    assert {one["unique_id"]: one["status"] for one in dbt if not one["unique_id"].startswith("exposure.")} == {
        one["unique_id"]: one["status"] for one in written["nodes"]
    }
    assert all(one["file"] for one in written["nodes"])
    junit = junitparser.JUnitXml.fromfile(str(workflow_step.folder / "j.xml"))
    assert (27, 1, 0, 11) == (junit.tests, junit.failures, junit.errors, junit.skipped)
