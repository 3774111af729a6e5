"""Signals become an exception: at once, after a deferred section, and not at all once the shutdown has begun."""

from __future__ import annotations

import signal

import pytest

from dbt_action.clock import SystemClock
from dbt_action.interrupts import Interrupted, InterruptibleClock, Interrupts
from tests.support.clock import FakeClock


def test_signal__raises_interrupted() -> None:
    interrupts = Interrupts()

    with pytest.raises(Interrupted):
        interrupts.handle_signal(signal.SIGTERM, None)
    assert interrupts.signal_received


def test_check__without_a_signal_raises_nothing() -> None:
    Interrupts().check()


def test_deferred__raises_at_the_next_check() -> None:
    interrupts = Interrupts()

    with interrupts.deferred():
        interrupts.handle_signal(signal.SIGINT, None)
        interrupts.check()
    with pytest.raises(Interrupted):
        interrupts.check()


def test_deferred__within_another_raises_nothing() -> None:
    interrupts = Interrupts()

    with interrupts.deferred():
        with interrupts.deferred():
            pass
        interrupts.handle_signal()
    assert interrupts.signal_received


def test_deferred__ends_with_an_exception() -> None:
    interrupts = Interrupts()

    with pytest.raises(RuntimeError), interrupts.deferred():
        raise RuntimeError
    with pytest.raises(Interrupted):
        interrupts.handle_signal()


def test_shutting_down__ignores_further_signals() -> None:
    interrupts = Interrupts()
    with pytest.raises(Interrupted):
        interrupts.handle_signal()

    interrupts.shut_down()
    interrupts.handle_signal()
    interrupts.check()


def test_interrupted__is_no_exception_that_is_caught_by_accident() -> None:
    """`except Exception` must not catch it."""
    assert not issubclass(Interrupted, Exception)


def test_clock__raises_for_a_signal_of_a_deferred_section() -> None:
    interrupts, clock = Interrupts(), FakeClock()
    with interrupts.deferred():
        interrupts.handle_signal()

    with pytest.raises(Interrupted):
        InterruptibleClock(clock, interrupts).sleep(5.0)
    assert 0.0 == clock.passed


def test_clock__sleeps_without_a_signal() -> None:
    clock = FakeClock()
    interruptible = InterruptibleClock(clock, Interrupts())
    interruptible.sleep(5.0)

    assert 5.0 == clock.passed
    assert clock.now() == interruptible.now()


def test_system_clock__never_goes_back() -> None:
    clock = SystemClock()
    before = clock.now()
    clock.sleep(-1.0)

    assert clock.now() >= before
