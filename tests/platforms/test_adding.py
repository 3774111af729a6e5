"""A new platform is one file in `ci/`, one in `hosts/` and a test file for each; tried in a copy of the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dbt_action import hosts

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "example_platform"
FOLDERS = {
    "example_ci.py": "dbt_action/ci",
    "example_forge.py": "dbt_action/hosts",
    "test_example_ci.py": "tests/ci",
    "test_example_forge.py": "tests/hosts",
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with the example platform added."""
    copy = tmp_path_factory.mktemp("copy") / "repository"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv*", ".*_cache", "__pycache__", "img"))
    for name, folder in FOLDERS.items():
        shutil.copy(EXAMPLE / name, copy / folder / name)
    return copy


def run(copy: Path, *arguments: str) -> str:
    environ = {**os.environ, "PYTHONPATH": str(copy), "PYTHONIOENCODING": "utf-8", "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        encoding="utf-8",
    )
    assert 0 == done.returncode, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_example__consists_of_four_files(copy: Path) -> None:
    assert set(FOLDERS) == {path.name for path in EXAMPLE.glob("*.py")}
    assert all((copy / folder / name).exists() for name, folder in FOLDERS.items())


def test_tests_of_every_platform__pass_for_it(copy: Path) -> None:
    paths = ("tests/ci", "tests/hosts", "tests/platforms/test_by_hand.py")
    options = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    # Failures are handled the same for all hosts.
    selection = ("-k", "example and not trouble")
    shown = run(copy, "-m", "pytest", *options, *selection, *paths)

    assert int(shown.split(" passed")[0].split()[-1]) > 40
    assert "failed" not in shown
    assert "skipped" not in shown


def test_command__has_flags_for_its_inputs(copy: Path) -> None:
    shown = " ".join(run(copy, "entrypoint.py", "run", "--help").split())

    assert "EXAMPLE_TOKEN" in shown
    assert "|".join(sorted([*hosts.KNOWN, "example"])) in shown
    assert re.search(r"--ci auto\|\S*example\S*\|none", shown)


def test_docs__have_a_row_for_it(copy: Path) -> None:
    code = "from docs import platform_tables as t; print(t.what_works_where(), t.tokens())"
    shown = run(copy, "-c", code)

    assert "| Example CI | ✓[^" in shown
    assert "| `example` | `EXAMPLE_TOKEN` |" in shown
