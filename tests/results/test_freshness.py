"""Late sources, from dbt's sources.json."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dbt_action.results import freshness
from dbt_action.results.freshness import LateSource

Json = Any
CRITERIA = {"warn_after": {"count": 6, "period": "hour"}, "error_after": {"count": 1, "period": "day"}, "filter": None}


def read(*results: Json) -> tuple[LateSource, ...]:
    return freshness.read([json.dumps({"metadata": {}, "results": list(results), "elapsed_time": 1.0}).encode()])


@pytest.mark.parametrize(
    "fields, words",
    [
        (
            {"status": "error", "max_loaded_at_time_ago_in_s": 108_000.5},
            "raw.orders is 30h 00m old, the limit is 1 day",
        ),
        ({"status": "warn", "max_loaded_at_time_ago_in_s": 28_800}, "raw.orders is 8h 00m old, the limit is 6 hours"),
        ({"status": "error", "max_loaded_at_time_ago_in_s": 900_000}, "raw.orders is 10 days old, the limit is 1 day"),
        ({"status": "runtime error", "error": "no such\ntable"}, "raw.orders could not be looked at: no such table"),
        ({"status": "runtime error", "error": None}, "raw.orders could not be looked at"),
        ({"status": "error", "max_loaded_at_time_ago_in_s": 60, "criteria": None}, "raw.orders is 1m 00s old"),
        (
            {"status": "error", "max_loaded_at_time_ago_in_s": 60, "criteria": {"error_after": {}}},
            "raw.orders is 1m 00s old",
        ),
        (
            {
                "status": "error",
                "max_loaded_at_time_ago_in_s": 60,
                "criteria": {"error_after": {"count": 1, "period": "x"}},
            },
            "raw.orders is 1m 00s old",
        ),
    ],
)
def test_read__says_how_late_a_source_is_and_the_limit(fields: Json, words: str) -> None:
    result = {"unique_id": "source.shop.raw.orders", "criteria": CRITERIA, **fields}

    assert [words] == [source.in_words() for source in read(result)]


def test_read__sources_in_time_and_odd_entries_are_left_out() -> None:
    assert () == read({"unique_id": "source.shop.raw.orders", "status": "pass"}, None, 7, {})
    assert () == freshness.read([b"[]"])
    assert ("source",) == tuple(source.name for source in read({"status": "error", "unique_id": None}))


def test_read__what_is_not_json_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        freshness.read([b"<html>"])
