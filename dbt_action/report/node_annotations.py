"""Which nodes are worth an annotation, on which file; the CI's commands for them are in `ci`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dbt_action.results.manifest import Manifest
from dbt_action.results.run_results import Node, NodeStatus, Results

# What breaks others comes first.
_FIRST = ("model", "seed", "snapshot", "function")


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A node's result on its file; `file` is a path in the repository, "" when it is not known."""

    failed: bool
    title: str
    message: str
    file: str


@dataclass(frozen=True, slots=True)
class Picked:
    """The annotations for which there is room, and how many more there are."""

    told: tuple[Annotation, ...]
    pending_status: int


def pick(results: Results, manifest: Manifest, folder: str, *, most: int) -> Picked:
    """The failed and warned nodes of the root project, the most useful first.

    `folder` is the dbt project's folder in the repository, `most` how many there may be of each sort. Without a
    manifest nobody knows which project a node is of, and all are taken.
    """
    told: list[Annotation] = []
    pending_status = 0
    for verdict in (NodeStatus.FAILED, NodeStatus.WARNED):
        nodes = [node for node in results.of(verdict) if not manifest.project or node.package == manifest.project]
        told += [_annotation(node, manifest, folder) for node in useful_first(nodes)[:most]]
        pending_status += len(nodes[most:])
    return Picked(tuple(told), pending_status)


def useful_first(nodes: Iterable[Node]) -> list[Node]:
    """What others are built on first, else in dbt's order."""
    return sorted(nodes, key=lambda node: node.kind not in _FIRST)


def path(manifest: Manifest, folder: str, unique_id: str) -> str:
    """The node's file in the repository, "" when it is not known or not there."""
    file = manifest.file(unique_id)
    return f"{folder}/{file}" if file and folder else file


def _annotation(node: Node, manifest: Manifest, folder: str) -> Annotation:
    return Annotation(
        failed=node.status is NodeStatus.FAILED,
        title=f"{node.name} ({node.kind})",
        message=node.message or node.dbt_status,
        file=path(manifest, folder, node.unique_id),
    )
