"""Local runners for the pipelines of other CIs, and what they need: our wheel, a Python, npm."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.released import requirements_of

ROOT = Path(__file__).resolve().parents[2]
# The last one that starts on Node 20.
GITLAB_CI_LOCAL = "gitlab-ci-local@4.73.0"


@pytest.fixture(scope="session")
def requirements_file(wheel: Path) -> Path:
    """The same with the wheel beside it, which the pipelines install in place of what a release has."""
    path = wheel.parent / "requirements.txt"
    path.write_text(requirements_of(wheel, f"dbt-cloud-run @ {wheel.as_uri()}"), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def python_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH with `pip` and `python` of a new virtual environment."""
    folder = tmp_path_factory.mktemp("python")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    return f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="session")
def gitlab_ci_local(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of gitlab-ci-local, which needs npm, bash and rsync."""
    missing = [tool for tool in ("npm", "bash", "rsync", "git") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"gitlab-ci-local needs {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("runner")
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), GITLAB_CI_LOCAL],
        check=True,
        capture_output=True,
        text=True,
        timeout=600,
    )
    return str(folder / "node_modules" / ".bin" / "gitlab-ci-local")
