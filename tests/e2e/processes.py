"""The action as a process that a runner starts: the container, and the steps of the composite action."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from emulator import Emulator

ROOT = Path(__file__).resolve().parents[2]
SHA = "c0ffee0000000000000000000000000000000002"


@contextmanager
def started(command: list[str], environ: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process without stdin, as the runner starts it."""
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
    """Wait until the action has triggered a run and requested its status."""
    limit = time.monotonic() + seconds
    while not any(request.method == "GET" and "/runs/" in request.path for request in cloud.requests):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < limit, log.read_text()
        time.sleep(0.05)


def container(image: str, name: str, variables: dict[str, str], folder: Path, program: str) -> list[str]:
    """The command with which the runner starts a container of the action; `folder` holds the runner's files."""
    command = ["docker", "run", "--name", name, "--rm", "--workdir", "/github/workspace", "--network", "host"]
    command += [part for key in variables for part in ("-e", key)]
    return [*command, "-v", f"{folder}:{folder}", "--entrypoint", program, image]


def composite_step(index: int, folder: Path) -> tuple[list[str], dict[str, str]]:
    """The command with which the runner starts a step of the composite action, and the step's own variables."""
    action = yaml.safe_load((ROOT / "composite" / "action.yml").read_text(encoding="utf-8"))
    step = action["runs"]["steps"][index]
    script = folder / f"step-{index}.sh"
    script.write_text(step["run"], encoding="utf-8")
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "RUNNER_TEMP": str(folder),
        "GITHUB_ACTION_PATH": str(ROOT / "composite"),
        "DBT_CLOUD_RUN_PROGRAM": step["env"]["DBT_CLOUD_RUN_PROGRAM"],
        **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))},
    }
    return ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)], environ


def last_value(file: Path, name: str) -> str:
    """The last value of `name` in one of the runner's files."""
    lines = file.read_text(encoding="utf-8").splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith(f"{name}<<")]
    return lines[starts[-1] + 1]
