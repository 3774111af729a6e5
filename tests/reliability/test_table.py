"""Every fault in every phase: no promise is broken, and the docs say what the outcome is."""

from __future__ import annotations

import pytest

from tests.reliability import table
from tests.reliability.phases_and_faults import FAULTS, PHASES
from tests.reliability.table import FOR_EVER, ONCE, Cell

COLUMNS = [pytest.param((phase, times), id=f"{phase.name}, {times}") for times in (ONCE, FOR_EVER) for phase in PHASES]


@pytest.fixture(scope="module", params=COLUMNS)
def column(request: pytest.FixtureRequest) -> list[Cell]:
    """The cells of one phase; pytest runs all tests of a column before the next one."""
    return table.column(*request.param)


def test_table__keeps_every_promise_in_every_cell(column: list[Cell]) -> None:
    broken = [f"{cell.fault}: {promise} [{cell.outcome}]" for cell in column for promise in cell.broken]

    assert [] == broken


def test_table__is_the_one_in_the_docs(column: list[Cell]) -> None:
    """After an intended change run `python -m tests.reliability.table --write`."""
    (phase,), (times,) = {cell.phase for cell in column}, {cell.times for cell in column}

    assert committed_column(phase, times) == [cell.outcome for cell in column]


def test_table__in_the_docs_has_every_fault_and_every_phase_and_no_empty_cell() -> None:
    for times in (ONCE, FOR_EVER):
        header, _, *rows = committed_rows(times)
        assert ["fault", *(phase.name for phase in PHASES)] == header
        assert [fault.name for fault in FAULTS] == [row[0] for row in rows]
        assert all(cell for row in rows for cell in row)


def committed_column(phase: str, times: str) -> list[str]:
    header, _, *rows = committed_rows(times)
    return [row[header.index(phase)] for row in rows]


def committed_rows(times: str) -> list[list[str]]:
    """The rows of one of the two tables in the docs, each as its cells."""
    part = table.committed().partition(f"**The fault happens {times}**")[2].partition("**")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("|")]
