"""The state that a step saves for its clean-up, in case its process is killed; each CI has its own way to save it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingStatus:
    """A commit status that has not been posted yet."""

    # A value of `CommitState`.
    state: str
    description: str
    # Page that the status links to, "" for none.
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedState:
    """The run that this step has triggered, and what is left to do when the process ends."""

    # Text in `cause` by which dbt Cloud's list of runs shows our run, even when no answer with its number arrived.
    marker: str
    # None until the number is known.
    run_id: int | None = None
    # A request was sent and not answered yet: a trigger, or a retry of `run_id`. It may have made a run.
    in_flight: bool = False
    # Part of the name of the commit status, "" when the job could not be read.
    job_name: str = ""
    # The run has ended, or was left running on purpose: there is nothing to cancel.
    run_closed: bool = False
    # The step has tried to cancel the run at its time limit and has not seen it end; `on-cancel` has no say in that.
    cancel_wanted: bool = False
    pending_status: PendingStatus | None = None

    @property
    def closed(self) -> bool:
        """Whether nothing is left to do."""
        return self.run_closed and self.pending_status is None

    def to_json(self) -> str:
        """One line of JSON, which `from_json` reads."""
        return json.dumps(asdict(self), separators=(",", ":"))


def from_json(text: str) -> SavedState | None:
    """The state in `text`, None if there is none, whatever else it is."""
    try:
        fields = json.loads(text)
        pending_status = fields.pop("pending_status", None)
        return SavedState(**fields, pending_status=PendingStatus(**pending_status) if pending_status else None)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
