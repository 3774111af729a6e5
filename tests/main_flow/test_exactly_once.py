"""A trigger whose answer is lost, in every way in which an answer can be lost: exactly one run, and it is ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dbt_action.errors import ExitCode
from dbt_action.timeouts import HttpTimeouts
from tests.support.scripts import GREEN, lasting
from tests.support.workflow_step import WorkflowStep

MakeStep = Callable[..., WorkflowStep]

TRIGGER = r"/jobs/\d+/run/$"
LIST = r"/accounts/\d+/runs/$"

# (name, how the answer is lost, whether dbt Cloud has done the work)
LOSSES: list[tuple[str, dict[str, Any], bool]] = [
    ("reset before the work", {"kind": "reset"}, False),
    ("reset after the work", {"kind": "lose"}, True),
    ("half an answer", {"kind": "truncate"}, True),
    ("an empty answer", {"kind": "empty", "do": True}, True),
    ("an empty answer without work", {"kind": "empty", "do": False}, False),
    ("a web page with 200 after the work", {"kind": "html", "code": 200, "do": True}, True),
    ("a web page with 200 without work", {"kind": "html", "code": 200, "do": False}, False),
    ("a web page with 502 after the work", {"kind": "html", "code": 502, "do": True}, True),
    ("a web page with 502 without work", {"kind": "html", "code": 502, "do": False}, False),
    ("500", {"kind": "status", "code": 500}, False),
    ("503", {"kind": "status", "code": 503}, False),
    ("504", {"kind": "status", "code": 504}, False),
    ("429 with a wish", {"kind": "status", "code": 429, "headers": {"Retry-After": "7"}}, False),
    ("429 without a wish", {"kind": "status", "code": 429}, False),
]
WAYS = [pytest.param(fault, done, id=name) for name, fault, done in LOSSES]


def one_adopted_run(workflow_step: WorkflowStep) -> None:
    """There is one run, it was watched to its end, and everybody was told its number."""
    (run,) = workflow_step.cloud.runs
    assert str(run.id) == workflow_step.outputs["run-id"]
    assert "success" == workflow_step.outputs["status"]
    assert ["pending", "success"] == workflow_step.states


@pytest.mark.parametrize("fault, done", WAYS)
def test_answer_lost_once(workflow_step: WorkflowStep, fault: dict[str, Any], done: bool) -> None:  # noqa: FBT001
    workflow_step.cloud.faults.add(method="POST", path=TRIGGER, **fault)

    assert ExitCode.OK == workflow_step.run()

    one_adopted_run(workflow_step)
    assert (1 if done else 2) == len(workflow_step.triggers)


@pytest.mark.parametrize("fault, done", WAYS)
def test_answer_lost_once__and_the_list_lags(
    make_step: MakeStep,
    fault: dict[str, Any],
    done: bool,  # noqa: FBT001
) -> None:
    workflow_step = make_step(GREEN, read_after_write_lag=25.0)
    workflow_step.cloud.faults.add(method="POST", path=TRIGGER, **fault)

    assert ExitCode.OK == workflow_step.run()

    one_adopted_run(workflow_step)
    assert (1 if done else 2) == len(workflow_step.triggers)


@pytest.mark.parametrize("fault, done", WAYS)
def test_answer_lost_once__and_the_list_fails_too(
    workflow_step: WorkflowStep,
    fault: dict[str, Any],
    done: bool,  # noqa: FBT001
) -> None:
    workflow_step.cloud.faults.add(method="POST", path=TRIGGER, **fault)
    workflow_step.cloud.faults.add(kind="status", method="GET", path=LIST, code=502, times=4)

    assert ExitCode.OK == workflow_step.run()

    one_adopted_run(workflow_step)
    assert (1 if done else 2) == len(workflow_step.triggers)


@pytest.mark.parametrize(
    "kind, done", [pytest.param("slow", True, id="answered too late"), pytest.param("hang", False, id="never answered")]
)
def test_answer_after_our_patience(workflow_step: WorkflowStep, kind: str, done: bool) -> None:  # noqa: FBT001
    workflow_step.timeouts = HttpTimeouts(connect_seconds=0.4, read_seconds=0.4)
    workflow_step.cloud.faults.add(kind=kind, method="POST", path=TRIGGER, seconds=2.0)

    assert ExitCode.OK == workflow_step.run()

    one_adopted_run(workflow_step)
    assert (1 if done else 2) == len(workflow_step.triggers)


def test_answers_lost_twice_after_the_work(workflow_step: WorkflowStep) -> None:
    """The run of the first trigger is there, so a second is never sent."""
    workflow_step.cloud.faults.add(kind="lose", method="POST", path=TRIGGER, times=None)

    assert ExitCode.OK == workflow_step.run()

    one_adopted_run(workflow_step)
    assert 1 == len(workflow_step.triggers)


def test_never_accepted__gives_up_and_says_that_a_run_may_exist(workflow_step: WorkflowStep) -> None:
    workflow_step.cloud.faults.add(kind="reset", method="POST", path=TRIGGER, times=None)

    assert ExitCode.CLOUD == workflow_step.run()

    assert () == workflow_step.cloud.runs
    assert 1 < len(workflow_step.triggers) <= 3
    assert ["error"] == workflow_step.states
    assert "error" == workflow_step.outputs["status"]
    marker = workflow_step.triggers[0].json["cause"].rsplit("[", 1)[1]
    assert any(marker in told for told in workflow_step.told("error"))
    assert "It is not known whether a run" in workflow_step.log
    assert "Perhaps not started" in str(workflow_step.statuses[-1].description)


def test_every_trigger_of_a_step_carries_the_same_marker(workflow_step: WorkflowStep) -> None:
    workflow_step.cloud.faults.add(kind="reset", method="POST", path=TRIGGER, times=2)

    assert ExitCode.OK == workflow_step.run()
    assert 1 == len({trigger.body for trigger in workflow_step.triggers})


def test_two_steps_never_share_a_marker(workflow_step: WorkflowStep) -> None:
    workflow_step.run()
    workflow_step.run()

    assert 2 == len({trigger.json["cause"] for trigger in workflow_step.triggers})


def test_run_of_somebody_else_with_the_same_words_is_not_taken(workflow_step: WorkflowStep) -> None:
    """The answer is lost and nothing was done; the other run with our words but another marker stays theirs."""
    workflow_step.run(cause="nightly", wait="false")
    (other,) = workflow_step.cloud.runs
    workflow_step.cloud.faults.add(kind="reset", method="POST", path=TRIGGER)

    assert ExitCode.OK == workflow_step.run(cause="nightly")

    assert 2 == len(workflow_step.cloud.runs)
    assert str(other.id) != workflow_step.outputs["run-id"]


def test_adopted_run_is_found_behind_many_newer_ones(workflow_step: WorkflowStep) -> None:
    workflow_step.cloud.faults.add(kind="lose", method="POST", path=TRIGGER)
    crowd = iter(range(30))

    def somebody_triggers(seconds: float) -> None:
        """While we pause before the look, others start thirty runs of the same job."""
        for number in crowd if seconds else ():
            workflow_step.cloud._scheduler.trigger(  # noqa: SLF001 - other people
                workflow_step.cloud.jobs[0], {**NOTHING, "cause": f"other {number}"}
            )

    workflow_step.clock.on_sleep = somebody_triggers

    assert ExitCode.OK == workflow_step.run()

    assert str(workflow_step.cloud.runs[0].id) == workflow_step.outputs["run-id"]
    assert 1 == len(workflow_step.triggers)


@pytest.mark.parametrize(
    "code, body",
    [
        pytest.param(400, {"status": {"code": 400, "user_message": "The request was invalid."}, "data": {}}, id="400"),
        pytest.param(403, {"status": {"code": 403, "user_message": "Access denied"}, "data": None}, id="403"),
        pytest.param(404, {"status": {"code": 404, "user_message": "Not found."}, "data": None}, id="404"),
    ],
)
def test_refused__one_trigger_and_the_end(workflow_step: WorkflowStep, code: int, body: object) -> None:
    workflow_step.cloud.faults.add(kind="status", method="POST", path=TRIGGER, code=code, body=body, times=None)

    assert ExitCode.CLOUD == workflow_step.run()

    assert 1 == len(workflow_step.triggers)
    assert ["error"] == workflow_step.states
    assert "https://github.example/acme/shop/actions/runs/5/attempts/1" == workflow_step.statuses[0].target_url
    assert str(code) in workflow_step.told("error")[0]


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_redirected__never_followed(workflow_step: WorkflowStep, code: int) -> None:
    """A redirected trigger is a wrong address: nobody knows what a repeated one would do there."""
    elsewhere = {"Location": f"{workflow_step.cloud.url}/elsewhere/"}
    workflow_step.cloud.faults.add(kind="status", method="POST", path=TRIGGER, code=code, headers=elsewhere, times=None)

    assert ExitCode.CLOUD == workflow_step.run()

    assert 1 == len(workflow_step.triggers)
    assert not any("elsewhere" in asked.path for asked in workflow_step.cloud.requests)
    assert "/elsewhere/" in workflow_step.told("error")[0]


def test_time_limit_holds_while_looking_for_the_run(make_step: MakeStep) -> None:
    workflow_step = make_step(lasting(10.0))
    workflow_step.cloud.faults.add(kind="lose", method="POST", path=TRIGGER)
    workflow_step.cloud.faults.add(kind="status", method="GET", path=LIST, code=500, times=None)

    assert ExitCode.CLOUD == workflow_step.run(timeout_minutes="1")
    assert workflow_step.clock.passed <= 75.0


NOTHING = {
    "git_branch": None,
    "git_sha": None,
    "azure_pull_request_id": None,
    "github_pull_request_id": None,
    "gitlab_merge_request_id": None,
    "non_native_pull_request_id": None,
    "schema_override": None,
    "dbt_version_override": None,
    "threads_override": None,
    "target_name_override": None,
    "generate_docs_override": None,
    "timeout_seconds_override": None,
    "steps_override": None,
}
