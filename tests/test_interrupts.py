"""Signals as one exception: raised where they find the program, unless it is shielded, until somebody heeds them."""

from __future__ import annotations

import signal

import pytest

from dbt_action.clock import SystemClock
from dbt_action.interrupts import Interrupted, InterruptibleClock, Interrupts
from tests.support.clock import FakeClock


def test_signal__raises() -> None:
    interrupts = Interrupts()

    with pytest.raises(Interrupted):
        interrupts.handle_signal(signal.SIGTERM, None)
    assert interrupts.signal_received


def test_no_signal__nothing_is_raised() -> None:
    Interrupts().check()


def test_shielded__is_raised_at_the_next_check() -> None:
    interrupts = Interrupts()

    with interrupts.deferred():
        interrupts.handle_signal(signal.SIGINT, None)
        interrupts.check()
    with pytest.raises(Interrupted):
        interrupts.check()


def test_shielded__within_a_shield() -> None:
    interrupts = Interrupts()

    with interrupts.deferred():
        with interrupts.deferred():
            pass
        interrupts.handle_signal()
    assert interrupts.signal_received


def test_shield__is_taken_down_by_an_exception() -> None:
    interrupts = Interrupts()

    with pytest.raises(RuntimeError), interrupts.deferred():
        raise RuntimeError
    with pytest.raises(Interrupted):
        interrupts.handle_signal()


def test_heeded__another_signal_changes_nothing() -> None:
    """The clean-up is under way and is short."""
    interrupts = Interrupts()
    with pytest.raises(Interrupted):
        interrupts.handle_signal()

    interrupts.shut_down()
    interrupts.handle_signal()
    interrupts.check()


def test_interrupted__is_not_caught_by_accident() -> None:
    """`except Exception` anywhere on the way must not swallow it."""
    assert not issubclass(Interrupted, Exception)


def test_clock__notices_what_came_in_a_shield() -> None:
    interrupts, clock = Interrupts(), FakeClock()
    with interrupts.deferred():
        interrupts.handle_signal()

    with pytest.raises(Interrupted):
        InterruptibleClock(clock, interrupts).sleep(5.0)
    assert 0.0 == clock.passed


def test_clock__sleeps_otherwise() -> None:
    clock = FakeClock()
    heeding = InterruptibleClock(clock, Interrupts())
    heeding.sleep(5.0)

    assert 5.0 == clock.passed
    assert clock.now() == heeding.now()


def test_system_clock__never_goes_back() -> None:
    clock = SystemClock()
    before = clock.now()
    clock.sleep(-1.0)

    assert clock.now() >= before
