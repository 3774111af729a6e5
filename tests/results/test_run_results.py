"""Reading run_results.json of every writer (dbt Core v4 to v6, Fusion, newer ones): whole, in pieces, damaged."""

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


# (kind of node, status that dbt Core 1.8 to 1.13 or Fusion v2 writes for it, ours)
STATUSES: list[tuple[str, str, NodeStatus]] = [
    ("model", "success", NodeStatus.PASSED),
    ("model", "error", NodeStatus.FAILED),
    ("model", "skipped", NodeStatus.SKIPPED),
    ("model", "partial success", NodeStatus.FAILED),
    ("model", "reused", NodeStatus.REUSED),
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
    ("saved_query", "no-op", NodeStatus.SKIPPED),
    ("operation", "success", NodeStatus.PASSED),
    ("source", "runtime error", NodeStatus.FAILED),
    ("source", "fail", NodeStatus.FAILED),
    ("model", "brand new", NodeStatus.OTHER),
    ("model", "", NodeStatus.OTHER),
    ("model", "SUCCESS", NodeStatus.PASSED),
    ("model", "Success", NodeStatus.PASSED),
    ("test", "PASS", NodeStatus.PASSED),
]


@pytest.mark.parametrize("kind, dbt_status, status", STATUSES, ids=[f"{row[0]} {row[1]}" for row in STATUSES])
def test_status__is_grouped_and_kept(kind: str, dbt_status: str, status: NodeStatus) -> None:
    node = read_one(unique_id=f"{kind}.shop.orders", status=dbt_status)

    assert (dbt_status, status, "orders") == (node.dbt_status, node.status, node.name)


@pytest.mark.parametrize(
    "statuses, expected",
    [
        ([], ""),
        (["success"], "1 passed"),
        (["success"] * 24 + ["fail"], "24 passed, 1 failed"),
        (["skipped"], "1 skipped"),
        ([row[1] for row in STATUSES], "8 passed, 9 failed, 2 warned, 3 skipped, 1 reused, 2 other"),
    ],
    ids=str,
)
def test_in_words__counts_each_status(statuses: list[str], expected: str) -> None:
    nodes = read(*(a_result(f"model.shop.m{number}", status) for number, status in enumerate(statuses)))

    assert expected == Results(nodes).in_words()


def test_of__has_the_nodes_with_a_status_in_order() -> None:
    results = Results(
        read(a_result("model.shop.a", "error"), a_result("model.shop.b"), a_result("model.shop.c", "fail"))
    )

    assert ["a", "c"] == [node.name for node in results.of(NodeStatus.FAILED)]
    assert ({NodeStatus.FAILED: 2, NodeStatus.PASSED: 1}) == dict(results.counts)


def test_read__every_field_of_dbt_core() -> None:
    node = read_one(
        unique_id="test.shop.unique_orders_id.0123456789", status="fail", failures=3, message="Got 3 results"
    )

    assert ("unique_orders_id", "test", "shop") == (node.name, node.kind, node.package)
    assert ("Got 3 results", 3, 2.5, 4) == (node.message, node.failures, node.seconds, node.step)
    assert "Thread-1 (worker)" == node.thread
    assert 2.5 == pytest.approx((node.completed_at or 0) - (node.started_at or 0))
    assert "select 1" == node.sql


@pytest.mark.parametrize("version", [4, 5, 6, 7, 99])
def test_read__any_version_of_the_document(version: int) -> None:
    (node,) = run_results.read([document(a_result(), version=version)], step=1)

    assert NodeStatus.PASSED is node.status


def test_read__version_4_has_no_compiled_code() -> None:
    entry = a_result(status="error")
    for key in ("compiled", "compiled_code", "relation_name", "batch_results"):
        del entry[key]

    (node,) = read(entry)

    assert ("", NodeStatus.FAILED) == (node.sql, node.status)


def test_read__a_unique_id_is_enough() -> None:
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


def test_read__null_is_like_an_absent_field() -> None:
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


def test_read__fusion_leaves_keys_out_and_has_other_messages() -> None:
    merged = run_results.merge([read(*FUSION)])

    assert "3 passed, 1 failed, 1 warned, 1 skipped, 1 reused" == merged.in_words()
    assert ["model", "model", "model", "test", "operation", "function", "saved query"] == [
        node.kind for node in merged.nodes
    ]


def test_times__fusion_writes_the_same_for_compile_and_execute() -> None:
    span = {"started_at": "2026-01-02T03:04:05.123456789Z", "completed_at": "2026-01-02T03:04:06Z"}

    node = read_one(timing=[{"name": "compile", **span}, {"name": "execute", **span}])

    assert 0.876543211 == pytest.approx((node.completed_at or 0) - (node.started_at or 0), abs=1e-5)


def test_read__a_microbatch_that_is_partly_successful_has_failed() -> None:
    node = read_one(
        status="partial success",
        message="PARTIAL SUCCESS (2/3)",
        batch_results={"successful": [["2026-01-01", "2026-01-02"]], "failed": [["2026-01-03", "2026-01-04"]]},
    )

    assert (NodeStatus.FAILED, "PARTIAL SUCCESS (2/3)") == (node.status, node.message)


def test_read__sources_json_has_nodes_too() -> None:
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
        ("test.shop.not_null_orders_id.a1b2c3d4e5", "not_null_orders_id", "test", "shop"),
        ("test.shop.assert_fine", "assert_fine", "test", "shop"),
        ("unit_test.shop.orders.counts_returns", "orders.counts_returns", "unit test", "shop"),
        ("source.shop.raw.orders", "raw.orders", "source", "shop"),
        ("operation.shop.shop-on-run-end-0", "shop-on-run-end-0", "operation", "shop"),
        ("odd", "odd", "odd", ""),
        ("", "", "", ""),
    ],
)
def test_node__name_kind_and_package_are_from_its_unique_id(unique_id: str, name: str, kind: str, package: str) -> None:
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
def test_times__timestamps_of_any_writer(timestamp: Json, seconds: float | None) -> None:
    node = read_one(timing=[{"name": "execute", "started_at": timestamp, "completed_at": timestamp}])

    assert seconds == (node.started_at if seconds is None else pytest.approx(node.started_at))


