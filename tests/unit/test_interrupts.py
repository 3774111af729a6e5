"""Signals as one exception: raised where they find the program, once, unless it is shielded."""

from __future__ import annotations

import signal

import pytest

from dbt_action.interrupts import Interrupted, Interrupts


def test_first_signal__raises() -> None:
    interrupts = Interrupts()

    with pytest.raises(Interrupted):
        interrupts.arrive(signal.SIGTERM, None)
    assert interrupts.arrived


def test_shielded__does_not_raise() -> None:
    interrupts = Interrupts()

    with interrupts.shielded():
        interrupts.arrive(signal.SIGINT, None)
    assert interrupts.arrived


def test_shielded__within_a_shield() -> None:
    interrupts = Interrupts()

    with interrupts.shielded():
        with interrupts.shielded():
            pass
        interrupts.arrive()
    assert interrupts.arrived


def test_shield__is_taken_down_by_an_exception() -> None:
    interrupts = Interrupts()

    with pytest.raises(RuntimeError), interrupts.shielded():
        raise RuntimeError
    with pytest.raises(Interrupted):
        interrupts.arrive()


def test_interrupted__is_not_caught_by_accident() -> None:
    """`except Exception` anywhere on the way must not swallow it."""
    assert not issubclass(Interrupted, Exception)
