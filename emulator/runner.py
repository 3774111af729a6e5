"""The seam between the scheduler and whatever executes runs (a script, real dbt); only the two protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from emulator.records import Order, Progress


class Execution(Protocol):
    """One run in the hands of a runner; all durations in seconds."""

    queue_seconds: float
    starting_seconds: float
    artifact_seconds: float

    def start(self, at: float) -> None:
        """Begin; called once."""

    def look(self, now: float) -> Progress:
        """Tell how far it is; cheap, called often."""

    def stop(self) -> None:
        """End it at once: it was cancelled, timed out or finished by hand."""


@runtime_checkable
class Runner(Protocol):
    """What executes runs."""

    def prepare(self, order: Order) -> Execution:
        """Take an order; nothing begins yet."""

    def close(self) -> None:
        """Clean up after the last run."""
