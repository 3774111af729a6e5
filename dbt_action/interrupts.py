"""Signals become one exception; which signals are handled is decided in `app`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dbt_action.clock import Clock


class Interrupted(BaseException):
    """The user or the CI wants this process to end. Not an Exception, so that no `except Exception` swallows it."""


class Interrupts:
    """Raises Interrupted where the signal finds the program, unless it is deferred there."""

    def __init__(self) -> None:
        """No signal has been received."""
        self._signal_received = False
        self._shutting_down = False
        # How many `deferred` blocks the program is in.
        self._deferrals = 0

    @property
    def signal_received(self) -> bool:
        """Whether a signal has been received, raised or not."""
        return self._signal_received

    @property
    def shutting_down(self) -> bool:
        """Whether the shutdown has begun, so that further signals are ignored."""
        return self._shutting_down

    def shut_down(self) -> None:
        """The shutdown begins: it is short, and further signals are ignored."""
        self._shutting_down = True

    def handle_signal(self, *_signal: object) -> None:
        """The signal handler. Raises Interrupted."""
        self._signal_received = True
        self.check()

    def check(self) -> None:
        """Raise Interrupted when a signal has been received that could not be raised before.

        An exception raised in a destructor or a callback is lost, so a signal that came there is noticed here.
        """
        if self._signal_received and not self._shutting_down and not self._deferrals:
            raise Interrupted

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """A short block that a signal must not break off; a signal received in it is raised at the next check."""
        self._deferrals += 1
        try:
            yield
        finally:
            self._deferrals -= 1

    @contextmanager
    def enabled(self) -> Iterator[None]:
        """A block within a deferred one in which signals are raised."""
        deferrals, self._deferrals = self._deferrals, 0
        try:
            self.check()
            yield
        finally:
            self._deferrals = deferrals


class InterruptibleClock:
    """A clock that checks for signals before and after every sleep."""

    def __init__(self, clock: Clock, interrupts: Interrupts) -> None:
        """Time is that of `clock`."""
        self._clock, self._interrupts = clock, interrupts

    def now(self) -> float:
        """Seconds since some fixed moment."""
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        """Sleep for `seconds`. Raises Interrupted."""
        self._interrupts.check()
        self._clock.sleep(seconds)
        self._interrupts.check()
