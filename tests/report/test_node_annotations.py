"""Which nodes get an annotation: how many, in which order, on which file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.report import node_annotations
from dbt_action.results.manifest import NO_MANIFEST, NodeLocation
from dbt_action.results.run_results import Results
from tests.support.results import a_manifest, a_node

LIMIT = 10  # of each level for a step: GitHub's


def place(path: str, package: str = "shop") -> NodeLocation:
    return NodeLocation(package, path)


def test_failed_and_warned__with_file_title_and_message() -> None:
    failed = a_node("test.shop.unique_orders_id.0123456789", "fail", message="Got 1 result")
    warned = a_node("model.shop.orders", "warn", message="")
    manifest = a_manifest(
        test__shop__unique_orders_id__0123456789=place("models/marts.yml"),
        model__shop__orders=place("models/orders.sql"),
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
def test_folder__of_the_project_comes_first(folder: str, expected: str) -> None:
    manifest = a_manifest(model__shop__orders=place("models/orders.sql"))

    selection = node_annotations.pick(Results((a_node(status="error"),)), manifest, folder, most=9)

    assert [expected] == [note.file for note in selection.shown]


def test_packages__are_not_annotated() -> None:
    """Their files are not in this repository; nobody can fix them here."""
    manifest = a_manifest(model__shop__a=place("models/a.sql"), model__utils__b=place("models/b.sql", "utils"))
    nodes = (a_node("model.shop.a", "error"), a_node("model.utils.b", "error"))

    selection = node_annotations.pick(Results(nodes), manifest, "", most=9)

    assert ["a (model)"] == [note.title for note in selection.shown]


def test_failed_node_without_a_place__is_told_without_a_file() -> None:
    """A hook of the root project may not be in the manifest; its failure is not kept back."""
    manifest = a_manifest(model__shop__a=place("models/a.sql"))
    nodes = (a_node("operation.shop.on_run_end", "error"),)

    selection = node_annotations.pick(Results(nodes), manifest, "", most=9)

    assert [("on_run_end (operation)", "")] == [(note.title, note.file) for note in selection.shown]


def test_no_manifest__everything_is_told_without_a_file() -> None:
    selection = node_annotations.pick(Results((a_node("model.utils.b", "error"),)), NO_MANIFEST, "dbt", most=9)

    assert [""] == [note.file for note in selection.shown]


def test_what_breaks_others__comes_first() -> None:
    kinds = ["test.shop.t.0123456789", "unit_test.shop.m.u", "snapshot.shop.s", "model.shop.m", "seed.shop.s"]

    results = Results(tuple(a_node(uid, "error") for uid in kinds))

    shown = node_annotations.pick(results, NO_MANIFEST, "", most=9).shown

    assert ["s (snapshot)", "m (model)", "s (seed)", "t (test)", "m.u (unit test)"] == [
        annotation.title for annotation in shown
    ]


@given(st.lists(st.tuples(st.sampled_from(["model", "test", "seed"]), st.sampled_from(["error", "warn", "success"]))))
def test_limits__are_kept_and_nobody_is_forgotten(drawn: list[tuple[str, str]]) -> None:
    """One of each level is left for the headline and for a warning of our own."""
    nodes = tuple(a_node(f"{kind}.shop.n{number}", status) for number, (kind, status) in enumerate(drawn))

    selection = node_annotations.pick(Results(nodes), NO_MANIFEST, "", most=9)

    failed = [note for note in selection.shown if note.failed]
    warned = [note for note in selection.shown if not note.failed]
    assert LIMIT > len(failed)
    assert LIMIT > len(warned)
    assert sum(status != "success" for _, status in drawn) == len(selection.shown) + selection.hidden_count
    assert selection.shown[: len(failed)] == tuple(failed)
