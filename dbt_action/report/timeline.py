"""The nodes of a run over time as a Mermaid gantt chart, small enough to be read. Pure."""

from __future__ import annotations

import math
import re
from collections import defaultdict

from dbt_action.results.run_results import Node, NodeStatus, Results
from dbt_action.text import cut

# More bars cannot be read, and Mermaid refuses a text of 50,000 characters.
MAX_BARS = 60
MAX_THREADS = 12
_MAX_NAME = 48
_TAGS = {NodeStatus.FAILED: "crit, ", NodeStatus.WARNED: "active, ", NodeStatus.PASSED: "done, "}
# The colours that GitHub gives to bars with the first two tags.
_COLOURS = {NodeStatus.FAILED: "red: failed", NodeStatus.WARNED: "blue: warned"}
# (seconds that the chart must be shorter than, format of the times on its axis)
_AXES = ((10.0, "%S.%L s"), (3600.0, "%M:%S"), (math.inf, "%H:%M:%S"))


def gantt(results: Results) -> str:
    """The chart of the longest nodes, by thread; "" when fewer than two nodes have times.

    Times are counted from the start of the first node, so that they read the same in every time zone.
    """
    bars = _bars(results)
    if len(bars) < 2:  # noqa: PLR2004 - a chart of one bar says nothing
        return ""
    zero = min(_started_at(node) for node in _timed(results))
    span = max((node.completed_at or 0.0) - zero for node in bars)
    axis = next(axis for limit, axis in _AXES if span < limit)
    lines = ["gantt", "    dateFormat HH:mm:ss.SSS", f"    axisFormat {axis}"]
    for thread in sorted({node.thread for node in bars}, key=_number):
        lines.append(f"    section {_plain(thread).removesuffix(' worker') or 'Thread'}")
        lines += [_bar(node, zero, span) for node in bars if node.thread == thread]
    return "\n".join(lines)


def shown(results: Results) -> str:
    """Which nodes `gantt` shows, as a title: `27 nodes (red: failed)`."""
    bars, nodes = _bars(results), len(_timed(results))
    title = f"{len(bars)} of {nodes:,} nodes: what failed, and the longest" if len(bars) < nodes else f"{nodes} nodes"
    colours = [colour for status, colour in _COLOURS.items() if any(node.status is status for node in bars)]
    return f"{title} ({', '.join(colours)})" if colours else title


def _timed(results: Results) -> list[Node]:
    return [node for node in results.nodes if node.started_at is not None and node.completed_at is not None]


def _bars(results: Results) -> list[Node]:
    """The longest nodes of the busiest threads, in the order in which they started."""
    busy: dict[str, float] = defaultdict(float)
    for node in _timed(results):
        busy[node.thread] += node.seconds
    threads = sorted(busy, key=lambda thread: -busy[thread])[:MAX_THREADS]
    nodes = sorted((node for node in _timed(results) if node.thread in threads), key=lambda node: -node.seconds)
    # Readers look for the nodes that failed, however short these were.
    failed = [node for node in nodes if node.status is NodeStatus.FAILED][: MAX_BARS // 2]
    others = [node for node in nodes if node not in failed]
    return sorted([*failed, *others[: MAX_BARS - len(failed)]], key=_started_at)


def _bar(node: Node, zero: float, span: float) -> str:
    start = _started_at(node) - zero
    # A bar without a length would not be drawn. That of a failed node gets one that can be seen.
    shortest = span / 200 if node.status is NodeStatus.FAILED else 0.001
    end = max((node.completed_at or 0.0) - zero, start + shortest)
    # The kind also keeps a node called `section` or `title` from being read as a command of Mermaid.
    label = cut(f"{_plain(node.kind)} {_plain(node.name)}", _MAX_NAME)
    return f"    {label} : {_TAGS.get(node.status, '')}{_clock(start)}, {_clock(end)}"


def _started_at(node: Node) -> float:
    return node.started_at or 0.0


def _number(thread: str) -> tuple[int, str]:
    match = re.search(r"\d+", thread)
    return int(match[0][:9]) if match else 0, thread


def _plain(name: str) -> str:
    """`name` without characters that mean something to Mermaid: colons, commas, semicolons, hashes and the like."""
    return re.sub(r"[^\w.\- ]", "", name).strip() or "node"


def _clock(seconds: float) -> str:
    milliseconds = min(round(seconds * 1000), 24 * 3600 * 1000 - 1)
    hours, rest = divmod(milliseconds, 3600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"
