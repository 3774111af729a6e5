"""dbt's manifest.json, read for a few nodes while it streams by: where they are defined and what they need."""

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
    """Where a node is defined: `path` is relative to its package; `needs` are the nodes that it depends on."""

    package: str = ""
    path: str = ""
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """The name of the root project, and the locations of the wanted nodes by their unique id."""

    project: str = ""
    locations: Mapping[str, NodeLocation] = field(default_factory=dict)

    def file(self, unique_id: str) -> str:
        """The node's file below the root project's folder; "" for nodes of other packages, which are not there."""
        place = self.locations.get(unique_id)
        return place.path if place and place.package == self.project else ""


NO_MANIFEST = Manifest()


def read(chunks: Iterable[bytes], unique_ids: Iterable[str]) -> Manifest:
    """What a manifest.json that comes in pieces says of these nodes; it is never in memory as a whole.

    Raises ValueError when it is not JSON.
    """
    import ijson  # noqa: PLC0415 - start-up does not pay for it

    # The parser names a place in the document by its keys with dots between. Keys hold dots too, so only whole
    # names are compared.
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
        package, path, needs = (found.get(f"{root}.{name}", []) for name in _FIELDS)
        if package and path:
            locations[uid] = NodeLocation(package[0], path[0].replace("\\", "/").removeprefix("./"), tuple(needs))
    return Manifest("".join(found.get(_PROJECT, [])), locations)
