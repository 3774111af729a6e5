"""Renders the tables of docs/platforms.md for cog, from the tests of the CIs and from the hosts themselves."""

from __future__ import annotations

from collections.abc import Callable

from dbt_action import hosts
from docs import tables
from tests.support import samples

COLUMNS = ("Commit", "Pull request", "Status", "Summary", "Annotations", "Outputs", "JUnit", "Cancel", "Comment")


def what_works_where() -> str:
    """A row for each CI; each cell leads to its tests."""
    rows = []
    for kind in samples.CIS.values():
        cells = samples.of_ci(kind).row()
        rows.append((kind.name, *(_cell(cells[column]) for column in COLUMNS)))
    return tables.table(("Platform", *COLUMNS), rows)


def tokens() -> str:
    """A row for each host."""
    rows = ((f"`{kind.key}`", f"`{kind.token.variable}`", kind.token_hint) for kind in hosts.KNOWN.values())
    return tables.table(("`--code-host`", "Variable of the token", "What it is"), rows)


def _cell(cell: samples.Cell) -> str:
    return " ".join([cell.words, *(f'[✓]({_file(test)} "{test.__name__}")' for test in cell.tests)])


def _file(test: Callable[..., None]) -> str:
    return f"../{test.__module__.replace('.', '/')}.py"
