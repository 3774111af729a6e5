"""Renders the tables of docs/platforms.md for cog, from the tests of the CIs and from the hosts themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dbt_action import hosts
from tests.platforms import samples

COLUMNS = ("Commit", "Pull request", "Status", "Summary", "Annotations", "Outputs", "JUnit", "Cancel", "Comment")


def what_works_where() -> str:
    """A row for each CI; each cell leads to its tests."""
    rows = [("Platform", *COLUMNS), ("---",) * (1 + len(COLUMNS))]
    for kind in samples.CIS.values():
        cells = samples.of_ci(kind).row()
        rows.append((kind.name, *(_cell(cells[column]) for column in COLUMNS)))
    return _table(rows)


def tokens() -> str:
    """A row for each host."""
    rows = [("`--code-host`", "Variable of the token", "What it is"), ("---",) * 3]
    rows += [(f"`{kind.key}`", f"`{kind.token.variable}`", kind.how) for kind in hosts.KNOWN.values()]
    return _table(rows)


def _cell(cell: samples.Cell) -> str:
    return " ".join([cell.words, *(f'[✓]({_file(test)} "{test.__name__}")' for test in cell.tests)])


def _file(test: Callable[..., None]) -> str:
    return f"../{test.__module__.replace('.', '/')}.py"


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
