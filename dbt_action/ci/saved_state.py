"""What a clean-up has to know about a process that may have been killed; where it is kept is `ci`'s work."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """A commit status that could not be posted, in the words of the host's API."""

    state: str
    description: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
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
    untold: Untold | None = None

    @property
    def closed(self) -> bool:
        """Nothing is left to do."""
        return self.run_closed and self.untold is None

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), separators=(",", ":"))


def from_json(text: str) -> State | None:
    """The state in `text`, None when there is none."""
    try:
        fields = json.loads(text)
        untold = fields.pop("untold", None)
        return State(**fields, untold=Untold(**untold) if untold else None)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
