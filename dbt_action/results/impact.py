"""What broke first, and what it takes with it: nodes that were not built, and dashboards and other exposures. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dbt_action.results.manifest import NO_MANIFEST, Exposure, Manifest
from dbt_action.results.run_results import Node, NodeStatus, Results

# Nodes that dbt skips because of a failed one. Newer versions of dbt report every exposure as skipped.
BUILT_KINDS = ("model", "seed", "snapshot", "function", "test", "unit test")
TEST_KINDS = ("test", "unit test")
# dbt's first line of an error, which names the node; and what follows the message itself.
_ABOUT_NODE = re.compile(r"\A[\w ]+ Error in [\w ]+ .*\n\s*")
_COMPILED_AT = re.compile(r"\n\s*compiled code at .*\Z", re.DOTALL | re.IGNORECASE)
_POSITION = re.compile(r"\bLINE \d+:.*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Failed nodes with no failed node before them, and what was not built because of them.

    Several nodes are one cause when dbt's message about them is the same. `exposures` are those downstream.
    """

    nodes: tuple[Node, ...]
    # dbt's message without the node's name.
    message: str
    not_built: tuple[Node, ...] = ()
    exposures: tuple[Exposure, ...] = ()
    # Of the failed nodes, or of the models that failed tests are about: "" when nobody is named.
    owner: str = ""
    # What failed tests are about: the unique ids of their models, and the columns.
    tested: tuple[str, ...] = ()
    column: str = ""
    # dbt's description of a failed test, or of a model.
    description: str = ""

    @property
    def is_test(self) -> bool:
        """Whether data or code was found to be wrong, and not: could not be built."""
        return self.nodes[0].kind in TEST_KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """The causes, those that take the most with them first, and everything that they take with them."""

    causes: tuple[Cause, ...] = ()
    # Failed nodes that have a failed node before them.
    consequences: tuple[Node, ...] = ()
    not_built: tuple[Node, ...] = ()
    # By unique id.
    exposures: Mapping[str, Exposure] = field(default_factory=dict)
    # Dependencies between the nodes above, without tests that were skipped: unique ids of (parent, child).
    edges: tuple[tuple[str, str], ...] = ()


NO_IMPACT = Impact()


def of(results: Results, manifest: Manifest = NO_MANIFEST) -> Impact:
    """The impact of the failed nodes. Without a manifest each failed node is a cause, and no exposures are known."""
    failed = {node.unique_id: node for node in results.of(NodeStatus.FAILED)}
    if not failed:
        return NO_IMPACT
    below = _Below(manifest)
    blocked = below.all_of(failed)
    roots = [node for uid, node in failed.items() if uid not in blocked]
    # Two failed nodes that depend on each other cannot be; should a manifest say so, all are causes.
    roots = roots or list(failed.values())
    skipped = {
        node.unique_id: node
        for node in sorted(results.of(NodeStatus.SKIPPED), key=_kind_order)
        if node.dbt_status.lower() == "skipped" and node.kind in BUILT_KINDS
    }
    causes = [_cause(group, below, skipped, manifest) for group in _grouped(roots)]
    causes.sort(key=lambda cause: (-len(cause.not_built), -len(cause.exposures), cause.is_test))
    root_ids = {node.unique_id for node in roots}
    exposures = {uid: manifest.exposures[uid] for uid in blocked if uid in manifest.exposures}
    return Impact(
        causes=tuple(causes),
        consequences=tuple(node for uid, node in failed.items() if uid not in root_ids),
        not_built=tuple(skipped.values()),
        exposures=exposures,
        edges=_edges(failed, [uid for uid, node in skipped.items() if node.kind not in TEST_KINDS], exposures, below),
    )


def _kind_order(node: Node) -> int:
    """Models before tests."""
    return BUILT_KINDS.index(node.kind) if node.kind in BUILT_KINDS else len(BUILT_KINDS)


def core_message(message: str) -> str:
    """dbt's message without the line that names the node, and without where the compiled code is."""
    return _COMPILED_AT.sub("", _ABOUT_NODE.sub("", message)).strip()


class _Below:
    """What a failed node keeps from being built, by the dependencies in the manifest."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        # Many tests may be about one model.
        self._known: dict[tuple[str, ...], Mapping[str, None]] = {}

    def first(self, unique_id: str) -> tuple[str, ...]:
        """Those that depend on the node directly.

        Of a failed test they are what is built on its model, without the other tests of it; of a unit test, which runs
        before its model, they are that model.
        """
        tested, kind = self._manifest.tested(unique_id), unique_id.split(".", 1)[0]
        if kind == "unit_test":
            return tested
        children = self._manifest.children
        if not tested:
            return children.get(unique_id, ())
        built_on = dict.fromkeys(child for uid in tested for child in children.get(uid, ()))
        return tuple(uid for uid in built_on if uid.split(".", 1)[0] not in ("test", "unit_test"))

    def all_of(self, unique_ids: Iterable[str]) -> Mapping[str, None]:
        """Everything that depends on one of the nodes, directly or not."""
        start = tuple(dict.fromkeys(child for uid in unique_ids for child in self.first(uid)))
        if start not in self._known:
            self._known[start] = {**dict.fromkeys(start), **self._manifest.descendants(start)}
        return self._known[start]


def _grouped(nodes: Iterable[Node]) -> list[tuple[Node, ...]]:
    """Groups of nodes with the same message; each test that found rows is a group, for "Got 1 result" says little."""
    groups: dict[tuple[str, str], list[Node]] = {}
    for node in nodes:
        message = _POSITION.sub("", core_message(node.message))
        alone = not message or (node.kind in TEST_KINDS and node.dbt_status.lower() == "fail")
        groups.setdefault((node.kind, node.unique_id if alone else message), []).append(node)
    return [tuple(group) for group in groups.values()]


def _cause(nodes: tuple[Node, ...], below: _Below, skipped: Mapping[str, Node], manifest: Manifest) -> Cause:
    reached = below.all_of(node.unique_id for node in nodes)
    first = nodes[0].unique_id
    tested = dict.fromkeys(uid for node in nodes for uid in manifest.tested(node.unique_id))
    definition = manifest.nodes.get(first)
    owners = dict.fromkeys(
        known.owner for uid in (*(node.unique_id for node in nodes), *tested) if (known := manifest.nodes.get(uid))
    )
    return Cause(
        nodes=nodes,
        message=core_message(nodes[0].message) or nodes[0].dbt_status,
        not_built=tuple(skipped[uid] for uid in reached if uid in skipped),
        exposures=tuple(manifest.exposures[uid] for uid in reached if uid in manifest.exposures),
        owner=", ".join(owner for owner in owners if owner),
        tested=tuple(tested),
        column=definition.column if definition else "",
        description=definition.description if definition else "",
    )


def _edges(
    failed: Iterable[str], skipped: Iterable[str], exposures: Iterable[str], below: _Below
) -> tuple[tuple[str, str], ...]:
    """The dependencies among these nodes; a failed test stands between its model and what was not built."""
    shown = {*failed, *skipped, *exposures}
    return tuple(sorted((uid, child) for uid in shown for child in below.first(uid) if child in shown))
