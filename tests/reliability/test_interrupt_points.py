"""A signal, and a SIGKILL, at any line of the product: a sample in `make test`, every line in `make soak`."""

from __future__ import annotations

import pytest

from tests.reliability import disturbances
from tests.reliability.disturbances import Moment
from tests.reliability.rig import Bench
from tests.reliability.stories import STORIES, Story

SAMPLE = 4
MOMENTS: dict[str, list[Moment]] = {}
ALL = [pytest.param(story, id=story.name) for story in STORIES]


def moments(servers: Bench, story: Story) -> list[Moment]:
    """The same for both tests."""
    if story.name not in MOMENTS:
        MOMENTS[story.name] = disturbances.moments(servers, story)
    return MOMENTS[story.name]


@pytest.mark.parametrize("story", ALL)
def test_signal__at_any_line_leaves_nothing_going_and_tells_the_truth(servers: Bench, story: Story) -> None:
    found = moments(servers, story)
    broken = {
        moment: list(disturbances.interrupted(servers, story, moment))
        for moment in disturbances.chosen(found, SAMPLE, story.name)
    }

    assert {moment: words for moment, words in broken.items() if words} == {}


@pytest.mark.parametrize("story", ALL)
def test_sigkill__at_any_line_is_cleaned_up_and_nothing_is_started(servers: Bench, story: Story) -> None:
    found = moments(servers, story)
    broken = {
        moment: list(disturbances.killed(servers, story, moment))
        for moment in disturbances.chosen(found, SAMPLE, story.name)
    }

    assert {moment: words for moment, words in broken.items() if words} == {}
