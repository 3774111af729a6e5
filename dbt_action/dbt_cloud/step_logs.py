"""The logs of a run's steps: what is new in them, how far they say dbt is, what of them is shown at the end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dbt_action.dbt_cloud.runs import Run, RunStatus, RunStep
from dbt_action.text import plain

# GitHub shows the last few thousand lines of a step's log.
MAX_LINES = 2_000
_TAIL_LINES = 10
# As much of a log's end is as good as unique.
_REMEMBERED = 500
# `12 of 27 OK created sql view model …`, of dbt Core; a line with START tells of a beginning, not of an end, and a
# batch of a node (`Batch 2 of 3 OK …`) is no node.
_NODE_LINE = re.compile(r"^(?:\d\d:\d\d:\d\d\s+)?(\d{1,7}) of (\d{1,7}) (?!START\b)[A-Z][A-Z-]*\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A part of a step's log and what it is."""

    title: str
    body: str
    # The step is still running: more may follow.
    more_follows: bool = False


def nodes_done(step: RunStep) -> str:
    """How far dbt is, as its log tells: `41 of 120 nodes`, or ""."""
    ended = _NODE_LINE.findall(plain(step.logs))
    if not ended:
        return ""
    total = int(ended[-1][1])
    return f"{min(len({number for number, _ in ended}), total)} of {total} nodes"


class Follower:
    """Remembers how much of each step's log has been seen."""

    def __init__(self) -> None:
        """Nothing has been seen."""
        # How much of each step's log has been seen, and the end of that.
        self._seen: dict[int, tuple[int, str]] = {}

    def news(self, run: Run) -> Iterator[Excerpt]:
        """The whole lines that each step's log has got since the last call."""
        for step in run.steps:
            running = step.status in (RunStatus.STARTING, RunStatus.RUNNING) and not run.final
            end = step.logs.rfind("\n") + 1 if running else len(step.logs)
            start = _after(step.logs[:end], *self._seen.get(step.index, (0, "")))
            if end > start:
                self._seen[step.index] = end, step.logs[max(0, end - _REMEMBERED) : end]
                yield Excerpt(f"Step {step.index}: {step.name}", step.logs[start:end].strip("\n"), more_follows=running)


def _after(log: str, position: int, seen: str) -> int:
    """Where the news begin in `log`, of which `seen` once ended at `position`.

    dbt Cloud may send the end of a long log only, a window that moves; then the position tells nothing.
    """
    if position <= len(log) and log[:position].endswith(seen):
        return position
    found = log.rfind(seen)
    if found >= 0:
        return found + len(seen)
    return len(log) if seen.endswith(log) else 0


def at_the_end(run: Run) -> Iterator[Excerpt]:
    """After a failure: the logs of failed steps, and the tails of the others."""
    for step in run.steps:
        failed = step.status == RunStatus.ERROR
        lines = [line for line in plain(step.logs).split("\n") if line.strip()]
        shown = lines[-(MAX_LINES if failed else _TAIL_LINES) :]
        if shown:
            part = f" (the last {len(shown)} of {len(lines)} lines)" if len(shown) < len(lines) else ""
            yield Excerpt(f"Log of step {step.index}: {step.name}{part}", "\n".join(shown))
