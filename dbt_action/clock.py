"""Time as an object that is passed around, so that tests can replace it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A monotonic clock. `sleep` ends early only if an exception is raised in it."""

    def now(self) -> float:
        """Seconds since an arbitrary fixed moment."""

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""


class SystemClock:
    """The monotonic clock of this machine."""

    def now(self) -> float:
        """`time.monotonic()`."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """`time.sleep`; a negative number is 0."""
        time.sleep(max(0.0, seconds))
