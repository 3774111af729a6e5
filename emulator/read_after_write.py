"""Read-after-write lag: a run that was just triggered cannot be read for a while."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.runs import Run


class ReadAfterWriteLag:
    """Hides a new run for some seconds and from some requests that would have returned it (reported)."""

    def __init__(self, seconds: float, requests: int) -> None:
        """A run is visible when both limits have passed. With 0 and 0 it is visible at once."""
        self._seconds = seconds
        self._requests = requests
        self._lock = threading.Lock()
        self._hidden: Counter[int] = Counter()

    def visible(self, runs: Iterable[Run], now: float) -> list[Run]:
        """Return the runs that this request can read, and count the request for the others."""
        with self._lock:
            return [run for run in runs if self._is_visible(run, now)]

    def _is_visible(self, run: Run, now: float) -> bool:
        if now - run.created_at < self._seconds:
            return False
        if self._hidden[run.id] < self._requests:
            self._hidden[run.id] += 1
            return False
        return True
