"""`python -m emulator` as a process: it prints its URLs, serves, and ends by a signal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("dbt.version", reason="dbt-core is not installed (it does not run on this Python)")

pytestmark = pytest.mark.dbt

ROOT = Path(__file__).resolve().parents[2]


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "emulator", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "shop"
    subprocess.run(["git", "init", "--quiet", str(path)], check=True)
    return path


@pytest.fixture
def ready(repository: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    file = tmp_path / "ready.json"
    ports = ("--github-port", "0", "--datafold-port", "0")
    with start("--project", str(repository), *ports, "--ready-file", str(file)) as process:
        limit = time.monotonic() + 20
        while not file.exists() and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.02)
        yield process, json.loads(file.read_text())
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command__serves_until_a_signal(
    ready: tuple[subprocess.Popen[str], dict[str, Any]], number: signal.Signals
) -> None:
    process, printed = ready
    url = f"{printed['url']}/api/v2/accounts/{printed['account_id']}/jobs/"
    jobs = requests.get(url, headers={"Authorization": f"Token {printed['token']}"}, timeout=5).json()["data"]
    repository = requests.get(
        f"{printed['github_url']}/repos/acme/shop",
        headers={"Authorization": f"Bearer {printed['github_token']}"},
        timeout=5,
    )
    ci_runs = requests.get(
        f"{printed['datafold_url']}/api/v1/ci/77/runs",
        headers={"Authorization": f"Key {printed['datafold_api_key']}"},
        timeout=5,
    )

    process.send_signal(number)
    out, err = process.communicate(timeout=10)

    assert (process.returncode, err) == (0, "")
    assert printed["jobs"] == {job["name"]: job["id"] for job in jobs}
    assert [(job["name"], job["job_type"]) for job in jobs] == [("Production build", "other"), ("CI build", "ci")]
    assert repository.json()["full_name"] == "acme/shop"
    assert ci_runs.json() == []
    assert out.splitlines()[0].endswith(printed["url"])
    assert out.endswith("Stopped.\n")


def test_command__says_how_to_make_a_repository(tmp_path: Path) -> None:
    process = start("--project", str(tmp_path))
    out, err = process.communicate(timeout=20)

    assert (process.returncode, out) == (2, "")
    assert "is not the top folder of a git repository" in err
    assert f"git -C {tmp_path} init" in err
