"""What a clean-up has to know about a process that may have been killed; where it is kept is `ci`'s work."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The marker of the trigger, the run as soon as it is known, and whether nothing is left to do."""

    marker: str
    run_id: int | None = None
    # The status is named after it.
    job_name: str = ""
    closed: bool = False

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), separators=(",", ":"))


def from_json(text: str) -> State | None:
    """The state in `text`, None when there is none."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or not isinstance(fields.get("marker"), str):
        return None
    run_id = fields.get("run_id")
    return State(
        marker=fields["marker"],
        run_id=run_id if isinstance(run_id, int) and not isinstance(run_id, bool) else None,
        job_name=name if isinstance(name := fields.get("job_name"), str) else "",
        closed=fields.get("closed") is True,
    )
