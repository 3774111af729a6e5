"""A clock that moves only when somebody sleeps on it; with a hook, for what happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable


class FakeClock:
    """Seconds since the epoch. `on_sleep` is called with the length of each sleep before time passes."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.began = now
        self.time = now
        self.slept: list[float] = []
        self.on_sleep: Callable[[float], None] = lambda _seconds: None

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0, "nobody can sleep backwards"
        self.slept.append(seconds)
        self.on_sleep(seconds)
        self.time += seconds

    @property
    def passed(self) -> float:
        """Seconds since the clock was made."""
        return self.time - self.began