def test_message__is_without_colours_and_control_characters() -> None:
    assert "red\nnext" == read_one(message="\x1b[31mred\x1b[0m\r\nnext\u202e\x07\n").message
    assert "Database Error\n  no" == read_one(message="\x1b[31mDatabase Error\x1b[0m\r\n  no\n").message


@pytest.mark.parametrize("status, kept", [("error", True), ("warn", True), ("success", False), ("skipped", False)])
def test_sql__is_kept_for_failed_and_warned_nodes(status: str, kept: bool) -> None:  # noqa: FBT001 - of a table
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
def test_read__pieces_of_any_size(cuts: list[int]) -> None:
    content = document(a_result(message="é" * 30 + "\u4e2d"), a_result("model.shop.b", "error", message='"\\{}'))

    assert run_results.read([content], step=4) == run_results.read(pieces(content, cuts), step=4)


def test_read__byte_by_byte() -> None:
    content = document(*FUSION)

    assert run_results.read([content], step=1) == run_results.read((bytes([byte]) for byte in content), step=1)


@given(st.integers(min_value=0, max_value=len(document(*FUSION).rstrip(b"}")) - 1))
def test_read__a_document_that_is_cut_off_is_a_value_error(length: int) -> None:
    with pytest.raises(ValueError, match=r"run_results\.json"):
        run_results.read([document(*FUSION)[:length]], step=1)


@pytest.mark.parametrize("content", [b"", b"<html>", b"{]", b'{"results": [}', b"\xff\xfe", b"not json"])
def test_read__what_is_not_json_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"run_results\.json"):
        run_results.read([content], step=1)


@pytest.mark.parametrize("content", [b"[]", b"{}", b'{"results": {}}', b'{"results": null}', b"3", b'"x"'])
def test_read__another_document_has_no_nodes(content: bytes) -> None:
    assert () == run_results.read([content], step=1)


def test_read__nan_is_a_value_error() -> None:
    """Python's own writer would write them; dbt does not."""
    with pytest.raises(ValueError, match=r"run_results\.json"):
        run_results.read(
            [json.dumps({"results": [{"unique_id": "m", "execution_time": float("nan")}]}).encode()], step=1
        )


def test_merge__a_node_counts_once_with_its_last_result() -> None:
    """`dbt run`, `dbt test` and then `dbt retry`."""
    first = read(
        a_result("model.shop.a"), a_result("model.shop.b", "error"), a_result("model.shop.c", "skipped"), step=4
    )
    tests = read(a_result("test.shop.t.0123456789", "pass"), step=5)
    again = read(a_result("model.shop.b"), a_result("model.shop.c"), step=6)

    merged = run_results.merge([first, tests, again])

    assert ["a", "t", "b", "c"] == [node.name for node in merged.nodes]
    assert [4, 5, 6, 6] == [node.step for node in merged.nodes]
    assert "4 passed" == merged.in_words()


def test_results__may_be_empty() -> None:
    assert ("", {}) == (Results().in_words(), dict(Results().counts))


def test_read__message_and_sql_are_cut() -> None:
    """What is remembered of a failed node does not grow with what dbt wrote about it."""
    entries = [
        a_result(f"model.shop.m{n}", "error", message="x" * 20_000, compiled_code="y" * 50_000) for n in range(50)
    ]

    nodes = read(*entries)

    assert 50 * 25_000 > sum(len(node.message) + len(node.sql) for node in nodes)
    assert all(re.match("x+", node.message) for node in nodes)


def test_merge__without_steps_there_are_no_results() -> None:
    assert run_results.NO_RESULTS == run_results.merge([])


DOCUMENTS = st.recursive(
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


@given(st.binary(max_size=100) | DOCUMENTS.map(lambda value: json.dumps(value).encode()) | DOCUMENTS.map(document))
def test_read__any_document_is_read_or_a_value_error(content: bytes) -> None:
    try:
        nodes = run_results.read([content], step=1)
    except ValueError:
        return
    assert isinstance(Results(nodes).in_words(), str)


@pytest.mark.parametrize(
    "timing",
    [
        [{"started_at": "2026-01-02T03:04:05Z"}],
        [{"completed_at": "2026-01-02T03:04:05Z"}],
        [{"started_at": "2026-01-02T03:04:05Z"}, {"started_at": "2026-01-02T03:04:06Z", "completed_at": "soon"}],
    ],
)
def test_times__start_or_end_alone_is_not_known(timing: list[dict[str, str]]) -> None:
    node = read_one(timing=timing)

    assert (None, None) == (node.started_at, node.completed_at)


def test_times__are_from_the_first_start_to_the_last_end() -> None:
    times = [("1970-01-01T00:00:05Z", "1970-01-01T00:00:07Z"), ("1970-01-01T00:00:02Z", "1970-01-01T00:00:03Z")]

    node = read_one(timing=[{"started_at": started, "completed_at": completed} for started, completed in times])

    assert (2.0, 7.0) == (node.started_at, node.completed_at)


@pytest.mark.parametrize(
    "written, expected",
    [(10**15 - 1, 10**15 - 1), (10**15, None), (-(10**15) + 1, -(10**15) + 1), (-(10**15), None), (True, None)],
)
def test_failures__a_number_without_sense_is_not_known(written: int, expected: int | None) -> None:
    assert expected == read_one(failures=written).failures
