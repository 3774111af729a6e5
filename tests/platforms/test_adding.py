"""That a platform is one file in `ci/`, one in `hosts/`, and a test file for each: a copy is given such files."""

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
PLACES = {
    "example_ci.py": "dbt_action/ci",
    "example_forge.py": "dbt_action/hosts",
    "test_example_ci.py": "tests/ci",
    "test_example_forge.py": "tests/hosts",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with one more platform."""
    copy = tmp_path_factory.mktemp("copy") / "house"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv*", ".*_cache", "__pycache__", "img"))
    for name, place in PLACES.items():
        shutil.copy(EXAMPLE / name, copy / place / name)
    return copy


def run(house: Path, *arguments: str) -> str:
    environ = {**os.environ, "PYTHONPATH": str(house), "PYTHONIOENCODING": "utf-8", "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=house,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_example__is_all_that_is_there(house: Path) -> None:
    assert {path.name for path in EXAMPLE.glob("*.py")} == set(PLACES)
    assert all((house / place / name).exists() for name, place in PLACES.items())


def test_tests_of_all_platforms__hold_for_it(house: Path) -> None:
    everything = ("tests/ci", "tests/hosts", "tests/platforms/test_by_hand.py")
    plain = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    # Trouble is the same for all hosts.
    wanted = ("-k", "example and not trouble")
    shown = run(house, "-m", "pytest", *plain, *wanted, *everything)

    assert int(shown.split(" passed")[0].split()[-1]) > 40
    assert "failed" not in shown
    assert "skipped" not in shown


def test_command__knows_its_inputs(house: Path) -> None:
    shown = " ".join(run(house, "entrypoint.py", "--help").split())

    assert "EXAMPLE_TOKEN" in shown
    assert "|".join(sorted([*hosts.KNOWN, "example"])) in shown
    assert re.search(r"--ci auto\|\S*example\S*\|none", shown)


def test_docs__have_its_row(house: Path) -> None:
    code = "from docs import platform_tables as t; print(t.what_works_where(), t.tokens())"
    shown = run(house, "-c", code)

    assert "| Example CI | head of the pull request" in shown
    assert "| `example` | `EXAMPLE_TOKEN` |" in shown
