"""Makes the tables of docs/platforms.md: cog calls it; the facts are in the tests of the CIs and in the hosts."""

from __future__ import annotations

from collections.abc import Callable

from dbt_action import hosts
from docs import tables
from tests.support import samples

COLUMNS = ("Commit", "Pull request", "Status", "Summary", "Annotations", "Outputs", "JUnit", "Cancel", "Comment")


def what_works_where() -> str:
    """A row for each CI; each cell links to the tests that show it."""
    rows = []
    for platform in samples.CIS.values():
        cells = samples.of_ci(platform).row()
        rows.append((platform.display_name, *(_cell(cells[column]) for column in COLUMNS)))
    return tables.table(("Platform", *COLUMNS), rows)


def tokens() -> str:
    """A row for each host."""
    rows = ((f"`{kind.key}`", f"`{kind.token.variable}`", kind.credential_hint) for kind in hosts.KNOWN.values())
    return tables.table(("`--code-host`", "Variable of the token", "What it is"), rows)


def _cell(cell: samples.Cell) -> str:
    return " ".join([cell.words, *(f'[✓]({_file(test)} "{test.__name__}")' for test in cell.tests)])


def _file(test: Callable[..., None]) -> str:
    return f"../{test.__module__.replace('.', '/')}.py"
