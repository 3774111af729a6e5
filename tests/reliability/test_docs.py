"""docs/reliability.md: every rule is complete, and the tests that it names exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.reliability.table import DOCS

TESTS = Path(__file__).parent
NAME = re.compile(r"`(test_\w+__\w+)`")
RULES = [part for part in DOCS.read_text(encoding="utf-8").split("\n## ")[1:] if not part.startswith("What happens")]


def names_of_tests() -> set[str]:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in TESTS.glob("test_*.py")]
    return {node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.partition("\n")[0])
def test_rule__says_what_is_promised_how_it_is_tested_and_what_is_not(rule: str) -> None:
    assert [f"**{word}.**" in rule for word in ("Promised", "Tested", "Not promised")] == [True, True, True]
    tested = rule.partition("**Tested.**")[2].partition("**Not promised.**")[0]

    assert "test_" in tested or "tests/" in tested


def test_rules__name_tests_that_exist() -> None:
    named = {name for rule in RULES for name in NAME.findall(rule)}

    assert named
    assert named - names_of_tests() == set()
