"""Reads dbt's catalog.json: the columns that the tables really have. Pure."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import Any

from dbt_action.results.changes import Catalog


def read(chunks: Iterable[bytes]) -> Catalog:
    """Read the columns of each table from the pieces of a catalog.json (v1). Raises ValueError when it is not JSON."""
    import ijson  # noqa: PLC0415 - takes time to import, and few runs need it

    found: dict[str, tuple[tuple[str, str], ...]] = {}

    def collect() -> Generator[None, Any, None]:
        while True:
            unique_id, table = yield
            columns = table.get("columns") if isinstance(table, Mapping) else None
            if isinstance(columns, Mapping):
                found[unique_id] = tuple(
                    (name, kind if isinstance(kind := column.get("type"), str) else "")
                    for name, column in columns.items()
                    if isinstance(column, Mapping)
                )

    target = collect()
    next(target)
    try:
        parser = ijson.kvitems_coro(target, "nodes")
        for chunk in chunks:
            parser.send(chunk)
        parser.close()
    except ijson.JSONError as error:
        message = f"not a catalog.json: {error}"
        raise ValueError(message) from None
    return found
