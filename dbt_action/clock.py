"""Time as an object, so that nothing else in the package knows what time it is."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """`now` is seconds on a clock that never jumps; `sleep` may end early by an exception only."""

    def now(self) -> float:
        """Seconds since some fixed moment."""

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""


class SystemClock:
    """The machine's own monotonic clock."""

    def now(self) -> float:
        """Seconds of `time.monotonic`."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep for real."""
        time.sleep(max(0.0, seconds))
