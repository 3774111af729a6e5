"""The saved state as a signed line: what comes back, and that nothing else is believed."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.ci import saved_state
from dbt_action.ci.saved_state import PendingStatus, SavedState

STATUS = PendingStatus(state="failure", description="1 node failed", url="https://x.example/7")
STATE = SavedState(marker="m", run_id=7, run_closed=True, pending_status=STATUS)
BOUND = ("https://ab123.us1.dbt.com", 1, 3, "github", "5", "deploy")
KEY = saved_state.signing_key("token", *BOUND)


@pytest.mark.parametrize(
    "state, closed",
    [
        pytest.param(SavedState(marker="m"), False, id="nothing but the marker"),
        pytest.param(SavedState(marker="m", run_id=7, in_flight=True, job_name="nightly é"), False, id="a retry"),
        pytest.param(SavedState(marker="m", run_id=7, run_closed=True), True, id="a run that has ended"),
        pytest.param(STATE, False, id="a status to post"),
    ],
)
def test_saved_state__comes_back_as_it_was(state: SavedState, *, closed: bool) -> None:
    line = saved_state.to_text(state, KEY)

    assert "\n" not in line
    assert line.isascii()
    assert state == saved_state.from_text(line, KEY)
    assert closed is state.closed


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "null", "[]", "7", '"marker"', "{}", "[" * 100_000, '{"signature": 7}', '{"signature": null}'),
        json.dumps(asdict(STATE)),
        json.dumps({**asdict(STATE), "signature": ""}),
        json.dumps({**asdict(STATE), "signature": "é"}),
    ],
)
def test_saved_state__anything_else_is_none(text: str) -> None:
    assert None is saved_state.from_text(text, KEY)


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_saved_state__no_text_raises(text: str) -> None:
    assert None is saved_state.from_text(text, KEY)


CHANGES: list[dict[str, Any]] = [
    {"marker": "other"},
    {"run_id": 4242},
    {"run_id": "../jobs/9?"},
    {"run_id": None},
    {"run_closed": False},
    {"in_flight": True},
    {"cancel_wanted": True},
    {"job_name": "x"},
    {"pending_status": None},
    {"pending_status": {**asdict(STATUS), "state": "success"}},
    {"pending_status": {**asdict(STATUS), "url": "https://evil.example"}},
    {"more": 1},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_saved_state__that_was_changed_is_not_believed(change: dict[str, Any]) -> None:
    values = json.loads(saved_state.to_text(STATE, KEY))

    assert None is saved_state.from_text(json.dumps({**values, **change}), KEY)


@pytest.mark.parametrize("position", range(len(BOUND) + 1))
def test_key__belongs_to_one_token_account_job_build_and_ci_job(position: int) -> None:
    parts: list[Any] = ["token", *BOUND]
    parts[position] = f"{parts[position]}0"

    assert None is saved_state.from_text(saved_state.to_text(STATE, KEY), saved_state.signing_key(*parts))


# Values of wrong types that carry a right signature, as a program with an error would write them.
@pytest.mark.parametrize(
    "change",
    [
        {"run_id": "7"},
        {"run_id": True},
        {"run_id": 7.0},
        {"run_id": 0},
        {"run_id": -7},
        {"run_id": 2**63},
        {"marker": 7},
        {"marker": None},
        {"job_name": None},
        {"run_closed": "false"},
        {"in_flight": 1},
        {"cancel_wanted": None},
        {"pending_status": 7},
        {"pending_status": {"state": "failure"}},
        {"pending_status": {**asdict(STATUS), "url": None}},
        {"more": 1},
    ],
    ids=str,
)
def test_saved_state__has_the_types_of_its_fields(change: dict[str, Any]) -> None:
    line = _signed({**asdict(STATE), **change})

    assert None is saved_state.from_text(line, KEY)


def test_saved_state__lacks_no_field() -> None:
    for name in asdict(STATE):
        values = asdict(STATE)
        del values[name]

        assert None is saved_state.from_text(_signed(values), KEY), name
    assert replace(STATE, run_id=None) == saved_state.from_text(_signed({**asdict(STATE), "run_id": None}), KEY)


def _signed(values: dict[str, Any]) -> str:
    return json.dumps({**values, "signature": saved_state._signature(values, KEY)})  # noqa: SLF001 - forges a text
