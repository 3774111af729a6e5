"""The table of docs/platforms.md: every cell names a test that exists, or says why it cannot be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dbt_action import ci, elsewhere, hosts

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")
COLUMNS = "Commit, Pull request, Status, Summary, Annotations, Outputs, JUnit, Cancel, Comment".split(", ")


def table() -> dict[str, dict[str, str]]:
    lines = [line for line in PAGE.splitlines() if line.startswith("|")]
    header, _, *rows = (line.strip("|").split(" | ") for line in lines[: 2 + len(ci.KNOWN)])
    names = [name.strip() for name in header]
    assert names == ["Platform", *COLUMNS]
    return {row[0].strip(): dict(zip(COLUMNS, row[1:], strict=True)) for row in rows}


TESTS = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
}
CELLS = [
    pytest.param(cell, id=f"{platform}, {column}") for platform, row in table().items() for column, cell in row.items()
]


def test_table__has_a_row_for_every_platform() -> None:
    assert set(table()) == {kind.name for kind in ci.KNOWN}


@pytest.mark.parametrize("cell", CELLS)
def test_table__each_cell_names_a_test_or_says_why_not(cell: str) -> None:
    named = set(re.findall(r"`(test_\w+)`", cell))

    assert named or "not possible because" in cell
    assert named - TESTS == set()


@pytest.mark.parametrize("page", ["platforms.md", "adding-a-platform.md"])
def test_pages__lead_to_files_that_exist(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    named = [*re.findall(r"\]\(\.\./([^)#]+)\)", text), *re.findall(r"`((?:tests|dbt_action)/[\w/]+\.py)`", text)]

    assert [name for name in named if not (ROOT / name).exists()] == []


def test_pages__name_every_token_and_every_file_input() -> None:
    for token in hosts.TOKENS.values():
        assert f"`{token}`" in PAGE
    for row in elsewhere.INPUTS:
        if not row.secret:
            assert f"--{row.name}" in PAGE
