"""A signal, and a SIGKILL, at any source line of the product: a sample in `make test`, many more in `make soak`."""

from __future__ import annotations

import pytest

from tests.reliability import interruptions
from tests.reliability.interruptions import Moment
from tests.reliability.steps import Servers
from tests.reliability.typical_steps import TYPICAL_STEPS, TypicalStep

SAMPLE = 4
MOMENTS: dict[str, list[Moment]] = {}
ALL = [pytest.param(typical, id=typical.name) for typical in TYPICAL_STEPS]


def sample(servers: Servers, typical: TypicalStep) -> list[Moment]:
    """The same moments for both tests."""
    if typical.name not in MOMENTS:
        MOMENTS[typical.name] = interruptions.moments(servers, typical)
    return interruptions.sample(MOMENTS[typical.name], SAMPLE, typical.name)


@pytest.mark.parametrize("typical", ALL)
def test_signal__at_any_line_leaves_nothing_going_and_reports_the_truth(servers: Servers, typical: TypicalStep) -> None:
    broken = {moment: list(interruptions.after_signal(servers, typical, moment)) for moment in sample(servers, typical)}

    assert {} == {moment: words for moment, words in broken.items() if words}


@pytest.mark.parametrize("typical", ALL)
def test_sigkill__at_any_line_is_cleaned_up_and_nothing_is_started(servers: Servers, typical: TypicalStep) -> None:
    broken = {
        moment: list(interruptions.after_sigkill(servers, typical, moment)) for moment in sample(servers, typical)
    }

    assert {} == {moment: words for moment, words in broken.items() if words}
