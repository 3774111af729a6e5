"""docs/threat-model.md: each way in has a known asset and attacker, and tests that exist; nothing is imported here."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8").split("\n## ")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@dataclass(frozen=True, slots=True)
class WayIn:
    """One row of the table."""

    number: str
    asset: str
    attacker: str
    way_in: str
    what_stops_it: str
    tests: str


def rows(title: str) -> list[list[str]]:
    """The cells of the table in a section, without its header."""
    section = next(part for part in SECTIONS if part.startswith(f"{title}\n"))
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


WAYS_IN = [WayIn(*cells) for cells in rows("Ways in")]
EACH_WAY_IN = pytest.mark.parametrize("row", WAYS_IN, ids=lambda row: f"row {row.number}")


@cache
def functions(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@EACH_WAY_IN
def test_way_in__names_tests_that_exist(row: WayIn) -> None:
    assert "TODO" not in row.tests, f"row {row.number}: name the test that fails when the defence is taken out"
    assert re.fullmatch(rf"{TEST.pattern}(?:, {TEST.pattern})*", row.tests), row.tests
    for file, name in TEST.findall(row.tests):
        assert (ROOT / file).is_file(), file
        assert name in functions(file), f"{file}::{name}"


@EACH_WAY_IN
def test_way_in__is_complete(row: WayIn) -> None:
    assert row.asset in {asset for asset, _ in rows("Assets")}
    assert row.attacker in {attacker for attacker, _ in rows("Attackers")}
    assert row.way_in.endswith(".")
    assert row.what_stops_it.endswith(".")


def test_ways_in__are_numbered_and_cover_every_asset_and_attacker() -> None:
    assert [str(number) for number in range(1, len(WAYS_IN) + 1)] == [row.number for row in WAYS_IN]
    assert {asset for asset, _ in rows("Assets")} == {row.asset for row in WAYS_IN}
    assert {attacker for attacker, _ in rows("Attackers")} == {row.attacker for row in WAYS_IN}
