"""Reads dbt's manifest.json piece by piece: where nodes are defined, who owns them, what depends on what. Pure."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

# The sections of a manifest (v12; older ones have fewer) with what has a result or depends on something that has one.
_NODE_SECTIONS = ("nodes", "unit_tests", "sources", "functions", "exposures", "saved_queries", "metrics")
_EXPOSURES, _GROUPS = "exposures", "groups"
_PROJECT, _VERSION = "metadata.project_name", "metadata.dbt_version"
# Positions of values below a node, and what they are kept as. Owners may be a text or a list of texts.
_FIELDS = {
    "package_name": "package",
    "original_file_path": "path",
    "depends_on.nodes.item": "depends_on",
    "attached_node": "attached_node",
    "column_name": "column",
    "description": "description",
    "group": "group",
    "config.group": "group",
    "config.meta.owner": "owner",
    "config.meta.owner.item": "owner",
    "name": "name",
    "label": "label",
    "type": "type",
    "url": "url",
    "owner.name": "owner_name",
    "owner.email": "owner_email",
    "owner.email.item": "owner_email",
    "checksum.checksum": "checksum",
    "config.materialized": "materialized",
    "config.contract.enforced": "contract",
    "contract.enforced": "contract",
}
# Characters of a description that are remembered.
_MAX_DESCRIPTION = 300
# What was found at the positions of one node.
_Values = dict[str, list[Any]]
_Shared = TypeVar("_Shared", str, tuple[tuple[str, str], ...])


@dataclass(frozen=True, slots=True)
class Columns:
    """What a project declares about the table of a node: names and types of columns, "" for a type that is not."""

    types: tuple[tuple[str, str], ...] = ()
    checksum: str = ""
    materialized: str = ""
    # dbt compares the table with the declaration.
    has_contract: bool = False


NO_COLUMNS = Columns()


@dataclass(frozen=True, slots=True)
class Definition:
    """What the project says about a node: `path` is relative to its package, `depends_on` has unique ids.

    `attached_node` is the model that a generic test is about, `column` its column. `owner` is `config.meta.owner`, else
    the owner of the node's group.
    """

    package: str = ""
    path: str = ""
    depends_on: tuple[str, ...] = ()
    attached_node: str = ""
    column: str = ""
    description: str = ""
    owner: str = ""
    # Only when they were asked for.
    columns: Columns = NO_COLUMNS


@dataclass(frozen=True, slots=True)
class Exposure:
    """What uses the data of a project outside of dbt; `type` is dbt's word, such as `dashboard` or `ml`."""

    name: str
    type: str = ""
    url: str = ""
    owner: str = ""


@dataclass(frozen=True)
class Manifest:
    """The name of the root project, and its nodes and exposures by their unique id. `dbt_version` is exact: 1.11.2."""

    project: str = ""
    nodes: Mapping[str, Definition] = field(default_factory=dict)
    exposures: Mapping[str, Exposure] = field(default_factory=dict)
    dbt_version: str = ""

    def file(self, unique_id: str) -> str:
        """The node's file, relative to the root project; "" when it is not known, and for nodes of other packages."""
        found = self.nodes.get(unique_id)
        return found.path if found and found.package == self.project else ""

    def tested(self, unique_id: str) -> tuple[str, ...]:
        """The nodes that a test is about: the one that it is attached to, else all that it depends on."""
        found = self.nodes.get(unique_id)
        if found is None or unique_id.split(".", 1)[0] not in ("test", "unit_test"):
            return ()
        return (found.attached_node,) if found.attached_node else found.depends_on

    def only(self, unique_ids: Iterable[str]) -> Manifest:
        """The same without the nodes that are not among these, and without exposures: enough to show files."""
        wanted = {uid: self.nodes[uid] for uid in unique_ids if uid in self.nodes}
        return replace(self, nodes=wanted, exposures={})

    @cached_property
    def children(self) -> Mapping[str, tuple[str, ...]]:
        """The nodes and exposures that depend on a node directly."""
        found: dict[str, list[str]] = {}
        for unique_id, node in self.nodes.items():
            for parent in node.depends_on:
                found.setdefault(parent, []).append(unique_id)
        return {parent: tuple(children) for parent, children in found.items()}

    def descendants(self, unique_ids: Iterable[str]) -> Mapping[str, None]:
        """All that depends on these nodes, directly or not, without them, in the order of distance."""
        start = tuple(unique_ids)
        found, level = dict.fromkeys(start), start
        while level:
            level = tuple(
                dict.fromkeys(child for uid in level for child in self.children.get(uid, ()) if child not in found)
            )
            found.update(dict.fromkeys(level))
        return dict.fromkeys(uid for uid in found if uid not in start)


