"""docs/platforms.md: every cell of the table links to a test or says why it is not possible; links lead to files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dbt_action import ci, hosts
from docs import platform_tables
from tests.support import samples

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("ci_id", list(samples.CIS))
def test_table__each_cell_has_a_test_or_says_why_not(ci_id: str) -> None:
    cells = samples.of_ci(samples.CIS[ci_id]).row()

    assert set(platform_tables.COLUMNS) == set(cells)
    for column, cell in cells.items():
        assert cell.tests or "not possible because" in cell.words, column
        assert all(test.__name__.startswith("test_") for test in cell.tests), column
        assert "|" not in cell.words, column


def test_table__is_the_one_on_the_page() -> None:
    """After an intended change `make generate` writes the table anew."""
    assert platform_tables.what_works_where() in PAGE
    assert platform_tables.tokens() in PAGE


PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES)
def test_pages__lead_to_files_that_exist(page: str) -> None:
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    linked = [path.parent / name for name in re.findall(r"\]\(([^):#\s]+)[)#\s]", text)]
    named = [ROOT / name for name in re.findall(r"`((?:tests|dbt_action|docs|emulator)/[\w/]+\.py)`", text)]

    assert linked
    assert [] == [name for name in (*linked, *named) if not name.exists()]


def test_page__names_every_input_that_only_the_command_has() -> None:
    for row in (*ci.INPUTS, *hosts.INPUTS):
        assert f"--{row.name}" in PAGE or row.secret
