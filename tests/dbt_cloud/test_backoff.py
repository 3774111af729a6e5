"""Pauses between tries, and the loop that repeats a call."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action import errors
from dbt_action.dbt_cloud import backoff
from dbt_action.errors import CloudError, NotFound, RateLimited, Unauthorized, Unavailable
from tests.support.clock import FakeClock


@pytest.mark.parametrize("failures, expected", [(1, 1.0), (2, 2.0), (3, 4.0), (5, 16.0), (6, 30.0), (500, 30.0)])
def test_pause__doubles_up_to_half_a_minute(failures: int, expected: float) -> None:
    assert expected == backoff.pause(failures, Unavailable("x"), lambda: 0.0)


@given(st.integers(1, 100), st.floats(0, 1, exclude_max=True))
def test_pause__jitter_takes_at_most_half(failures: int, jitter: float) -> None:
    whole = backoff.pause(failures, Unavailable("x"), lambda: 0.0)

    assert whole / 2 <= backoff.pause(failures, Unavailable("x"), lambda: jitter) <= whole


@given(st.integers(1, 100), st.none() | st.floats(0, 1e9))
def test_pause__is_bounded(failures: int, retry_after: float | None) -> None:
    for error in (Unavailable("x", retry_after=retry_after), RateLimited("x", retry_after=retry_after)):
        assert 0.5 <= backoff.pause(failures, error) <= 300.0


def test_pause__after_429_without_retry_after_is_five_minutes() -> None:
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


def test_retry_transient__returns_the_first_answer_at_once() -> None:
    clock = FakeClock()

    assert "answer" == retry_transient(Call(), clock, 10.0)
    assert [] == clock.slept


def test_retry_transient__repeats_after_transient_errors() -> None:
    clock = FakeClock()

    assert "answer" == retry_transient(Call(*[Unavailable("x")] * 3), clock, 10.0)
    assert [1.0, 2.0, 4.0] == clock.slept


def test_retry_transient__raises_a_permanent_error_at_once() -> None:
    call, clock = Call(Unauthorized("no")), FakeClock()

    with pytest.raises(Unauthorized):
        retry_transient(call, clock, 10.0)
    assert 1 == call.count
    assert [] == clock.slept


def test_retry_transient__raises_not_found_at_once() -> None:
    with pytest.raises(NotFound):
        retry_transient(Call(NotFound("no")), FakeClock(), 10.0)


@given(st.floats(0, 100))
def test_retry_transient__ends_with_the_time_limit(time_limit: float) -> None:
    call, clock = Call(*[Unavailable("x")] * 10_000), FakeClock()

    with pytest.raises(Unavailable):
        retry_transient(call, clock, time_limit)
    assert clock.passed <= time_limit + 1e-6


def test_retry_transient__tries_once_without_time() -> None:
    call = Call(Unavailable("x"))

    with pytest.raises(Unavailable):
        retry_transient(call, FakeClock(), 0.0)
    assert 1 == call.count


ERROR_CLASSES = [
    error_class
    for error_class in vars(errors).values()
    if isinstance(error_class, type) and issubclass(error_class, CloudError) and error_class is not CloudError
]


@pytest.mark.parametrize("error_class", ERROR_CLASSES, ids=lambda error_class: error_class.__name__)
def test_errors__unsent_is_transient_and_the_explanation_has_both_parts(error_class: type[CloudError]) -> None:
    """A request that cannot have arrived may always be sent again; not every transient error is unsent."""
    error = error_class("what", hint="why")

    assert error.transient or not error.unsent
    assert "what why" == error.explanation


@pytest.mark.parametrize("also_transient, answer", [((), None), ((NotFound,), "answer")])
def test_retry_transient__repeats_after_errors_that_are_transient_here(
    also_transient: tuple[type[CloudError], ...], answer: str | None
) -> None:
    call, clock = Call(NotFound("not yet")), FakeClock()
    try:
        returned: str | None = backoff.retry_transient(
            call, clock=clock, time_limit=10.0, also_transient=also_transient, jitter=lambda: 0.0
        )
    except NotFound:
        returned = None

    assert answer == returned
    assert ([1.0] if answer else []) == clock.slept


def test_retry_transient__no_pause_is_longer_than_allowed() -> None:
    call, clock = Call(*[Unavailable("x")] * 4), FakeClock()

    backoff.retry_transient(call, clock=clock, time_limit=60.0, max_pause=2.5, jitter=lambda: 0.0)

    assert [1.0, 2.0, 2.5, 2.5] == clock.slept


def test_retry_transient__the_last_try_is_at_the_time_limit() -> None:
    call, clock = Call(*[Unavailable("x")] * 10), FakeClock()

    with pytest.raises(Unavailable):
        backoff.retry_transient(call, clock=clock, time_limit=5.0, jitter=lambda: 0.0)
    assert [1.0, 2.0, 2.0] == clock.slept
    assert 4 == call.count
