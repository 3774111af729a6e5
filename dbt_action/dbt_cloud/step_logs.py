"""The logs of a run's steps: which lines are new, how many nodes are done, what is shown after a failure. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dbt_action.dbt_cloud.runs import Run, RunStatus, RunStep
from dbt_action.text import plain, plural

# GitHub shows the last few thousand lines of a step's log.
MAX_LINES = 2_000
_TAIL_LINES = 10
# Characters of the end of a log by which its position is found again; shorter ends repeat too often.
_REMEMBERED = 500
# dbt Core's line for a node that is done: `12 of 27 OK created sql view model …`. A line with START announces a node,
# and a line of a batch (`Batch 2 of 3 OK …`) is about a part of one.
# Hooks are counted apart (`1 of 2 OK hook: …`).
_TIME = r"^(?:\d\d:\d\d:\d\d\s+)?"
_NODE_LINE = re.compile(_TIME + r"(\d{1,7}) of (\d{1,7}) (?!START\b)([A-Z][A-Z-]*)\b(?! hook:).*$", re.MULTILINE)
# Fusion's: `Succeeded [  0.98s] model schema.orders (table)` (documented), without a number.
_FUSION_LINE = re.compile(
    _TIME + r"\s*(Succeeded|Passed|Failed|Warned|Skipped|Reused) \[[^\]]{0,20}\] (?!operation\b).*$", re.MULTILINE
)
_FAILED_WORDS = frozenset({"ERROR", "FAIL", "PARTIAL", "Failed"})
# The last line of dbt Core's log of a command that ran nodes, and Fusion's.
_LAST_LINE = re.compile(r"^(?:\d\d:\d\d:\d\d\s+)?(Done\. PASS=.*|Summary: \d+ total.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines of a step's log under a title."""

    title: str
    body: str
    # The step is still running, so more lines may follow.
    more_follows: bool = False


def nodes_done(step: RunStep) -> str:
    """How many nodes are done, by the step's log: `41 of 120 nodes`, `41 nodes`; "" when the log has no such line.

    dbt Cloud sends only the newest lines of a long log, so the highest number that is there counts.
    """
    log = plain(step.logs)
    done = _NODE_LINE.findall(log)
    if done:
        total = int(done[-1][1])
        return f"{min(max(int(number) for number, *_ in done), total)} of {plural(total, 'node')}"
    count = len(_FUSION_LINE.findall(log))
    return plural(count, "node") if count else ""


def failed_nodes(step: RunStep) -> tuple[str, ...]:
    """dbt's lines about nodes that failed, without colours and times of day."""
    log = plain(step.logs)
    found = [(line, line[3]) for line in _NODE_LINE.finditer(log)]
    found += [(line, line[1]) for line in _FUSION_LINE.finditer(log)]
    return tuple(re.sub(_TIME, "", line[0]).strip() for line, word in found if word in _FAILED_WORDS)


def last_line(run: Run) -> str:
    """dbt's own last line of the newest step that ran nodes: `Done. PASS=24 WARN=0 ERROR=1 …`; "" without one."""
    for step in reversed(run.steps):
        if found := _LAST_LINE.findall(plain(step.logs)):
            return str(found[-1])
    return ""


class LogFollower:
    """Remembers how much of each step's log has been returned."""

    def __init__(self) -> None:
        """Start with nothing returned."""
        # By step: how much of its log has been returned, and the last characters of that part.
        self._returned: dict[int, tuple[int, str]] = {}

    def new_lines(self, run: Run) -> Iterator[Excerpt]:
        """The complete lines that each step's log has gained since the last call."""
        for step in run.steps:
            running = step.status in (RunStatus.STARTING, RunStatus.RUNNING) and not run.final
            end = step.logs.rfind("\n") + 1 if running else len(step.logs)
            start = _new_from(step.logs[:end], *self._returned.get(step.index, (0, "")))
            if end > start:
                self._returned[step.index] = end, step.logs[max(0, end - _REMEMBERED) : end]
                yield Excerpt(f"Step {step.index}: {step.name}", step.logs[start:end].strip("\n"), more_follows=running)


def _new_from(log: str, position: int, last: str) -> int:
    """Where the new part of `log` begins, when an earlier `log` up to `position` ended in `last`.

    Of a long log dbt Cloud may send only the newest lines. Then `position` means nothing, and `last` is searched for.
    """
    if position <= len(log) and log[:position].endswith(last):
        return position
    found = log.rfind(last)
    if found >= 0:
        return found + len(last)
    return len(log) if last.endswith(log) else 0


def after_failure(run: Run) -> Iterator[Excerpt]:
    """The logs of the steps that failed, and the last lines of the others."""
    for step in run.steps:
        failed = step.status == RunStatus.ERROR
        lines = [line for line in plain(step.logs).split("\n") if line.strip()]
        shown = lines[-(MAX_LINES if failed else _TAIL_LINES) :]
        if shown:
            part = f" (the last {len(shown)} of {len(lines)} lines)" if len(shown) < len(lines) else ""
            yield Excerpt(f"Log of step {step.index}: {step.name}{part}", "\n".join(shown))
