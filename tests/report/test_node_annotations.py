"""Which nodes get an annotation: how many, in which order, on which file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.report import node_annotations
from dbt_action.results.manifest import NO_MANIFEST, Definition
from dbt_action.results.run_results import Results
from tests.support.results import a_manifest, a_node

# GitHub shows so many annotations of each level for a step.
LIMIT = 10


def location(path: str, package: str = "shop") -> Definition:
    return Definition(package, path)


def test_pick__failed_before_warned_with_title_message_and_file() -> None:
    failed = a_node("test.shop.unique_orders_id.0123456789", "fail", message="Got 1 result")
    warned = a_node("model.shop.orders", "warn", message="")
    manifest = a_manifest(
        test__shop__unique_orders_id__0123456789=location("models/marts.yml"),
        model__shop__orders=location("models/orders.sql"),
    )

    selection = node_annotations.pick(Results((a_node("model.shop.fine"), warned, failed)), manifest, "", most=9)

    assert 0 == selection.hidden_count
    assert [
        node_annotations.Annotation(
            failed=True, title="unique_orders_id (test)", message="Got 1 result", file="models/marts.yml"
        ),
        node_annotations.Annotation(failed=False, title="orders (model)", message="warn", file="models/orders.sql"),
    ] == list(selection.shown)


@pytest.mark.parametrize(
    "folder, expected",
    [("", "models/orders.sql"), ("dbt", "dbt/models/orders.sql"), ("a/b", "a/b/models/orders.sql")],
)
def test_pick__files_are_below_the_folder_of_the_project(folder: str, expected: str) -> None:
    manifest = a_manifest(model__shop__orders=location("models/orders.sql"))

    selection = node_annotations.pick(Results((a_node(status="error"),)), manifest, folder, most=9)

    assert [expected] == [annotation.file for annotation in selection.shown]


def test_pick__leaves_out_nodes_of_other_packages() -> None:
    """Their files are not in this repository, so they cannot be fixed here."""
    manifest = a_manifest(model__shop__a=location("models/a.sql"), model__utils__b=location("models/b.sql", "utils"))
    nodes = (a_node("model.shop.a", "error"), a_node("model.utils.b", "error"))

    selection = node_annotations.pick(Results(nodes), manifest, "", most=9)

    assert ["a (model)"] == [annotation.title for annotation in selection.shown]


def test_pick__a_node_that_the_manifest_does_not_have_is_without_a_file() -> None:
    """A hook of the root project may not be in the manifest; its failure is shown nevertheless."""
    manifest = a_manifest(model__shop__a=location("models/a.sql"))
    nodes = (a_node("operation.shop.on_run_end", "error"),)

    selection = node_annotations.pick(Results(nodes), manifest, "", most=9)

    assert [("on_run_end (operation)", "")] == [(annotation.title, annotation.file) for annotation in selection.shown]


def test_pick__without_a_manifest_all_are_shown_without_a_file() -> None:
    selection = node_annotations.pick(Results((a_node("model.utils.b", "error"),)), NO_MANIFEST, "dbt", most=9)

    assert [""] == [annotation.file for annotation in selection.shown]


def test_pick__nodes_on_which_others_are_built_come_first() -> None:
    kinds = ["test.shop.t.0123456789", "unit_test.shop.m.u", "snapshot.shop.s", "model.shop.m", "seed.shop.s"]

    results = Results(tuple(a_node(uid, "error") for uid in kinds))

    shown = node_annotations.pick(results, NO_MANIFEST, "", most=9).shown

    assert ["s (snapshot)", "m (model)", "s (seed)", "t (test)", "m.u (unit test)"] == [
        annotation.title for annotation in shown
    ]


@given(st.lists(st.tuples(st.sampled_from(["model", "test", "seed"]), st.sampled_from(["error", "warn", "success"]))))
def test_pick__keeps_the_limit_and_counts_the_rest(drawn: list[tuple[str, str]]) -> None:
    """One of each level is left for the headline and for a warning of the action."""
    nodes = tuple(a_node(f"{kind}.shop.n{number}", status) for number, (kind, status) in enumerate(drawn))

    selection = node_annotations.pick(Results(nodes), NO_MANIFEST, "", most=9)

    failed = [annotation for annotation in selection.shown if annotation.failed]
    warned = [annotation for annotation in selection.shown if not annotation.failed]
    assert LIMIT > len(failed)
    assert LIMIT > len(warned)
    assert sum(status != "success" for _, status in drawn) == len(selection.shown) + selection.hidden_count
    assert tuple(failed) == selection.shown[: len(failed)]
