"""The sentence about a failure, for the log, for Markdown and for the commit status."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dbt_action.report import graph, verdict
from dbt_action.report.outcome import RunFacts
from dbt_action.report.verdict import MARKDOWN, MENTIONING
from dbt_action.results.history import EarlierRun, History, Known
from dbt_action.results.impact import Cause, Impact
from dbt_action.results.manifest import Definition, Exposure, Manifest
from tests.support.results import a_node, facts
from tests.support.values import a_run

SIX = 1_767_333_600.0  # 2026-01-02 06:00 UTC
GREEN = EarlierRun(id=4711, url="https://cloud.example/4711", succeeded=True, finished_at=SIX)
RED = replace(GREEN, id=4700, succeeded=False, finished_at=SIX - 86_400)


def failing(*names: str, skipped: int = 0, exposures: tuple[Exposure, ...] = (), **more: Any) -> RunFacts:  # noqa: ANN401
    nodes = [a_node(f"model.shop.{name}", "error", message=f"Database Error in {name}") for name in names]
    nodes += [a_node(f"model.shop.skipped{number}", "skipped") for number in range(skipped)]
    first = f"model.shop.{names[0]}"
    definitions = {
        first: Definition("shop", f"models/{names[0]}.sql", owner="Finance data"),
        **{f"model.shop.skipped{number}": Definition("shop", depends_on=(first,)) for number in range(skipped)},
        **{f"exposure.shop.x{number}": Definition("shop", depends_on=(first,)) for number in range(len(exposures))},
    }
    manifest = Manifest("shop", definitions, {f"exposure.shop.x{n}": one for n, one in enumerate(exposures)})
    run = a_run(status=20, finished_at="2026-01-02 09:00:00+00:00")
    return facts(*nodes, manifest=manifest, run=run, **more)


def new(*names: str, against: EarlierRun = GREEN) -> History:
    return History(against=against, new=frozenset(f"model.shop.{name}" for name in names))


def known(name: str, *, runs: int = 1, at_least: bool = False) -> History:
    since = {f"model.shop.{name}": Known(since=RED, runs=runs, at_least=at_least)}
    return History(against=RED, known=since)


DASHBOARDS = (Exposure("Revenue", "dashboard"), Exposure("Health", "dashboard"))


def test_sentence__says_what_broke_what_it_takes_with_it_whether_it_is_new_and_whose_it_is() -> None:
    found = failing("order_payments", skipped=9, exposures=DASHBOARDS, history=new("order_payments"))

    assert (
        "order_payments failed → 9 nodes were not built → 2 dashboards are stale. "
        "New since run 4711 (green, 06:00 UTC). Owner: Finance data."
    ) == verdict.sentence(found)
    assert (
        "**order\\_payments** failed → 9 nodes were not built → 2 dashboards are stale. "
        "New since [run 4711](https://cloud.example/4711) (green, 06:00 UTC). Owner: Finance data."
    ) == verdict.sentence(found, MARKDOWN)
    assert "order_payments failed · 9 not built · new" == verdict.description(found)


@pytest.mark.parametrize(
    "exposures, words",
    [
        ((Exposure("a", "dashboard"),), "1 dashboard is stale"),
        ((Exposure("a", "analysis"), Exposure("b", "analysis")), "2 analyses are stale"),
        (
            (Exposure("a", "dashboard"), Exposure("b", "ml"), Exposure("c", "application"), Exposure("d", "from 2030")),
            "1 dashboard, 1 ML exposure, 1 application and 1 exposure are stale",
        ),
    ],
)
def test_sentence__counts_exposures_by_type(exposures: tuple[Exposure, ...], words: str) -> None:
    assert f"a failed → {words}. Owner: Finance data." == verdict.sentence(failing("a", exposures=exposures))


@pytest.mark.parametrize(
    "names, history, words, short",
    [
        (("a",), None, "", ""),
        (("a",), known("a"), "Known since run 4700 (1 earlier run).", " · known since run 4700"),
        (
            ("a",),
            known("a", runs=5, at_least=True),
            "Known since run 4700 (at least 5 earlier runs).",
            " · known since run 4700",
        ),
        (("a",), new("a", against=RED), "New since run 4700 (red, 2026-01-01 06:00 UTC).", " · new"),
        (("a",), new(), "", ""),
        (("a", "b"), new("a"), "1 of 2 is new since run 4711 (green, 06:00 UTC).", ""),
        (("a", "b"), known("a"), "1 of 2 known from run 4700 (red, 2026-01-01 06:00 UTC).", ""),
        (
            ("a", "b", "c"),
            replace(known("a"), new=frozenset({"model.shop.b", "model.shop.c"})),
            "2 of 3 are new since run 4700 (red, 2026-01-01 06:00 UTC).",
            " · 2 new",
        ),
    ],
)
def test_sentence__says_since_when_as_far_as_it_is_known(
    names: tuple[str, ...], history: History | None, words: str, short: str
) -> None:
    found = failing(*names, history=history)
    failed = {1: "a failed", 2: "a and b failed", 3: "a and 2 others failed"}[len(names)]

    assert " ".join(part for part in (f"{failed}.", words, "Owner: Finance data.") if part) == verdict.sentence(found)
    assert f"{failed}{short}" == verdict.description(found)


def test_sentence__of_nodes_with_one_cause_has_the_message() -> None:
    nodes = [
        a_node(f"model.shop.{name}", "error", message=f"Database Error in model {name} (x.sql)\n  no column `amount`")
        for name in "abcd"
    ]

    assert "4 models failed: no column `amount`." == verdict.sentence(facts(*nodes))
    assert "4 models failed" == verdict.description(facts(*nodes))


def test_sentence__a_failed_test_alone_makes_nothing_stale() -> None:
    """The dashboard shows its data, which was built."""
    definitions = {
        "test.shop.t": Definition("shop", depends_on=("model.shop.a",)),
        "exposure.shop.x": Definition("shop", depends_on=("model.shop.a",)),
    }
    manifest = Manifest("shop", definitions, {"exposure.shop.x": Exposure("X", "dashboard")})

    found = facts(a_node("test.shop.t", "fail"), manifest=manifest)

    assert "t failed → 1 dashboard is affected." == verdict.sentence(found)


@pytest.mark.parametrize(
    "owner, written",
    [
        ("@octo-org/data", "@octo-org/data"),
        ("@octocat", "@octocat"),
        ("@octocat and [more](https://x)", "@&#8203;octocat and \\[more\\]\\(https://x\\)"),
        ("Finance", "Finance"),
    ],
)
def test_sentence__mentions_only_what_is_a_handle_and_only_when_asked(owner: str, written: str) -> None:
    cause = Cause(nodes=(a_node(status="error"),), message="x", owner=owner)
    found = replace(failing("a"), impact=Impact(causes=(cause,)))

    assert verdict.sentence(found, MENTIONING).endswith(f"Owner: {written}.")
    assert "Owner: @o" not in verdict.sentence(found, MARKDOWN)


def test_flowchart__has_what_failed_what_was_not_built_and_exposures() -> None:
    chart = graph.flowchart(failing("a", skipped=1, exposures=(Exposure('Re"v]enue', "dashboard"),)).impact)

    assert chart.startswith("flowchart LR\n")
    assert '    n0["a"]\n    n1["skipped0"]\n    n2(["Revenue"])\n' in chart
    assert "    n0 --> n1\n" in chart
    assert "    n0 --> n2\n" in chart
    assert "    class n0 failed\n    class n1 skipped\n    class n2 exposure\n" in chart


@pytest.mark.parametrize("skipped, shown", [(0, False), (1, True), (24, True), (25, False)])
def test_flowchart__is_left_out_when_it_says_nothing_or_cannot_be_read(skipped: int, shown: bool) -> None:  # noqa: FBT001 - of a table
    assert shown is bool(graph.flowchart(failing("a", skipped=skipped).impact))
