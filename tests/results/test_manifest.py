"""Reading manifest.json piece by piece: every section, every kind of name, pieces of any size, little memory."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.results import manifest
from dbt_action.results.manifest import NO_MANIFEST, Definition
from tests.support.results import defined, manifest_document, pieces

Json = Any
SECTIONS: dict[str, dict[str, Json]] = {
    "nodes": {
        "model.shop.orders": defined("models/orders.sql", "seed.shop.raw", "source.shop.raw.orders"),
        "model.shop.orders.v2": defined("models/orders_v2.sql"),
        "model.shop.orders.v2.1": defined("models/orders_v2.1.sql"),
        "model.other.orders": defined("models/orders.sql", package="other"),
        "seed.shop.raw": defined("seeds/raw.csv"),
        "snapshot.shop.history": defined("snapshots/history.yml", "model.shop.orders"),
        "test.shop.unique_orders_id.0123456789": defined("models\\marts\\orders.yml", "model.shop.orders"),
        "operation.shop.shop-on-run-end-0": defined("./dbt_project.yml"),
        "analysis.shop.look": defined("analyses/look.sql"),
    },
    "sources": {"source.shop.raw.orders": defined("models/sources.yml")},
    "macros": {"macro.shop.cents": defined("macros/cents.sql")},
    "exposures": {"exposure.shop.dashboard": defined("models/exposures.yml", "model.shop.orders")},
    "saved_queries": {"saved_query.shop.sales": defined("models/sales.yml")},
    "functions": {"function.shop.cents": defined("functions/cents.sql")},
    "unit_tests": {"unit_test.shop.orders.counts": defined("models/orders.yml", "model.shop.orders")},
    "disabled": {"model.shop.old": [defined("models/old.sql")]},
}
DOCUMENT = manifest_document(SECTIONS)
REQUESTED = [name for section in SECTIONS.values() for name in section]


@pytest.mark.parametrize(
    "unique_id, file",
    [
        ("model.shop.orders", "models/orders.sql"),
        ("model.shop.orders.v2", "models/orders_v2.sql"),
        ("model.shop.orders.v2.1", "models/orders_v2.1.sql"),
        ("seed.shop.raw", "seeds/raw.csv"),
        ("snapshot.shop.history", "snapshots/history.yml"),
        ("test.shop.unique_orders_id.0123456789", "models/marts/orders.yml"),
        ("analysis.shop.look", "analyses/look.sql"),
        ("source.shop.raw.orders", "models/sources.yml"),
        ("exposure.shop.dashboard", "models/exposures.yml"),
        ("saved_query.shop.sales", "models/sales.yml"),
        ("function.shop.cents", "functions/cents.sql"),
        ("unit_test.shop.orders.counts", "models/orders.yml"),
        # A node of another package is not in the repository.
        ("model.other.orders", ""),
        ("model.shop.unknown", ""),
        ("orders", ""),
        ("", ""),
    ],
)
def test_read__file_of_a_node_of_every_section(unique_id: str, file: str) -> None:
    assert file == manifest.read([DOCUMENT]).file(unique_id)


def test_read__file_of_a_hook_is_the_project_file() -> None:
    """Hooks are in `./dbt_project.yml`, as dbt writes it; a path in an annotation has no `./`."""
    found = manifest.read([DOCUMENT])

    assert "dbt_project.yml" == found.file("operation.shop.shop-on-run-end-0")


def test_read__locations_have_package_path_and_dependencies() -> None:
    found = manifest.read([DOCUMENT])

    assert "shop" == found.project
    assert set(REQUESTED) - {"macro.shop.cents", "model.shop.old"} == set(found.nodes)
    assert {
        "model.shop.orders": Definition("shop", "models/orders.sql", ("seed.shop.raw", "source.shop.raw.orders")),
        "model.other.orders": Definition("other", "models/orders.sql"),
    }.items() <= found.nodes.items()


def test_read__metadata_may_be_at_the_end() -> None:
    """JSON does not define an order of keys."""
    reordered = json.dumps(dict(reversed(json.loads(DOCUMENT).items()))).encode()

    assert manifest.read([DOCUMENT]) == manifest.read([reordered])


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"[]",
        b"null",
        b'{"nodes": null, "metadata": null}',
        b'{"nodes": [], "metadata": []}',
    ],
)
def test_read__other_documents_have_no_nodes(content: bytes) -> None:
    assert NO_MANIFEST == manifest.read([content])


@pytest.mark.parametrize(
    "node",
    [
        b"null",
        b"[]",
        b'{"package_name": 3, "original_file_path": null, "depends_on": null, "columns": null, "config": []}',
        b'{"depends_on": {"nodes": [1, null, {}]}, "attached_node": 7, "group": {}, "config": {"meta": "x"}}',
    ],
)
def test_read__a_node_without_anything_usable_is_empty(node: bytes) -> None:
    content = b'{"nodes": {"model.shop.orders": ' + node + b"}}"

    assert {"model.shop.orders": Definition()} == manifest.read([content], with_columns=True).nodes


@pytest.mark.parametrize("content", [b"", b"<html>", DOCUMENT[:-1], DOCUMENT[: len(DOCUMENT) // 2], b"\xff"])
def test_read__what_is_not_json_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"manifest\.json"):
        manifest.read([content])


@pytest.mark.parametrize("number", ["12345678901234567890", "-1e400", "1.5", "9" * 400])
def test_read__numbers_of_any_size_are_accepted(number: str) -> None:
    """`meta` holds whatever people write."""
    section = {"model.shop.orders": defined("models/orders.sql", meta={"id": 7777777})}
    content = manifest_document({"nodes": section}).replace(b"7777777", number.encode())

    assert "models/orders.sql" == manifest.read([content]).file("model.shop.orders")


@given(st.lists(st.integers(min_value=0), max_size=20))
def test_read__pieces_of_any_size(cuts: list[int]) -> None:
    assert manifest.read([DOCUMENT]) == manifest.read(pieces(DOCUMENT, cuts))


def test_read__byte_by_byte() -> None:
    assert manifest.read([DOCUMENT]) == manifest.read(bytes([byte]) for byte in DOCUMENT)


@given(st.dictionaries(st.text(max_size=12), st.text(min_size=1, max_size=12), max_size=5))
def test_read__any_names_are_never_mixed_up(names: dict[str, str]) -> None:
    """Keys may hold dots, quotes, anything; each leads to its own file or to none."""
    section = {f"model.{name}": defined(path) for name, path in names.items()}

    found = manifest.read([manifest_document({"nodes": section})])

    assert {uid: node["original_file_path"].replace("\\", "/") for uid, node in section.items()} == {
        uid: found.file(uid) for uid in section
    }


def _large(size: int) -> Iterator[bytes]:
    yield b'{"metadata": {"project_name": "shop"}, "nodes": {'
    sent, number = 0, 0
    code = "select column_1, column_2 from orders where amount > 7 -- " * 400
    while sent < size:
        node = defined(f"models/m{number}.sql", f"model.shop.m{number - 1}", raw_code=code, compiled_code=code)
        part = f'{"," if number else ""}"model.shop.m{number}": {json.dumps(node)}'.encode()
        sent += len(part)
        number += 1
        yield part
    yield b"}}"


def test_read__a_large_manifest_needs_little_memory() -> None:
    """Of 50 MB only what is asked for of each node is kept."""
    tracemalloc.start()
    try:
        found = manifest.read(_large(50_000_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert 250 < len(found.nodes)
    assert peak < 5_000_000
