"""The table of docs/reliability.md: the outcome of every fault in every phase, found by running each pair.

`python -m tests.reliability.table --write` writes it into the docs.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dbt_action.errors import ExitCode
from tests.reliability import invariants
from tests.reliability.phases_and_faults import FAULTS, LATE_SECONDS, PHASES, Fault, Phase
from tests.reliability.steps import Servers, Step, start_servers

DOCS = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
ONCE, FOR_EVER = "once", "for ever"
# How long a step may take beyond `timeout-minutes`.
SLACK_SECONDS = 120.0
# Up to here the table has exact minutes; longer times differ by chance, so they are rounded to five minutes.
EXACT_MINUTES = 6


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The outcome of one fault in one phase, and the promises that were broken."""

    phase: str
    fault: str
    times: str
    outcome: str
    broken: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Usual:
    """What a step of this phase does without any fault, to which the others are compared."""

    code: ExitCode
    seconds: float
    posts: int
    searches: int
    warnings: int
    retried: bool


def column(phase: Phase, times: str) -> list[Cell]:
    """The cells of one phase, in the order of `FAULTS`."""
    with tempfile.TemporaryDirectory() as folder, start_servers(Path(folder)) as servers:
        usual = _usual(servers, phase)
        return [_cell(servers, phase, fault, times, usual) for fault in FAULTS]


def _usual(servers: Servers, phase: Phase) -> Usual:
    step = _prepared(servers, phase)
    code = step.run(**phase.inputs)
    return Usual(
        code=code,
        seconds=step.passed,
        posts=_posts(step),
        searches=_searches(step),
        warnings=_warnings(step),
        retried=_retried(step),
    )


def _cell(servers: Servers, phase: Phase, fault: Fault, times: str, usual: Usual) -> Cell:
    random.seed(f"{phase.name} {fault.name} {times}")
    step = _prepared(servers, phase)
    server = servers.github if phase.github else servers.cloud
    server.faults.add(
        kind=fault.kind,
        method=phase.method,
        path=phase.path,
        after=phase.after,
        times=1 if times == ONCE else None,
        **fault.params,
    )
    started_at = servers.clock.now()
    code = step.run(**phase.inputs)
    seconds = servers.clock.now() - started_at
    if fault.kind == "late":
        # What the server does late is done before the clean-up.
        servers.clock.advance(LATE_SECONDS)
    outcome = _outcome(step, code, seconds, usual)
    closed = step.closed
    limit = float(phase.inputs.get("timeout_minutes", "300")) * 60 + SLACK_SECONDS
    broken = invariants.broken(step, code, limit=limit)
    return Cell(
        phase=phase.name,
        fault=fault.name,
        times=times,
        outcome=outcome if closed else f"{outcome} †",
        broken=tuple(broken),
    )


def _prepared(servers: Servers, phase: Phase) -> Step:
    step = servers.new_step(phase.script())
    phase.prepare(step)
    return step.attempt(phase.attempt) if phase.attempt > 1 else step


def _outcome(step: Step, code: ExitCode, seconds: float, usual: Usual) -> str:
    words = _ending(step, code, usual) if code != usual.code else _way_to_the_run(step, usual)
    if _warnings(step) > usual.warnings and code == usual.code:
        words += ", warns"
    minutes = _rounded((seconds - usual.seconds) / 60)
    return f"{words}, +{minutes} min" if minutes > 0 else words


def _rounded(minutes: float) -> int:
    exact = round(minutes)
    return exact if exact <= EXACT_MINUTES else 5 * round(minutes / 5)


def _ending(step: Step, code: ExitCode, usual: Usual) -> str:
    if code == ExitCode.CLOUD and step.outputs.get("status") == "error":
        return "exit 3, run not found" if invariants.own_runs(step) else "exit 3, no run"
    if code == ExitCode.FAILED and usual.retried:
        return "exit 1, not retried"
    return f"exit {int(code)}, {step.outputs.get('status', 'no status')}"


def _way_to_the_run(step: Step, usual: Usual) -> str:
    if usual.retried and not _retried(step):
        return "starts a new run"
    if _posts(step) > usual.posts:
        return "sends again"
    if _searches(step) > usual.searches:
        return "finds the run"
    return "goes on"


def _retried(step: Step) -> bool:
    return any(run.retrying_run_id for run in step.runs)


def _posts(step: Step) -> int:
    return len(step.posts("/run/")) + len(step.posts("/retry/"))


def _searches(step: Step) -> int:
    return sum(request.path.endswith("/runs/") and "status" not in request.query for request in step.requests)


def _warnings(step: Step) -> int:
    return step.log.count("::warning")


def render(cells: Iterable[Cell]) -> str:
    """The Markdown between the two comments that mark the table in the docs."""
    by_key = {(cell.times, cell.fault, cell.phase): cell.outcome for cell in cells}
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
    """The Markdown of the table as it is in the docs."""
    return DOCS.read_text(encoding="utf-8").partition(f"{BEGIN}\n")[2].partition(END)[0]


def main() -> int:
    """Print the table, or write it into the docs; 1 when a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.table", description=main.__doc__)
    parser.add_argument("--write", action="store_true", help="write the table into docs/reliability.md")
    arguments = parser.parse_args()
    cells = [cell for times in (ONCE, FOR_EVER) for phase in PHASES for cell in column(phase, times)]
    if arguments.write:
        page = DOCS.read_text(encoding="utf-8")
        DOCS.write_text(
            page.replace(f"{BEGIN}\n{committed()}{END}", f"{BEGIN}\n{render(cells)}{END}"), encoding="utf-8"
        )
    else:
        sys.stdout.write(render(cells))
    for cell in cells:
        for promise in cell.broken:
            sys.stdout.write(f"BROKEN {cell.phase} / {cell.fault} / {cell.times}: {promise} [{cell.outcome}]\n")
    return int(any(cell.broken for cell in cells))


if __name__ == "__main__":
    sys.exit(main())
