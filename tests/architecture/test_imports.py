"""Rules about imports and calls that import-linter (see pyproject.toml) cannot express."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tomlkit

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "dbt_action"
MODULES = sorted(PACKAGE.rglob("*.py"))

LINTER: dict[str, Any] = tomlkit.parse((ROOT / "pyproject.toml").read_text(encoding="utf-8")).unwrap()["tool"][
    "importlinter"
]
(PURE,) = (contract for contract in LINTER["contracts"] if contract["name"].startswith("Pure modules"))
# Built-in functions that read, write or run something.
IMPURE_CALLS = {"open", "print", "input", "exec", "eval"}
# Slow to import, and most runs need none of them; the last two come with PyGithub.
LATE = {"argparse", "github", "yaml", "ijson", "nacl", "cryptography"}


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(nodes: Iterator[ast.AST] | list[ast.stmt]) -> set[str]:
    """The modules and names that import statements among `nodes` import, as dotted names."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def files_of(name: str) -> list[Path]:
    """The modules of the package `name`, or the one module."""
    path = ROOT / name.replace(".", "/")
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def roots(path: Path) -> set[str]:
    """The packages that a module imports."""
    return {name.partition(".")[0] for name in imported(ast.walk(parse(path)))}


def test_imports__are_absolute() -> None:
    for path in MODULES:
        levels = {node.level for node in ast.walk(parse(path)) if isinstance(node, ast.ImportFrom)}

        assert levels <= {0}, path


def test_pure_module__calls_nothing_that_reads_or_writes() -> None:
    for path in (path for name in PURE["source_modules"] for path in files_of(name)):
        calls = (node.func for node in ast.walk(parse(path)) if isinstance(node, ast.Call))
        called = {function.id for function in calls if isinstance(function, ast.Name)}

        assert set() == called & IMPURE_CALLS, path


def test_pure_module__uses_paths_only_as_names() -> None:
    """An import of `pathlib` that the linter ignores is of the class that has no access to files."""
    ignored = [entry.partition(" -> ") for entry in PURE["ignore_imports"]]
    importers = [name for name, _, module in ignored if module == "pathlib"]

    assert importers
    for path in (path for name in importers for path in files_of(name)):
        names = {name for name in imported(ast.walk(parse(path))) if name.startswith("pathlib")}
        assert {"pathlib.PurePosixPath"} == names, path


def test_pygithub__and_the_module_that_wraps_it_are_imported_when_needed() -> None:
    importers = [
        path for path in MODULES if any(name.partition(".")[0] == "github" for name in imported(ast.walk(parse(path))))
    ]
    assert 1 == len(importers)
    wrapper = f"dbt_action.{importers[0].relative_to(PACKAGE).with_suffix('').as_posix().replace('/', '.')}"

    anywhere = {path for path in MODULES if any(name.startswith(wrapper) for name in imported(ast.walk(parse(path))))}
    at_the_top = {path for path in MODULES if any(name.startswith(wrapper) for name in imported(parse(path).body))}

    assert anywhere
    assert set() == at_the_top


def test_app__starts_without_libraries_that_few_runs_need() -> None:
    code = f"import sys, dbt_action.app; print({LATE} & set(sys.modules))"
    start = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert "set()" == start.stdout.strip()
