"""A workflow that is cancelled by signals as GitHub's runner sends them, in the image and as a composite step."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from pathlib import Path

import pytest

from emulator import Emulator, GitHub
from tests.e2e.processes import SHA, composite_step, container, started, wait_until_watched

pytestmark = pytest.mark.e2e

# The runner sends SIGTERM 7.5 s after SIGINT.
MAX_SECONDS = 5.0


def cancel(process: subprocess.Popen[bytes], by: signal.Signals, log: Path) -> float:
    """Send the signal to the process only, and return the seconds until it ends."""
    start = time.monotonic()
    process.send_signal(by)
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        pytest.fail(f"still alive 15 s after {by.name}:\n{log.read_text()}")
    return time.monotonic() - start


def assert_cancellation_is_reported(endless: Emulator, github: GitHub, tmp_path: Path) -> None:
    [run] = endless.runs
    assert run.cancelled_by_api
    assert run.over
    assert github.statuses[-1].state == "error"
    assert github.statuses[-1].sha == SHA
    assert "cancelled" in (tmp_path / "output").read_text()


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM], ids=lambda by: by.name)
def test_container__cancels_the_run_and_is_gone_in_time(
    image: str,
    by: signal.Signals,
    variables: dict[str, str],
    endless: Emulator,
    github: GitHub,
    tmp_path: Path,
) -> None:
    name, log = f"e2e-{uuid.uuid4().hex[:12]}", tmp_path / "log"
    command = container(image, name, variables, tmp_path, "/app/entrypoint.py")

    with started(command, {**os.environ, **variables}, log) as client:
        wait_until_watched(endless, client, log, seconds=30)
        seconds = cancel(client, by, log)

    assert seconds < MAX_SECONDS, log.read_text()
    assert client.returncode == 130, log.read_text()
    assert_cancellation_is_reported(endless, github, tmp_path)
    left = ["docker", "ps", "--all", "--quiet", "--filter", f"name={name}"]
    assert subprocess.run(left, capture_output=True, text=True, check=True).stdout == ""


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM], ids=lambda by: by.name)
def test_composite_step__cancels_the_run_and_is_gone_in_time(
    by: signal.Signals, variables: dict[str, str], endless: Emulator, github: GitHub, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    command, environ = composite_step(0, tmp_path)

    with started(command, environ | variables, log) as process:
        wait_until_watched(endless, process, log, seconds=180)  # it installs its packages first
        seconds = cancel(process, by, log)

    assert seconds < MAX_SECONDS, log.read_text()
    assert process.returncode == 130, log.read_text()
    assert_cancellation_is_reported(endless, github, tmp_path)
