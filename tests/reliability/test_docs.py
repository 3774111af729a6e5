"""docs/reliability.md: every rule is complete and links to the files of its tests."""

from __future__ import annotations

import re

import pytest

from tests.reliability.table import DOCS

LINK = re.compile(r"\]\((\.\./tests/reliability/test_\w+\.py)\)")
RULES = [part for part in DOCS.read_text(encoding="utf-8").split("\n## ")[1:] if not part.startswith("What happens")]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.partition("\n")[0])
def test_rule__says_what_is_promised_how_it_is_tested_and_what_is_not(rule: str) -> None:
    assert [True, True, True] == [f"**{word}.**" in rule for word in ("Promised", "Tested", "Not promised")]
    linked = LINK.findall(rule.partition("**Tested.**")[2].partition("**Not promised.**")[0])

    assert linked
    assert [] == [name for name in linked if not (DOCS.parent / name).is_file()]
