"""The commit status when GitHub refuses it: a status that may be pending is closed, any other is given up on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dbt_action.errors import ExitCode
from tests.reliability.steps import Step
from tests.support.scripts import GREEN

NewStep = Callable[..., Step]


@pytest.mark.parametrize("code", [401, 403, 404])
@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answer lost"])
def test_status__is_posted_again_after_a_refusal_if_one_was_accepted_before(
    new_step: NewStep, code: int, *, lost: bool
) -> None:
    step = new_step(GREEN)
    if lost:
        step.servers.github.faults.add(kind="lose", method="POST", path="/statuses/")
    step.servers.github.faults.add(kind="status", code=code, method="POST", path="/statuses/", after=1)

    assert ExitCode.OK == step.run()
    step.clean_up()

    # A status whose answer was lost is posted again, which changes nothing.
    assert ["pending", *(["pending"] if lost else []), "success"] == step.states


@pytest.mark.parametrize("code", [401, 403, 404])
def test_status__is_one_request_and_one_warning_if_none_was_ever_accepted(new_step: NewStep, code: int) -> None:
    step = new_step(GREEN)
    before = len(step.servers.github.requests)
    step.servers.github.faults.add(kind="status", code=code, times=None)

    assert ExitCode.OK == step.run()

    assert before + 1 == len(step.servers.github.requests)
    assert 1 == step.log.count("::warning")
