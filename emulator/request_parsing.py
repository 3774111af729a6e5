"""Reads what clients send: trigger bodies, `include_related`, filters, order and limits of lists."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from emulator.runs import Job, Run

INVALID = "The request was invalid. Please double check the provided data and try again."
CAUSE_MAX_LENGTH = 255
"""Assumption: clients cut a longer cause. Unverified whether the server refuses or cuts it."""
PAGE_LIMIT = 100
SHA_AND_BRANCH = "git_branch and git_sha cannot both be specified"


class InvalidError(Exception):
    """The request is refused with 400. `fields` maps the name of a field, or `_model`, to a message."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        """The messages are also the text of the exception."""
        super().__init__(str(dict(fields)))
        self.fields = fields


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_boolean(value: object) -> bool:
    return isinstance(value, bool)


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(_is_text(item) for item in value)


TRIGGER_FIELDS: Mapping[str, Callable[[object], bool]] = {
    "cause": _is_text,
    "git_branch": _is_text,
    "git_sha": _is_text,
    "azure_pull_request_id": _is_integer,
    "github_pull_request_id": _is_integer,
    "gitlab_merge_request_id": _is_integer,
    "non_native_pull_request_id": _is_integer,
    "schema_override": _is_text,
    "dbt_version_override": _is_text,
    "threads_override": _is_integer,
    "target_name_override": _is_text,
    "generate_docs_override": _is_boolean,
    "timeout_seconds_override": _is_integer,
    "steps_override": _is_list_of_texts,
}


def trigger_fields(content_type: str, body: bytes) -> dict[str, Any]:
    """Read the body of a trigger: all known fields, None when unset. Unknown keys are ignored (inferred).

    Raises `InvalidError` for form data, a string in place of a number (reported), a missing cause, and a commit
    together with a branch (status code assumed). Null means unset, as clients send it (specification of 2023).
    """
    try:
        body_json = json.loads(body) if content_type.partition(";")[0].strip() == "application/json" else None
    except ValueError:
        body_json = None
    if not isinstance(body_json, dict):
        raise InvalidError({"_model": "a JSON object is required"})
    problems = {
        name: f"{body_json[name]!r} is not valid under any of the given schemas"
        for name, valid in TRIGGER_FIELDS.items()
        if body_json.get(name) is not None and not valid(body_json[name])
    }
    if body_json.get("cause") is None:
        problems["cause"] = "This field is required."
    elif isinstance(body_json["cause"], str) and len(body_json["cause"]) > CAUSE_MAX_LENGTH:
        problems["cause"] = f"Ensure this field has no more than {CAUSE_MAX_LENGTH} characters."
    if body_json.get("git_sha") is not None and body_json.get("git_branch") is not None:
        problems["_model"] = SHA_AND_BRANCH
    if problems:
        raise InvalidError(problems)
    return {name: body_json.get(name) for name in TRIGGER_FIELDS}


def related(value: str | None) -> frozenset[str]:
    """Read `include_related`: a JSON list, or a list in another notation that the API accepts (reported)."""
    words = (value or "").strip("[] ").split(",")
    return frozenset(word.strip("\"' ") for word in words) - {""}


def _list_items(value: str) -> list[str]:
    return sorted(related(value))


def _time_range(value: str) -> tuple[datetime, datetime]:
    first, last = json.loads(value)
    return _parse_time(first), _parse_time(last)


def _parse_time(value: str) -> datetime:
    # datetime of Python 3.10 reads neither "Z" nor a time without seconds.
    time = datetime.fromisoformat(value.replace("Z", "+00:00"))
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def _is_between(seconds: float | None, value: str) -> bool:
    if seconds is None:
        return False
    first, last = _time_range(value)
    return first.timestamp() <= seconds <= last.timestamp()


RUN_FILTERS: Mapping[str, Callable[[Run, str], bool]] = {
    "job_definition_id": lambda run, value: run.job_id == int(value),
    "project_id": lambda run, value: run.job.project_id == int(value),
    "environment_id": lambda run, value: run.job.environment_id == int(value),
    "status": lambda run, value: run.status == int(value),
    "status__in": lambda run, value: run.status in {int(item) for item in _list_items(value)},
    "id__gt": lambda run, value: run.id > int(value),
    "pk": lambda run, value: run.id == int(value),
    "pk__in": lambda run, value: run.id in {int(item) for item in _list_items(value)},
    "created_at__range": lambda run, value: _is_between(run.created_at, value),
    "finished_at__range": lambda run, value: _is_between(run.finished_at, value),
}
"""The documented filters of runs. An unknown one is ignored (assumption)."""

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
    """One page of a list, and the `extra` of its envelope."""

    items: tuple[Any, ...]
    extra: dict[str, Any]


def page_of_runs(runs: Iterable[Run], query: Mapping[str, str], account_id: int) -> Page:
    """Return the runs that a query asks for. The default order is by id, ascending (documented)."""
    order_by = query.get("order_by", "id")
    key = RUN_ORDERS.get(order_by.removeprefix("-"))
    if key is None:
        raise InvalidError({"order_by": f"{order_by!r} is not one of {sorted(RUN_ORDERS)}"})
    chosen = sorted(_apply_filters(runs, query, RUN_FILTERS), key=key, reverse=order_by.startswith("-"))
    return _page(chosen, query, account_id, order_by)


def page_of_jobs(jobs: Iterable[Job], query: Mapping[str, str], account_id: int) -> Page:
    """Return the jobs that a query asks for."""
    return _page(_apply_filters(jobs, query, JOB_FILTERS), query, account_id, query.get("order_by", "id"))


def _apply_filters(items: Iterable[Any], query: Mapping[str, str], filters: Mapping[str, Any]) -> list[Any]:
    applied = {name: value for name, value in query.items() if name in filters}
    chosen = list(items)
    for name, value in applied.items():
        chosen = _filtered(chosen, name, value, filters[name])
    return chosen


def _filtered(items: list[Any], name: str, value: str, accepts: Callable[[Any, str], bool]) -> list[Any]:
    try:
        return [item for item in items if accepts(item, value)]
    except (ValueError, TypeError) as error:
        raise InvalidError({name: f"{value!r} is not valid: {error}"}) from error


def _page(items: list[Any], query: Mapping[str, str], account_id: int, order_by: str) -> Page:
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
