"""Every fault in every phase: the promises hold, and the docs say what comes of it."""

from __future__ import annotations

from multiprocessing import resource_tracker

from tests.reliability import table
from tests.reliability.cells import FAULTS

# It stays open for as long as this process lives, and is none of what a test leaves behind.
resource_tracker.ensure_running()


def test_table__keeps_every_promise_in_every_cell() -> None:
    broken = [
        f"{cell.phase} / {cell.fault} / {cell.times}: {promise} [{cell.outcome}]"
        for cell in table.cells()
        for promise in cell.broken
    ]

    assert broken == []


def test_table__is_the_one_in_the_docs() -> None:
    """When this fails after a change that is meant: `python -m tests.reliability.table --write`."""
    assert table.committed() == table.render(table.cells())


def test_table__has_no_empty_cell() -> None:
    rows = [line for line in table.committed().splitlines() if line.startswith("|")]

    assert len(rows) == 2 * (len(FAULTS) + 2)
    assert all(part.strip() for line in rows for part in line.strip("|").split("|"))
