"""A trigger whose answer is lost, in every way in which an answer can be lost: exactly one run, and it is ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dbt_action.errors import ExitCode
from dbt_action.session import Timeouts
from tests.support.corridor import Corridor
from tests.support.scripts import GREEN, lasting

Build = Callable[..., Corridor]

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


def one_adopted_run(corridor: Corridor) -> None:
    """There is one run, it was watched to its end, and everybody was told its number."""
    (run,) = corridor.cloud.runs
    assert str(run.id) == corridor.outputs["run-id"]
    assert "success" == corridor.outputs["status"]
    assert ["pending", "success"] == corridor.states


@pytest.mark.parametrize("fault, done", WAYS)
def test_answer_lost_once(corridor: Corridor, fault: dict[str, Any], done: bool) -> None:  # noqa: FBT001
    corridor.cloud.faults.add(method="POST", path=TRIGGER, **fault)

    assert ExitCode.OK == corridor.run()

    one_adopted_run(corridor)
    assert (1 if done else 2) == len(corridor.triggers)


@pytest.mark.parametrize("fault, done", WAYS)
def test_answer_lost_once__and_the_list_lags(
    build: Build,
    fault: dict[str, Any],
    done: bool,  # noqa: FBT001
) -> None:
    corridor = build(GREEN, read_after_write_lag=25.0)
    corridor.cloud.faults.add(method="POST", path=TRIGGER, **fault)

    assert ExitCode.OK == corridor.run()

    one_adopted_run(corridor)
    assert (1 if done else 2) == len(corridor.triggers)


@pytest.mark.parametrize("fault, done", WAYS)
def test_answer_lost_once__and_the_list_fails_too(
    corridor: Corridor,
    fault: dict[str, Any],
    done: bool,  # noqa: FBT001
) -> None:
    corridor.cloud.faults.add(method="POST", path=TRIGGER, **fault)
    corridor.cloud.faults.add(kind="status", method="GET", path=LIST, code=502, times=4)

    assert ExitCode.OK == corridor.run()

    one_adopted_run(corridor)
    assert (1 if done else 2) == len(corridor.triggers)


@pytest.mark.parametrize(
    "kind, done", [pytest.param("slow", True, id="answered too late"), pytest.param("hang", False, id="never answered")]
)
def test_answer_after_our_patience(corridor: Corridor, kind: str, done: bool) -> None:  # noqa: FBT001
    corridor.timeouts = Timeouts(connect=0.4, read=0.4)
    corridor.cloud.faults.add(kind=kind, method="POST", path=TRIGGER, seconds=2.0)

    assert ExitCode.OK == corridor.run()

    one_adopted_run(corridor)
    assert (1 if done else 2) == len(corridor.triggers)


def test_answers_lost_twice_after_the_work(corridor: Corridor) -> None:
    """The run of the first trigger is there, so a second is never sent."""
    corridor.cloud.faults.add(kind="lose", method="POST", path=TRIGGER, times=None)

    assert ExitCode.OK == corridor.run()

    one_adopted_run(corridor)
    assert 1 == len(corridor.triggers)


def test_never_accepted__gives_up_and_says_that_a_run_may_exist(corridor: Corridor) -> None:
    corridor.cloud.faults.add(kind="reset", method="POST", path=TRIGGER, times=None)

    assert ExitCode.CLOUD == corridor.run()

    assert () == corridor.cloud.runs
    assert 1 < len(corridor.triggers) <= 3
    assert ["error"] == corridor.states
    assert "error" == corridor.outputs["status"]
    marker = corridor.triggers[0].json["cause"].rsplit("[", 1)[1]
    assert any(marker in told for told in corridor.told("error"))
    assert "It is not known whether a run" in corridor.log
    assert "Perhaps not started" in str(corridor.statuses[-1].description)


def test_every_trigger_of_a_step_carries_the_same_marker(corridor: Corridor) -> None:
    corridor.cloud.faults.add(kind="reset", method="POST", path=TRIGGER, times=2)

    assert ExitCode.OK == corridor.run()
    assert 1 == len({trigger.body for trigger in corridor.triggers})


def test_two_steps_never_share_a_marker(corridor: Corridor) -> None:
    corridor.run()
    corridor.run()

    assert 2 == len({trigger.json["cause"] for trigger in corridor.triggers})


def test_run_of_somebody_else_with_the_same_words_is_not_taken(corridor: Corridor) -> None:
    """The answer is lost and nothing was done; the other run with our words but another marker stays theirs."""
    corridor.run(cause="nightly", wait="false")
    (other,) = corridor.cloud.runs
    corridor.cloud.faults.add(kind="reset", method="POST", path=TRIGGER)

    assert ExitCode.OK == corridor.run(cause="nightly")

    assert 2 == len(corridor.cloud.runs)
    assert str(other.id) != corridor.outputs["run-id"]


def test_adopted_run_is_found_behind_many_newer_ones(corridor: Corridor) -> None:
    corridor.cloud.faults.add(kind="lose", method="POST", path=TRIGGER)
    crowd = iter(range(30))

    def somebody_triggers(seconds: float) -> None:
        """While we pause before the look, others start thirty runs of the same job."""
        for number in crowd if seconds else ():
            corridor.cloud._scheduler.trigger(  # noqa: SLF001 - other people
                corridor.cloud.jobs[0], {**NOTHING, "cause": f"other {number}"}
            )

    corridor.clock.on_sleep = somebody_triggers

    assert ExitCode.OK == corridor.run()

    assert str(corridor.cloud.runs[0].id) == corridor.outputs["run-id"]
    assert 1 == len(corridor.triggers)


@pytest.mark.parametrize(
    "code, body",
    [
        pytest.param(400, {"status": {"code": 400, "user_message": "The request was invalid."}, "data": {}}, id="400"),
        pytest.param(403, {"status": {"code": 403, "user_message": "Access denied"}, "data": None}, id="403"),
        pytest.param(404, {"status": {"code": 404, "user_message": "Not found."}, "data": None}, id="404"),
    ],
)
def test_refused__one_trigger_and_the_end(corridor: Corridor, code: int, body: object) -> None:
    corridor.cloud.faults.add(kind="status", method="POST", path=TRIGGER, code=code, body=body, times=None)

    assert ExitCode.CLOUD == corridor.run()

    assert 1 == len(corridor.triggers)
    assert ["error"] == corridor.states
    assert "https://github.example/acme/shop/actions/runs/5/attempts/1" == corridor.statuses[0].target_url
    assert str(code) in corridor.told("error")[0]


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_redirected__never_followed(corridor: Corridor, code: int) -> None:
    """A redirected trigger is a wrong address: nobody knows what a repeated one would do there."""
    elsewhere = {"Location": f"{corridor.cloud.url}/elsewhere/"}
    corridor.cloud.faults.add(kind="status", method="POST", path=TRIGGER, code=code, headers=elsewhere, times=None)

    assert ExitCode.CLOUD == corridor.run()

    assert 1 == len(corridor.triggers)
    assert not any("elsewhere" in asked.path for asked in corridor.cloud.requests)
    assert "/elsewhere/" in corridor.told("error")[0]


def test_time_limit_holds_while_looking_for_the_run(build: Build) -> None:
    corridor = build(lasting(10.0))
    corridor.cloud.faults.add(kind="lose", method="POST", path=TRIGGER)
    corridor.cloud.faults.add(kind="status", method="GET", path=LIST, code=500, times=None)

    assert ExitCode.CLOUD == corridor.run(timeout_minutes="1")
    assert corridor.clock.passed <= 75.0


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
