"""Selects the nodes that get an annotation, and the file that each is about. Pure; `ci` and `hosts` post them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dbt_action.results.manifest import Manifest
from dbt_action.results.run_results import Node, NodeStatus, Results

# Other nodes are built on these, so their failures come first.
_FIRST = ("model", "seed", "snapshot", "function")


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A node's result as a message on its file; `file` is a path in the repository, "" when it is not known."""

    failed: bool
    title: str
    message: str
    file: str


@dataclass(frozen=True, slots=True)
class Selection:
    """The annotations to show, and the number of failed and warned nodes without one."""

    shown: tuple[Annotation, ...]
    hidden_count: int


def pick(results: Results, manifest: Manifest, folder: str, *, most: int) -> Selection:
    """Select the failed nodes of the root project and then the warned ones, at most `most` of each.

    `folder` is the dbt project's folder in the repository. Nodes of other packages are left out, because their files
    are not in the repository. Without a manifest the root project is not known, and all nodes are candidates.
    """
    shown: list[Annotation] = []
    hidden_count = 0
    for status in (NodeStatus.FAILED, NodeStatus.WARNED):
        nodes = [node for node in results.of(status) if not manifest.project or node.package == manifest.project]
        shown += [_annotation(node, manifest, folder) for node in useful_first(nodes)[:most]]
        hidden_count += len(nodes[most:])
    return Selection(tuple(shown), hidden_count)


def useful_first(nodes: Iterable[Node]) -> list[Node]:
    """The nodes on which others are built, then the others, each group in dbt's order."""
    return sorted(nodes, key=lambda node: node.kind not in _FIRST)


def path(manifest: Manifest, folder: str, unique_id: str) -> str:
    """The node's file in the repository; "" when it is not known or not in the repository."""
    file = manifest.file(unique_id)
    return f"{folder}/{file}" if file and folder else file


def _annotation(node: Node, manifest: Manifest, folder: str) -> Annotation:
    return Annotation(
        failed=node.status is NodeStatus.FAILED,
        title=f"{node.name} ({node.kind})",
        message=node.message or node.dbt_status,
        file=path(manifest, folder, node.unique_id),
    )
