"""What else a manifest says: owners, exposures, tested models, columns, and what depends on what."""

from __future__ import annotations

from typing import Any

import pytest

from dbt_action.results import manifest
from dbt_action.results.manifest import Columns, Exposure
from tests.support.results import defined, manifest_document

Json = Any


def read(*, with_columns: bool = False, **sections: Json) -> manifest.Manifest:
    return manifest.read([manifest_document(sections)], with_columns=with_columns)


@pytest.mark.parametrize(
    "fields, owner",
    [
        ({"config": {"meta": {"owner": "@finance"}}}, "@finance"),
        ({"config": {"meta": {"owner": ["Ann", "Ben"]}}}, "Ann, Ben"),
        ({"config": {"meta": {"owner": 7}}}, ""),
        ({"group": "finance"}, "Finance data"),
        ({"config": {"group": "finance"}}, "Finance data"),
        ({"group": "mail"}, "a@example.com, b@example.com"),
        ({"group": "unknown"}, ""),
        ({"group": "finance", "config": {"meta": {"owner": "Ann"}}}, "Ann"),
        ({}, ""),
    ],
)
def test_owner__is_that_of_the_node_else_that_of_its_group(fields: Json, owner: str) -> None:
    groups = {
        "group.shop.finance": {"name": "finance", "owner": {"name": "Finance data", "email": "x@example.com"}},
        "group.shop.mail": {"name": "mail", "owner": {"email": ["a@example.com", "b@example.com"]}},
    }
    found = read(nodes={"model.shop.orders": defined("models/orders.sql", **fields)}, groups=groups)

    assert owner == found.nodes["model.shop.orders"].owner


def test_exposures__have_label_type_address_and_owner() -> None:
    found = read(
        exposures={
            "exposure.shop.revenue": {
                "name": "revenue",
                "label": "Revenue",
                "type": "dashboard",
                "url": "https://bi.example/1",
                "owner": {"name": "Ann", "email": "ann@example.com"},
                "depends_on": {"nodes": ["model.shop.orders"]},
            },
            "exposure.shop.bare": {"owner": {"email": "ben@example.com"}, "label": None},
        }
    )

    assert {
        "exposure.shop.revenue": Exposure("Revenue", "dashboard", "https://bi.example/1", "Ann"),
        "exposure.shop.bare": Exposure("bare", "", "", "ben@example.com"),
    } == found.exposures
    assert ("exposure.shop.revenue",) == found.children["model.shop.orders"]


def test_tested__is_the_attached_model_else_all_that_it_depends_on() -> None:
    found = read(
        nodes={
            "test.shop.generic.0123456789": defined(
                "a.yml", "model.shop.other", "model.shop.orders", attached_node="model.shop.orders", column_name="id"
            ),
            "test.shop.singular": defined("tests/a.sql", "model.shop.orders"),
            "model.shop.orders": defined("a.sql", "model.shop.other"),
        }
    )

    assert ("model.shop.orders",) == found.tested("test.shop.generic.0123456789")
    assert "id" == found.nodes["test.shop.generic.0123456789"].column
    assert ("model.shop.orders",) == found.tested("test.shop.singular")
    assert () == found.tested("model.shop.orders")
    assert () == found.tested("test.shop.unknown")


def test_columns__are_read_only_when_asked_for() -> None:
    node = defined(
        "a.sql",
        columns={"id": {"name": "id", "data_type": "integer"}, "a.b": {"name": "a.b", "data_type": None}},
        checksum={"name": "sha256", "checksum": "abc"},
        config={"materialized": "table", "contract": {"enforced": True}},
    )

    assert Columns() == read(nodes={"model.shop.orders": node}).nodes["model.shop.orders"].columns
    assert (
        Columns((("id", "integer"), ("a.b", "")), "abc", "table", has_contract=True)
        == read(nodes={"model.shop.orders": node}, with_columns=True).nodes["model.shop.orders"].columns
    )


def test_descendants__are_in_the_order_of_distance_and_a_cycle_ends() -> None:
    found = read(
        nodes={
            "model.shop.a": defined("a.sql", "model.shop.d"),
            "model.shop.b": defined("b.sql", "model.shop.a"),
            "model.shop.c": defined("c.sql", "model.shop.b", "model.shop.a"),
            "model.shop.d": defined("d.sql", "model.shop.b"),
        }
    )

    assert ["model.shop.b", "model.shop.c", "model.shop.d"] == list(found.descendants(["model.shop.a"]))
    assert [] == list(found.descendants(["model.shop.unknown"]))


def test_only__keeps_what_files_need() -> None:
    found = read(
        nodes={"model.shop.a": defined("a.sql"), "model.shop.b": defined("b.sql")},
        exposures={"exposure.shop.x": defined("x.yml")},
    ).only(["model.shop.b", "model.shop.unknown"])

    assert ("", "b.sql", {}) == (found.file("model.shop.a"), found.file("model.shop.b"), found.exposures)
