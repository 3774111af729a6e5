"""A signal, and a SIGKILL, at any line of the product: a sample in `make test`, every line in `make soak`."""

from __future__ import annotations

import pytest

from tests.reliability import interruptions
from tests.reliability.interruptions import Moment
from tests.reliability.steps import Servers
from tests.reliability.typical_steps import TYPICAL_STEPS, TypicalStep

SAMPLE = 4
MOMENTS: dict[str, list[Moment]] = {}
ALL = [pytest.param(typical, id=typical.name) for typical in TYPICAL_STEPS]


def moments(servers: Servers, typical: TypicalStep) -> list[Moment]:
    """The same for both tests."""
    if typical.name not in MOMENTS:
        MOMENTS[typical.name] = interruptions.moments(servers, typical)
    return MOMENTS[typical.name]


@pytest.mark.parametrize("typical", ALL)
def test_signal__at_any_line_leaves_nothing_going_and_tells_the_truth(servers: Servers, typical: TypicalStep) -> None:
    found = moments(servers, typical)
    broken = {
        moment: list(interruptions.interrupted(servers, typical, moment))
        for moment in interruptions.chosen(found, SAMPLE, typical.name)
    }

    assert {moment: words for moment, words in broken.items() if words} == {}


@pytest.mark.parametrize("typical", ALL)
def test_sigkill__at_any_line_is_cleaned_up_and_nothing_is_started(servers: Servers, typical: TypicalStep) -> None:
    found = moments(servers, typical)
    broken = {
        moment: list(interruptions.killed(servers, typical, moment))
        for moment in interruptions.chosen(found, SAMPLE, typical.name)
    }

    assert {moment: words for moment, words in broken.items() if words} == {}
