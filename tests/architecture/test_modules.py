"""Rules for every module and function: first lines and lengths; complexity is checked by ruff."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("dbt_action", "emulator", "release", "demo", "docs", "benchmarks")
MODULES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
LONGEST = 400
LONGEST_FUNCTION = 50


def test_module__begins_with_a_sentence_about_its_content() -> None:
    assert MODULES
    for path in MODULES:
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""

        assert docstring.partition("\n")[0].endswith("."), path.relative_to(ROOT)


def test_module__is_not_longer_than_its_limit() -> None:
    for path in MODULES:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST, path.relative_to(ROOT)


def test_function__is_not_longer_than_its_limit() -> None:
    for path in sorted((ROOT / "dbt_action").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1

                assert lines <= LONGEST_FUNCTION, f"{path.relative_to(ROOT)}: {node.name}"
