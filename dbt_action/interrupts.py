"""Signals become one exception, once; which signals there are and who installs the handler is `app.main`'s."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Interrupted(BaseException):
    """The user or the CI wants this process to end. Not an Exception: nothing may swallow it on the way."""


class Interrupts:
    """Raises Interrupted where the signal finds the program, unless that place is shielded."""

    def __init__(self) -> None:
        """Nothing has arrived yet."""
        self.arrived = False
        self._shields = 0

    def arrive(self, *_signal: object) -> None:
        """The signal handler. A second signal changes nothing: the clean-up is under way and is short."""
        if self.arrived:
            return
        self.arrived = True
        if not self._shields:
            raise Interrupted

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """A stretch that a signal must not tear apart; it is short, and looks at `arrived` itself."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
