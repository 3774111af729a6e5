"""The life of a run: every event in every phase, and what a clean-up and an interrupt are to do in each state."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.ci.saved_state import PendingStatus, SavedState
from dbt_action.config.choices import StopAction
from dbt_action.lifecycle import state as states
from dbt_action.lifecycle.state import (
    Closed,
    Event,
    JobRead,
    OutcomeKnown,
    Phase,
    RequestRefused,
    RequestSent,
    RunFound,
    RunSeen,
    RunState,
    StatusPosted,
    WhenInterrupted,
)
from dbt_action.report.outcome import Outcome, RunFacts
from tests.support.values import a_run

MARKER = "[dra 00000000.11111111.22222222.1.abcdef]"
GOING, FAILED, RETRY = a_run(id=7, status=3), a_run(id=7, status=20), a_run(id=8, status=1)
STATUS = PendingStatus(state="failure", description="Failed", url="https://example.com/7")
COUNTED = replace(STATUS, description="2 failed")
FACTS = RunFacts(outcome=Outcome.FAILED, seconds=9.0, run=FAILED)
TIMED_OUT = replace(FACTS, outcome=Outcome.TIMED_OUT, run=GOING)
KNOWN = OutcomeKnown(facts=FACTS, run_settled=True, status=STATUS)

# A state in each phase, by the events that lead to it.
PATHS: dict[Phase, tuple[Event, ...]] = {
    Phase.NOTHING_SENT: (),
    Phase.IN_FLIGHT: (RequestSent(),),
    Phase.RUN_KNOWN: (RequestSent(), RunFound(run=GOING)),
    Phase.FINISHED: (RequestSent(), RunFound(run=GOING), RunSeen(run=FAILED), KNOWN),
    Phase.REPORTED: (RequestSent(), RunFound(run=GOING), RunSeen(run=FAILED), KNOWN, StatusPosted()),
    Phase.CLOSED: (RequestSent(), RunFound(run=GOING), RunSeen(run=FAILED), KNOWN, StatusPosted(), Closed()),
}
EVENTS: tuple[Event, ...] = (
    JobRead(name="Production build"),
    RequestSent(),
    RequestRefused(),
    RunFound(run=RETRY),
    RunSeen(run=FAILED),
    OutcomeKnown(facts=FACTS, run_settled=True, status=COUNTED),
    StatusPosted(),
    Closed(),
)
NOT, FLY, RUN, FIN, REP, END = Phase
BUG = None
# Phase after each event; BUG where the event cannot happen.
TABLE: dict[type[Event], tuple[Phase | None, ...]] = {
    # in phase:        NOT    FLY    RUN    FIN    REP    END
    JobRead: (NOT, BUG, BUG, BUG, BUG, BUG),
    RequestSent: (FLY, BUG, FLY, BUG, BUG, BUG),
    RequestRefused: (BUG, NOT, BUG, BUG, BUG, BUG),
    RunFound: (RUN, RUN, BUG, BUG, BUG, BUG),
    RunSeen: (BUG, FLY, RUN, BUG, BUG, BUG),
    OutcomeKnown: (FIN, FIN, FIN, FIN, FIN, BUG),
    StatusPosted: (BUG, BUG, BUG, REP, REP, BUG),
    Closed: (BUG, BUG, BUG, END, END, BUG),
}


def lived(*events: Event) -> RunState:
    """The state after these events."""
    state = RunState()
    for event in events:
        state = states.after(state, event)
    return state


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_after__every_event_in_every_phase(event: Event) -> None:
    for phase, expected in zip(Phase, TABLE[type(event)], strict=True):
        before = lived(*PATHS[phase])
        assert phase is before.phase
        if expected is BUG:
            with pytest.raises(ValueError, match=f"{type(event).__name__} cannot happen in phase '{phase.value}'"):
                states.after(before, event)
        else:
            assert expected is states.after(before, event).phase, f"{type(event).__name__} in {phase}"


def test_table__is_complete() -> None:
    assert set(states.ALLOWED) == set(TABLE) == {type(event) for event in EVENTS}


def test_job_read__gives_the_name_of_the_job() -> None:
    assert "Production build" == lived(JobRead(name="Production build")).job_name


def test_request_refused__after_a_retry_the_failed_run_is_still_ours() -> None:
    state = lived(RequestSent(), RunFound(run=FAILED), RequestSent(retry_of=FAILED), RequestRefused())

    assert (Phase.RUN_KNOWN, FAILED, None, ()) == (state.phase, state.run, state.retry_of, state.retries)


def test_run_found__of_a_retry_keeps_the_failed_run_among_the_retries() -> None:
    state = lived(RequestSent(), RunFound(run=FAILED), RequestSent(retry_of=FAILED), RunFound(run=RETRY))

    assert (RETRY, (FAILED,), None) == (state.run, state.retries, state.retry_of)


def test_run_found__of_an_earlier_attempts_retry_has_no_retries_of_ours() -> None:
    state = lived(RequestSent(retry_of=FAILED), RunFound(run=RETRY))

    assert (RETRY, ()) == (state.run, state.retries)


@pytest.mark.parametrize("first, second, expected", [(0, 0, False), (1, 0, True), (0, 1, True), (1, 1, True)])
def test_duplicate__stays_possible_once_it_was(first: int, second: int, expected: object) -> None:
    state = lived(
        RequestSent(),
        RunFound(run=FAILED, duplicate_possible=bool(first)),
        RequestSent(retry_of=FAILED),
        RunFound(run=RETRY, duplicate_possible=bool(second)),
    )

    assert expected is state.duplicate_possible


def test_outcome__of_a_request_without_answer_is_never_settled() -> None:
    state = lived(RequestSent(), KNOWN)

    assert (True, False) == (state.unanswered, state.run_settled)


@pytest.mark.parametrize("phase", [Phase.NOTHING_SENT, Phase.RUN_KNOWN])
def test_outcome__otherwise_is_settled_if_its_event_says_so(phase: Phase) -> None:
    state = lived(*PATHS[phase])

    assert (False, True) == ((after := states.after(state, KNOWN)).unanswered, after.run_settled)
    assert not states.after(state, replace(KNOWN, run_settled=False)).run_settled


def test_outcome__known_better_is_posted_again() -> None:
    state = lived(*PATHS[Phase.REPORTED], replace(KNOWN, status=COUNTED))

    assert (Phase.FINISHED, COUNTED) == (state.phase, state.pending_status)


def test_outcome__that_says_the_same_is_not_posted_again() -> None:
    state = lived(*PATHS[Phase.REPORTED], KNOWN)

    assert (Phase.REPORTED, None) == (state.phase, state.pending_status)


def test_outcome__with_more_facts_replaces_them_and_keeps_the_folder() -> None:
    more = replace(FACTS, artifacts_path="target")

    state = lived(*PATHS[Phase.REPORTED], replace(KNOWN, facts=more, folder="dbt"), KNOWN)

    assert (FACTS, "dbt", Phase.REPORTED) == (state.facts, state.folder, state.phase)


# What a clean-up finds when the process is killed right after these events.
SAVED: dict[str, tuple[tuple[Event, ...], SavedState]] = {
    "before the trigger": ((JobRead(name="Build"),), SavedState(marker=MARKER, job_name="Build")),
    "trigger sent": ((RequestSent(),), SavedState(marker=MARKER, in_flight=True)),
    "trigger refused": ((RequestSent(), RequestRefused()), SavedState(marker=MARKER)),
    "run known": (PATHS[Phase.RUN_KNOWN], SavedState(marker=MARKER, run_id=7)),
    "retry sent": (
        (*PATHS[Phase.RUN_KNOWN], RequestSent(retry_of=FAILED)),
        SavedState(marker=MARKER, run_id=7, in_flight=True),
    ),
    "retry of an earlier attempt sent": (
        (RequestSent(retry_of=RETRY),),
        SavedState(marker=MARKER, run_id=8, in_flight=True),
    ),
    "outcome known": (
        PATHS[Phase.FINISHED],
        SavedState(marker=MARKER, run_id=7, run_closed=True, pending_status=STATUS),
    ),
    "status posted": (PATHS[Phase.REPORTED], SavedState(marker=MARKER, run_id=7, run_closed=True)),
    "not started, but perhaps": (
        (RequestSent(), KNOWN, StatusPosted()),
        SavedState(marker=MARKER, in_flight=True),
    ),
    "not cancelled at the time limit": (
        (*PATHS[Phase.RUN_KNOWN], OutcomeKnown(facts=TIMED_OUT, run_settled=False, status=STATUS), StatusPosted()),
        SavedState(marker=MARKER, run_id=7, cancel_wanted=True),
    ),
    "cancelled at the time limit": (
        (*PATHS[Phase.RUN_KNOWN], OutcomeKnown(facts=TIMED_OUT, run_settled=True, status=STATUS), StatusPosted()),
        SavedState(marker=MARKER, run_id=7, run_closed=True),
    ),
    "lost contact": (
        (*PATHS[Phase.RUN_KNOWN], replace(KNOWN, run_settled=False), StatusPosted()),
        SavedState(marker=MARKER, run_id=7),
    ),
}


@pytest.mark.parametrize("name", SAVED)
def test_to_saved__is_what_a_clean_up_has_to_know(name: str) -> None:
    events, expected = SAVED[name]

    assert expected == states.to_saved(lived(*events), MARKER)


@pytest.mark.parametrize(
    "events, on_cancel, expected",
    [
        ((), StopAction.CANCEL, WhenInterrupted.NOTHING),
        ((RequestSent(),), StopAction.CANCEL, WhenInterrupted.FIND_RUN),
        ((RequestSent(),), StopAction.LEAVE, WhenInterrupted.FIND_RUN),
        (PATHS[Phase.RUN_KNOWN], StopAction.CANCEL, WhenInterrupted.CANCEL_RUN),
        (PATHS[Phase.RUN_KNOWN], StopAction.LEAVE, WhenInterrupted.LEAVE_RUN),
        ((*PATHS[Phase.RUN_KNOWN], RunSeen(run=FAILED)), StopAction.CANCEL, WhenInterrupted.RUN_IS_OVER),
        ((*PATHS[Phase.RUN_KNOWN], RunSeen(run=FAILED)), StopAction.LEAVE, WhenInterrupted.RUN_IS_OVER),
        ((*PATHS[Phase.RUN_KNOWN], RequestSent(retry_of=FAILED)), StopAction.CANCEL, WhenInterrupted.FIND_RUN),
        (PATHS[Phase.FINISHED], StopAction.CANCEL, WhenInterrupted.REPORT),
        ((RequestSent(), KNOWN), StopAction.CANCEL, WhenInterrupted.REPORT),
        (PATHS[Phase.CLOSED], StopAction.LEAVE, WhenInterrupted.REPORT),
    ],
)
def test_when_interrupted__depends_on_what_was_sent(
    events: tuple[Event, ...], on_cancel: StopAction, expected: WhenInterrupted
) -> None:
    assert expected is states.when_interrupted(lived(*events), on_cancel)


@given(st.lists(st.sampled_from([*EVENTS, KNOWN, RequestSent(retry_of=FAILED)]), max_size=12))
def test_saved_state__closes_only_what_is_over(events: list[Event]) -> None:
    """A state that a clean-up takes for closed has an outcome, no request in flight and no status left to post."""
    state = RunState()
    for event in events:
        if state.phase in states.ALLOWED[type(event)]:
            state = states.after(state, event)

    saved = states.to_saved(state, MARKER)

    if saved.closed:
        assert state.facts is not None
        assert not saved.in_flight
        assert saved.pending_status is None
