"""A cancelled workflow, as the runner cancels it, for the image and for the composite step; act cannot do this."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from emulator import Emulator, GitHub
from tests.e2e.runner import REPOSITORY

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
SHA = "c0ffee0000000000000000000000000000000002"
# The runner waits 7.5 s before it gets rude.
PATIENCE = 5.0


@pytest.fixture
def variables(tmp_path: Path, endless: Emulator, hub: GitHub) -> dict[str, str]:
    """A step of a push, in the names that both kinds of action map their inputs to."""
    for name in ("output", "summary"):
        (tmp_path / name).touch()
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": hub.url,
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_REF_NAME": "main",
        "GITHUB_REF_TYPE": "branch",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_SHA": SHA,
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "GITHUB_TOKEN": hub.token,
        "DBT_URL": endless.url,
        "DBT_TOKEN": endless.token,
        "DBT_ACCOUNT_ID": str(endless.account_id),
        "DBT_JOB_ID": str(endless.job_id),
    }


@contextmanager
def started(command: list[str], environ: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process with closed stdin, as the runner starts it."""
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command, env=environ, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def wait_until_watched(cloud: Emulator, process: subprocess.Popen[bytes], log: Path, seconds: float) -> None:
    """Until the action has triggered a run and looked at it."""
    limit = time.monotonic() + seconds
    while not any(request.method == "GET" and "/runs/" in request.path for request in cloud.requests):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < limit, log.read_text()
        time.sleep(0.05)


def cancel(process: subprocess.Popen[bytes], by: signal.Signals, log: Path) -> float:
    """Send the signal to the process, and to no other; the seconds until it ends."""
    begin = time.monotonic()
    process.send_signal(by)
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        pytest.fail(f"still alive 15 s after {by.name}:\n{log.read_text()}")
    return time.monotonic() - begin


def assert_all_is_told(endless: Emulator, hub: GitHub, tmp_path: Path) -> None:
    [run] = endless.runs
    assert run.cancelled_by_api
    assert run.over
    assert hub.statuses[-1].state == "error"
    assert hub.statuses[-1].sha == SHA
    assert "cancelled" in (tmp_path / "output").read_text()


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM], ids=lambda by: by.name)
def test_container__cancels_the_run_and_is_gone_in_time(
    image: str,
    by: signal.Signals,
    variables: dict[str, str],
    endless: Emulator,
    hub: GitHub,
    tmp_path: Path,
) -> None:
    name, log = f"e2e-{uuid.uuid4().hex[:12]}", tmp_path / "log"
    command = ["docker", "run", "--name", name, "--rm", "--workdir", "/github/workspace", "--network", "host"]
    command += [part for key in variables for part in ("-e", key)]
    command += ["-v", f"{tmp_path}:{tmp_path}", "--entrypoint", "/app/entrypoint.py", image]

    with started(command, {**os.environ, **variables}, log) as client:
        wait_until_watched(endless, client, log, seconds=30)
        seconds = cancel(client, by, log)

    assert seconds < PATIENCE, log.read_text()
    assert client.returncode == 130, log.read_text()
    assert_all_is_told(endless, hub, tmp_path)
    left = ["docker", "ps", "--all", "--quiet", "--filter", f"name={name}"]
    assert subprocess.run(left, capture_output=True, text=True, check=True).stdout == ""


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM], ids=lambda by: by.name)
def test_composite_step__cancels_the_run_and_is_gone_in_time(
    by: signal.Signals, variables: dict[str, str], endless: Emulator, hub: GitHub, tmp_path: Path
) -> None:
    action = yaml.safe_load((ROOT / "composite" / "action.yml").read_text(encoding="utf-8"))
    [step] = action["runs"]["steps"]
    script, log = tmp_path / "step.sh", tmp_path / "log"
    script.write_text(step["run"], encoding="utf-8")
    shell = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)]
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_ACTION_PATH": str(ROOT / "composite"),
        **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))},
        **variables,
    }

    with started(shell, environ, log) as process:
        wait_until_watched(endless, process, log, seconds=180)  # it installs its packages first
        seconds = cancel(process, by, log)

    assert seconds < PATIENCE, log.read_text()
    assert process.returncode == 130, log.read_text()
    assert_all_is_told(endless, hub, tmp_path)
