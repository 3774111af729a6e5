"""run_results.json of every dialect: dbt Core v4 to v6, Fusion, newer ones; whole, in pieces, and damaged."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.results import run_results
from dbt_action.results.run_results import NodeStatus, Results
from tests.support.results import a_result, document, pieces, read, read_one

Json = Any
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    "status, verdict",
    [
        ("success", NodeStatus.PASSED),
        ("pass", NodeStatus.PASSED),
        ("error", NodeStatus.FAILED),
        ("fail", NodeStatus.FAILED),
        ("runtime error", NodeStatus.FAILED),
        ("partial success", NodeStatus.FAILED),
        ("warn", NodeStatus.WARNED),
        ("skipped", NodeStatus.SKIPPED),
        ("no-op", NodeStatus.SKIPPED),
        ("reused", NodeStatus.SKIPPED),
        ("Success", NodeStatus.PASSED),
        ("PASS", NodeStatus.PASSED),
        ("from the future", NodeStatus.OTHER),
        ("", NodeStatus.OTHER),
    ],
)
def test_status__becomes_a_verdict_and_is_kept(status: str, verdict: NodeStatus) -> None:
    node = read_one(status=status)

    assert (verdict, status) == (node.status, node.dbt_status)


def test_core__all_that_is_known() -> None:
    node = read_one(
        unique_id="test.shop.unique_orders_id.0123456789", status="fail", failures=3, message="Got 3 results"
    )

    assert ("unique_orders_id", "test", "shop") == (node.name, node.kind, node.package)
    assert ("Got 3 results", 3, 2.5, 4) == (node.message, node.failures, node.seconds, node.step)
    assert "Thread-1 (worker)" == node.thread
    assert 2.5 == pytest.approx((node.completed_at or 0) - (node.started_at or 0))
    assert "select 1" == node.sql


@pytest.mark.parametrize("version", [4, 5, 6, 7, 99])
def test_version__does_not_matter(version: int) -> None:
    (node,) = run_results.read([document(a_result(), version=version)], step=1)

    assert NodeStatus.PASSED is node.status


def test_v4__has_no_compiled_and_no_relation() -> None:
    entry = a_result(status="error")
    for key in ("compiled", "compiled_code", "relation_name", "batch_results"):
        del entry[key]

    (node,) = read(entry)

    assert ("", NodeStatus.FAILED) == (node.sql, node.status)


def test_unique_id_alone__is_enough() -> None:
    (node,) = read({"unique_id": "model.shop.orders"})

    assert ("", "", None, 0.0, None, None, "") == (
        node.dbt_status,
        node.message,
        node.failures,
        node.seconds,
        node.started_at,
        node.completed_at,
        node.thread,
    )


def test_everything_null__is_as_good_as_absent() -> None:
    (node,) = read({**dict.fromkeys(a_result()), "unique_id": "model.shop.orders", "status": "error"})

    assert (NodeStatus.FAILED, "", "") == (node.status, node.message, node.sql)


FUSION = [
    {"unique_id": "model.shop.a", "status": "success", "message": "Succeeded", "execution_time": 1.0},
    {"unique_id": "model.shop.b", "status": "warn", "message": "Warn dbt1234: deprecated", "execution_time": 1.0},
    {"unique_id": "model.shop.c", "status": "reused", "message": "Reused", "execution_time": 0.0},
    {"unique_id": "test.shop.d.0123456789", "status": "pass", "message": "Pass", "static_analysis_off_reason": None},
    {"unique_id": "exposure.shop.e", "status": "skipped", "message": "Skipped"},
    {"unique_id": "operation.shop.on_run_end", "status": "error", "message": "Error"},
    {"unique_id": "function.shop.f", "status": "success"},
    {"unique_id": "saved_query.shop.g", "status": "skipped"},
]


def test_fusion__keys_are_left_out_and_words_differ() -> None:
    merged = run_results.merge([read(*FUSION)])

    assert "3 passed, 1 failed, 1 warned, 3 skipped" == merged.in_words()
    assert ["model", "model", "model", "test", "exposure", "operation", "function", "saved query"] == [
        node.kind for node in merged.nodes
    ]


def test_fusion__same_timing_for_compile_and_execute() -> None:
    span = {"started_at": "2026-01-02T03:04:05.123456789Z", "completed_at": "2026-01-02T03:04:06Z"}

    node = read_one(timing=[{"name": "compile", **span}, {"name": "execute", **span}])

    assert 0.876543211 == pytest.approx((node.completed_at or 0) - (node.started_at or 0), abs=1e-5)


def test_microbatch__partial_success_fails() -> None:
    node = read_one(
        status="partial success",
        message="PARTIAL SUCCESS (2/3)",
        batch_results={"successful": [["2026-01-01", "2026-01-02"]], "failed": [["2026-01-03", "2026-01-04"]]},
    )

    assert (NodeStatus.FAILED, "PARTIAL SUCCESS (2/3)") == (node.status, node.message)


def test_sources_json__is_understood_too() -> None:
    entries = [
        {"unique_id": "source.shop.raw.orders", "status": "warn", "max_loaded_at": "x", "criteria": {}},
        {"unique_id": "source.shop.raw.people", "error": "relation does not exist", "status": "runtime error"},
    ]

    late, broken = read(*entries)

    assert ("raw.orders", "source", NodeStatus.WARNED) == (late.name, late.kind, late.status)
    assert NodeStatus.FAILED is broken.status


@pytest.mark.parametrize(
    "unique_id, name, kind, package",
    [
        ("model.shop.orders", "orders", "model", "shop"),
        ("model.shop.orders.v2", "orders.v2", "model", "shop"),
        ("test.shop.unique_orders_id.0123456789", "unique_orders_id", "test", "shop"),
        ("test.shop.assert_fine", "assert_fine", "test", "shop"),
        ("unit_test.shop.orders.counts_returns", "orders.counts_returns", "unit test", "shop"),
        ("source.shop.raw.orders", "raw.orders", "source", "shop"),
        ("operation.shop.shop-on-run-end-0", "shop-on-run-end-0", "operation", "shop"),
        ("odd", "odd", "odd", ""),
        ("", "", "", ""),
    ],
)
def test_unique_id__is_taken_apart(unique_id: str, name: str, kind: str, package: str) -> None:
    node = read_one(unique_id=unique_id)

    assert (name, kind, package) == (node.name, node.kind, node.package)


@pytest.mark.parametrize(
    "timestamp, seconds",
    [
        ("1970-01-01T00:00:01Z", 1.0),
        ("1970-01-01T00:00:01.5Z", 1.5),
        ("1970-01-01T00:00:01.123456Z", 1.123456),
        ("1970-01-01T00:00:01.123456789Z", 1.123456789),
        ("1970-01-01T01:00:01+01:00", 1.0),
        ("1970-01-01 00:00:01.5", 1.5),
        ("1970-13-01T00:00:01Z", None),
        ("yesterday", None),
        (7, None),
        (None, None),
    ],
)
def test_timestamp__of_any_writer(timestamp: Json, seconds: float | None) -> None:
    node = read_one(timing=[{"name": "execute", "started_at": timestamp, "completed_at": timestamp}])

    assert seconds == (node.started_at if seconds is None else pytest.approx(node.started_at))


def test_message__loses_colours_and_control_characters() -> None:
    assert "red\nnext" == read_one(message="\x1b[31mred\x1b[0m\r\nnext\u202e\x07\n").message


@pytest.mark.parametrize("status, kept", [("error", True), ("warn", True), ("success", False), ("skipped", False)])
def test_sql__is_kept_where_somebody_will_look_at_it(status: str, kept: bool) -> None:  # noqa: FBT001 - of a table
    assert kept == bool(read_one(status=status, compiled_code="select 1").sql)


@given(st.dictionaries(st.sampled_from(list(a_result())), JSON), st.lists(JSON, max_size=3))
def test_read__any_types_anywhere(fields: dict[str, Json], others: list[Json]) -> None:
    """Never an exception; an entry with a unique_id of text is a node."""
    nodes = read({**a_result(), **fields}, *others)

    expected = [entry for entry in [{**a_result(), **fields}, *others] if isinstance(entry, dict)]
    assert [entry["unique_id"] for entry in expected if isinstance(entry.get("unique_id"), str)] == [
        node.unique_id for node in nodes
    ]
    assert all(node.seconds >= 0 for node in nodes)


@given(st.lists(st.integers(min_value=0), max_size=12))
def test_read__pieces_do_not_matter(cuts: list[int]) -> None:
    content = document(a_result(message="é" * 30 + "\u4e2d"), a_result("model.shop.b", "error", message='"\\{}'))

    assert run_results.read([content], step=4) == run_results.read(pieces(content, cuts), step=4)


def test_read__byte_by_byte() -> None:
    content = document(*FUSION)

    assert run_results.read([content], step=1) == run_results.read((bytes([byte]) for byte in content), step=1)


@given(st.integers(min_value=0, max_value=len(document(*FUSION).rstrip(b"}")) - 1))
def test_read__cut_off_anywhere(length: int) -> None:
    with pytest.raises(ValueError, match=r"run_results\.json"):
        run_results.read([document(*FUSION)[:length]], step=1)


@pytest.mark.parametrize("content", [b"", b"<html>", b"{]", b'{"results": [}', b"\xff\xfe", b"not json"])
def test_read__damaged(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"run_results\.json"):
        run_results.read([content], step=1)


@pytest.mark.parametrize("content", [b"[]", b"{}", b'{"results": {}}', b'{"results": null}', b"3", b'"x"'])
def test_read__another_document_has_no_nodes(content: bytes) -> None:
    assert () == run_results.read([content], step=1)


def test_read__nan_and_infinity_are_no_json() -> None:
    """Python's own writer would write them; dbt does not."""
    with pytest.raises(ValueError, match=r"run_results\.json"):
        run_results.read(
            [json.dumps({"results": [{"unique_id": "m", "execution_time": float("nan")}]}).encode()], step=1
        )


