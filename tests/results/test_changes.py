"""What a pull request changes: models, columns, contracts, and the exposures that they feed."""

from __future__ import annotations

import json

import pytest

from dbt_action.results import catalog, changes
from dbt_action.results.changes import ChangedModel
from dbt_action.results.manifest import Columns, Definition, Exposure, Manifest

REVENUE = Exposure("Revenue", "dashboard")
ID = ("id", "integer")


def project(**models: Columns) -> Manifest:
    nodes = {f"model.shop.{name}": Definition("shop", columns=columns) for name, columns in models.items()}
    nodes["model.package.x"] = Definition("package", columns=Columns(checksum=str(sorted(models))))
    nodes["test.shop.t"] = Definition("shop", columns=Columns(checksum=str(sorted(models))))
    nodes["exposure.shop.revenue"] = Definition(depends_on=tuple(nodes))
    return Manifest("shop", nodes, {"exposure.shop.revenue": REVENUE})


@pytest.mark.parametrize(
    "before, after, expected",
    [
        pytest.param(Columns(checksum="1"), Columns(checksum="1"), None, id="the same"),
        pytest.param(
            Columns(checksum="1"), Columns(checksum="2"), ChangedModel(name="a", what="changed"), id="its code"
        ),
        pytest.param(
            Columns(materialized="view"),
            Columns(materialized="table"),
            ChangedModel(name="a", what="changed"),
            id="kind",
        ),
        pytest.param(
            Columns((ID, ("old", ""))),
            Columns((ID, ("new", ""))),
            ChangedModel(name="a", what="changed", columns_added=("new",), columns_removed=("old",)),
            id="its columns",
        ),
        pytest.param(
            Columns((ID, ("x", "integer"), ("y", ""))),
            Columns((ID, ("x", "text"), ("y", "text"))),
            ChangedModel(name="a", what="changed", columns_retyped=("x (integer → text)",)),
            id="a type",
        ),
        pytest.param(Columns((("x", "TEXT"),)), Columns((("x", "text"),)), None, id="a type in other letters"),
        pytest.param(
            Columns((ID,), has_contract=True),
            Columns((), has_contract=True),
            ChangedModel(name="a", what="changed", columns_removed=("id",), breaks_contract=True),
            id="a contract",
        ),
        pytest.param(
            Columns((ID,), has_contract=True),
            Columns((ID, ("x", "text")), has_contract=True),
            ChangedModel(name="a", what="changed", columns_added=("x",)),
            id="a contract that is kept",
        ),
        pytest.param(
            Columns((ID,), has_contract=True),
            Columns((ID,)),
            ChangedModel(name="a", what="changed", breaks_contract=True),
            id="a contract that is given up",
        ),
    ],
)
def test_between__one_model(before: Columns, after: Columns, expected: ChangedModel | None) -> None:
    found = changes.between(project(a=before), project(a=after))

    assert ((expected,) if expected else ()) == found.models
    assert ((REVENUE,) if expected else ()) == found.exposures


def test_between__models_that_were_added_and_removed() -> None:
    found = changes.between(project(a=Columns(), b=Columns(has_contract=True)), project(a=Columns(), c=Columns()))

    assert (
        ChangedModel(name="b", what="removed", breaks_contract=True),
        ChangedModel(name="c", what="added"),
    ) == found.models
    assert (REVENUE,) == found.exposures


def test_between__the_columns_of_the_tables_win_when_both_catalogs_have_them() -> None:
    declared = project(a=Columns((ID,)), b=Columns((ID,)))
    before, after = {"model.shop.a": (ID, ("x", "text"))}, {"model.shop.a": (ID,), "model.shop.b": ()}

    found = changes.between(declared, declared, (before, after))

    assert (ChangedModel(name="a", what="changed", columns_removed=("x",)),) == found.models
    assert found.from_catalog


def test_catalog__has_the_columns_of_each_table() -> None:
    document = {
        "metadata": {},
        "nodes": {
            "model.shop.a": {"columns": {"ID": {"type": "INTEGER", "index": 1}, "X": {"type": None}, "Y": 7}},
            "model.shop.b": {"columns": None},
            "model.shop.c": None,
        },
        "sources": {"source.shop.s.t": {"columns": {"z": {"type": "TEXT"}}}},
    }

    assert {"model.shop.a": (("ID", "INTEGER"), ("X", ""))} == catalog.read([json.dumps(document).encode()])


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"nodes": {"a"'])
def test_catalog__what_is_not_json_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"catalog\.json"):
        catalog.read([content])
