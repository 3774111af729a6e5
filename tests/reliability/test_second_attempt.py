"""Which run a second attempt goes on with, and what `retry-failed` does: tables of who may take whose run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep, Status
from tests.reliability.steps import Servers, Step, start_servers
from tests.reliability.typical_steps import ENDLESS
from tests.support.scripts import GREEN, RED, lasting

NewStep = Callable[..., Step]
# dbt never ran, so there is nothing that a retry could start from.
BROKEN_EARLY = Script(steps=(ScriptedStep(status=Status.ERROR, logs="no profile"),))


def red_then_green(trigger: dict[str, Any]) -> Script:
    return GREEN if trigger["retrying_run_id"] else RED


def attempt(first: Step, number: int, **variables: str) -> Step:
    """The next attempt, in which the run may take its time again."""
    later = first.attempt(number, **variables)
    later.given(timeout_minutes="300", on_timeout="cancel")
    return later


def origins(step: Step) -> list[int | None]:
    """For each run of the job the position of the run that it retries, None for a run of its own."""
    ids = [run.id for run in step.runs]
    return [ids.index(run.retrying_run_id) if run.retrying_run_id else None for run in step.runs]


@dataclass(frozen=True, kw_only=True)
class Second:
    """What another attempt is like, and whether it may go on with the run of the first."""

    name: str
    more_follows: bool
    number: int = 2
    variables: dict[str, str]


SECONDS = [
    Second(name="the same step", more_follows=True, variables={}),
    Second(name="third attempt, second was of other jobs only", more_follows=True, number=3, variables={}),
    Second(name="another step of the job", more_follows=False, variables={"GITHUB_ACTION": "__run_2"}),
    Second(name="another job of the workflow", more_follows=False, variables={"GITHUB_JOB": "test"}),
    Second(name="another leg of the matrix", more_follows=False, variables={"INPUT_INSTANCE": "1"}),
    Second(name="another build", more_follows=False, variables={"GITHUB_RUN_ID": "1"}),
    Second(name="another repository", more_follows=False, variables={"GITHUB_REPOSITORY": "acme/other"}),
    Second(name="other commands", more_follows=False, variables={"INPUT_STEPS-OVERRIDE": "dbt run"}),
    Second(name="another schema", more_follows=False, variables={"INPUT_SCHEMA-OVERRIDE": "elsewhere"}),
    Second(name="another branch asked for", more_follows=False, variables={"INPUT_BRANCH": "next"}),
    Second(name="another status", more_follows=False, variables={"INPUT_STATUS-CONTEXT": "dbt / other"}),
    Second(name="told to start over", more_follows=False, variables={"INPUT_ON-RERUN": "new"}),
    Second(name="the same attempt once more", more_follows=False, number=1, variables={}),
]


@pytest.mark.parametrize("second", SECONDS, ids=lambda second: second.name)
def test_second_attempt__retries_a_failed_run_only_when_it_is_its_own(new_step: NewStep, second: Second) -> None:
    first = new_step(red_then_green)
    first.given(instance="0")
    assert first.run() == ExitCode.FAILED

    later = attempt(first, second.number, **second.variables)
    code = later.run()

    assert origins(later) == [None, 0 if second.more_follows else None]
    assert code == (ExitCode.OK if second.more_follows else ExitCode.FAILED)


@pytest.mark.parametrize("second", SECONDS, ids=lambda second: second.name)
def test_second_attempt__watches_a_run_that_is_still_going_only_when_it_is_its_own(new_step: NewStep, second: Second) -> None:
    first = new_step(lasting(90))
    first.given(instance="0")
    assert first.run(timeout_minutes="1", on_timeout="leave") == ExitCode.TIMED_OUT

    later = attempt(first, second.number, **second.variables)
    code = later.run()

    assert code == ExitCode.OK
    assert len(later.runs) == (1 if second.more_follows else 2)
    assert later.outputs["run-id"] == str(later.runs[-1].id)
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
    assert first.run(timeout_minutes="1", on_timeout="leave") == ExitCode.TIMED_OUT

    later = attempt(first, 2)

    assert later.run() == ExitCode.OK
    assert len(later.runs) == 1


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(GREEN, id="green"),
        pytest.param(BROKEN_EARLY, id="red, no results"),
        pytest.param(Script(status=Status.CANCELLED), id="cancelled"),
        pytest.param(Script(status=42, complete=True), id="over with an unknown status"),
    ],
)
def test_second_attempt__starts_a_new_run_when_there_is_nothing_to_go_on_with(new_step: NewStep, script: Script) -> None:
    first = new_step(script)
    first.run()

    attempt(first, 2).run()

    assert origins(first) == [None, None]


def test_second_attempt__starts_a_new_run_when_a_newer_run_forbids_the_retry(new_step: NewStep) -> None:
    first = new_step(RED)
    first.run()
    first.attempt(1, GITHUB_RUN_ID="9").run()

    later = attempt(first, 2)
    later.run()

    assert origins(later) == [None, None, None]
    assert "RETRY_NOT_LATEST_RUN" in later.log


def test_second_attempt__starts_a_new_run_when_dbt_cloud_refuses_the_retry(new_step: NewStep) -> None:
    first = new_step(red_then_green)
    first.run()
    first.servers.cloud.faults.add(kind="status", code=400, method="POST", path="/retry/$")

    later = attempt(first, 2)
    later.run()

    assert origins(later) == [None, None]
    assert "refuses the retry" in later.log


def test_attempts__retry_the_last_retry_and_never_an_old_run(new_step: NewStep) -> None:
    first = new_step(RED)
    first.run()

    for number in (2, 3, 4):
        attempt(first, number).run()

    assert origins(first) == [None, 0, 1, 2]


def test_attempts__go_on_with_a_retry_that_is_still_going(new_step: NewStep) -> None:
    first = new_step(lambda trigger: lasting(90) if trigger["retrying_run_id"] else RED)
    first.run()
    second = attempt(first, 2)
    assert second.run(timeout_minutes="1", on_timeout="leave") == ExitCode.TIMED_OUT

    third = attempt(first, 3)

    assert third.run() == ExitCode.OK
    assert origins(third) == [None, 0]


def test_identical_legs__never_take_each_others_runs(new_step: NewStep) -> None:
    """Nothing tells these two apart, so the second attempt starts anew rather than guess."""
    first = new_step(RED)
    first.run()
    other = first.attempt(1)
    other.run()

    attempt(first, 2).run()

    assert origins(first) == [None, None, None]


@pytest.mark.parametrize("fault", ["reset", "html", "hang", "truncate"])
def test_second_attempt__looks_again_when_the_first_look_fails(new_step: NewStep, fault: str) -> None:
    """Or two runs of hours would be going at the same time."""
    first = new_step(lasting(90))
    assert first.run(timeout_minutes="1", on_timeout="leave") == ExitCode.TIMED_OUT
    seconds: dict[str, Any] = {"seconds": 0.0} if fault == "hang" else {}
    first.servers.cloud.faults.add(kind=fault, method="GET", path="/runs/$", **seconds)

    later = attempt(first, 2)

    assert later.run() == ExitCode.OK
    assert len(later.runs) == 1


@pytest.mark.parametrize("number", [0, 1, 2, 5])
def test_retry_failed__retries_from_the_failure_so_often_and_not_more(new_step: NewStep, number: int) -> None:
    step = new_step(RED)

    assert step.run(retry_failed=str(number)) == ExitCode.FAILED

    assert origins(step) == [None, *range(number)]
    assert step.states[-1] == "failure"
    assert step.log.count("from the point of failure") == number
    assert step.log.count(f"of {number} from the point") == number
    assert not any(request.path.endswith("/rerun/") for request in step.requests)


def test_retry_failed__ends_green_with_the_run_that_is_green(new_step: NewStep) -> None:
    step = new_step(lambda trigger: GREEN if trigger["retrying_run_id"] else RED)

    assert step.run(retry_failed="3") == ExitCode.OK

    assert origins(step) == [None, 0]
    assert step.outputs["run-id"] == str(step.runs[-1].id)
    assert step.states[-1] == "success"
    assert str(step.runs[0].id) in (step.folder / "summary").read_text()


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(BROKEN_EARLY, id="cannot be retried"),
        pytest.param(Script(status=Status.CANCELLED), id="cancelled"),
        pytest.param(GREEN, id="green"),
    ],
)
def test_retry_failed__retries_nothing_else(new_step: NewStep, script: Script) -> None:
    step = new_step(script)

    step.run(retry_failed="2")

    assert origins(step) == [None]
    assert step.posts("/retry/") == []


@pytest.mark.parametrize("code", [400, 403, 404])
def test_retry_failed__tells_the_first_run_when_dbt_cloud_refuses_the_retry(new_step: NewStep, code: int) -> None:
    step = new_step(RED)
    step.servers.cloud.faults.add(kind="status", code=code, method="POST", path="/retry/$")

    assert step.run(retry_failed="2") == ExitCode.FAILED

    assert origins(step) == [None]
    assert step.states[-1] == "failure"
    assert "retry did not come to be" in step.log


def test_retry__is_given_its_first_minute_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A 404 right after a retry is as young as one right after a trigger."""
    slow_red = Script(steps=(ScriptedStep(seconds=300, status=Status.ERROR, artifacts=RED.steps[0].artifacts),))
    with start_servers(tmp_path_factory.mktemp("lag"), read_after_write_requests=2) as servers:
        step = servers.new_step(lambda trigger: GREEN if trigger["retrying_run_id"] else slow_red)

        assert step.run(retry_failed="1") == ExitCode.OK


def test_retry__that_comes_late_is_not_left_going(new_step: NewStep) -> None:
    """Its request was unanswered three times; the step tells the failed run, and the clean-up looks again."""
    step = new_step(lambda trigger: ENDLESS if trigger["retrying_run_id"] else RED)
    step.servers.cloud.faults.add(kind="reset", method="POST", path="/retry/$", times=3)
    assert step.run(retry_failed="1") == ExitCode.FAILED

    step.repeat(step.posts("/retry/")[0])
    step.clean_up()

    assert step.going == []


def test_deadline__is_for_all_retries_together(servers: Servers) -> None:
    slow = Script(steps=(ScriptedStep(seconds=50, status=Status.ERROR, artifacts=RED.steps[0].artifacts),))
    endless = Script(steps=(ScriptedStep(seconds=math.inf),))
    step = servers.new_step(lambda trigger: endless if trigger["retrying_run_id"] else slow)

    assert step.run(retry_failed="10", timeout_minutes="2") == ExitCode.TIMED_OUT

    assert step.passed <= 150
    assert step.going == []
