"""Reads from dbt's manifest.json, piece by piece, where some nodes are defined and what they depend on. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# The sections that hold nodes with a result (manifest v12; older ones have fewer).
_SECTIONS = {
    "unit_test": "unit_tests",
    "source": "sources",
    "function": "functions",
    "exposure": "exposures",
    "saved_query": "saved_queries",
}
_NODES = "nodes"
_PROJECT = "metadata.project_name"
_FIELDS = ("package_name", "original_file_path", "depends_on.nodes.item")


@dataclass(frozen=True, slots=True)
class NodeLocation:
    """Where a node is defined: `path` is relative to its package. `depends_on` has the unique ids of other nodes."""

    package: str = ""
    path: str = ""
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """The name of the root project, and the locations of the requested nodes by their unique id."""

    project: str = ""
    locations: Mapping[str, NodeLocation] = field(default_factory=dict)

    def file(self, unique_id: str) -> str:
        """The node's file, relative to the root project; "" when it is not known, and for nodes of other packages."""
        location = self.locations.get(unique_id)
        return location.path if location and location.package == self.project else ""


NO_MANIFEST = Manifest()


def read(chunks: Iterable[bytes], unique_ids: Iterable[str]) -> Manifest:
    """Read the locations of these nodes from the pieces of a manifest.json, which is never in memory as a whole.

    Raises ValueError when it is not JSON.
    """
    import ijson  # noqa: PLC0415 - takes time to import, and not every run needs it

    # The parser gives the position of each value as the keys above it, joined by dots. Keys hold dots too, so only
    # complete positions are compared.
    roots = {uid: f"{_SECTIONS.get(uid.split('.', 1)[0], _NODES)}.{uid}" for uid in unique_ids}
    wanted = {f"{root}.{name}" for root in roots.values() for name in _FIELDS} | {_PROJECT}
    found: dict[str, list[str]] = defaultdict(list)

    def collect() -> Generator[None, tuple[str, str, Any], None]:
        while True:
            prefix, event, value = yield
            if event == "string" and prefix in wanted:
                found[prefix].append(value)

    target = collect()
    next(target)
    try:
        parser = ijson.parse_coro(target)
        for chunk in chunks:
            parser.send(chunk)
        parser.close()
    except ijson.JSONError as error:
        message = f"not a manifest.json: {error}"
        raise ValueError(message) from None
    locations = {}
    for uid, root in roots.items():
        package, path, depends_on = (found.get(f"{root}.{name}", []) for name in _FIELDS)
        if package and path:
            locations[uid] = NodeLocation(package[0], path[0].replace("\\", "/").removeprefix("./"), tuple(depends_on))
    return Manifest("".join(found.get(_PROJECT, [])), locations)
