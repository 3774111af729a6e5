"""What every host is told about a status: the commit, its name, and whom to tell about trouble; no HTTP is here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dbt_action.clock import Clock, SystemClock

# Seconds for connecting and for reading, so at most ten for a request.
TIMEOUT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The status `name` of commit `sha`. `timeout` is in seconds, for connecting and for each wait for an answer."""

    sha: str
    name: str
    warn: Callable[[str], None]
    timeout: int = TIMEOUT
    # False when nobody stays to post how it ended.
    waits: bool = True
    clock: Clock = field(default_factory=SystemClock)
