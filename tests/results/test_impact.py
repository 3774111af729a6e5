"""What a failure takes with it: causes, what was not built because of them, and exposures downstream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.results import impact
from dbt_action.results.impact import Impact
from dbt_action.results.manifest import Definition, Exposure, Manifest
from dbt_action.results.run_results import Node, Results
from tests.support.results import a_node

REVENUE = Exposure("Revenue", "dashboard", owner="Finance")
# raw -> orders -> marts -> top -> the dashboard, with tests on orders and marts, and a unit test of marts.
MANIFEST = Manifest(
    "shop",
    {
        "seed.shop.raw": Definition("shop", "seeds/raw.csv", owner="Platform"),
        "model.shop.orders": Definition("shop", "models/orders.sql", ("seed.shop.raw",), owner="Orders"),
        "model.shop.marts": Definition("shop", "models/marts.sql", ("model.shop.orders",)),
        "model.shop.top": Definition("shop", "models/top.sql", ("model.shop.marts",)),
        "model.shop.alone": Definition("shop", "models/alone.sql"),
        "test.shop.unique_orders.0123456789": Definition(
            "shop",
            "models/orders.yml",
            ("model.shop.orders",),
            attached_node="model.shop.orders",
            column="id",
            description="Each order once.",
        ),
        "test.shop.not_null_orders.0123456789": Definition(
            "shop", "models/orders.yml", ("model.shop.orders",), attached_node="model.shop.orders"
        ),
        "test.shop.related.0123456789": Definition(
            "shop", "models/marts.yml", ("model.shop.orders", "model.shop.marts"), attached_node="model.shop.marts"
        ),
        "unit_test.shop.marts.adds": Definition("shop", "models/marts.yml", ("model.shop.marts",)),
        "exposure.shop.revenue": Definition("shop", "models/x.yml", ("model.shop.top",)),
    },
    {"exposure.shop.revenue": REVENUE},
)
UNIQUE, NOT_NULL, RELATED = (f"test.shop.{name}.0123456789" for name in ("unique_orders", "not_null_orders", "related"))
UNIT_TEST = "unit_test.shop.marts.adds"


def of(*nodes: tuple[str, str], manifest: Manifest = MANIFEST) -> Impact:
    return impact.of(Results(tuple(a_node(uid, status, message=f"about {uid}") for uid, status in nodes)), manifest)


def names(nodes: tuple[Node, ...]) -> list[str]:
    return [node.name for node in nodes]


def test_of__a_run_without_failures_has_none() -> None:
    assert impact.NO_IMPACT == of(("model.shop.orders", "success"), ("model.shop.alone", "skipped"))


@pytest.mark.parametrize(
    "failed, skipped, not_built",
    [
        pytest.param("model.shop.orders", ["model.shop.marts"], ["marts"], id="depends on it"),
        pytest.param("model.shop.orders", ["model.shop.top", "model.shop.marts"], ["marts", "top"], id="indirectly"),
        pytest.param("seed.shop.raw", ["model.shop.top"], ["top"], id="through nodes that are not in the results"),
        pytest.param("model.shop.orders", ["model.shop.alone"], [], id="for another reason"),
        pytest.param("model.shop.orders", ["model.shop.marts", UNIQUE], ["marts", "unique_orders"], id="tests too"),
        pytest.param(UNIQUE, ["model.shop.marts", RELATED], ["marts", "related"], id="because of a failed test"),
        pytest.param(UNIT_TEST, ["model.shop.marts", "model.shop.top"], ["marts", "top"], id="because of a unit test"),
    ],
)
def test_of__what_was_not_built(failed: str, skipped: list[str], not_built: list[str]) -> None:
    found = of((failed, "fail" if "test" in failed else "error"), *((uid, "skipped") for uid in skipped))

    (cause,) = found.causes
    assert not_built == names(cause.not_built)
    assert (REVENUE,) == cause.exposures
    assert {"exposure.shop.revenue": REVENUE} == found.exposures


def test_of__a_failure_below_a_failure_is_no_cause() -> None:
    found = of(("model.shop.top", "error"), ("model.shop.orders", "error"), ("model.shop.alone", "error"))

    assert [["orders"], ["alone"]] == [names(cause.nodes) for cause in found.causes]
    assert ["top"] == names(found.consequences)


def test_of__two_failed_tests_of_one_model_are_two_causes() -> None:
    """None of them keeps the other from running."""
    found = of((UNIQUE, "fail"), (NOT_NULL, "fail"), ("model.shop.marts", "skipped"))

    assert {"unique_orders", "not_null_orders"} == {cause.nodes[0].name for cause in found.causes}
    assert [["marts"], ["marts"]] == [names(cause.not_built) for cause in found.causes]
    assert () == found.consequences


def test_of__a_test_says_its_model_column_description_and_the_models_owner() -> None:
    (cause,) = of((UNIQUE, "fail")).causes

    assert (("model.shop.orders",), "id", "Each order once.", "Orders") == (
        cause.tested,
        cause.column,
        cause.description,
        cause.owner,
    )
    assert cause.is_test


def test_of__nodes_with_the_same_message_are_one_cause() -> None:
    message = 'Database Error in model {0} (models/{0}.sql)\n  column "amount" does not exist\n  compiled code at t/{0}'
    nodes = [a_node(f"model.shop.{name}", "error", message=message.format(name)) for name in ("orders", "alone")]

    (cause,) = impact.of(Results(tuple(nodes)), Manifest("shop")).causes

    assert ["orders", "alone"] == names(cause.nodes)
    assert 'column "amount" does not exist' == cause.message


def test_of__tests_that_found_rows_are_not_grouped_by_their_message() -> None:
    nodes = [a_node(uid, "fail", message="Got 1 result, configured to fail if != 0") for uid in (UNIQUE, NOT_NULL)]

    assert 2 == len(impact.of(Results(tuple(nodes)), MANIFEST).causes)


def test_of__the_cause_that_takes_the_most_with_it_comes_first() -> None:
    found = of(("model.shop.alone", "error"), ("model.shop.orders", "error"), ("model.shop.marts", "skipped"))

    assert ["orders", "alone"] == [cause.nodes[0].name for cause in found.causes]


def test_of__without_a_manifest_each_failed_node_is_a_cause() -> None:
    found = of(
        ("model.shop.orders", "error"), ("model.shop.top", "error"), ("model.shop.x", "skipped"), manifest=Manifest()
    )

    assert [["orders"], ["top"]] == [names(cause.nodes) for cause in found.causes]
    assert ["x"] == names(found.not_built)
    assert {} == found.exposures


def test_of__what_had_nothing_to_do_is_not_counted() -> None:
    found = of(("model.shop.orders", "error"), ("saved_query.shop.q", "no-op"), ("model.shop.marts", "reused"))

    assert () == found.not_built


def test_of__a_cycle_of_dependencies_ends() -> None:
    manifest = Manifest(
        "shop", {f"model.shop.{a}": Definition(depends_on=(f"model.shop.{b}",)) for a, b in (("a", "b"), ("b", "a"))}
    )

    found = of(("model.shop.a", "error"), ("model.shop.b", "error"), manifest=manifest)

    assert 2 == len(found.causes)


def test_edges__lead_from_what_failed_to_what_was_not_built_and_to_exposures() -> None:
    found = of((UNIQUE, "fail"), ("model.shop.marts", "skipped"), ("model.shop.top", "skipped"), (RELATED, "skipped"))

    assert (
        ("model.shop.marts", "model.shop.top"),
        ("model.shop.top", "exposure.shop.revenue"),
        (UNIQUE, "model.shop.marts"),
    ) == found.edges


@given(st.lists(st.tuples(st.sampled_from(sorted(MANIFEST.nodes)), st.sampled_from(["error", "skipped", "success"]))))
def test_of__every_failed_node_is_there_once(nodes: list[tuple[str, str]]) -> None:
    unique = dict(nodes)
    failed = {uid for uid, status in unique.items() if status == "error" and not uid.startswith("exposure.")}

    found = of(*((uid, status) for uid, status in unique.items() if not uid.startswith("exposure.")))

    named = [node.unique_id for cause in found.causes for node in cause.nodes]
    named += [node.unique_id for node in found.consequences]
    assert failed == set(named)
    assert len(named) == len(failed)
