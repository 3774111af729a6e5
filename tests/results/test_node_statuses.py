"""run_results.json of dbt Core and of Fusion: every status word, counts, several steps, documents of any shape."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.results import run_results
from dbt_action.results.run_results import NodeStatus, Results

# dbt Core 1.8 to 1.13 and Fusion v2, with the kind of node that they are written for.
WORDS: list[tuple[str, str, NodeStatus]] = [
    ("model", "success", NodeStatus.PASSED),
    ("model", "error", NodeStatus.FAILED),
    ("model", "skipped", NodeStatus.SKIPPED),
    ("model", "partial success", NodeStatus.FAILED),
    ("model", "reused", NodeStatus.SKIPPED),
    ("model", "warn", NodeStatus.WARNED),
    ("seed", "success", NodeStatus.PASSED),
    ("snapshot", "error", NodeStatus.FAILED),
    ("test", "pass", NodeStatus.PASSED),
    ("test", "fail", NodeStatus.FAILED),
    ("test", "warn", NodeStatus.WARNED),
    ("test", "error", NodeStatus.FAILED),
    ("test", "skipped", NodeStatus.SKIPPED),
    ("unit_test", "pass", NodeStatus.PASSED),
    ("unit_test", "fail", NodeStatus.FAILED),
    ("function", "partial success", NodeStatus.FAILED),
    ("exposure", "no-op", NodeStatus.SKIPPED),
    ("saved_query", "no-op", NodeStatus.SKIPPED),
    ("operation", "success", NodeStatus.PASSED),
    ("source", "runtime error", NodeStatus.FAILED),
    ("source", "fail", NodeStatus.FAILED),
    ("model", "brand new", NodeStatus.OTHER),
    ("model", "", NodeStatus.OTHER),
    ("model", "SUCCESS", NodeStatus.PASSED),
]


def document(*items: Any) -> bytes:  # noqa: ANN401 - JSON
    return json.dumps({"metadata": {"dbt_version": "1.11.2"}, "results": items, "elapsed_time": 3.0}).encode()


def item(unique_id: str, status: str, message: str | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """As dbt Core writes it."""
    return {
        "status": status,
        "timing": [],
        "thread_id": "Thread-1",
        "execution_time": 0.1,
        "adapter_response": {},
        "message": message,
        "failures": None,
        "unique_id": unique_id,
        "compiled": True,
        "compiled_code": "select 1",
        "relation_name": None,
        **more,
    }


def parsed(*documents: bytes) -> Results:
    return run_results.merge(
        run_results.read([content], step=index) for index, content in enumerate(documents, start=4)
    )


@pytest.mark.parametrize("kind, word, verdict", WORDS, ids=[f"{kind} {word}" for kind, word, _ in WORDS])
def test_word(kind: str, word: str, verdict: NodeStatus) -> None:
    (node,) = parsed(document(item(f"{kind}.shop.orders", word))).nodes

    assert (word, verdict, "orders") == (node.dbt_status, node.status, node.name)


def test_counts__in_words() -> None:
    told = parsed(document(*(item(f"model.shop.m{number}", word) for number, (_, word, _) in enumerate(WORDS))))

    assert "6 passed, 9 failed, 2 warned, 5 skipped, 2 other" == told.in_words()


@pytest.mark.parametrize(
    "words, expected",
    [
        ([], ""),
        (["success"], "1 passed"),
        (["success"] * 24 + ["fail"], "24 passed, 1 failed"),
        (["skipped"], "1 skipped"),
    ],
)
def test_in_words(words: list[str], expected: str) -> None:
    told = parsed(document(*(item(f"model.shop.m{number}", word) for number, word in enumerate(words))))

    assert expected == told.in_words()


@pytest.mark.parametrize(
    "unique_id, name, kind",
    [
        ("model.shop.orders", "orders", "model"),
        ("test.shop.not_null_orders_id.a1b2c3d4e5", "not_null_orders_id", "test"),
        ("unit_test.shop.orders.adds_up", "orders.adds_up", "unit test"),
        ("source.shop.raw.orders", "raw.orders", "source"),
        ("operation.shop.shop-on-run-end-0", "shop-on-run-end-0", "operation"),
        ("odd", "odd", "odd"),
    ],
)
def test_node__name_and_kind(unique_id: str, name: str, kind: str) -> None:
    (node,) = parsed(document(item(unique_id, "success"))).nodes

    assert (name, kind) == (node.name, node.kind)


def test_several_steps__each_node_counts_once_as_it_ended() -> None:
    """`dbt run`, `dbt test`, and `dbt retry` after them."""
    first = document(item("model.shop.a", "success"), item("model.shop.b", "error"))
    second = document(item("test.shop.t", "skipped"))
    third = document(item("model.shop.b", "success"), item("test.shop.t", "pass"))

    told = parsed(first, second, third)

    assert "3 passed" == told.in_words()
    assert {"model.shop.a", "model.shop.b", "test.shop.t"} == {node.unique_id for node in told.nodes}


def test_message__is_without_colours() -> None:
    (node,) = parsed(document(item("model.shop.a", "error", "\x1b[31mDatabase Error\x1b[0m\r\n  no\n"))).nodes

    assert "Database Error\n  no" == node.message


def test_fusion__keys_may_be_missing() -> None:
    (node,) = parsed(document({"unique_id": "model.shop.a", "status": "success"})).nodes

    assert NodeStatus.PASSED is node.status


def test_nothing() -> None:
    assert run_results.NO_RESULTS == parsed()
    assert "" == run_results.NO_RESULTS.in_words()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from("results unique_id status message failures execution_time timing thread_id".split()),
            inner,
            max_size=5,
        )
    ),
)


@given(st.binary(max_size=100) | JSON.map(lambda value: json.dumps(value).encode()) | JSON.map(document))
def test_any_document__is_read_or_is_no_json(content: bytes) -> None:
    try:
        nodes = run_results.read([content], step=1)
    except ValueError:
        return
    assert isinstance(Results(nodes).in_words(), str)


@given(st.lists(st.integers(1, 400), max_size=8))
def test_pieces__of_any_size_say_the_same(cuts: list[int]) -> None:
    content = document(item("model.shop.ä", "success", "ü"), item("test.shop.t", "fail", "Got 1 result"))
    places = sorted({0, len(content), *(cut for cut in cuts if cut < len(content))})
    pieces = [content[begin:end] for begin, end in pairwise(places)]

    assert run_results.read([content], step=1) == run_results.read(pieces, step=1)
