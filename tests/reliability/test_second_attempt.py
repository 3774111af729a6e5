"""A second attempt of a workflow run: which runs of the first attempt it adopts or retries, and which it must not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep, Status
from tests.reliability.steps import Step
from tests.support.scripts import GREEN, RED, lasting

NewStep = Callable[..., Step]
# dbt never ran, so dbt Cloud says that there is nothing to retry from.
BROKEN_EARLY = Script(steps=(ScriptedStep(status=Status.ERROR, logs="no profile"),))


def red_then_green(trigger: dict[str, Any]) -> Script:
    return GREEN if trigger["retrying_run_id"] else RED


def attempt(first: Step, number: int, **variables: str) -> Step:
    """The next attempt of the same step, with the usual time limit."""
    later = first.attempt(number, **variables)
    later.given(timeout_minutes="300", on_timeout="cancel")
    return later


@dataclass(frozen=True, kw_only=True)
class Second:
    """What another attempt is like, and whether it goes on with the run of the first."""

    name: str
    resumes: bool
    number: int = 2
    variables: dict[str, str]


SECONDS = [
    Second(name="the same step", resumes=True, variables={}),
    Second(name="third attempt, second was of other jobs only", resumes=True, number=3, variables={}),
    Second(name="another step of the job", resumes=False, variables={"GITHUB_ACTION": "__run_2"}),
    Second(name="another job of the workflow", resumes=False, variables={"GITHUB_JOB": "test"}),
    Second(name="another leg of the matrix", resumes=False, variables={"INPUT_INSTANCE": "1"}),
    Second(name="another build", resumes=False, variables={"GITHUB_RUN_ID": "1"}),
    Second(name="another repository", resumes=False, variables={"GITHUB_REPOSITORY": "acme/other"}),
    Second(name="other commands", resumes=False, variables={"INPUT_STEPS-OVERRIDE": "dbt run"}),
    Second(name="another schema", resumes=False, variables={"INPUT_SCHEMA-OVERRIDE": "elsewhere"}),
    Second(name="another branch asked for", resumes=False, variables={"INPUT_BRANCH": "next"}),
    Second(name="another status", resumes=False, variables={"INPUT_STATUS-CONTEXT": "dbt / other"}),
    Second(name="`on-rerun: new`", resumes=False, variables={"INPUT_ON-RERUN": "new"}),
    Second(name="the same attempt once more", resumes=False, number=1, variables={}),
]


@pytest.mark.parametrize("second", SECONDS, ids=lambda second: second.name)
def test_second_attempt__retries_a_failed_run_only_when_it_is_its_own(new_step: NewStep, second: Second) -> None:
    first = new_step(red_then_green)
    first.given(instance="0")
    assert ExitCode.FAILED == first.run()

    later = attempt(first, second.number, **second.variables)
    code = later.run()

    assert [None, 0 if second.resumes else None] == later.origins
    assert (ExitCode.OK if second.resumes else ExitCode.FAILED) == code


@pytest.mark.parametrize("second", SECONDS, ids=lambda second: second.name)
def test_second_attempt__watches_a_run_that_is_still_going_only_when_it_is_its_own(
    new_step: NewStep, second: Second
) -> None:
    first = new_step(lasting(90))
    first.given(instance="0")
    assert ExitCode.TIMED_OUT == first.run(timeout_minutes="1", on_timeout="leave")

    later = attempt(first, second.number, **second.variables)
    code = later.run()

    assert ExitCode.OK == code
    assert (1 if second.resumes else 2) == len(later.runs)
    assert str(later.runs[-1].id) == later.outputs["run-id"]
    assert not any(run.cancelled_by_api for run in later.runs)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(Script(steps=(ScriptedStep(seconds=90),), queue_seconds=80), id="queued"),
        pytest.param(Script(steps=(ScriptedStep(seconds=90),), starting_seconds=80), id="starting"),
        pytest.param(Script(steps=(ScriptedStep(seconds=90),)), id="running"),
        pytest.param(Script(steps=(ScriptedStep(seconds=90),), running_status=7), id="unknown status"),
    ],
)
def test_second_attempt__adopts_a_run_whatever_it_is_doing(new_step: NewStep, script: Script) -> None:
    first = new_step(script)
    assert ExitCode.TIMED_OUT == first.run(timeout_minutes="1", on_timeout="leave")

    later = attempt(first, 2)

    assert ExitCode.OK == later.run()
    assert 1 == len(later.runs)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(GREEN, id="green"),
        pytest.param(BROKEN_EARLY, id="red, no results"),
        pytest.param(Script(status=Status.CANCELLED), id="cancelled"),
        pytest.param(Script(status=42, complete=True), id="over with an unknown status"),
    ],
)
def test_second_attempt__starts_a_new_run_when_there_is_nothing_to_go_on_with(
    new_step: NewStep, script: Script
) -> None:
    first = new_step(script)
    first.run()

    attempt(first, 2).run()

    assert [None, None] == first.origins


def test_second_attempt__starts_a_new_run_when_a_newer_run_forbids_the_retry(new_step: NewStep) -> None:
    first = new_step(RED)
    first.run()
    first.attempt(1, GITHUB_RUN_ID="9").run()

    later = attempt(first, 2)
    later.run()

    assert [None, None, None] == later.origins
    assert "RETRY_NOT_LATEST_RUN" in later.log


def test_second_attempt__starts_a_new_run_when_dbt_cloud_refuses_the_retry(new_step: NewStep) -> None:
    first = new_step(red_then_green)
    first.run()
    first.servers.cloud.faults.add(kind="status", code=400, method="POST", path="/retry/$")

    later = attempt(first, 2)
    later.run()

    assert [None, None] == later.origins
    assert "refuses the retry" in later.log


def test_attempts__retry_the_last_retry_and_never_an_old_run(new_step: NewStep) -> None:
    first = new_step(RED)
    first.run()

    for number in (2, 3, 4):
        attempt(first, number).run()

    assert [None, 0, 1, 2] == first.origins


def test_attempts__go_on_with_a_retry_that_is_still_going(new_step: NewStep) -> None:
    first = new_step(lambda trigger: lasting(90) if trigger["retrying_run_id"] else RED)
    first.run()
    second = attempt(first, 2)
    assert ExitCode.TIMED_OUT == second.run(timeout_minutes="1", on_timeout="leave")

    third = attempt(first, 3)

    assert ExitCode.OK == third.run()
    assert [None, 0] == third.origins


def test_identical_legs__never_take_each_others_runs(new_step: NewStep) -> None:
    """Which of the two runs belongs to which leg is not known, so the second attempt starts a new one."""
    first = new_step(RED)
    first.run()
    other = first.attempt(1)
    other.run()

    attempt(first, 2).run()

    assert [None, None, None] == first.origins


@pytest.mark.parametrize("fault", ["reset", "html", "hang", "truncate"])
def test_second_attempt__searches_again_when_the_first_search_fails(new_step: NewStep, fault: str) -> None:
    """Starting a new run without knowing would make two runs at the same time."""
    first = new_step(lasting(200))
    assert ExitCode.TIMED_OUT == first.run(timeout_minutes="1", on_timeout="leave")
    first.servers.cloud.faults.add(kind=fault, method="GET", path="/runs/$")

    later = attempt(first, 2)

    assert ExitCode.OK == later.run()
    assert 1 == len(later.runs)
