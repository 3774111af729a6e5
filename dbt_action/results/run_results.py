"""Reads dbt's run_results.json into Results: the nodes of a run with their status, message and times. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

from dbt_action.text import cut, plain, unix_time

# Characters of a message and of SQL that are remembered: more is not read, and thousands of nodes may fail.
MAX_MESSAGE = 4_000
MAX_SQL = 8_000
MAX_RELATION = 300
# A larger number is neither a count nor a time.
_LARGEST = 10**15
# A generic test's unique_id ends in a hash of its arguments.
_TEST_HASH = re.compile(r"\.[0-9a-f]{10}$")


class NodeStatus(Enum):
    """The status of a node, in six groups; the most urgent first."""

    FAILED = "failed"
    WARNED = "warned"
    PASSED = "passed"
    SKIPPED = "skipped"
    # State-aware runs build only what has changed; dbt took this node as it was.
    REUSED = "reused"
    OTHER = "other"


# The status words of dbt Core 1.8 to 1.13 and of Fusion (source: their writers of run results).
_NODE_STATUSES = {
    "success": NodeStatus.PASSED,
    "pass": NodeStatus.PASSED,
    "error": NodeStatus.FAILED,
    "fail": NodeStatus.FAILED,
    "runtime error": NodeStatus.FAILED,
    "partial success": NodeStatus.FAILED,
    "warn": NodeStatus.WARNED,
    "skipped": NodeStatus.SKIPPED,
    "no-op": NodeStatus.SKIPPED,
    "reused": NodeStatus.REUSED,
}
# The order in which counts are shown.
ORDER = (
    NodeStatus.PASSED,
    NodeStatus.FAILED,
    NodeStatus.WARNED,
    NodeStatus.SKIPPED,
    NodeStatus.REUSED,
    NodeStatus.OTHER,
)
# Each has an output of its own.
COUNTED = ORDER[:-1]
# Nodes whose compiled SQL is kept; for all nodes of a large project it would take too much memory.
_WITH_SQL = frozenset({NodeStatus.FAILED, NodeStatus.WARNED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node's result. `seconds` is its execution time; `started_at` and `completed_at` are Unix times.

    `message` is dbt's message, which may have several lines. `sql` is the compiled SQL of a failed or warned node.
    `step` is the index of the step that ran the node.
    """

    unique_id: str
    # The status as dbt wrote it.
    dbt_status: str
    status: NodeStatus
    message: str = ""
    failures: int | None = None
    seconds: float = 0.0
    started_at: float | None = None
    completed_at: float | None = None
    thread: str = ""
    step: int = 0
    sql: str = ""
    # The table or view in the warehouse, as dbt wrote it: `"warehouse"."schema"."orders"`; "" for tests.
    relation: str = ""

    @property
    def name(self) -> str:
        """The unique id without type, package and hash: `orders` of `model.shop.orders`."""
        parts = _TEST_HASH.sub("", self.unique_id).split(".", 2)
        return parts[-1]

    @property
    def kind(self) -> str:
        """`model`, `test`, `seed` and so on."""
        return self.unique_id.split(".", 1)[0].replace("_", " ")

    @property
    def package(self) -> str:
        """The dbt package that defines the node."""
        parts = self.unique_id.split(".", 2)
        return parts[1] if len(parts) > 1 else ""


@dataclass(frozen=True, slots=True)
class Results:
    """The nodes of a run in the order in which dbt wrote them, each with its last result."""

    nodes: tuple[Node, ...] = ()

    def of(self, status: NodeStatus) -> tuple[Node, ...]:
        """The nodes with this status."""
        return tuple(node for node in self.nodes if node.status is status)

    @property
    def counts(self) -> Mapping[NodeStatus, int]:
        """The number of nodes by status."""
        return Counter(node.status for node in self.nodes)

    def in_words(self) -> str:
        """The counts as `24 passed, 1 failed`; "" when there are no nodes."""
        counts = self.counts
        return ", ".join(f"{counts[status]} {status.value}" for status in ORDER if counts[status])


NO_RESULTS = Results()


def read(chunks: Iterable[bytes], *, step: int) -> tuple[Node, ...]:
    """Read the nodes from the pieces of a run_results.json; `step` is the index of the step that wrote it.

    Exposures are left out. A field that is missing or of a wrong type is left empty. Raises ValueError when it is not
    JSON.
    """
    import ijson  # noqa: PLC0415 - takes time to import, and not every run needs it

    found: list[Node] = []

    def collect() -> Generator[None, Any, None]:
        while True:
            item = yield
            unique_id = item.get("unique_id") if isinstance(item, Mapping) else None
            # dbt does nothing with an exposure, and says so in an entry of its own (`no-op` or `skipped`).
            if isinstance(unique_id, str) and not unique_id.startswith("exposure."):
                found.append(_node(item, step))

    target = collect()
    next(target)
    try:
        parser = ijson.items_coro(target, "results.item")
        for chunk in chunks:
            parser.send(chunk)
        parser.close()
    except ijson.JSONError as error:
        message = f"not a run_results.json: {error}"
        raise ValueError(message) from None
    return tuple(found)


def merge(steps: Iterable[tuple[Node, ...]]) -> Results:
    """Combine the results of several steps in their order; a node that ran in two steps counts once, with the last."""
    merged: dict[str, Node] = {}
    for nodes in steps:
        for node in nodes:
            # Removed first, so that the node's position in the order is that of its last result.
            merged.pop(node.unique_id, None)
            merged[node.unique_id] = node
    return Results(tuple(merged.values()))


def _node(item: Mapping[str, Any], step: int) -> Node:
    dbt_status = _text(item, "status")
    status = _NODE_STATUSES.get(dbt_status.lower(), NodeStatus.OTHER)
    started_at, completed_at = _times(item)
    return Node(
        unique_id=item["unique_id"],
        dbt_status=dbt_status,
        status=status,
        message=cut(plain(_text(item, "message")).strip(), MAX_MESSAGE),
        failures=_number(item, "failures", int),
        seconds=max(0.0, _number(item, "execution_time", float) or 0.0),
        started_at=started_at,
        completed_at=completed_at,
        thread=_text(item, "thread_id"),
        step=step,
        relation=cut(plain(_text(item, "relation_name")), MAX_RELATION),
        sql=cut(plain(_text(item, "compiled_code")).strip(), MAX_SQL) if status in _WITH_SQL else "",
    )


def _times(item: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """When the node started and completed, over all its timings (compile, execute); (None, None) if not known."""
    timings = item.get("timing")
    spans = [timing for timing in timings if isinstance(timing, Mapping)] if isinstance(timings, list) else []
    started = [time for span in spans if (time := unix_time(_text(span, "started_at"))) is not None]
    completed = [time for span in spans if (time := unix_time(_text(span, "completed_at"))) is not None]
    return (min(started), max(completed)) if started and completed else (None, None)


def _text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    return value if isinstance(value, str) else ""


def _number(item: Mapping[str, Any], name: str, kind: type[Any]) -> Any:  # noqa: ANN401 - of `kind`
    value = item.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if not -_LARGEST < value < _LARGEST:
        return None
    return kind(value)
