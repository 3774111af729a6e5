"""dbt's run_results.json becomes Results: nodes, verdicts, counts; fetching it is `collect`'s work."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from dbt_action.text import cut, plain

# Nobody reads more of these, and a project may have thousands of failed nodes.
MAX_MESSAGE = 4_000
MAX_SQL = 8_000
# Beyond it a number is no count and no time.
_LARGEST = 10**15
# A generic test's unique_id ends in a hash of its arguments.
_TEST_HASH = re.compile(r"\.[0-9a-f]{10}$")


class NodeStatus(Enum):
    """What a node's status word amounts to, the one worth telling first at the top."""

    FAILED = "failed"
    WARNED = "warned"
    PASSED = "passed"
    SKIPPED = "skipped"
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
    "reused": NodeStatus.SKIPPED,
}
# For people the good news comes first; what is most of it frames the rest.
ORDER = (NodeStatus.PASSED, NodeStatus.FAILED, NodeStatus.WARNED, NodeStatus.SKIPPED, NodeStatus.OTHER)
# Each has an output of its own.
COUNTED = ORDER[:-1]
# Of these the compiled SQL is worth the memory.
_WITH_SQL = frozenset({NodeStatus.FAILED, NodeStatus.WARNED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node's result. `seconds` is its execution time, `began` and `ended` are Unix times where known.

    `message` is dbt's own, several lines at times; `sql` is kept for failed and warned nodes only.
    """

    unique_id: str
    # The word in run_results.json.
    dbt_status: str
    status: NodeStatus
    message: str = ""
    failures: int | None = None
    seconds: float = 0.0
    began: float | None = None
    ended: float | None = None
    thread: str = ""
    step: int = 0
    sql: str = ""

    @property
    def name(self) -> str:
        """The node's name without package and hash: `orders` of `model.shop.orders`."""
        parts = _TEST_HASH.sub("", self.unique_id).split(".", 2)
        return parts[-1]

    @property
    def kind(self) -> str:
        """`model`, `test`, `seed` and so on."""
        return self.unique_id.split(".", 1)[0].replace("_", " ")

    @property
    def package(self) -> str:
        """The package that the node is of."""
        parts = self.unique_id.split(".", 2)
        return parts[1] if len(parts) > 1 else ""


@dataclass(frozen=True, slots=True)
class Results:
    """The nodes of a run in dbt's order, each with its last result."""

    nodes: tuple[Node, ...] = ()

    def of(self, verdict: NodeStatus) -> tuple[Node, ...]:
        """The nodes with this verdict."""
        return tuple(node for node in self.nodes if node.status is verdict)

    @property
    def counts(self) -> Mapping[NodeStatus, int]:
        """How many nodes there are of each verdict."""
        return Counter(node.status for node in self.nodes)

    def in_words(self) -> str:
        """`24 passed, 1 failed`; "" when nothing is known."""
        counts = self.counts
        return ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in ORDER if counts[verdict])


NO_RESULTS = Results()


def read(chunks: Iterable[bytes], *, step: int) -> tuple[Node, ...]:
    """The nodes in a run_results.json that comes in pieces; `step` is the index of the step that wrote it.

    What is missing or of a wrong type is left out. Raises ValueError when it is not JSON.
    """
    import ijson  # noqa: PLC0415 - start-up does not pay for it

    found: list[Node] = []

    def collect() -> Generator[None, Any, None]:
        while True:
            item = yield
            if isinstance(item, Mapping) and isinstance(item.get("unique_id"), str):
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
    """The results of several steps in their order; a node that two steps ran counts once, as it ended."""
    merged: dict[str, Node] = {}
    for nodes in steps:
        for node in nodes:
            # A retry repeats what it skipped before; the place in the order is that of the last result.
            merged.pop(node.unique_id, None)
            merged[node.unique_id] = node
    return Results(tuple(merged.values()))


def _node(item: Mapping[str, Any], step: int) -> Node:
    dbt_status = _text(item, "status")
    status = _NODE_STATUSES.get(dbt_status.lower(), NodeStatus.OTHER)
    began, ended = _executed(item)
    return Node(
        unique_id=item["unique_id"],
        dbt_status=dbt_status,
        status=status,
        message=cut(plain(_text(item, "message")).strip(), MAX_MESSAGE),
        failures=_number(item, "failures", int),
        seconds=max(0.0, _number(item, "execution_time", float) or 0.0),
        began=began,
        ended=ended,
        thread=_text(item, "thread_id"),
        step=step,
        sql=cut(plain(_text(item, "compiled_code")).strip(), MAX_SQL) if status in _WITH_SQL else "",
    )


def _executed(item: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """When the node began and ended, over all its timings: Fusion writes the same for each."""
    timings = item.get("timing")
    spans = [timing for timing in timings if isinstance(timing, Mapping)] if isinstance(timings, list) else []
    began = [moment for span in spans if (moment := _moment(_text(span, "started_at"))) is not None]
    ended = [moment for span in spans if (moment := _moment(_text(span, "completed_at"))) is not None]
    return (min(began), max(ended)) if began and ended else (None, None)


def _moment(timestamp: str) -> float | None:
    """Unix time; Python 3.10 reads neither `Z` nor a fraction of any length but three or six."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?", timestamp)
    if not match:
        return None
    try:
        whole = datetime.fromisoformat(match[1] + (match[3] or "Z").replace("Z", "+00:00"))
    except ValueError:
        return None
    return whole.timestamp() + float(f"0.{match[2] or 0}")


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
