"""Signals become one exception; which signals there are and who installs the handler is `app`'s work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dbt_action.clock import Clock


class Interrupted(BaseException):
    """The user or the CI wants this process to end. Not an Exception: nothing may swallow it on the way."""


class Interrupts:
    """Raises Interrupted where the signal finds the program, unless that place is shielded."""

    def __init__(self) -> None:
        """Nothing has arrived yet."""
        self.signal_received = False
        # Somebody has taken notice, or it is too late for anything but the end.
        self.shutting_down = False
        self._shields = 0

    def handle_signal(self, *_signal: object) -> None:
        """The signal handler. Once a signal is shutting_down another changes nothing: the clean-up is short."""
        self.signal_received = True
        self.check()

    def check(self) -> None:
        """Raise Interrupted when a signal has arrived that nobody has shutting_down.

        An exception raised in a destructor or a callback goes nowhere, so a signal that came there is
        noticed here.
        """
        if self.signal_received and not self.shutting_down and not self._shields:
            raise Interrupted

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """A short stretch that a signal must not tear apart; what arrives in it is raised at the next check."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1

    @contextmanager
    def enabled(self) -> Iterator[None]:
        """A stretch within a shielded one in which signals are raised."""
        shields, self._shields = self._shields, 0
        try:
            self.check()
            yield
        finally:
            self._shields = shields


class InterruptibleClock:
    """A clock that looks for signals around every sleep."""

    def __init__(self, clock: Clock, interrupts: Interrupts) -> None:
        """Time is that of `clock`."""
        self._clock, self._interrupts = clock, interrupts

    def now(self) -> float:
        """Seconds since some fixed moment."""
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass. Raises Interrupted."""
        self._interrupts.check()
        self._clock.sleep(seconds)
        self._interrupts.check()
