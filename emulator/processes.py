"""Child processes of a run: one at a time, with a clean environment, killed together with what they have started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

INHERITED_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
"""The variables that a child gets from our environment. CI, GITHUB_* and DBT_* would change what dbt does."""


def clean_environ(environ: Mapping[str, str], home: Path, **more: str) -> dict[str, str]:
    """Build the environment of a child."""
    inherited = {name: environ[name] for name in INHERITED_VARIABLES if name in environ}
    return {**inherited, "HOME": str(home), "PYTHONUNBUFFERED": "1", **more}


class StoppedError(Exception):
    """The run was stopped from outside; no further process may be started."""


class ChildProcess(Protocol):
    """A process that leads a process group of its own."""

    pid: int

    def lines(self) -> Iterable[str]:
        """Yield the lines of stdout and stderr until the process closes both."""

    def wait(self) -> int:
        """Wait for the end of the process and return its exit code."""


class Command:
    """A program with its arguments as a child process."""

    def __init__(self, command: Sequence[str], *, cwd: Path, environ: Mapping[str, str]) -> None:
        """Start the process."""
        self._process = subprocess.Popen(
            list(command),
            cwd=cwd,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        self.pid = self._process.pid

    def lines(self) -> Iterable[str]:
        """Yield the lines of stdout and stderr until the process closes both."""
        yield from self._process.stdout or ()

    def wait(self) -> int:
        """Wait for the end of the process and return its exit code."""
        with self._process:
            return self._process.wait()


class Processes:
    """Runs one child after another. `stop` may be called from any thread and ends all of it."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._lock = threading.Lock()
        self._child: ChildProcess | None = None
        self.stopped = threading.Event()

    def run(self, start: Callable[[], ChildProcess], on_line: Callable[[str], None]) -> int:
        """Start a child, pass each line of its output to `on_line`, and return its exit code.

        Raises `StoppedError` when `stop` was called before the child ended.
        """
        with self._lock:
            if self.stopped.is_set():
                raise StoppedError
            self._child = child = start()
        for line in child.lines():
            on_line(line)
        code = child.wait()
        with self._lock:
            self._child = None
        if self.stopped.is_set():
            raise StoppedError
        return code

    def stop(self) -> None:
        """Kill the child and every process that it has started."""
        with self._lock:
            self.stopped.set()
            if self._child is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._child.pid, signal.SIGKILL)
