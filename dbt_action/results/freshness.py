"""Reads dbt's sources.json: which sources are late, and by how much. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dbt_action.text import duration, one_line, plural

# Status words of sources.json v3 that mean trouble; "fail" has been seen too.
_LATE = ("error", "warn", "runtime error", "fail")
_PERIODS = ("minute", "hour", "day")


@dataclass(frozen=True, slots=True, kw_only=True)
class LateSource:
    """A source that is late, or could not be looked at. Ages are in seconds; `limit` is dbt's: `12 hours`."""

    name: str
    status: str
    age_seconds: float | None = None
    limit: str = ""
    # dbt's message when the source could not be looked at.
    error: str = ""

    def in_words(self) -> str:
        """`raw.orders is 30h 00m old, the limit is 12 hours`."""
        if self.age_seconds is None:
            return ": ".join(part for part in (f"{self.name} could not be looked at", one_line(self.error)) if part)
        limit = f", the limit is {self.limit}" if self.limit else ""
        days = round(self.age_seconds / 86_400)
        age = plural(days, "day") if days > 1 else duration(self.age_seconds)
        return f"{self.name} is {age} old{limit}"


def read(chunks: Iterable[bytes]) -> tuple[LateSource, ...]:
    """The sources that are late, from the pieces of a sources.json (v3). Raises ValueError when it is not JSON."""
    document = json.loads(b"".join(chunks))
    results = document.get("results") if isinstance(document, Mapping) else None
    items = [item for item in results if isinstance(item, Mapping)] if isinstance(results, list) else []
    return tuple(_source(item) for item in items if str(item.get("status")).lower() in _LATE)


def _source(item: Mapping[str, Any]) -> LateSource:
    status, unique_id, error = item.get("status"), item.get("unique_id"), item.get("error")
    age = item.get("max_loaded_at_time_ago_in_s")
    return LateSource(
        name=unique_id.split(".", 2)[-1] if isinstance(unique_id, str) else "source",
        status=str(status),
        age_seconds=float(age) if isinstance(age, int | float) and not isinstance(age, bool) else None,
        limit=_limit(item.get("criteria"), "warn_after" if status == "warn" else "error_after"),
        error=error if isinstance(error, str) else "",
    )


def _limit(criteria: object, name: str) -> str:
    threshold = criteria.get(name) if isinstance(criteria, Mapping) else None
    if not isinstance(threshold, Mapping):
        return ""
    count, period = threshold.get("count"), threshold.get("period")
    if not isinstance(count, int) or period not in _PERIODS:
        return ""
    return f"{count} {period}{'' if count == 1 else 's'}"
