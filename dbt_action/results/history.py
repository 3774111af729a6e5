"""Which failures are new, which are known since which run, and which are gone, compared with earlier runs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dbt_action.results.run_results import Node, NodeStatus, Results

# A node is slow when it took so many times, and so many seconds more than, the median of at least so many runs.
_SLOW_FACTOR, _SLOW_SECONDS, _FEWEST_RUNS = 2.0, 30.0, 3
_RAN = frozenset({NodeStatus.PASSED, NodeStatus.WARNED, NodeStatus.FAILED, NodeStatus.REUSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierRun:
    """A run that ended before this one. `nodes` None: its results could not be read, or were not asked for.

    `finished_at` is a Unix time.
    """

    id: int
    url: str = ""
    succeeded: bool
    finished_at: float | None = None
    nodes: tuple[Node, ...] | None = None

    def status_of(self, unique_id: str) -> NodeStatus | None:
        """The status of the node in this run; None when it did not run or that is not known."""
        return next((node.status for node in self.nodes or () if node.unique_id == unique_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A failure of earlier runs too: the first of them in an unbroken row, and their number.

    `at_least`: the row may have begun earlier than what was looked at.
    """

    since: EarlierRun
    runs: int
    at_least: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Slower:
    """A node that took much longer than usual, in seconds."""

    node: Node
    usual_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The run compared with `against`. Failed nodes that are in neither `new` nor `known` could not be compared."""

    against: EarlierRun
    new: frozenset[str] = frozenset()
    known: Mapping[str, Known] = field(default_factory=dict)
    # Names of nodes that failed before and passed now; of nodes that only this run, or only the earlier one, had.
    fixed: tuple[str, ...] = ()
    appeared: tuple[str, ...] = ()
    disappeared: tuple[str, ...] = ()
    slower: tuple[Slower, ...] = ()


def compare(now: Results, earlier: Sequence[EarlierRun], *, same_selection: bool = True) -> History | None:
    """Compare the results with those of earlier runs, the newest first; None when there is no such run.

    `same_selection` False: the earlier run is that of another job, which is expected to have other nodes.
    """
    if not earlier:
        return None
    row = _failed_row(earlier)
    new, known = set(), {}
    for node in now.of(NodeStatus.FAILED):
        age = _age(node, earlier, row)
        if isinstance(age, Known):
            known[node.unique_id] = replace(age, since=replace(age.since, nodes=None))
        elif age:
            new.add(node.unique_id)
    last = earlier[0]
    before = {node.unique_id: node for node in last.nodes or ()}
    current = {node.unique_id: node for node in now.nodes}
    comparable = same_selection and bool(before) and bool(current)
    return History(
        against=replace(last, nodes=None),
        new=frozenset(new),
        known=known,
        fixed=_fixed(now, row),
        appeared=tuple(node.name for uid, node in current.items() if uid not in before) if comparable else (),
        disappeared=tuple(node.name for uid, node in before.items() if uid not in current) if comparable else (),
        slower=_slower(now, earlier),
    )


def _failed_row(earlier: Sequence[EarlierRun]) -> list[EarlierRun]:
    """The unbroken row of failed runs just before this one whose results are known."""
    row: list[EarlierRun] = []
    for run in earlier:
        if run.succeeded or run.nodes is None:
            break
        row.append(run)
    return row


def _age(node: Node, earlier: Sequence[EarlierRun], row: Sequence[EarlierRun]) -> Known | bool:
    """Known, or whether the failure is new: False when that cannot be said."""
    failed_in = []
    for run in row:
        status = run.status_of(node.unique_id)
        if status is NodeStatus.FAILED:
            failed_in.append(run)
        elif status in _RAN:
            break
    if failed_in:
        stopped = len(row) < len(earlier) and earlier[len(row)].succeeded
        at_least = failed_in[-1] is row[-1] and not stopped
        return Known(since=failed_in[-1], runs=len(failed_in), at_least=at_least)
    # The newest run that says something about the node.
    for run in earlier:
        if run.succeeded:
            # In a run that succeeded no node failed. Of the kinds of nodes that it did not have nothing is known.
            return run.nodes is None or any(other.kind == node.kind for other in run.nodes)
        if run.nodes is None:
            return False
        if run.status_of(node.unique_id) in _RAN:
            return True
    return False


def _fixed(now: Results, row: Iterable[EarlierRun]) -> tuple[str, ...]:
    good = {node.unique_id for node in now.nodes if node.status in _RAN - {NodeStatus.FAILED}}
    seen: set[str] = set()
    fixed: dict[str, None] = {}
    for run in row:
        for node in run.nodes or ():
            if node.unique_id in seen or node.status not in _RAN:
                continue
            seen.add(node.unique_id)
            if node.status is NodeStatus.FAILED and node.unique_id in good:
                fixed[node.name] = None
    return tuple(fixed)


def _slower(now: Results, earlier: Sequence[EarlierRun]) -> tuple[Slower, ...]:
    import statistics  # noqa: PLC0415 - takes time to import, and is needed after the run

    times: dict[str, list[float]] = {}
    for run in earlier:
        for node in run.nodes or ():
            if node.status in _RAN - {NodeStatus.FAILED, NodeStatus.REUSED}:
                times.setdefault(node.unique_id, []).append(node.seconds)
    slow = []
    for node in now.nodes:
        before = times.get(node.unique_id, ())
        if len(before) < _FEWEST_RUNS or node.status not in _RAN:
            continue
        usual = statistics.median(before)
        if node.seconds >= _SLOW_FACTOR * usual and node.seconds - usual >= _SLOW_SECONDS:
            slow.append(Slower(node=node, usual_seconds=usual))
    return tuple(sorted(slow, key=lambda one: one.usual_seconds - one.node.seconds))
