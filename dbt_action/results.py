"""run_results.json of a run's steps becomes Results: nodes and counts; fetching it is `app`'s work."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from dbt_action.text import plain


class Verdict(Enum):
    """What a node's status word amounts to."""

    PASSED = "passed"
    FAILED = "failed"
    WARNED = "warned"
    SKIPPED = "skipped"
    OTHER = "other"


# The status words of dbt Core 1.8 to 1.13 and of Fusion (source: their run-results writers).
_VERDICTS = {
    "success": Verdict.PASSED,
    "pass": Verdict.PASSED,
    "error": Verdict.FAILED,
    "fail": Verdict.FAILED,
    "runtime error": Verdict.FAILED,
    "partial success": Verdict.FAILED,
    "warn": Verdict.WARNED,
    "skipped": Verdict.SKIPPED,
    "no-op": Verdict.SKIPPED,
    "reused": Verdict.SKIPPED,
}
# Worth telling first when there is no room for everything.
_ORDER = tuple(Verdict[name] for name in ("PASSED", "FAILED", "WARNED", "SKIPPED", "OTHER"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node's result; `message` is dbt's own, several lines at times."""

    unique_id: str
    status: str
    verdict: Verdict
    message: str

    @property
    def name(self) -> str:
        """The node's name without project and hash: `orders` of `model.shop.orders`."""
        parts = self.unique_id.split(".")
        return parts[2] if len(parts) > 2 else self.unique_id  # noqa: PLR2004 - kind, package, name

    @property
    def kind(self) -> str:
        """`model`, `test`, `seed` and so on."""
        return self.unique_id.split(".", 1)[0]


@dataclass(frozen=True, slots=True)
class Results:
    """The nodes of a run, each with its last result."""

    nodes: tuple[Node, ...] = ()

    @property
    def failed(self) -> tuple[Node, ...]:
        """Nodes that failed, in dbt's order."""
        return tuple(node for node in self.nodes if node.verdict is Verdict.FAILED)

    def in_words(self) -> str:
        """`24 passed, 1 failed`; "" when nothing is known."""
        counts = Counter(node.verdict for node in self.nodes)
        return ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in _ORDER if counts[verdict])


NO_RESULTS = Results()


def parse(documents: Iterable[bytes]) -> Results:
    """Results from the run_results.json of steps, in the order of the steps; what cannot be read is left out.

    A node that two steps ran counts once, as it ended.
    """
    merged: dict[str, Node] = {}
    for document in documents:
        for item in _results(document):
            node = _node(item)
            if node.unique_id:
                merged.pop(node.unique_id, None)
                merged[node.unique_id] = node
    return Results(tuple(merged.values()))


def _results(document: bytes) -> list[Mapping[str, Any]]:
    try:
        parsed = json.loads(document)
    except (ValueError, RecursionError):
        return []
    results = parsed.get("results") if isinstance(parsed, Mapping) else None
    return [item for item in results if isinstance(item, Mapping)] if isinstance(results, list) else []


def _node(item: Mapping[str, Any]) -> Node:
    status, message, unique_id = (
        value if isinstance(value := item.get(name), str) else "" for name in ("status", "message", "unique_id")
    )
    return Node(
        unique_id=unique_id,
        status=status,
        verdict=_VERDICTS.get(status.lower(), Verdict.OTHER),
        message=plain(message).strip(),
    )
