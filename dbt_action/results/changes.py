"""What a pull request changes in the project: models, columns, contracts, and the exposures that they feed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dbt_action.results.manifest import Columns, Exposure, Manifest

_KINDS = ("model", "seed", "snapshot")
# The names and types of the columns of a table, as the warehouse has them, by the table's unique id.
Catalog = Mapping[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedModel:
    """A model, seed or snapshot that was added, changed or removed; columns are names, of retyped ones with types."""

    name: str
    what: str
    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()
    columns_retyped: tuple[str, ...] = ()
    breaks_contract: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Everything that differs from the project of the run that was deferred to."""

    models: tuple[ChangedModel, ...] = ()
    # Exposures downstream of what was changed or removed.
    exposures: tuple[Exposure, ...] = ()
    # Whether columns are those of the tables, and not only those that the project declares.
    from_catalog: bool = False


def between(base: Manifest, head: Manifest, catalogs: tuple[Catalog, Catalog] | None = None) -> Changes:
    """What is different in `head`. Both manifests have been read with their columns.

    `catalogs` are those of base and head. Nodes of other packages, and tests, are left out.
    """
    before, after = _own(base), _own(head)
    found: dict[str, ChangedModel] = {}
    for uid in sorted({*before, *after}):
        name = uid.split(".", 2)[-1]
        if uid not in before:
            found[uid] = ChangedModel(name=name, what="added")
        elif uid not in after:
            found[uid] = ChangedModel(name=name, what="removed", breaks_contract=before[uid].has_contract)
        elif changed := _changed(name, _with_catalog(uid, before[uid], after[uid], catalogs)):
            found[uid] = changed
    fed = dict.fromkeys(
        exposure
        for uid, changed in found.items()
        if changed.what != "added"
        # What depended on a removed model is known from before.
        for graph in ((head, base) if changed.what == "removed" else (head,))
        for below in graph.descendants((uid,))
        if (exposure := graph.exposures.get(below))
    )
    return Changes(models=tuple(found.values()), exposures=tuple(fed), from_catalog=catalogs is not None)


def _own(manifest: Manifest) -> dict[str, Columns]:
    return {
        uid: node.columns
        for uid, node in manifest.nodes.items()
        if node.package == manifest.project and uid.split(".", 1)[0] in _KINDS
    }


def _with_catalog(
    uid: str, before: Columns, after: Columns, catalogs: tuple[Catalog, Catalog] | None
) -> tuple[Columns, Columns, Mapping[str, str], Mapping[str, str]]:
    """Both declarations, and the columns to compare: those of the tables when both catalogs have the table."""
    if catalogs and uid in catalogs[0] and uid in catalogs[1]:
        return before, after, dict(catalogs[0][uid]), dict(catalogs[1][uid])
    return before, after, dict(before.types), dict(after.types)


def _changed(name: str, compared: tuple[Columns, Columns, Mapping[str, str], Mapping[str, str]]) -> ChangedModel | None:
    before, after, old, new = compared
    added = tuple(column for column in new if column not in old)
    removed = tuple(column for column in old if column not in new)
    retyped = tuple(
        f"{column} ({old[column]} → {new[column]})"
        for column in new
        if column in old and old[column] and new[column] and old[column].lower() != new[column].lower()
    )
    same = (before.checksum, before.materialized, before.has_contract) == (
        after.checksum,
        after.materialized,
        after.has_contract,
    )
    if same and not (added or removed or retyped):
        return None
    lost = before.has_contract and (bool(removed or retyped) or not after.has_contract)
    return ChangedModel(
        name=name,
        what="changed",
        columns_added=added,
        columns_removed=removed,
        columns_retyped=retyped,
        breaks_contract=lost,
    )
