"""dbt commands as child processes that start at once: forks of a process that has imported dbt already.

Importing dbt takes more than a second, and a run has two or more commands. Each command still is a process of its
own, with its own environment, working directory and exit code, and can be killed.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import sys
import threading
from multiprocessing import forkserver
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path

PRELOADED = ["__main__", "dbt.cli.main", "dbt.adapters.duckdb"]
_MULTIPROCESSING = threading.Lock()
"""multiprocessing is not safe to use from several threads: a start may read the exit code meant for another's wait."""


def is_available() -> bool:
    """Whether this Python can import dbt-core and dbt-duckdb, and this system can fork (Windows cannot)."""
    return (
        "forkserver" in multiprocessing.get_all_start_methods()
        and importlib.util.find_spec("dbt") is not None
        and importlib.util.find_spec("dbt.adapters.duckdb") is not None
    )


def preload() -> None:
    """Start importing dbt in the background."""
    with _MULTIPROCESSING:
        multiprocessing.get_context("forkserver").set_forkserver_preload(PRELOADED)
        forkserver.ensure_running()


class DbtProcess:
    """One dbt command; `arguments` is what follows `dbt` on a command line."""

    def __init__(self, arguments: Sequence[str], *, cwd: Path, environ: Mapping[str, str]) -> None:
        """Start the command."""
        context = multiprocessing.get_context("forkserver")
        reader, writer = context.Pipe(duplex=False)
        ready, started = context.Pipe(duplex=False)
        self._output = reader
        with _MULTIPROCESSING, writer, started:
            self._process = context.Process(
                target=_run_dbt, args=(list(arguments), str(cwd), dict(environ), writer, started), daemon=True
            )
            self._process.start()
        # `pid` may be killed as a process group only when the child has made itself the leader of one.
        with ready:
            ready.poll(None)
        self.pid = self._process.pid or 0

    def lines(self) -> Iterator[str]:
        """Yield the lines of stdout and stderr until the process closes both."""
        with self._output, open(self._output.fileno(), encoding="utf-8", errors="replace", closefd=False) as output:
            yield from output

    def wait(self) -> int:
        """Wait for the end of the process and return its exit code."""
        with _MULTIPROCESSING:
            self._process.join()
            return self._process.exitcode or 0


def _run_dbt(arguments: list[str], cwd: str, environ: dict[str, str], output: Connection, started: Connection) -> None:
    """Become what `dbt …` is when a shell starts it; runs in the child."""
    os.setsid()
    started.close()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environ)
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    output.close()
    sys.stdout = open(1, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115 - open as long as the process
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115 - the same
    sys.argv = ["dbt", *arguments]

    from dbt.cli.main import cli  # noqa: PLC0415 - only here is dbt needed

    cli()
