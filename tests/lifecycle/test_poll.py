"""The watch: when to look again and when to stop; for any sequence of looks it ends, and in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from dbt_action.lifecycle.poll import End, Policy, Watched
from tests.support.clock import FakeClock
from tests.support.values import a_run

QUEUED, RUNNING = a_run(status=1), a_run(status=3)
SUCCESS, ERROR, CANCELLED = (a_run(status=status, is_complete=True) for status in (10, 20, 30))
UNKNOWN, UNKNOWN_END = a_run(status=7), a_run(status=7, is_complete=True)
PERMANENT = [Unauthorized("x"), Forbidden("x"), Rejected("x"), Misdirected("x")]
PASSING = [RateLimited("x"), Unreachable("x"), Unavailable("x"), Malformed("x")]
MISSING = NotFound("x")

AUTO = Policy(interval=None, timeout=3_600.0)


class Watch:
    """A watch over given looks, on a clock of its own."""

    def __init__(self, looks: Iterator[poll.Look], policy: Policy, *, seconds_a_look: float = 0.0) -> None:
        self.clock = FakeClock()
        self.looked_at: list[float] = []
        self.looks, self.policy, self.seconds_a_look = looks, policy, seconds_a_look

    def look(self) -> poll.Look:
        self.looked_at.append(self.clock.passed)
        self.clock.time += self.seconds_a_look
        return next(self.looks)

    def run(self, jitter: Callable[[], float] = lambda: 0.0) -> Watched:
        now = self.clock.now()
        return poll.watch(
            self.look,
            clock=self.clock,
            policy=self.policy,
            tell=lambda _look: None,
            since=now,
            born=now,
            jitter=jitter,
        )


@pytest.mark.parametrize("final", [SUCCESS, ERROR, CANCELLED, UNKNOWN_END])
def test_final_run__ends_at_the_first_look(final: poll.Look) -> None:
    watch = Watch(iter([final]), AUTO)

    assert Watched(end=End.FINISHED) == watch.run()
    assert [] == watch.clock.slept


def test_final_run__wins_even_past_the_limit() -> None:
    watch = Watch(iter([RUNNING, SUCCESS]), Policy(interval=50.0, timeout=10.0), seconds_a_look=20.0)
    watch.seconds_a_look = 5.0

    assert End.FINISHED is watch.run().end


@pytest.mark.parametrize("going", [QUEUED, RUNNING, UNKNOWN])
def test_limit__one_last_look_falls_on_it(going: poll.Look) -> None:
    watch = Watch(repeat(going), Policy(interval=40.0, timeout=100.0))

    assert End.TIMED_OUT is watch.run().end
    assert [0.0, 40.0, 80.0, 100.0] == watch.looked_at


def test_limit__holds_while_every_call_fails() -> None:
    watch = Watch(repeat(Unavailable("x")), Policy(interval=None, timeout=100.0))

    assert End.TIMED_OUT is watch.run().end
    assert 100.0 == watch.clock.passed


@pytest.mark.parametrize("error", PERMANENT, ids=lambda error: type(error).__name__)
def test_permanent_error__ends_at_once(error: CloudError) -> None:
    watch = Watch(iter([RUNNING, error]), Policy(interval=10.0, timeout=3_600.0))

    assert Watched(end=End.LOST, error=error) == watch.run()
    assert 10.0 == watch.clock.passed


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_passing_error__is_got_over(error: CloudError) -> None:
    watch = Watch(iter([RUNNING, error, error, RUNNING, SUCCESS]), AUTO)

    assert End.FINISHED is watch.run().end


def test_passing_errors__with_good_looks_between_never_add_up() -> None:
    watch = Watch(iter(chain([RUNNING, *[Unavailable("x")] * 8] * 40, [SUCCESS])), Policy(interval=1.0, timeout=1e6))

    assert End.FINISHED is watch.run().end
    assert watch.clock.passed > timeouts.OUTAGE_SECONDS


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_outage__more_than_ten_minutes_are_sat_out(error: CloudError) -> None:
    watch = Watch(repeat(error), Policy(interval=None, timeout=1e6))

    assert End.LOST is watch.run().end
    assert 600.0 < watch.clock.passed < 1_800.0


def test_not_found__in_the_first_minute_is_waited_out() -> None:
    watch = Watch(iter([MISSING] * 5 + [QUEUED, SUCCESS]), AUTO)

    assert End.FINISHED is watch.run().end


def test_not_found__after_the_first_minute_is_final() -> None:
    watch = Watch(repeat(MISSING), AUTO)

    assert Watched(end=End.LOST, error=MISSING) == watch.run()
    assert 60.0 <= watch.clock.passed <= 90.0


def test_not_found__minute_counts_from_the_birth_of_the_run() -> None:
    """The wait may have begun long before, while the trigger was unanswered."""
    clock = FakeClock()
    looks = iter([MISSING] * 4 + [SUCCESS])

    watched = poll.watch(
        lambda: next(looks),
        clock=clock,
        policy=AUTO,
        tell=lambda _look: None,
        since=clock.now() - 300.0,
        born=clock.now(),
        jitter=lambda: 0.0,
    )

    assert End.FINISHED is watched.end


def test_not_found__of_a_run_that_was_there_is_final_after_the_minute() -> None:
    watch = Watch(iter([RUNNING] * 30 + [MISSING]), Policy(interval=10.0, timeout=3_600.0))

    assert End.LOST is watch.run().end


@pytest.mark.parametrize("retry_after, expected", [(0.0, 1.0), (45.0, 45.0), (300.0, 300.0), (86_400.0, 300.0)])
def test_wish_of_the_server__is_honoured_and_capped(retry_after: float, expected: float) -> None:
    watch = Watch(iter([RateLimited("x", retry_after=retry_after), SUCCESS]), AUTO)
    watch.run()

    assert [expected] == watch.clock.slept


def test_wish_of_the_server__does_not_reach_beyond_the_limit() -> None:
    watch = Watch(iter([RateLimited("x", retry_after=300.0), SUCCESS]), Policy(interval=None, timeout=60.0))
    watch.run()

    assert [60.0] == watch.clock.slept


@pytest.mark.parametrize(
    "age, usual, low, high",
    [
        pytest.param(0.0, None, 1.0, 3.0, id="at first"),
        pytest.param(60.0, None, 3.0, 10.0, id="young"),
        pytest.param(300.0, None, 5.0, 15.0, id="some minutes"),
        pytest.param(3_600.0, None, 20.0, 30.0, id="old"),
        pytest.param(3_595.0, 3_600.0, 1.0, 10.0, id="near the usual end"),
        pytest.param(3_500.0, 3_600.0, 1.0, 10.0, id="within a tenth of the usual end"),
        pytest.param(1_800.0, 3_600.0, 20.0, 30.0, id="far from the usual end"),
        pytest.param(9_999.0, 3_600.0, 20.0, 30.0, id="far beyond the usual end"),
    ],
)
def test_auto(age: float, usual: float | None, low: float, high: float) -> None:
    assert low <= poll.interval(age, Policy(interval=None, timeout=1.0, usual=usual)) <= high


@given(st.floats(0, 1e6), st.none() | st.floats(0, 1e6))
def test_auto__is_never_longer_than_half_a_minute_and_never_a_hot_loop(age: float, usual: float | None) -> None:
    assert 1.0 <= poll.interval(age, Policy(interval=None, timeout=1.0, usual=usual)) <= 30.0


@given(st.floats(1, 3_600), st.floats(0, 1e6), st.none() | st.floats(0, 1e6))
def test_interval__given_is_kept(interval: float, age: float, usual: float | None) -> None:
    assert interval == poll.interval(age, Policy(interval=interval, timeout=1.0, usual=usual))


LOOKS = st.sampled_from(
    [QUEUED, RUNNING, UNKNOWN, SUCCESS, ERROR, CANCELLED, UNKNOWN_END, MISSING, *PERMANENT, *PASSING]
)
PAUSING = st.sampled_from([RUNNING, UNKNOWN, MISSING, *PASSING, RateLimited("x", retry_after=7_200.0)])
POLICIES = st.builds(
    Policy,
    interval=st.none() | st.floats(1, 3_600),
    timeout=st.floats(0.6, 20_000),
    usual=st.none() | st.floats(0, 10_000),
)


@given(
    st.lists(PAUSING, max_size=30),
    LOOKS,
    POLICIES,
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 30),
)
def test_any_looks__the_watch_ends_in_time(
    first: list[poll.Look], forever: poll.Look, policy: Policy, jitter: float, seconds_a_look: float
) -> None:
    """Never a sleep past the limit, never two of the limits, and a last look at the limit."""
    watch = Watch(chain(first, repeat(forever)), policy, seconds_a_look=seconds_a_look)

    watched = watch.run(lambda: jitter)

    assert watch.clock.passed <= policy.timeout + 2 * seconds_a_look + 1e-6
    assert watch.looked_at[0] == 0.0
    if watched.end is End.TIMED_OUT:
        assert watch.clock.passed >= policy.timeout - 1e-6
    if watched.end is End.LOST:
        assert isinstance(watched.error, CloudError)
    assert all(pause > 0 for pause in watch.clock.slept)
