"""A trigger whose answer is lost, in every way in which that can happen: exactly one run is started and watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from dbt_action.errors import ExitCode
from emulator import Script
from tests.support.scripts import GREEN, lasting
from tests.support.virtual_hangs import virtual_hangs
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
    ("answered too late", {"kind": "slow", "seconds": 60.0}, True),
    ("never answered", {"kind": "hang"}, False),
    ("never answered, and done 15 s later", {"kind": "late", "seconds": 20.0}, True),
    ("429 with Retry-After", {"kind": "status", "code": 429, "headers": {"Retry-After": "7"}}, False),
    ("429", {"kind": "status", "code": 429}, False),
]
WAYS = [pytest.param(fault, done, id=name) for name, fault, done in LOSSES]


@pytest.fixture
def make_step(make_step: MakeStep) -> Iterator[MakeStep]:
    """As everywhere, and servers that do not answer take virtual time."""
    with ExitStack() as stack:

        def make(*script: Script, **habits: Any) -> WorkflowStep:  # noqa: ANN401 - of the emulator
            step = make_step(*script, **habits)
            stack.enter_context(virtual_hangs(step.clock))
            return step

        yield make


def assert_one_run(workflow_step: WorkflowStep) -> None:
    """There is one run, it was watched to its end, and the outputs have its number."""
    (run,) = workflow_step.cloud.runs
    assert str(run.id) == workflow_step.outputs["run-id"]
    assert "success" == workflow_step.outputs["status"]
    assert ["pending", "success"] == workflow_step.states


@pytest.mark.parametrize("fault, done", WAYS)
def test_lost_answer__is_searched_for_before_another_trigger(
    workflow_step: WorkflowStep,
    fault: dict[str, Any],
    done: bool,  # noqa: FBT001
) -> None:
    workflow_step.cloud.faults.add(method="POST", path=TRIGGER, **fault)

    assert ExitCode.OK == workflow_step.run()

    assert_one_run(workflow_step)
    assert (1 if done else 2) == len(workflow_step.triggers)


@pytest.mark.parametrize("fault, done", WAYS)
def test_lost_answer__while_new_runs_stay_invisible_for_a_while(
    make_step: MakeStep,
    fault: dict[str, Any],
    done: bool,  # noqa: FBT001
) -> None:
    workflow_step = make_step(GREEN, read_after_write_lag=25.0)
    workflow_step.cloud.faults.add(method="POST", path=TRIGGER, **fault)

    assert ExitCode.OK == workflow_step.run()

    assert_one_run(workflow_step)
    assert (1 if done else 2) == len(workflow_step.triggers)


@pytest.mark.parametrize("fault, done", WAYS)
def test_lost_answer__while_the_search_fails_too(
    workflow_step: WorkflowStep,
    fault: dict[str, Any],
    done: bool,  # noqa: FBT001
) -> None:
    workflow_step.cloud.faults.add(method="POST", path=TRIGGER, **fault)
    workflow_step.cloud.faults.add(kind="status", method="GET", path=LIST, code=502, times=4)

    assert ExitCode.OK == workflow_step.run()

    assert_one_run(workflow_step)
    assert (1 if done else 2) == len(workflow_step.triggers)


def test_lost_answer__of_a_trigger_that_was_accepted_sends_no_other(workflow_step: WorkflowStep) -> None:
    workflow_step.cloud.faults.add(kind="lose", method="POST", path=TRIGGER, times=None)

    assert ExitCode.OK == workflow_step.run()

    assert_one_run(workflow_step)
    assert 1 == len(workflow_step.triggers)


def test_lost_answer__every_time_gives_up_and_says_that_a_run_may_exist(workflow_step: WorkflowStep) -> None:
    workflow_step.cloud.faults.add(kind="reset", method="POST", path=TRIGGER, times=None)

    assert ExitCode.CLOUD == workflow_step.run()

    assert () == workflow_step.cloud.runs
    assert 1 < len(workflow_step.triggers) <= 3
    assert ["error"] == workflow_step.states
    assert "error" == workflow_step.outputs["status"]
    marker = workflow_step.triggers[0].json["cause"].rsplit("[", 1)[1]
    assert any(marker in annotation for annotation in workflow_step.annotations("error"))
    assert "It is not known whether a run" in workflow_step.log
    assert "Perhaps not started" in str(workflow_step.statuses[-1].description)


def test_marker__is_the_same_in_every_trigger_of_a_step(workflow_step: WorkflowStep) -> None:
    workflow_step.cloud.faults.add(kind="reset", method="POST", path=TRIGGER, times=2)

    assert ExitCode.OK == workflow_step.run()
    assert 1 == len({trigger.body for trigger in workflow_step.triggers})


def test_marker__is_different_in_every_step(workflow_step: WorkflowStep) -> None:
    workflow_step.run()
    workflow_step.run()

    assert 2 == len({trigger.json["cause"] for trigger in workflow_step.triggers})


def test_search__does_not_take_another_run_with_the_same_cause(workflow_step: WorkflowStep) -> None:
    """The trigger was not accepted, and a run of another step has the same words and another marker."""
    workflow_step.run(cause="nightly", wait="false")
    (other,) = workflow_step.cloud.runs
    workflow_step.cloud.faults.add(kind="reset", method="POST", path=TRIGGER)

    assert ExitCode.OK == workflow_step.run(cause="nightly")

    assert 2 == len(workflow_step.cloud.runs)
    assert str(other.id) != workflow_step.outputs["run-id"]


def test_search__finds_the_run_behind_many_newer_ones(workflow_step: WorkflowStep) -> None:
    workflow_step.cloud.faults.add(kind="lose", method="POST", path=TRIGGER)
    others = iter(range(30))

    def trigger_others(seconds: float) -> None:
        """During the pause before the search thirty other runs of the same job are started."""
        for number in others if seconds else ():
            workflow_step.cloud._scheduler.trigger(  # noqa: SLF001 - other clients
                workflow_step.cloud.jobs[0], {**NO_PARAMETERS, "cause": f"other {number}"}
            )

    workflow_step.clock.on_sleep = trigger_others

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
def test_refused_trigger__is_not_repeated(workflow_step: WorkflowStep, code: int, body: object) -> None:
    workflow_step.cloud.faults.add(kind="status", method="POST", path=TRIGGER, code=code, body=body, times=None)

    assert ExitCode.CLOUD == workflow_step.run()

    assert 1 == len(workflow_step.triggers)
    assert ["error"] == workflow_step.states
    assert "https://github.example/acme/shop/actions/runs/5/attempts/1" == workflow_step.statuses[0].target_url
    assert str(code) in workflow_step.annotations("error")[0]


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_redirected_trigger__is_not_followed(workflow_step: WorkflowStep, code: int) -> None:
    """A redirect means that the address is wrong; what a POST to the other one would do is not known."""
    elsewhere = {"Location": f"{workflow_step.cloud.url}/elsewhere/"}
    workflow_step.cloud.faults.add(kind="status", method="POST", path=TRIGGER, code=code, headers=elsewhere, times=None)

    assert ExitCode.CLOUD == workflow_step.run()

    assert 1 == len(workflow_step.triggers)
    assert not any("elsewhere" in request.path for request in workflow_step.cloud.requests)
    assert "/elsewhere/" in workflow_step.annotations("error")[0]


def test_search__ends_with_the_time_limit(make_step: MakeStep) -> None:
    workflow_step = make_step(lasting(10.0))
    workflow_step.cloud.faults.add(kind="lose", method="POST", path=TRIGGER)
    workflow_step.cloud.faults.add(kind="status", method="GET", path=LIST, code=500, times=None)

    assert ExitCode.CLOUD == workflow_step.run(timeout_minutes="1")
    assert 75.0 >= workflow_step.clock.passed


NO_PARAMETERS = {
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
