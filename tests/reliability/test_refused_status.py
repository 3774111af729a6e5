"""The commit status when GitHub answers now this, now that: what may have become pending is closed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dbt_action.errors import ExitCode
from tests.reliability.steps import Step
from tests.support.scripts import GREEN

NewStep = Callable[..., Step]


@pytest.mark.parametrize("code", [401, 403, 404])
@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answer lost"])
def test_status__that_was_accepted_before_is_posted_once_more_after_one_refusal(
    new_step: NewStep, code: int, *, lost: bool
) -> None:
    step = new_step(GREEN)
    if lost:
        step.servers.github.faults.add(kind="lose", method="POST", path="/statuses/")
    step.servers.github.faults.add(kind="status", code=code, method="POST", path="/statuses/", after=1)

    assert step.run() == ExitCode.OK
    step.clean_up()

    # One whose answer was lost is posted again, which changes nothing.
    assert step.states == ["pending", *(["pending"] if lost else []), "success"]


@pytest.mark.parametrize("code", [401, 403, 404])
def test_status__that_was_never_accepted_is_one_request_and_one_warning(new_step: NewStep, code: int) -> None:
    step = new_step(GREEN)
    before = len(step.servers.github.requests)
    step.servers.github.faults.add(kind="status", code=code, times=None)

    assert step.run() == ExitCode.OK

    assert len(step.servers.github.requests) == before + 1
    assert step.log.count("::warning") == 1
