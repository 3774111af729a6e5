"""Measures how long the composite action takes to its first request; prints it, and never fails.

Cold: an empty RUNNER_TEMP, a home without caches, a copy of the action without bytecode. The packages are downloaded,
so the figures depend on the index and the way to it, and on the version of pip. An argument names another Python than
the one that runs this.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 3
# What says where packages come from, and what every program needs.
KEEP = ("LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "PIP_CERT", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS")
PYTHON = sys.argv[1] if len(sys.argv) > 1 else sys.executable
# Seconds that are wanted.
COLD_PIP, COLD_UV, AGAIN = 3.0, 1.0, 1.0


def main() -> int:
    """Print the three figures, each the median of some rounds."""
    bash, uv = shutil.which("bash"), shutil.which("uv")
    if bash is None:
        print("Not measured: this needs `bash`.")
        return 0
    with tempfile.TemporaryDirectory(prefix="dbt-cloud-run-bench-") as temp:
        cold, again = _rounds(bash, Path(temp) / "pip", "")
        _show(f"composite, pip {_version()}, cold", cold, COLD_PIP)
        _show("composite, second use", again, AGAIN)
        if uv is None:
            print("composite, uv           not measured: no `uv` on the PATH")
            return 0
        cold, again = _rounds(bash, Path(temp) / "uv", uv)
        _show("composite, uv, cold", cold, COLD_UV)
    return 0


def _rounds(bash: str, folder: Path, uv: str) -> tuple[list[float], list[float]]:
    cold, again = [], []
    for number in range(ROUNDS):
        place = folder / str(number)
        place.mkdir(parents=True)
        shutil.copytree(
            ROOT, place / "action", ignore=shutil.ignore_patterns(".*", "__pycache__", "tests", "docs", "mutants")
        )
        cold += _first_request(bash, place, uv)
        again += _first_request(bash, place, uv)
    return cold, again


def _first_request(bash: str, place: Path, uv: str) -> list[float]:
    """Seconds from the start of the step to its first request; nothing when there was none."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        begin = time.perf_counter()
        with subprocess.Popen(
            [bash, "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", '. "$GITHUB_ACTION_PATH/run.sh"'],
            env=_environ(place, uv, server.getsockname()[1]),
            cwd=place,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            try:
                connection, _ = server.accept()
            except TimeoutError:
                process.kill()
                output = (process.stdout.read() if process.stdout else b"").decode(errors="replace")
                print(f"The packages could not be installed; is the index reachable?\n{output[-500:]}")
                return []
            with connection:
                connection.recv(1)
                seconds = time.perf_counter() - begin
            process.kill()
    return [seconds]


def _environ(place: Path, uv: str, port: int) -> Mapping[str, str]:
    (place / "temp").mkdir(exist_ok=True)
    (place / "home").mkdir(exist_ok=True)
    # Without the folder of `uv` unless it is wanted; it may be that of Python too.
    tools = place / "bin"
    tools.mkdir(exist_ok=True)
    for name, target in (("python3", PYTHON), ("uv", uv)):
        if target:
            # No link: an environment is found by the place of its Python.
            (tools / name).write_text(f'#!/bin/sh\nexec "{target}" "$@"\n', encoding="utf-8")
            (tools / name).chmod(0o755)
    return {
        **{name: os.environ[name] for name in KEEP if name in os.environ},
        "PATH": f"{tools}:/usr/bin:/bin",
        "HOME": str(place / "home"),
        "RUNNER_TEMP": str(place / "temp"),
        "GITHUB_ACTION_PATH": str(place / "action" / "composite"),
        "DBT_CLOUD_RUN_PROGRAM": "entrypoint.py",
        "DBT_URL": f"http://127.0.0.1:{port}",
        "DBT_TOKEN": "made-up",
        "DBT_ACCOUNT_ID": "1",
        "DBT_JOB_ID": "2",
        "DBT_RUN_ON": "job",
    }


def _version() -> str:
    done = subprocess.run([PYTHON, "-I", "-m", "pip", "--version"], capture_output=True, text=True, check=False)
    words = done.stdout.split()
    return words[1] if len(words) > 1 else ""


def _show(title: str, seconds: list[float], wanted: float) -> None:
    if seconds:
        print(f"{title:32} {statistics.median(seconds):5.2f} s   (wanted: at most {wanted:.0f} s; median of {ROUNDS})")


if __name__ == "__main__":
    sys.exit(main())
