"""How a run ended: its outcome by the run's status, and what pipelines of users rely on."""

from __future__ import annotations

import pytest

from dbt_action.errors import ExitCode
from dbt_action.report.outcome import ICONS, MAY_BE_IGNORED, CommitState, Outcome, of_final_run
from tests.support.values import a_run


@pytest.mark.parametrize(
    "status, outcome",
    [(10, Outcome.SUCCEEDED), (20, Outcome.FAILED), (30, Outcome.CANCELLED), (7, Outcome.FAILED), (0, Outcome.FAILED)],
)
def test_of_final_run__unknown_statuses_are_failures(status: int, outcome: Outcome) -> None:
    assert outcome is of_final_run(a_run(status=status, is_complete=True))


@pytest.mark.parametrize("field", ["is_success", "is_error", "is_cancelled", "artifacts_saved"])
@pytest.mark.parametrize("value", [True, False, None])
def test_of_final_run__only_the_status_decides(field: str, value: bool | None) -> None:  # noqa: FBT001
    assert Outcome.SUCCEEDED is of_final_run(a_run(status=10, is_complete=True, **{field: value}))
    assert Outcome.CANCELLED is of_final_run(a_run(status=30, is_complete=True, **{field: value}))


# (exit code, output `status`, GitHub's state): pipelines of users rely on them.
CONTRACT = {
    Outcome.SUCCEEDED: (0, "success", "success"),
    Outcome.FAILED: (1, "error", "failure"),
    Outcome.CANCELLED: (1, "cancelled", "error"),
    Outcome.TIMED_OUT: (4, "timed-out", "error"),
    Outcome.LOST: (3, "lost", "error"),
    Outcome.STARTED: (0, "started", "pending"),
    Outcome.NOT_STARTED: (3, "error", "error"),
    Outcome.SKIPPED: (0, "skipped", "success"),
    Outcome.INTERRUPTED: (130, "cancelled", "error"),
}


@pytest.mark.parametrize("outcome", Outcome, ids=lambda outcome: outcome.name)
def test_outcome__has_its_exit_code_output_and_state(outcome: Outcome) -> None:
    code, status, state = CONTRACT[outcome]

    assert (code, status) == (outcome.exit_code, outcome.status)
    # Some hosts have a state for a cancelled run; GitHub gets "error".
    assert state == {CommitState.CANCELLED: "error"}.get(outcome.state, outcome.state.value)


def test_exit_codes__are_distinct() -> None:
    assert [0, 1, 2, 3, 4, 70, 130] == sorted(ExitCode)


def test_may_be_ignored__are_the_known_ends_of_a_run() -> None:
    """With `fail-on-error: false` a run that was not started, or whose end is not known, still fails the step."""
    assert {Outcome.FAILED, Outcome.CANCELLED, Outcome.TIMED_OUT} == MAY_BE_IGNORED


def test_icons__are_there_for_every_state() -> None:
    assert set(CommitState) == set(ICONS)
