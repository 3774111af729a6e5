"""Measures the time until the action's first request, beside other programs in turns; prints it, and never fails."""

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
ROUNDS = 15
# The smallest program in JavaScript that sends the same request, as an action in that language would.
SCRIPT = """\
const http = require("http");
const url = process.env.DBT_URL + "/api/v2/accounts/1/jobs/2/";
const headers = {
    Accept: "application/json",
    Authorization: "Token " + process.env.DBT_TOKEN,
};
const request = http.request(url, { headers }, (answer) => answer.resume());
request.on("error", (error) => {
    console.error(error.message);
});
request.end();
"""


def main() -> int:
    """Print the median of each program, and how many times longer the action takes."""
    with socket.create_server(("127.0.0.1", 0)) as server, tempfile.TemporaryDirectory() as folder:
        server.settimeout(30)
        # No variables of a CI and no proxies, so that the request goes the same way on every machine.
        keep = ("PATH", "HOME", "SYSTEMROOT", "TEMP", "TMP", "LANG")
        environ = {name: os.environ[name] for name in keep if name in os.environ}
        environ |= {
            "DBT_URL": f"http://127.0.0.1:{server.getsockname()[1]}",
            "DBT_TOKEN": "made-up",
            "DBT_ACCOUNT_ID": "1",
            "DBT_JOB_ID": "2",
            "DBT_RUN_ON": "job",
        }
        script = Path(folder) / "request.js"
        script.write_text(SCRIPT, encoding="utf-8")
        programs = _programs(script)
        seconds: dict[str, list[float]] = {name: [] for name in programs}
        for number in range(ROUNDS + 1):  # alternating, so that other load on the machine affects all of them
            for name, (command, sends) in programs.items():
                taken = _first_request(server, command, environ, folder) if sends else _whole(command, environ)
                # The first round compiles and caches everything.
                seconds[name] += [taken] if number else []
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    action = medians["the action's first request"]
    for name, median in medians.items():
        ratio = "" if median == action else f"   the action takes {action / median:4.2f} x as long"
        print(f"{name:28} {median * 1000:6.0f} ms{ratio}   (median of {ROUNDS})")
    return 0


def _programs(script: Path) -> Mapping[str, tuple[list[str], bool]]:
    """Each program by its name, and whether it is measured until its first request or until its end."""
    found: dict[str, tuple[list[str], bool]] = {
        "the action's first request": ([sys.executable, "-Esu", str(ROOT / "entrypoint.py")], True),
        "import requests": ([sys.executable, "-c", "import requests"], False),
        "Python alone": ([sys.executable, "-c", "pass"], False),
    }
    node = shutil.which("node")
    if node:
        found["ten lines for Node"] = ([node, str(script)], True)
    return found


def _first_request(server: socket.socket, command: list[str], environ: dict[str, str], folder: str) -> float:
    """Seconds from the start of the process until the first bytes of a request have arrived."""
    start = time.perf_counter()
    with subprocess.Popen(
        command, env=environ, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(30)
                connection.recv(1)
                return time.perf_counter() - start
        finally:
            process.kill()


def _whole(command: list[str], environ: dict[str, str]) -> float:
    """Seconds that the process takes."""
    start = time.perf_counter()
    subprocess.run(command, env=environ, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
