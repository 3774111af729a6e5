"""The state that a step saves for its clean-up, in case its process is killed; each CI has its own way to save it.

The text is signed: whoever can commit a file to the repository, or set a variable, must not make the clean-up cancel a
run or post a status.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

# More than any state has.
MAX_BYTES = 64 * 1024
_MAX_ID = 2**63 - 1
_PURPOSE = "dbt-cloud-run saved state"
_SIGNATURE = "signature"


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


def signing_key(token: str, *bound: object) -> bytes:
    """The key for one job of one build: made from dbt Cloud's token, and from what only that job has in common."""
    return hmac.digest(token.encode(), repr((_PURPOSE, *bound)).encode("utf-8", "replace"), "sha256")


def to_text(state: SavedState, key: bytes) -> str:
    """One line of JSON with a signature, which `from_text` reads with the same key."""
    values = asdict(state)
    return _json({**values, _SIGNATURE: _signature(values, key)})


def from_text(text: str, key: bytes) -> SavedState | None:
    """The state in `text`; None if it was not signed with this key, whatever else it is."""
    try:
        values = json.loads(text)
        signature = values.pop(_SIGNATURE)
        if not hmac.compare_digest(_signature(values, key).encode(), signature.encode()):
            return None
        return _read(values)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None


def _signature(values: Mapping[str, Any], key: bytes) -> str:
    return hmac.new(key, _json(values).encode(), hashlib.sha256).hexdigest()


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, separators=(",", ":"), sort_keys=True)


def _read(values: Mapping[str, Any]) -> SavedState:
    """The state. Raises ValueError when a value has another type than its field: ids become parts of addresses."""
    status = values["pending_status"]
    pending = None if status is None else PendingStatus(**status)
    state = SavedState(**{**values, "pending_status": pending})
    texts = [state.marker, state.job_name, *((pending.state, pending.description, pending.url) if pending else ())]
    flags = (state.in_flight, state.run_closed, state.cancel_wanted)
    right = (
        all(isinstance(value, str) for value in texts)
        and all(isinstance(value, bool) for value in flags)
        and (state.run_id is None or _is_id(state.run_id))
        and len(values) == len(fields(SavedState))
    )
    if not right:
        message = "not a saved state"
        raise ValueError(message)
    return state


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MAX_ID
