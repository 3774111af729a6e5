"""The outputs: each row of the table has its value."""

from __future__ import annotations

import json
from dataclasses import replace

from dbt_action.report import outputs
from dbt_action.report.outcome import Delivery, Outcome, RunFacts
from dbt_action.results import impact
from dbt_action.results.history import EarlierRun, History
from dbt_action.results.manifest import Exposure
from dbt_action.results.run_results import Results
from tests.support.results import SHA, a_node
from tests.support.values import a_run

NODES = (
    *(a_node(f"model.shop.passed{number}") for number in range(4)),
    *(a_node(f"model.shop.failed{number}", "error") for number in range(3)),
    *(a_node(f"model.shop.warned{number}", "warn") for number in range(2)),
    a_node("model.shop.skipped", "skipped"),
    a_node("model.shop.reused", "reused"),
    a_node("model.shop.other", "from the future"),
)
IMPACT = replace(
    impact.of(Results(NODES)), exposures={"exposure.shop.x": Exposure("Revenue", "dashboard", owner="Ann")}
)


def test_values__everything_that_is_known_in_the_order_of_the_table() -> None:
    facts = RunFacts(
        outcome=Outcome.FAILED,
        seconds=99.6,
        run=a_run(id=7, href="https://cloud.example/7", git_sha=SHA, git_branch="main"),
        results=Results(NODES),
        artifacts_path="target",
        results_path="results.json",
        junit_path="junit.xml",
        datafold=Delivery(uploaded=True, words="there"),
        impact=IMPACT,
        history=History(against=EarlierRun(id=6, succeeded=True), new=frozenset(node.unique_id for node in NODES[4:7])),
        summary_path="summary.md",
    )

    values = outputs.values(facts, job_name="Production build", git_sha="requested", git_branch="requested")

    assert {
        "run-id": "7",
        "run-url": "https://cloud.example/7",
        "status": "error",
        "git-sha": SHA,
        "git-branch": "main",
        "job-name": "Production build",
        "duration-seconds": "100",
        "artifacts-path": "target",
        "nodes-passed": "4",
        "nodes-failed": "3",
        "nodes-warned": "2",
        "nodes-skipped": "1",
        "nodes-reused": "1",
        "failed-nodes": values["failed-nodes"],
        "new-failures": "3",
        "affected-exposures": '[{"name": "Revenue", "type": "dashboard", "url": null, "owner": "Ann"}]',
        "schema": "main",
        "summary-path": "summary.md",
        "results-path": "results.json",
        "junit-path": "junit.xml",
        "datafold-uploaded": "true",
        "run_id": "7",
        "git_sha": SHA,
    } == values
    assert [output.name for output in outputs.OUTPUTS] == list(values)
    assert [
        {"unique_id": f"model.shop.failed{n}", "name": f"failed{n}", "kind": "model", "message": "OK", "file": None}
        for n in range(3)
    ] == json.loads(values["failed-nodes"])


def test_values__lists_can_be_left_out() -> None:
    facts = RunFacts(outcome=Outcome.FAILED, seconds=1, run=a_run(), results=Results(NODES), impact=IMPACT)

    with_lists, without = (
        outputs.values(facts, job_name="x", git_sha=SHA, git_branch="x", with_lists=wanted) for wanted in (True, False)
    )

    assert {"failed-nodes", "affected-exposures"} == set(with_lists) - set(without)


def test_values__new_failures_are_empty_when_one_could_not_be_compared() -> None:
    history = History(against=EarlierRun(id=6, succeeded=False), new=frozenset({NODES[4].unique_id}))
    facts = RunFacts(
        outcome=Outcome.FAILED, seconds=1, run=a_run(), results=Results(NODES), impact=IMPACT, history=history
    )

    assert "new-failures" not in outputs.values(facts, job_name="x", git_sha=SHA, git_branch="x")


def test_values__without_a_run_only_the_requested_ones() -> None:
    values = outputs.values(
        RunFacts(outcome=Outcome.NOT_STARTED, seconds=0.4), job_name="", git_sha=SHA, git_branch="main"
    )

    assert {
        "status": "error",
        "git-sha": SHA,
        "git-branch": "main",
        "duration-seconds": "0",
        "git_sha": SHA,
    } == values


def test_values__commit_and_branch_are_the_requested_ones_until_dbt_cloud_names_them() -> None:
    facts = RunFacts(outcome=Outcome.STARTED, seconds=1, run=a_run(git_sha=None, git_branch=None))

    values = outputs.values(facts, job_name="x", git_sha=SHA, git_branch="main")

    assert (SHA, "main", SHA) == (values["git-sha"], values["git-branch"], values["git_sha"])


def test_values__counts_of_zero_are_written_when_there_are_results() -> None:
    facts = RunFacts(outcome=Outcome.SUCCEEDED, seconds=1, run=a_run(), results=Results(NODES[:1]))

    values = outputs.values(facts, job_name="x", git_sha="", git_branch="")

    assert ("1", "0", "0", "0") == tuple(values[f"nodes-{name}"] for name in ("passed", "failed", "warned", "skipped"))


def test_outputs__names_are_distinct() -> None:
    names = [output.name for output in outputs.OUTPUTS]

    assert len(names) == len(set(names))


def test_outputs__those_with_text_that_others_choose_say_how_to_read_them() -> None:
    """A branch and a job may have any name."""
    nodes = Results((a_node("model.shop.$(x)", "error", relation_name="$(x).$(x)"),))
    exposures = {"exposure.shop.x": Exposure("$(x)")}
    facts = RunFacts(
        outcome=Outcome.FAILED,
        seconds=1,
        run=a_run(id=7, git_branch="$(x)"),
        results=nodes,
        impact=replace(impact.of(nodes), exposures=exposures),
    )

    values = outputs.values(facts, job_name="$(x)", git_sha=SHA, git_branch="$(x)")

    assert {name for name, value in values.items() if "$(x)" in value} == {
        output.name for output in outputs.OUTPUTS if "`env:`" in output.help
    }
