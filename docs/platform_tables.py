"""Makes the tables of docs/platforms.md: cog calls it; the facts are in the tests of the CIs and in the hosts."""

from __future__ import annotations

from collections.abc import Callable

from dbt_action import hosts
from docs import tables
from tests.support import samples

COLUMNS = ("Commit", "Pull request", "Status", "Summary", "Annotations", "Outputs", "JUnit", "Cancel", "Comment")


def what_works_where() -> str:
    """A row for each CI with a mark in each cell; a footnote of each says how it works, and which tests show it."""
    rows, notes = [], []
    for key, platform in samples.CIS.items():
        cells = samples.of_ci(platform).row()
        names = {column: f"{key}-{column.lower().replace(' ', '-')}" for column in COLUMNS}
        rows.append((platform.display_name, *(f"{_mark(cells[name])}[^{names[name]}]" for name in COLUMNS)))
        notes += [
            f"[^{names[name]}]: {platform.display_name}, {name.lower()}: {_cell(cells[name])}" for name in COLUMNS
        ]
    return "\n\n".join([tables.table(("Platform", *COLUMNS), rows), "\n".join(notes)])


def tokens() -> str:
    """A row for each host."""
    rows = ((f"`{kind.key}`", f"`{kind.token.variable}`", kind.credential_hint) for kind in hosts.KNOWN.values())
    return tables.table(("`--code-host`", "Variable of the token", "What it is"), rows)


def _mark(cell: samples.Cell) -> str:
    return "✓" if cell.tests else "\N{EN DASH}"


def _cell(cell: samples.Cell) -> str:
    return " ".join([cell.words, *(f'[test]({_file(test)} "{test.__name__}")' for test in cell.tests)])


def _file(test: Callable[..., None]) -> str:
    return f"../{test.__module__.replace('.', '/')}.py"
