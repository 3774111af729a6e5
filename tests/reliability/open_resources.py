"""Counts the file descriptors and threads of this process, to see whether something was left open."""

from __future__ import annotations

import gc
import threading
import time
from pathlib import Path

DESCRIPTORS = Path("/proc/self/fd")
# The servers' own threads end soon after a connection is closed.
WAIT_SECONDS = 2.0


def count() -> int:
    """Open file descriptors (where the system lists them) and threads."""
    return threading.active_count() + (len(list(DESCRIPTORS.iterdir())) if DESCRIPTORS.exists() else 0)


def left_open(before: int) -> int:
    """How many more there are than `before`, after a short wait; 0 when there are not more."""
    limit = time.monotonic() + WAIT_SECONDS
    while count() > before and time.monotonic() < limit:
        gc.collect()
        time.sleep(0.01)
    return max(0, count() - before)
