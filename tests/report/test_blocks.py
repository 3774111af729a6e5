"""The parts of comment and summary: what to do about a cause, what a pull request changes, the facts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dbt_action.report import blocks
from dbt_action.report.outcome import Deferral
from dbt_action.results.changes import ChangedModel, Changes
from dbt_action.results.freshness import LateSource
from dbt_action.results.history import EarlierRun, History
from dbt_action.results.manifest import Definition, Exposure, Manifest
from tests.support.results import SUBJECT, a_node, facts

TEST = "test.shop.unique_orders_id.0123456789"
MANIFEST = Manifest(
    "shop",
    {
        TEST: Definition(
            "shop",
            "models/orders.yml",
            ("model.shop.orders",),
            attached_node="model.shop.orders",
            column="id",
            description="Each order once.",
        )
    },
)


@pytest.mark.parametrize(
    "relation, rows",
    [
        (None, "To see the failing rows: `dbt test --select unique_orders_id --store-failures`"),
        ('"warehouse"."audit"."unique_orders_id"', 'The failing rows are in `"warehouse"."audit"."unique_orders_id"`'),
        ("a`; drop table b", "To see the failing rows: `dbt test --select unique_orders_id --store-failures`"),
    ],
)
def test_cause__of_a_failed_test_says_model_column_rows_description_and_where_to_look(
    relation: str | None, rows: str
) -> None:
    test = a_node(TEST, "fail", failures=3, message="Got 3 results", relation_name=relation)

    lines = list(blocks.cause_lines(facts(test, manifest=MANIFEST), SUBJECT, detailed=1, brief=0, lines=5))

    assert lines[0].endswith("tests column id of **orders** · 3 rows: Got 3 results")
    assert ["> Each order once.", rows] == lines[1:]


def test_cause__of_a_test_with_a_name_that_is_no_plain_word_has_no_command() -> None:
    test = a_node("test.shop.$(rm -rf).0123456789", "fail", failures=3, message="x", relation_name=None)

    assert 1 == len(list(blocks.cause_lines(facts(test), SUBJECT, detailed=1, brief=0, lines=5)))


def test_cause__several_lines_are_a_block_that_is_cut() -> None:
    node = a_node(status="error", message="a\n\nb\nc\nd")

    lines = list(blocks.cause_lines(facts(node), SUBJECT, detailed=1, brief=0, lines=3))

    assert "```text\na\nb\n…\n```" == lines[1]


def test_causes__more_than_fit_are_counted_and_consequences_named() -> None:
    nodes = [a_node(f"model.shop.m{number}", "error", message=str(number)) for number in range(5)]
    manifest = Manifest("shop", {"model.shop.m4": Definition("shop", depends_on=("model.shop.m3",))})

    lines = list(blocks.cause_lines(facts(*nodes, manifest=manifest), SUBJECT, detailed=1, brief=2, lines=3))

    assert "- **m1** (model): 1\n- **m2** (model): 2\n- … and 1 more\n- 1 more node failed after these: m4" == lines[-1]


def test_causes__in_files_of_the_pull_request_come_first() -> None:
    nodes = [a_node(f"model.shop.m{number}", "error", message=str(number)) for number in range(3)]
    run_facts = facts(*nodes, touched=frozenset({"model.shop.m2"}))

    assert ["m2", "m0", "m1"] == [cause.nodes[0].name for cause in blocks.causes_in_order(run_facts)]
    first = next(iter(blocks.cause_lines(run_facts, SUBJECT, detailed=3, brief=0, lines=3)))
    assert "in a file that this pull request changes" in first


def test_changes__have_columns_only_when_some_changed_and_name_what_they_feed() -> None:
    plain = Changes(models=tuple(ChangedModel(name=f"m{n}", what="added") for n in range(3)))
    columns = Changes(
        models=(
            ChangedModel(
                name="a",
                what="changed",
                columns_added=("x",),
                columns_removed=("y",),
                columns_retyped=("z (text → date)",),
                breaks_contract=True,
            ),
        ),
        exposures=tuple(Exposure(f"E{number}", "dashboard") for number in range(7)),
    )

    assert "| Model | Change |\n| --- | --- |\n| m0 | added |\n| m1 | added |\n\n… and 1 more" == blocks.changes_table(
        facts(changes=plain), most=2
    )
    table = blocks.changes_table(facts(changes=columns), most=2)
    assert "| a | changed | added x; removed y; retyped z \\(text → date\\); **breaks its contract** |" in table
    assert (
        "They feed E0 (dashboard), E1 (dashboard), E2 (dashboard), E3 (dashboard), E4 (dashboard) and 2 more." in table
    )
    assert "" == blocks.changes_table(facts(changes=Changes()), most=2)


def test_news__names_what_is_fixed_and_what_is_late() -> None:
    history = History(against=EarlierRun(id=3, url="https://cloud.example/3", succeeded=False), fixed=("a", "b"))
    late = LateSource(name="raw.orders", status="error", age_seconds=7_200.0, limit="1 hour")

    assert [
        "**Fixed** since [run 3](https://cloud.example/3): a, b",
        "**Late source:** raw.orders is 2h 00m old, the limit is 1 hour",
    ] == list(blocks.news(facts(history=history, late_sources=(late,))))


def test_facts_table__says_where_and_with_what_was_built() -> None:
    run_facts = replace(
        facts(a_node()),
        environment="Production",
        dbt_version="1.11.2",
        deferral=Deferral(run_id=7, built=12, total=480),
    )

    table = blocks.facts_table(run_facts, SUBJECT)

    assert "| Environment | Production |" in table
    assert "| Schema | main |" in table
    assert "| dbt | 1.11.2 |" in table
    assert "| Deferred to | run 7: 12 of 480 built, the rest is there |" in table
    unknown = replace(run_facts, deferral=Deferral(run_id=7, built=12, total=0))
    assert "| Deferred to | run 7 |" in blocks.facts_table(unknown, SUBJECT)