NO_MANIFEST = Manifest()


def read(chunks: Iterable[bytes], *, with_columns: bool = False) -> Manifest:
    """Read the pieces of a manifest.json, which is never in memory as a whole. `with_columns`: see `Columns`.

    What is missing or has another type is left empty. Raises ValueError when it is not JSON.
    """
    import ijson  # noqa: PLC0415 - takes time to import, and not every run needs it

    reader = _Reader(with_columns=with_columns)
    target = reader.events()
    next(target)
    try:
        parser = ijson.parse_coro(target)
        for chunk in chunks:
            parser.send(chunk)
        parser.close()
    except ijson.JSONError as error:
        message = f"not a manifest.json: {error}"
        raise ValueError(message) from None
    return reader.manifest()


class _Reader:
    """Collects the wanted values from the events of the parser."""

    def __init__(self, *, with_columns: bool) -> None:
        self._with_columns = with_columns
        self._metadata: _Values = {}
        # By section and unique id: the values of each field.
        self._found: dict[str, dict[str, _Values]] = {name: {} for name in (*_NODE_SECTIONS, _GROUPS)}
        self._columns: dict[str, _Values] = {}
        # Unique ids and the columns of tables occur many times: one copy is kept.
        self._copies: dict[Any, Any] = {}

    def _shared(self, value: _Shared) -> _Shared:
        found: _Shared = self._copies.setdefault(value, value)
        return found

    def events(self) -> Generator[None, tuple[str, str, Any], None]:
        """Take (position, event, value). A position is the keys above a value, joined by dots.

        Keys hold dots too, so only complete positions are compared: those of the node that is being read.
        """
        # By position: where the value goes, and its key there.
        metadata = {name: (self._metadata, name) for name in (_PROJECT, _VERSION)}
        wanted: dict[str, tuple[_Values, str]] = {**metadata}
        columns_at, columns = "", {}
        while True:
            prefix, event, value = yield
            if event == "map_key":
                if prefix in self._found:
                    root = f"{prefix}.{value}"
                    values = self._found[prefix][value] = {}
                    wanted = {f"{root}.{name}": (values, key) for name, key in _FIELDS.items()} | metadata
                    if self._with_columns and prefix == "nodes":
                        columns_at, columns = f"{root}.columns", self._columns.setdefault(value, {})
                elif prefix == columns_at:
                    columns[value] = []
                    wanted[f"{columns_at}.{value}.data_type"] = (columns, value)
            elif prefix in wanted and event in ("string", "boolean"):
                target, key = wanted[prefix]
                target.setdefault(key, []).append(value)

    def manifest(self) -> Manifest:
        """All of it."""
        groups = {_text(values, "name"): _owner(values) for values in self._found[_GROUPS].values()}
        nodes = {
            unique_id: self._definition(unique_id, values, groups)
            for section in _NODE_SECTIONS
            for unique_id, values in self._found[section].items()
        }
        exposures = {
            unique_id: Exposure(
                name=_text(values, "label") or _text(values, "name") or unique_id.split(".")[-1],
                type=_text(values, "type"),
                url=_text(values, "url"),
                owner=_owner(values),
            )
            for unique_id, values in self._found[_EXPOSURES].items()
        }
        return Manifest(_text(self._metadata, _PROJECT), nodes, exposures, _text(self._metadata, _VERSION))

    def _definition(self, unique_id: str, values: _Values, groups: Mapping[str, str]) -> Definition:
        return Definition(
            package=_text(values, "package"),
            path=_text(values, "path").replace("\\", "/").removeprefix("./"),
            depends_on=tuple(self._shared(item) for item in values.get("depends_on", ()) if isinstance(item, str)),
            attached_node=_text(values, "attached_node"),
            column=_text(values, "column"),
            description=_text(values, "description")[:_MAX_DESCRIPTION],
            owner=", ".join(item for item in values.get("owner", ()) if isinstance(item, str))
            or groups.get(_text(values, "group"), ""),
            columns=self._columns_of(unique_id, values) if self._with_columns else NO_COLUMNS,
        )

    def _columns_of(self, unique_id: str, values: _Values) -> Columns:
        found = self._columns.get(unique_id, {})
        types = tuple((self._shared(name), self._shared(_text(found, name))) for name in found)
        return Columns(
            types=self._shared(types),
            checksum=_text(values, "checksum"),
            materialized=_text(values, "materialized"),
            has_contract=True in values.get("contract", ()),
        )


def _text(values: _Values, name: str) -> str:
    return next((value for value in values.get(name, ()) if isinstance(value, str)), "")


def _owner(values: _Values) -> str:
    return _text(values, "owner_name") or ", ".join(
        item for item in values.get("owner_email", ()) if isinstance(item, str)
    )
