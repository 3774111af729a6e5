"""The shell script of the composite action: it finds a Python, installs the packages, and reports what is missing."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
BASH = shutil.which("bash") or "bash"


def run_script(folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run the step with inputs that end it as soon as Python has started: the token is missing."""
    installation = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
    environ = {
        **installation,
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "RUNNER_TEMP": str(folder / "temp dir"),
        "GITHUB_ACTION_PATH": str(ROOT / "composite"),
        "DBT_CLOUD_RUN_PROGRAM": "entrypoint.py",
        **changes,
    }
    (folder / "temp dir").mkdir(exist_ok=True)
    command = [BASH, "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", '. "$GITHUB_ACTION_PATH/run.sh"']
    return subprocess.run(
        command,
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def make_command(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (folder / name).chmod(stat.S_IRWXU)


def link_tools(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).symlink_to(str(shutil.which(name)))


def test_second_use__finds_everything_installed_whatever_the_workflow_sets(tmp_path: Path) -> None:
    (tmp_path / "requests.py").write_text("raise SystemExit('a file of the workspace was imported')")
    variables = {
        "PYTHONPATH": str(tmp_path),
        "PYTHONHOME": "/nowhere",
        "PIP_USER": "1",
        "PIP_TARGET": str(tmp_path / "elsewhere"),
    }

    first = run_script(tmp_path, **variables)
    second = run_script(tmp_path, **variables)

    assert "Installing" in first.stdout
    assert "Installing" not in second.stdout
    for run in (first, second):
        assert run.returncode == 2, run.stdout
        assert "dbt-token" in run.stdout
    assert not (tmp_path / "elsewhere").exists()


def test_python__old_ones_and_the_placeholder_of_the_windows_store_are_not_used(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    make_command(tools, "python3", "echo 'Python was not found; run without arguments to install' >&2; exit 49")
    make_command(tools, "python", "exit 1")
    link_tools(tools, "bash")

    ended = run_script(tmp_path, PATH=str(tools))

    assert ended.returncode == 2
    assert ended.stdout.count("\n") == 1
    assert ended.stdout.startswith("::error title=No Python for dbt Cloud Run::")
    assert "actions/setup-python" in ended.stdout


def test_installation__shows_its_log_when_it_fails(tmp_path: Path) -> None:
    ended = run_script(
        tmp_path,
        PIP_INDEX_URL="http://127.0.0.1:9/simple",
        PIP_FIND_LINKS="",
        PIP_RETRIES="0",
        PIP_EXTRA_INDEX_URL="",
        PIP_NO_CACHE_DIR="1",
    )

    assert ended.returncode == 2
    assert "127.0.0.1" in ended.stdout
    assert "::error title=No packages for dbt Cloud Run::" in ended.stdout
