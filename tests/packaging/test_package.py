"""The content of the wheel, and the function that its command calls."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import dbt_action
from dbt_action import cli

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_wheel__contains_only_the_package(wheel: zipfile.ZipFile) -> None:
    folders = {name.partition("/")[0] for name in wheel.namelist()}

    assert {"dbt_action", f"dbt_cloud_run-{dbt_action.__version__}.dist-info"} == folders


def test_wheel__contains_every_module(wheel: zipfile.ZipFile) -> None:
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "dbt_action").rglob("*.py")}

    assert modules <= set(wheel.namelist())


def test_wheel__is_typed(wheel: zipfile.ZipFile) -> None:
    """The marker file of PEP 561, which the classifier "Typing :: Typed" promises."""
    assert "dbt_action/py.typed" in wheel.namelist()


def test_wheel__its_command_calls_main(wheel: zipfile.ZipFile) -> None:
    info = f"dbt_cloud_run-{dbt_action.__version__}.dist-info"

    assert "dbt-cloud-run = dbt_action.cli:main" in wheel.read(f"{info}/entry_points.txt").decode()
    assert callable(cli.main)
