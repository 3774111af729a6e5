"""Fault x phase -> outcome, by running every pair; `python -m tests.reliability.table --write` renews the docs."""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dbt_action.errors import ExitCode
from tests.reliability import promises
from tests.reliability.cells import FAULTS, PHASES, Fault, Phase
from tests.reliability.rig import IMPATIENT, REAL_TIMEOUT, Bench, Rig, bench

DOCS = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
ONCE, FOR_EVER = "once", "for ever"
LATE = 20.0
# More than the default limit of five hours is never taken; the phase that times out has a limit of a minute.
SLACK = 120.0
WORKERS = 3
# Minutes up to here are told as they are.
EXACT = 6


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What came of one pair."""

    phase: str
    fault: str
    times: str
    outcome: str
    broken: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Usual:
    """The phase without any fault, to which the others are compared."""

    code: ExitCode
    seconds: float
    posts: int
    looks: int
    warnings: int
    retried: bool


@cache
def cells() -> tuple[Cell, ...]:
    """All of them, in an order that does not change."""
    with ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn")) as pool:
        tasks = [(phase, times) for times in (ONCE, FOR_EVER) for phase in range(len(PHASES))]
        return tuple(cell for found in pool.map(_column, *zip(*tasks, strict=True)) for cell in found)


def _column(phase: int, times: str) -> list[Cell]:
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as made:
        usual = _usual(made, PHASES[phase])
        return [_cell(made, PHASES[phase], fault, times, usual) for fault in FAULTS]


def _usual(made: Bench, phase: Phase) -> Usual:
    rig = _prepared(made, phase)
    code = rig.run(**phase.inputs)
    return Usual(
        code=code,
        seconds=rig.passed,
        posts=_posts(rig),
        looks=_looks(rig),
        warnings=_warnings(rig),
        retried=_retried(rig),
    )


def _cell(made: Bench, phase: Phase, fault: Fault, times: str, usual: Usual) -> Cell:
    random.seed(f"{phase.name} {fault.name} {times}")
    rig = _prepared(made, phase)
    server = made.github if phase.github else made.cloud
    if fault.hangs:
        rig.http_timeouts = IMPATIENT
    server.faults.add(
        kind=fault.kind,
        method=phase.method,
        path=phase.path,
        after=phase.after,
        times=1 if times == ONCE else None,
        **fault.params,
    )
    # A request that hangs takes as long as it would in real life, on the clock of this bench.
    made.clock.extra = lambda: REAL_TIMEOUT * sum(rule.hits for rule in made.cloud.faults.rules) if fault.hangs else 0.0
    began = made.clock.now()
    # Reading late is the same as not reading; only work that changes something is worth waiting for.
    late = fault.kind == "late" and phase.method == "POST"
    if late:
        rig.wait_for_late_work(seconds=LATE, real=fault.params["seconds"])
    code = rig.run(**phase.inputs)
    seconds = made.clock.now() - began
    made.clock.sleep(LATE if late else 0.0)
    made.clock.time, made.clock.extra = made.clock.now(), float
    outcome = _outcome(rig, code, seconds, usual)
    closed = rig.closed
    limit = float(phase.inputs.get("timeout_minutes", "300")) * 60 + SLACK
    broken = promises.broken(rig, code, limit=limit)
    made.clock.on_sleep = lambda _seconds: None
    return Cell(
        phase=phase.name,
        fault=fault.name,
        times=times,
        outcome=outcome if closed else f"{outcome} †",
        broken=tuple(broken),
    )


def _prepared(made: Bench, phase: Phase) -> Rig:
    rig = made.rig(phase.script())
    phase.prepare(rig)
    return rig.attempt(phase.attempt) if phase.attempt > 1 else rig


def _outcome(rig: Rig, code: ExitCode, seconds: float, usual: Usual) -> str:
    words = _ending(rig, code, usual) if code != usual.code else _way(rig, usual)
    if _warnings(rig) > usual.warnings and code == usual.code:
        words += ", warns"
    minutes = _rounded((seconds - usual.seconds) / 60)
    return f"{words}, +{minutes} min" if minutes > 0 else words


def _rounded(minutes: float) -> int:
    """Pauses differ by chance, the more so the longer it takes."""
    exact = round(minutes)
    return exact if exact <= EXACT else 5 * round(minutes / 5)


def _ending(rig: Rig, code: ExitCode, usual: Usual) -> str:
    if code == ExitCode.CLOUD and rig.outputs.get("status") == "error":
        return "exit 3, run not found" if promises.own_runs(rig) else "exit 3, no run"
    if code == ExitCode.FAILED and usual.retried:
        return "exit 1, not retried"
    return f"exit {int(code)}, {rig.outputs.get('status', 'nothing told')}"


def _way(rig: Rig, usual: Usual) -> str:
    if usual.retried and not _retried(rig):
        return "starts a new run"
    if _posts(rig) > usual.posts:
        return "sends again"
    if _looks(rig) > usual.looks:
        return "finds the run"
    return "goes on"


def _retried(rig: Rig) -> bool:
    return any(run.retrying_run_id for run in rig.runs)


def _posts(rig: Rig) -> int:
    return len(rig.posts("/run/")) + len(rig.posts("/retry/"))


def _looks(rig: Rig) -> int:
    return sum(request.path.endswith("/runs/") and "status" not in request.query for request in rig.asked)


def _warnings(rig: Rig) -> int:
    return rig.log.count("::warning")


def render(found: Iterable[Cell]) -> str:
    """The Markdown between the markers."""
    by_key = {(cell.times, cell.fault, cell.phase): cell.outcome for cell in found}
    parts = []
    for times in (ONCE, FOR_EVER):
        parts.append(f"**The fault happens {times}**\n")
        parts.append("| fault | " + " | ".join(phase.name for phase in PHASES) + " |")
        parts.append("| --- " * (len(PHASES) + 1) + "|")
        parts += [
            f"| {fault.name} | " + " | ".join(by_key[times, fault.name, phase.name] for phase in PHASES) + " |"
            for fault in FAULTS
        ]
        parts.append("")
    return "\n".join(parts).strip() + "\n"


def committed() -> str:
    """What the docs say."""
    return DOCS.read_text(encoding="utf-8").partition(f"{BEGIN}\n")[2].partition(END)[0]


def main() -> int:
    """Show the table, or write it into the docs; 1 when a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.table", description=main.__doc__)
    parser.add_argument("--write", action="store_true", help="write the table into docs/reliability.md")
    asked = parser.parse_args()
    found = cells()
    if asked.write:
        page = DOCS.read_text(encoding="utf-8")
        DOCS.write_text(
            page.replace(f"{BEGIN}\n{committed()}{END}", f"{BEGIN}\n{render(found)}{END}"), encoding="utf-8"
        )
    else:
        sys.stdout.write(render(found))
    for cell in found:
        for promise in cell.broken:
            sys.stdout.write(f"BROKEN {cell.phase} / {cell.fault} / {cell.times}: {promise} [{cell.outcome}]\n")
    return int(any(cell.broken for cell in found))


if __name__ == "__main__":
    sys.exit(main())
