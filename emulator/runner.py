"""The interface between the scheduler and what executes runs: a script or real dbt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from emulator.runs import Order, Progress


class Execution(Protocol):
    """One run that a runner executes. Attributes are durations in seconds."""

    queue_seconds: float
    starting_seconds: float
    artifact_seconds: float

    def start(self, at: float) -> None:
        """Start at this time, in seconds since the epoch; called once."""

    def progress(self, now: float) -> Progress:
        """Return how far the run is. It is called often, so it must be fast."""

    def stop(self) -> None:
        """End the run at once: it was cancelled, timed out, or ended by a test."""


@runtime_checkable
class Runner(Protocol):
    """Executes runs."""

    def prepare(self, order: Order) -> Execution:
        """Make the execution of a run; it must not start yet."""

    def close(self) -> None:
        """Stop and remove whatever is left."""
