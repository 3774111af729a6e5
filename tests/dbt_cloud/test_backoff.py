"""Pauses between tries, and the loop that repeats a harmless call."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action import errors
from dbt_action.dbt_cloud import backoff
from dbt_action.errors import CloudError, NotFound, RateLimited, Unauthorized, Unavailable
from tests.support.clock import FakeClock


@pytest.mark.parametrize("failures, expected", [(1, 1.0), (2, 2.0), (3, 4.0), (5, 16.0), (6, 30.0), (500, 30.0)])
def test_pause__grows(failures: int, expected: float) -> None:
    assert expected == backoff.pause(failures, Unavailable("x"), lambda: 0.0)


@given(st.integers(1, 100), st.floats(0, 1, exclude_max=True))
def test_pause__jitter_takes_half_at_most(failures: int, jitter: float) -> None:
    whole = backoff.pause(failures, Unavailable("x"), lambda: 0.0)

    assert whole / 2 <= backoff.pause(failures, Unavailable("x"), lambda: jitter) <= whole


@given(st.integers(1, 100), st.none() | st.floats(0, 1e9))
def test_pause__is_bounded(failures: int, wish: float | None) -> None:
    for error in (Unavailable("x", retry_after=wish), RateLimited("x", retry_after=wish)):
        assert 0.5 <= backoff.pause(failures, error) <= 300.0


def test_pause__rate_limit_without_a_wish_is_the_cool_down() -> None:
    assert 300.0 == backoff.pause(1, RateLimited("x"))


class Call:
    """Fails with `failures` in turn, then answers."""

    def __init__(self, *failures: CloudError) -> None:
        self.failures = list(failures)
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


def retry_transient(call: Call, clock: FakeClock, time_limit: float) -> str:
    return backoff.retry_transient(call, clock=clock, time_limit=time_limit, jitter=lambda: 0.0)


def test_persist__first_answer_is_at_once() -> None:
    clock = FakeClock()

    assert "answer" == retry_transient(Call(), clock, 10.0)
    assert [] == clock.slept


def test_persist__passing_errors_are_repeated() -> None:
    clock = FakeClock()

    assert "answer" == retry_transient(Call(*[Unavailable("x")] * 3), clock, 10.0)
    assert [1.0, 2.0, 4.0] == clock.slept


def test_persist__permanent_error_is_raised_at_once() -> None:
    call, clock = Call(Unauthorized("no")), FakeClock()

    with pytest.raises(Unauthorized):
        retry_transient(call, clock, 10.0)
    assert 1 == call.count
    assert [] == clock.slept


def test_persist__not_found_is_permanent() -> None:
    with pytest.raises(NotFound):
        retry_transient(Call(NotFound("no")), FakeClock(), 10.0)


@given(st.floats(0, 100))
def test_persist__patience_ends(time_limit: float) -> None:
    call, clock = Call(*[Unavailable("x")] * 10_000), FakeClock()

    with pytest.raises(Unavailable):
        retry_transient(call, clock, time_limit)
    assert clock.passed <= time_limit + 1e-6


def test_persist__no_patience_is_one_try() -> None:
    call = Call(Unavailable("x"))

    with pytest.raises(Unavailable):
        retry_transient(call, FakeClock(), 0.0)
    assert 1 == call.count


KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, CloudError) and kind is not CloudError
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_kinds__what_was_not_sent_may_be_sent_again(kind: type[CloudError]) -> None:
    """A request that cannot have arrived is always worth another try; the other way round it is not so."""
    error = kind("what", hint="why")

    assert error.transient or not error.unsent
    assert "what why" == error.explanation