def test_merge__a_node_counts_once_as_it_ended() -> None:
    """`dbt run` then `dbt test` then `dbt retry`: the last word on each node is the one that counts."""
    first = read(
        a_result("model.shop.a"), a_result("model.shop.b", "error"), a_result("model.shop.c", "skipped"), step=4
    )
    tests = read(a_result("test.shop.t.0123456789", "pass"), step=5)
    again = read(a_result("model.shop.b"), a_result("model.shop.c"), step=6)

    merged = run_results.merge([first, tests, again])

    assert ["a", "t", "b", "c"] == [node.name for node in merged.nodes]
    assert [4, 5, 6, 6] == [node.step for node in merged.nodes]
    assert "4 passed" == merged.in_words()


def test_nothing__is_told_as_nothing() -> None:
    assert ("", {}) == (Results().in_words(), dict(Results().counts))


def test_memory__one_entry_at_a_time() -> None:
    """What is remembered of a failed node does not grow with what dbt wrote about it."""
    entries = [
        a_result(f"model.shop.m{n}", "error", message="x" * 20_000, compiled_code="y" * 50_000) for n in range(50)
    ]

    nodes = read(*entries)

    assert 50 * 25_000 > sum(len(node.message) + len(node.sql) for node in nodes)
    assert all(re.match("x+", node.message) for node in nodes)
