"""Measures the time until the action's first request, compared with `import requests`; fails above a limit."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 15
LIMIT = 1.5


def main() -> int:
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
        first_request(server, environ, folder)
        import_requests(environ)  # both once before measuring, so that everything is compiled and cached
        action, library = [], []
        for _ in range(ROUNDS):  # alternating, so that other load on the machine affects both
            action.append(first_request(server, environ, folder))
            library.append(import_requests(environ))
    ratio = statistics.median(action) / statistics.median(library)
    print(f"to the first request   {statistics.median(action) * 1000:6.0f} ms  (median of {ROUNDS})")
    print(f"import requests        {statistics.median(library) * 1000:6.0f} ms")
    print(f"ratio                  {ratio:6.2f}     (at most {LIMIT})")
    return int(ratio > LIMIT)


def first_request(server: socket.socket, environ: dict[str, str], folder: str) -> float:
    """Seconds from the start of the process until the first bytes of a request have arrived."""
    command = [sys.executable, "-Esu", str(ROOT / "entrypoint.py")]
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


def import_requests(environ: dict[str, str]) -> float:
    """Seconds that a Python process takes that only imports `requests`."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import requests"], env=environ, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
