"""What clients may ask for and how it is refused: trigger bodies, filters of lists, relations; no HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from emulator.records import Job, Run

INVALID = "The request was invalid. Please double check the provided data and try again."
CAUSE_MAX_LENGTH = 255
"""Assumption: clients cut here; whether the server refuses or cuts a longer one is unverified."""
PAGE_LIMIT = 100
SHA_AND_BRANCH = "git_branch and git_sha cannot both be specified"


class InvalidError(Exception):
    """A request that is refused with 400; `fields` maps a field (or `_model`) to its message."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        """Keep the messages."""
        super().__init__(str(dict(fields)))
        self.fields = fields


def _text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _boolean(value: object) -> bool:
    return isinstance(value, bool)


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(_text(item) for item in value)


TRIGGER_FIELDS: Mapping[str, Callable[[object], bool]] = {
    "cause": _text,
    "git_branch": _text,
    "git_sha": _text,
    "azure_pull_request_id": _integer,
    "github_pull_request_id": _integer,
    "gitlab_merge_request_id": _integer,
    "non_native_pull_request_id": _integer,
    "schema_override": _text,
    "dbt_version_override": _text,
    "threads_override": _integer,
    "target_name_override": _text,
    "generate_docs_override": _boolean,
    "timeout_seconds_override": _integer,
    "steps_override": _texts,
}


def trigger_fields(content_type: str, body: bytes) -> dict[str, Any]:
    """Read the body of a trigger: every known field, null when unset; unknown keys are ignored (inferred).

    Raises `InvalidError` for form data, text in place of a number (reported), a missing cause and sha with
    branch (status code assumed). Null is taken for unset, as clients do send it (2023 specification).
    """
    try:
        asked = json.loads(body) if content_type.partition(";")[0].strip() == "application/json" else None
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise InvalidError({"_model": "a JSON object is required"})
    problems = {
        name: f"{asked[name]!r} is not valid under any of the given schemas"
        for name, valid in TRIGGER_FIELDS.items()
        if asked.get(name) is not None and not valid(asked[name])
    }
    if asked.get("cause") is None:
        problems["cause"] = "This field is required."
    elif isinstance(asked["cause"], str) and len(asked["cause"]) > CAUSE_MAX_LENGTH:
        problems["cause"] = f"Ensure this field has no more than {CAUSE_MAX_LENGTH} characters."
    if asked.get("git_sha") is not None and asked.get("git_branch") is not None:
        problems["_model"] = SHA_AND_BRANCH
    if problems:
        raise InvalidError(problems)
    return {name: asked.get(name) for name in TRIGGER_FIELDS}


def related(value: str | None) -> frozenset[str]:
    """Read `include_related`: a JSON list, and the sloppier lists that were accepted as well (reported)."""
    words = (value or "").strip("[] ").split(",")
    return frozenset(word.strip("\"' ") for word in words) - {""}


def _listed(value: str) -> list[str]:
    return sorted(related(value))


def _times(value: str) -> tuple[datetime, datetime]:
    first, last = json.loads(value)
    return _time(first), _time(last)


def _time(value: str) -> datetime:
    # Python 3.10 reads neither "Z" nor a time without seconds.
    time = datetime.fromisoformat(value.replace("Z", "+00:00"))
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def _between(seconds: float | None, value: str) -> bool:
    if seconds is None:
        return False
    first, last = _times(value)
    return first.timestamp() <= seconds <= last.timestamp()


RUN_FILTERS: Mapping[str, Callable[[Run, str], bool]] = {
    "job_definition_id": lambda run, value: run.job_id == int(value),
    "project_id": lambda run, value: run.job.project_id == int(value),
    "environment_id": lambda run, value: run.job.environment_id == int(value),
    "status": lambda run, value: run.status == int(value),
    "status__in": lambda run, value: run.status in {int(item) for item in _listed(value)},
    "id__gt": lambda run, value: run.id > int(value),
    "pk": lambda run, value: run.id == int(value),
    "pk__in": lambda run, value: run.id in {int(item) for item in _listed(value)},
    "created_at__range": lambda run, value: _between(run.created_at, value),
    "finished_at__range": lambda run, value: _between(run.finished_at, value),
}
"""Documented filters; an unknown one is ignored (assumption)."""

RUN_ORDERS: Mapping[str, Callable[[Run], float]] = {
    "id": lambda run: run.id,
    "created_at": lambda run: run.created_at,
    "finished_at": lambda run: run.finished_at or 0.0,
}

JOB_FILTERS: Mapping[str, Callable[[Job, str], bool]] = {
    "project_id": lambda job, value: job.project_id == int(value),
    "environment_id": lambda job, value: job.environment_id == int(value),
    "name__icontains": lambda job, value: value.lower() in job.name.lower(),
    "pk": lambda job, value: job.id == int(value),
}


@dataclass(frozen=True)
class Page:
    """The part of a list that a client asked for, and the `extra` that goes with it."""

    items: tuple[Any, ...]
    extra: dict[str, Any]


def page_of_runs(runs: Iterable[Run], query: Mapping[str, str], account_id: int) -> Page:
    """Filter, order and cut the list of runs; ascending by id unless asked otherwise (documented)."""
    order_by = query.get("order_by", "id")
    key = RUN_ORDERS.get(order_by.removeprefix("-"))
    if key is None:
        raise InvalidError({"order_by": f"{order_by!r} is not one of {sorted(RUN_ORDERS)}"})
    chosen = sorted(_chosen(runs, query, RUN_FILTERS), key=key, reverse=order_by.startswith("-"))
    return _cut(chosen, query, account_id, order_by)


def page_of_jobs(jobs: Iterable[Job], query: Mapping[str, str], account_id: int) -> Page:
    """Filter and cut the list of jobs."""
    return _cut(_chosen(jobs, query, JOB_FILTERS), query, account_id, query.get("order_by", "id"))


def _chosen(items: Iterable[Any], query: Mapping[str, str], filters: Mapping[str, Any]) -> list[Any]:
    asked = {name: value for name, value in query.items() if name in filters}
    chosen = list(items)
    for name, value in asked.items():
        chosen = _filtered(chosen, name, value, filters[name])
    return chosen


def _filtered(items: list[Any], name: str, value: str, keeps: Callable[[Any, str], bool]) -> list[Any]:
    try:
        return [item for item in items if keeps(item, value)]
    except (ValueError, TypeError) as error:
        raise InvalidError({name: f"{value!r} is not valid: {error}"}) from error


def _cut(items: list[Any], query: Mapping[str, str], account_id: int, order_by: str) -> Page:
    try:
        limit = min(int(query.get("limit", PAGE_LIMIT)), PAGE_LIMIT)
        offset = int(query.get("offset", 0))
    except ValueError as error:
        raise InvalidError({"limit": str(error)}) from error
    part = tuple(items[offset : offset + limit])
    filters = {
        **{name: value for name, value in query.items() if name not in {"include_related", "order_by"}},
        "limit": limit,
        "offset": offset,
        "account_id": account_id,
    }
    pagination = {"count": len(part), "total_count": len(items)}
    return Page(part, {"filters": filters, "order_by": order_by, "pagination": pagination})
