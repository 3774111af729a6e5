"""The commit status when GitHub answers now this, now that: what may have become pending is closed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dbt_action.errors import ExitCode
from tests.reliability.rig import Rig
from tests.support.scripts import GREEN

Make = Callable[..., Rig]


@pytest.mark.parametrize("code", [401, 403, 404])
@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answer lost"])
def test_status__that_was_accepted_before_is_posted_once_more_after_one_refusal(
    rig: Make, code: int, *, lost: bool
) -> None:
    step = rig(GREEN)
    if lost:
        step.bench.github.faults.add(kind="lose", method="POST", path="/statuses/")
    step.bench.github.faults.add(kind="status", code=code, method="POST", path="/statuses/", after=1)

    assert step.run() == ExitCode.OK
    step.clean_up()

    # One whose answer was lost is posted again, which changes nothing.
    assert step.states == ["pending", *(["pending"] if lost else []), "success"]


@pytest.mark.parametrize("code", [401, 403, 404])
def test_status__that_was_never_accepted_is_one_request_and_one_warning(rig: Make, code: int) -> None:
    step = rig(GREEN)
    before = len(step.bench.github.requests)
    step.bench.github.faults.add(kind="status", code=code, times=None)

    assert step.run() == ExitCode.OK

    assert len(step.bench.github.requests) == before + 1
    assert step.log.count("::warning") == 1
