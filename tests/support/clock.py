"""A clock for tests: its time moves only when something sleeps on it, or when a test advances it."""

from __future__ import annotations

from collections.abc import Callable


class FakeClock:
    """Seconds since the epoch. `on_sleep` is called with the length of each sleep before time passes."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.started_at = now
        self.time = now
        self.slept: list[float] = []
        self.on_sleep: Callable[[float], None] = lambda _seconds: None
        self._scheduled: list[tuple[float, Callable[[], object]]] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0, f"a sleep of {seconds} seconds"
        self.slept.append(seconds)
        self.on_sleep(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass without a sleep; what has been scheduled is called at its moment."""
        end = self.time + seconds
        while due := [entry for entry in self._scheduled if entry[0] <= end]:
            entry = min(due, key=lambda entry: entry[0])
            # Removed first: the action may raise, or sleep on this clock itself.
            self._scheduled.remove(entry)
            self.time = max(self.time, entry[0])
            entry[1]()
        self.time = max(self.time, end)

    def schedule(self, seconds: float, action: Callable[[], object]) -> None:
        """Call `action` once, so many seconds from now; what it raises is raised by the sleep that it interrupts."""
        self._scheduled.append((self.time + seconds, action))

    def reset(self) -> None:
        """Forget `on_sleep` and everything that has been scheduled."""
        self.on_sleep = lambda _seconds: None
        self._scheduled.clear()

    @property
    def passed(self) -> float:
        """Seconds since the clock was made."""
        return self.time - self.started_at
