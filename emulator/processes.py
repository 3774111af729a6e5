"""Child processes in groups of their own, with a clean environment, killed whole; knows nothing of dbt."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
"""All that a child sees of our environment: CI, GITHUB_* and DBT_* variables would configure dbt itself."""


def clean_environ(environ: Mapping[str, str], home: Path, **more: str) -> dict[str, str]:
    """Build the environment of a child."""
    kept = {name: environ[name] for name in PASSED_ON if name in environ}
    return {**kept, "HOME": str(home), "PYTHONUNBUFFERED": "1", **more}


class StoppedError(Exception):
    """The processes were stopped from outside; nothing more is to be started."""


class Processes:
    """Runs one child after another until it is told to stop; `stop` may come from any thread."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self.stopped = threading.Event()

    def run(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        environ: Mapping[str, str],
        say: Callable[[str], None],
    ) -> int:
        """Run a command to its end, handing over each line of its output; return its exit code.

        Raises `StoppedError` when it was killed by `stop`.
        """
        with self._lock:
            if self.stopped.is_set():
                raise StoppedError
            self._child = child = subprocess.Popen(
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
        with child:
            if child.stdout is not None:
                for line in child.stdout:
                    say(line)
        with self._lock:
            self._child = None
        if self.stopped.is_set():
            raise StoppedError
        return child.returncode

    def stop(self) -> None:
        """Kill the child with everything it has started."""
        with self._lock:
            self.stopped.set()
            if self._child is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._child.pid, signal.SIGKILL)
