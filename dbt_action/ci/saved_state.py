"""What a clean-up has to know about a process that may have been killed; where it is state is `ci`'s work."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingStatus:
    """A commit status that could not be posted, in the words of the host's API."""

    state: str
    description: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedState:
    """What has been started, and what is left to do."""

    # Of the trigger; its run may exist before its number is known here.
    marker: str
    run_id: int | None = None
    # A trigger, or a retry of `run_id`, was on its way.
    in_flight: bool = False
    # The status is named after the job.
    job_name: str = ""
    # The run is over, or was left going on purpose.
    run_closed: bool = False
    pending_status: PendingStatus | None = None

    @property
    def closed(self) -> bool:
        """Nothing is left to do."""
        return self.run_closed and self.pending_status is None

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), separators=(",", ":"))


def from_json(text: str) -> SavedState | None:
    """The state in `text`, None when there is none."""
    try:
        fields = json.loads(text)
        pending_status = fields.pop("pending_status", None)
        return SavedState(**fields, pending_status=PendingStatus(**pending_status) if pending_status else None)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
