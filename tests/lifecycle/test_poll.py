"""The watch of a run: when to look again and when to stop. For any sequence of looks it ends, and in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action import timeouts
from dbt_action.errors import (
    CloudError,
    Forbidden,
    Malformed,
    Misdirected,
    NotFound,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from dbt_action.lifecycle import poll
from dbt_action.lifecycle.poll import PollPolicy, PollState, WatchEnd, WatchResult
from tests.support.clock import FakeClock
from tests.support.values import a_run

QUEUED, RUNNING = a_run(status=1), a_run(status=3)
SUCCESS, ERROR, CANCELLED = (a_run(status=status, is_complete=True) for status in (10, 20, 30))
UNKNOWN, UNKNOWN_END = a_run(status=7), a_run(status=7, is_complete=True)
PERMANENT = [Unauthorized("x"), Forbidden("x"), Rejected("x"), Misdirected("x")]
TRANSIENT = [RateLimited("x"), Unreachable("x"), Unavailable("x"), Malformed("x")]
MISSING = NotFound("x")
DOWN = Unavailable("x")

AUTO = PollPolicy(interval_seconds=None, timeout_seconds=3_600.0)
EVERY_TEN = PollPolicy(interval_seconds=10.0, timeout_seconds=3_600.0)


def named(error: CloudError) -> str:
    return type(error).__name__


class Watch:
    """A watch over the given looks, on a clock of its own. Each look takes `seconds_per_look`."""

    def __init__(self, looks: Iterator[poll.Look], policy: PollPolicy, *, seconds_per_look: float = 0.0) -> None:
        self.clock = FakeClock()
        self.looked_at: list[float] = []
        self.seen: list[poll.Look] = []
        self.looks, self.policy, self.seconds_per_look = looks, policy, seconds_per_look

    def look(self) -> poll.Look:
        self.looked_at.append(self.clock.passed)
        self.clock.time += self.seconds_per_look
        return next(self.looks)

    def run(self, jitter: Callable[[], float] = lambda: 0.0, *, waiting_for: float = 0.0) -> WatchResult:
        """`waiting_for`: seconds for which the wait has been going before the run started."""
        now = self.clock.now()
        return poll.watch(
            self.look,
            clock=self.clock,
            policy=self.policy,
            on_look=self.seen.append,
            wait_started_at=now - waiting_for,
            run_started_at=now,
            jitter=jitter,
        )


# --- One look: the exact state and decision ---

START = PollState(wait_started_at=1_000.0, run_started_at=1_000.0)
FINISHED, TIMED_OUT = WatchResult(end=WatchEnd.FINISHED), WatchResult(end=WatchEnd.TIMED_OUT)
FAILING = replace(START, failures=3, failing_since=1_500.0)

TABLE: list[tuple[str, poll.Look, PollState, float, PollState, float | WatchResult]] = [
    ("over", SUCCESS, START, 1_000.0, START, FINISHED),
    ("over, after the limit", SUCCESS, START, 9_999.0, START, FINISHED),
    ("going", RUNNING, START, 1_100.0, START, 10.0),
    ("a good look ends a row of failures", RUNNING, FAILING, 1_600.0, replace(FAILING, failures=0), 10.0),
    ("the pause ends at the limit", RUNNING, START, 4_595.0, START, 5.0),
    ("going, just before the limit", RUNNING, START, 4_599.5, START, 0.5),
    ("going, at the limit", RUNNING, START, 4_600.0, START, TIMED_OUT),
    ("first failure", DOWN, START, 1_500.0, replace(START, failures=1, failing_since=1_500.0), 1.0),
    ("fourth failure in a row", DOWN, FAILING, 1_600.0, replace(FAILING, failures=4), 8.0),
    (
        "a failure after a good look starts a new row",
        DOWN,
        replace(START, failures=0, failing_since=1_500.0),
        3_000.0,
        replace(START, failures=1, failing_since=3_000.0),
        1.0,
    ),
    ("an outage of exactly 15 minutes", DOWN, FAILING, 2_400.0, replace(FAILING, failures=4), 8.0),
    ("a longer outage", DOWN, FAILING, 2_400.5, FAILING, WatchResult(end=WatchEnd.LOST, error=DOWN)),
    (
        "the pause after a failure ends at the limit",
        DOWN,
        START,
        4_599.5,
        replace(START, failures=1, failing_since=4_599.5),
        0.5,
    ),
    ("a failure at the limit", DOWN, START, 4_600.0, START, WatchResult(end=WatchEnd.TIMED_OUT, error=DOWN)),
    ("permanent", PERMANENT[0], START, 1_001.0, START, WatchResult(end=WatchEnd.LOST, error=PERMANENT[0])),
    (
        "404 of a run that is 59 seconds old",
        MISSING,
        START,
        1_059.5,
        replace(START, failures=1, failing_since=1_059.5),
        1.0,
    ),
    (
        "404 of a run that is a minute old",
        MISSING,
        START,
        1_060.0,
        START,
        WatchResult(end=WatchEnd.LOST, error=MISSING),
    ),
    (
        "404 of a new run after a long wait",
        MISSING,
        replace(START, wait_started_at=500.0),
        1_010.0,
        replace(START, wait_started_at=500.0, failures=1, failing_since=1_010.0),
        1.0,
    ),
]


@pytest.mark.parametrize(
    "look, state, now, state_after, decision", [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_advance__one_look(
    look: poll.Look, state: PollState, now: float, state_after: PollState, decision: float | WatchResult
) -> None:
    assert (state_after, decision) == poll.advance(look, state, now, EVERY_TEN, lambda: 0.0)


def test_advance__jitter_shortens_the_pause_after_a_failure() -> None:
    assert 0.5 == poll.advance(DOWN, START, 1_100.0, EVERY_TEN, lambda: 1.0)[1]


def test_watch__jitter_shortens_the_pause_after_a_failure() -> None:
    watch = Watch(iter([DOWN, SUCCESS]), EVERY_TEN)
    watch.run(lambda: 1.0)

    assert [0.5] == watch.clock.slept


def test_advance__the_automatic_pause_depends_on_the_length_of_the_wait() -> None:
    state = replace(START, run_started_at=0.0)

    assert (state, 2.0) == poll.advance(RUNNING, state, 1_010.0, AUTO)
    assert (state, 5.0) == poll.advance(RUNNING, state, 1_050.0, AUTO)


# --- Ends ---


@pytest.mark.parametrize("final", [SUCCESS, ERROR, CANCELLED, UNKNOWN_END])
def test_watch__a_run_that_is_over_ends_it_at_the_first_look(final: poll.Look) -> None:
    watch = Watch(iter([final]), AUTO)

    assert FINISHED == watch.run()
    assert [] == watch.clock.slept


def test_watch__a_run_that_is_over_has_finished_even_after_the_limit() -> None:
    policy = PollPolicy(interval_seconds=50.0, timeout_seconds=10.0)
    watch = Watch(iter([RUNNING, SUCCESS]), policy, seconds_per_look=5.0)

    assert FINISHED == watch.run()
    assert policy.timeout_seconds < watch.clock.passed


@pytest.mark.parametrize("going", [QUEUED, RUNNING, UNKNOWN])
def test_watch__the_last_look_is_at_the_limit(going: poll.Look) -> None:
    watch = Watch(repeat(going), PollPolicy(interval_seconds=40.0, timeout_seconds=100.0))

    assert TIMED_OUT == watch.run()
    assert [0.0, 40.0, 80.0, 100.0] == watch.looked_at


def test_watch__the_limit_counts_from_the_start_of_the_wait() -> None:
    watch = Watch(repeat(RUNNING), PollPolicy(interval_seconds=40.0, timeout_seconds=100.0))

    assert TIMED_OUT == watch.run(waiting_for=70.0)
    assert [0.0, 30.0] == watch.looked_at


def test_watch__the_limit_holds_while_every_look_fails() -> None:
    watch = Watch(repeat(DOWN), PollPolicy(interval_seconds=None, timeout_seconds=100.0))

    assert WatchResult(end=WatchEnd.TIMED_OUT, error=DOWN) == watch.run()
    assert 100.0 == watch.clock.passed


def test_watch__every_look_is_reported() -> None:
    looks: list[poll.Look] = [QUEUED, DOWN, RUNNING, SUCCESS]
    watch = Watch(iter(looks), AUTO)
    watch.run()

    assert looks == watch.seen


# --- Errors ---


@pytest.mark.parametrize("error", PERMANENT, ids=named)
def test_watch__a_permanent_error_ends_it_at_once(error: CloudError) -> None:
    watch = Watch(iter([RUNNING, error]), EVERY_TEN)

    assert WatchResult(end=WatchEnd.LOST, error=error) == watch.run()
    assert 10.0 == watch.clock.passed


@pytest.mark.parametrize("error", TRANSIENT, ids=named)
def test_watch__goes_on_after_a_transient_error(error: CloudError) -> None:
    watch = Watch(iter([RUNNING, error, error, RUNNING, SUCCESS]), AUTO)

    assert FINISHED == watch.run()


def test_watch__transient_errors_with_good_looks_between_do_not_add_up() -> None:
    looks: Iterator[poll.Look] = chain([RUNNING, *[DOWN] * 8] * 40, [SUCCESS])
    watch = Watch(looks, PollPolicy(interval_seconds=1.0, timeout_seconds=1e6))

    assert FINISHED == watch.run()
    assert watch.clock.passed > timeouts.OUTAGE_SECONDS


@pytest.mark.parametrize("error", TRANSIENT, ids=named)
def test_watch__an_outage_of_more_than_ten_minutes_is_waited_out(error: CloudError) -> None:
    watch = Watch(repeat(error), PollPolicy(interval_seconds=None, timeout_seconds=1e6))

    assert WatchResult(end=WatchEnd.LOST, error=error) == watch.run()
    assert 600.0 < watch.clock.passed < 1_800.0


def test_watch__404_in_the_first_minute_is_waited_out() -> None:
    watch = Watch(iter([MISSING] * 5 + [QUEUED, SUCCESS]), AUTO)

    assert FINISHED == watch.run()


def test_watch__404_after_the_first_minute_is_the_end() -> None:
    watch = Watch(repeat(MISSING), AUTO)

    assert WatchResult(end=WatchEnd.LOST, error=MISSING) == watch.run()
    assert 60.0 <= watch.clock.passed <= 90.0


def test_watch__the_first_minute_counts_from_the_start_of_the_run() -> None:
    """The wait may have begun long before, while the trigger was unanswered."""
    watch = Watch(iter([MISSING] * 4 + [SUCCESS]), AUTO)

    assert FINISHED == watch.run(waiting_for=300.0)


def test_watch__404_of_a_run_that_was_there_is_the_end_after_the_first_minute() -> None:
    watch = Watch(iter([RUNNING] * 30 + [MISSING]), EVERY_TEN)

    assert WatchResult(end=WatchEnd.LOST, error=MISSING) == watch.run()


@pytest.mark.parametrize("retry_after, expected", [(0.0, 1.0), (45.0, 45.0), (300.0, 300.0), (86_400.0, 300.0)])
def test_watch__retry_after_is_followed_within_bounds(retry_after: float, expected: float) -> None:
    watch = Watch(iter([RateLimited("x", retry_after=retry_after), SUCCESS]), AUTO)
    watch.run()

    assert [expected] == watch.clock.slept


def test_watch__retry_after_does_not_reach_beyond_the_limit() -> None:
    policy = PollPolicy(interval_seconds=None, timeout_seconds=60.0)
    watch = Watch(iter([RateLimited("x", retry_after=300.0), SUCCESS]), policy)
    watch.run()

    assert [60.0] == watch.clock.slept


# --- Pauses ---


@pytest.mark.parametrize(
    "age, usual, expected",
    [
        pytest.param(0.0, None, 2.0, id="at first"),
        pytest.param(19.9, None, 2.0, id="before 20 s"),
        pytest.param(20.0, None, 5.0, id="from 20 s"),
        pytest.param(119.9, None, 5.0, id="before two minutes"),
        pytest.param(120.0, None, 10.0, id="from two minutes"),
        pytest.param(599.9, None, 10.0, id="before ten minutes"),
        pytest.param(600.0, None, 30.0, id="from ten minutes"),
        pytest.param(3_600.0, None, 30.0, id="old"),
        pytest.param(1_800.0, 3_600.0, 30.0, id="far from the usual end"),
        pytest.param(3_220.0, 3_600.0, 20.0, id="20 s before 90 % of the usual duration"),
        pytest.param(3_235.5, 3_600.0, 5.0, id="just before 90 % of the usual duration"),
        pytest.param(3_500.0, 3_600.0, 5.0, id="after 90 % of the usual duration"),
        pytest.param(4_505.0, 3_600.0, 5.0, id="until 125 % of the usual duration and 5 s"),
        pytest.param(4_505.5, 3_600.0, 30.0, id="later than usual"),
        pytest.param(9_999.0, 3_600.0, 30.0, id="far beyond the usual end"),
        pytest.param(0.0, 4.0, 2.0, id="a short job: the regular pause is shorter"),
    ],
)
def test_pause_seconds__auto(age: float, usual: float | None, expected: float) -> None:
    assert expected == poll.pause_seconds(age, replace(AUTO, usual_seconds=usual))


@given(st.floats(0, 1e6), st.none() | st.floats(0, 1e6))
def test_pause_seconds__auto_is_between_one_second_and_half_a_minute(age: float, usual: float | None) -> None:
    assert 1.0 <= poll.pause_seconds(age, replace(AUTO, usual_seconds=usual)) <= 30.0


@given(st.floats(1, 3_600), st.floats(0, 1e6), st.none() | st.floats(0, 1e6))
def test_pause_seconds__a_given_interval_is_used(interval: float, age: float, usual: float | None) -> None:
    policy = PollPolicy(interval_seconds=interval, timeout_seconds=1.0, usual_seconds=usual)

    assert interval == poll.pause_seconds(age, policy)


# --- Any looks ---

LOOKS = st.sampled_from(
    [QUEUED, RUNNING, UNKNOWN, SUCCESS, ERROR, CANCELLED, UNKNOWN_END, MISSING, *PERMANENT, *TRANSIENT]
)
LOOKS_THAT_GO_ON = st.sampled_from([RUNNING, UNKNOWN, MISSING, *TRANSIENT, RateLimited("x", retry_after=7_200.0)])
POLICIES = st.builds(
    PollPolicy,
    interval_seconds=st.none() | st.floats(1, 3_600),
    timeout_seconds=st.floats(0.6, 20_000),
    usual_seconds=st.none() | st.floats(0, 10_000),
)


@given(
    st.lists(LOOKS_THAT_GO_ON, max_size=30),
    LOOKS,
    POLICIES,
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 30),
)
def test_watch__ends_in_time_for_any_looks(
    first: list[poll.Look], for_ever: poll.Look, policy: PollPolicy, jitter: float, seconds_per_look: float
) -> None:
    """No pause goes beyond the limit, none is empty, and a watch that times out has looked at the limit."""
    watch = Watch(chain(first, repeat(for_ever)), policy, seconds_per_look=seconds_per_look)

    result = watch.run(lambda: jitter)

    assert watch.clock.passed <= policy.timeout_seconds + 2 * seconds_per_look + 1e-6
    assert 0.0 == watch.looked_at[0]
    if result.end is WatchEnd.TIMED_OUT:
        assert watch.clock.passed >= policy.timeout_seconds - 1e-6
    if result.end is WatchEnd.LOST:
        assert isinstance(result.error, CloudError)
    assert all(pause > 0 for pause in watch.clock.slept)
