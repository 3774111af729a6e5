"""The saved state as JSON."""

from __future__ import annotations

import pytest

from dbt_action.ci import saved_state
from dbt_action.ci.saved_state import PendingStatus, SavedState

STATUS = PendingStatus(state="failure", description="1 node failed", url="https://x.example/7")


@pytest.mark.parametrize(
    "state, closed",
    [
        pytest.param(SavedState(marker="m"), False, id="nothing but the marker"),
        pytest.param(SavedState(marker="m", run_id=7, in_flight=True, job_name="nightly é"), False, id="a retry"),
        pytest.param(SavedState(marker="m", run_id=7, run_closed=True), True, id="a run that has ended"),
        pytest.param(
            SavedState(marker="m", run_id=7, run_closed=True, pending_status=STATUS), False, id="a status to post"
        ),
    ],
)
def test_saved_state__comes_back_as_it_was(state: SavedState, *, closed: bool) -> None:
    line = state.to_json()

    assert "\n" not in line
    assert state == saved_state.from_json(line)
    assert closed is state.closed


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "null", "[]", "7", '"marker"', "{}", "[" * 100_000),
        '{"marker": "m", "other": 1}',
        '{"marker": "m", "pending_status": {"state": "failure"}}',
        '{"marker": "m", "pending_status": 7}',
    ],
)
def test_saved_state__anything_else_is_none(text: str) -> None:
    assert None is saved_state.from_json(text)
