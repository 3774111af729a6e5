"""Read-after-write lag: which runs a client gets to see already; nothing else."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.records import Run


class Visibility:
    """Hides a new run for so many seconds and for so many requests that would have shown it (reported)."""

    def __init__(self, seconds: float, requests: int) -> None:
        """Both limits must have passed before a run is seen; 0 and 0 hide nothing."""
        self._seconds = seconds
        self._requests = requests
        self._lock = threading.Lock()
        self._asked: Counter[int] = Counter()

    def seen(self, runs: Iterable[Run], now: float) -> list[Run]:
        """Return the runs that this request gets to see, counting it for those that it does not."""
        with self._lock:
            return [run for run in runs if self._shows(run, now)]

    def _shows(self, run: Run, now: float) -> bool:
        if now - run.created_at < self._seconds:
            return False
        if self._asked[run.id] < self._requests:
            self._asked[run.id] += 1
            return False
        return True
