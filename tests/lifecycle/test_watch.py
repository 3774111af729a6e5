"""The log while a step waits: a line at each change, otherwise one a minute, with share and usual duration."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import requests

from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep, Status
from emulator.server import RecordedRequest
from tests.support.results import a_result, document
from tests.support.workflow_step import WorkflowStep

MakeStep = Callable[..., WorkflowStep]
LINE = re.compile(r" *(?P<time>(?:\d+h )?(?:\d+m )?\d+s)  (?P<words>.+)")
DONE = {"run_results.json": document(a_result())}


def progress_lines(workflow_step: WorkflowStep) -> list[str]:
    """The lines about progress, without their times."""
    return [found["words"] for line in workflow_step.log.splitlines() if (found := LINE.fullmatch(line))]


def test_each_change__is_one_line(make_step: MakeStep) -> None:
    steps = (
        ScriptedStep(command="dbt seed", seconds=90),
        ScriptedStep(command="dbt run", seconds=90),
        ScriptedStep(command="dbt test", seconds=90, artifacts=DONE),
    )
    workflow_step = make_step(Script(steps=steps, queue_seconds=30, starting_seconds=30))

    workflow_step.run(poll_interval="5")

    assert ["Queued", "Starting", "Running", "Success"] == list(
        dict.fromkeys(re.split(r"[ ,]", x)[0] for x in progress_lines(workflow_step))
    )
    lines = [words for words in progress_lines(workflow_step) if "dbt" in words]
    commands = [re.findall(r"`dbt (\w+)`", words)[0] for words in lines]
    assert ["seed", "run", "test"] == list(dict.fromkeys(commands))
    # A change at most every minute, and a line a minute.
    assert len(commands) <= 2 * 3


def test_queued_behind__names_the_run(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(steps=(ScriptedStep(seconds=100, artifacts=DONE),)))
    cloud = workflow_step.cloud
    url = f"{cloud.url}/api/v2/accounts/{cloud.account_id}/jobs/{cloud.job_id}/run/"
    headers = {"Authorization": f"Token {cloud.token}"}
    earlier = requests.post(url, json={"cause": "another tool"}, headers=headers, timeout=5).json()["data"]["id"]

    workflow_step.run(poll_interval="5")

    assert f"Queued, behind run {earlier}" in [words.split(" · ")[0] for words in progress_lines(workflow_step)]


def test_long_wait__is_one_line_in_five_minutes(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(steps=(ScriptedStep(seconds=1_800, artifacts=DONE),)))

    workflow_step.run(poll_interval="20")

    assert 6 <= len(progress_lines(workflow_step)) <= 6 + 3
    times = [found["time"] for line in workflow_step.log.splitlines() if (found := LINE.fullmatch(line))]
    assert {"10m 00s", "20m 00s"} <= set(times)


@pytest.mark.parametrize("interval, minutes", [("1", 3), ("7", 10), ("59", 10), ("120", 10), ("auto", 10)])
def test_heartbeat__is_not_more_than_one_line_a_minute(make_step: MakeStep, interval: str, minutes: int) -> None:
    workflow_step = make_step(Script(steps=(ScriptedStep(seconds=minutes * 60, artifacts=DONE),)))

    workflow_step.run(poll_interval=interval)

    assert minutes + 4 >= len(progress_lines(workflow_step))


def test_usual_duration__is_that_of_earlier_runs(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(steps=(ScriptedStep(seconds=300, artifacts=DONE),)))
    workflow_step.run(poll_interval="10")
    before = len(progress_lines(workflow_step))
    workflow_step.environ["GITHUB_RUN_ID"] = "6"
    lists = len(workflow_step.requests("GET", "/runs/"))

    workflow_step.run(poll_interval="10")

    assert not [words for words in progress_lines(workflow_step)[:before] if "usually" in words]
    running = [words for words in progress_lines(workflow_step)[before:] if words.startswith("Running")]
    assert all(words.endswith("usually 5m 00s") for words in running)
    assert "usually 5m 00s" in workflow_step.summary
    # One for the usual duration, and one for the comparison with earlier runs.
    assert 2 == len(workflow_step.requests("GET", "/runs/")) - lists


def test_usual_duration__is_not_taken_from_failed_runs(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(steps=(ScriptedStep(seconds=300, status=Status.ERROR),)))
    workflow_step.run(poll_interval="10")
    workflow_step.environ["GITHUB_RUN_ID"] = "6"

    workflow_step.run(poll_interval="10")

    assert "usually" not in workflow_step.log


def test_share__is_read_from_the_log_of_the_running_step(make_step: MakeStep) -> None:
    """The log is part of the answer about the run, so it costs no request of its own."""
    workflow_step = make_step(Script(steps=(ScriptedStep(seconds=200, artifacts=DONE),)))
    run = {
        "id": 1,
        "status": 3,
        "href": "https://x.example/",
        "run_steps": [
            {
                "index": 4,
                "name": "Invoke dbt with `dbt build`",
                "status": 3,
                "logs": "10:00:00  1 of 120 START x [RUN]\n10:00:01  1 of 120 OK created x [OK in 1s]\n",
            }
        ],
    }
    answer = {"status": {"code": 200, "is_success": True}, "data": run}
    workflow_step.cloud.faults.add(kind="status", code=200, body=answer, path=r"/runs/\d+/$", times=3)

    workflow_step.run(poll_interval="5")

    assert "Running · step 4: Invoke dbt with `dbt build` · 1 of 120 nodes" in progress_lines(workflow_step)


def test_failed_poll__is_logged_once_and_then_every_minute(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(steps=(ScriptedStep(seconds=1_200, artifacts=DONE),)))
    workflow_step.cloud.faults.add(kind="status", code=503, method="GET", path=r"/runs/\d+/$", times=20, after=2)

    workflow_step.run(poll_interval="10")

    assert 12 > len([words for words in progress_lines(workflow_step) if words.startswith("No answer")]) > 0


# The steps bring the logs of the whole run, so they are read only when something is shown from them.


def looks(workflow_step: WorkflowStep) -> list[bool]:
    """For each look at a run whether its steps were asked for."""
    return [
        "run_steps" in request.query.get("include_related", "")
        for request in workflow_step.cloud.requests
        if is_look(request)
    ]


def is_look(request: RecordedRequest) -> bool:
    return request.method == "GET" and re.search(r"/runs/\d+/$", request.path) is not None


def test_steps__are_read_when_it_runs_once_a_minute_and_at_the_end(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(steps=(ScriptedStep(seconds=600, artifacts=DONE),), queue_seconds=60))

    assert ExitCode.OK == workflow_step.run(poll_interval="10")

    asked = looks(workflow_step)
    queued = asked.index(True)
    assert queued >= 6
    # One a minute for ten minutes, one when it was first seen running, and one at the end.
    assert 10 <= sum(asked) <= 12
    assert len(asked) >= 66
    assert asked[-1] is True


def test_steps__are_read_at_each_look_when_the_log_is_shown(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(steps=(ScriptedStep(seconds=300, artifacts=DONE),)))

    assert ExitCode.OK == workflow_step.run(poll_interval="10", log="live")

    asked = looks(workflow_step)
    assert all(asked[asked.index(True) :])


@pytest.mark.parametrize("seconds", [0.0, 5.0, 95.0])
def test_steps__of_a_failed_run_are_known_at_the_end(make_step: MakeStep, seconds: float) -> None:
    failing = ScriptedStep(seconds=seconds, status=Status.ERROR, logs="Compilation Error: the last words\n")
    workflow_step = make_step(Script(steps=(failing,)))

    assert ExitCode.FAILED == workflow_step.run(poll_interval="10")

    assert "the last words" in workflow_step.log


def test_steps__that_dbt_cloud_does_not_give_at_the_end_do_not_change_the_outcome(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(steps=(ScriptedStep(artifacts=DONE),)))
    # The first look shows that the run is over; everything after that fails.
    workflow_step.cloud.faults.add(kind="status", code=503, method="GET", path=r"/runs/\d+/$", times=None, after=1)

    assert ExitCode.OK == workflow_step.run()

    assert "success" == workflow_step.states[-1]


def test_step__stays_in_the_log_between_two_readings(make_step: MakeStep) -> None:
    """A look without steps is no news about them."""
    workflow_step = make_step(Script(steps=(ScriptedStep(command="dbt build", seconds=300, artifacts=DONE),)))

    workflow_step.run(poll_interval="5")

    running = [words for words in progress_lines(workflow_step) if words.startswith("Running")]
    assert all("dbt build" in words for words in running), running
