"""What is said while waiting: one line at each change, otherwise one a minute, with share and usual duration."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import requests

from emulator import Script, ScriptedStep, Status
from tests.support.results import a_result, document
from tests.support.workflow_step import WorkflowStep

MakeStep = Callable[..., WorkflowStep]
LINE = re.compile(r" *(?P<time>(?:\d+h )?(?:\d+m )?\d+s)  (?P<words>.+)")
DONE = {"run_results.json": document(a_result())}


def said(workflow_step: WorkflowStep) -> list[str]:
    """The lines of progress without their times."""
    return [found["words"] for line in workflow_step.log.splitlines() if (found := LINE.fullmatch(line))]


def test_each_change__is_one_line(make_step: MakeStep) -> None:
    steps = (
        ScriptedStep(command="dbt seed", seconds=30),
        ScriptedStep(command="dbt run", seconds=30),
        ScriptedStep(command="dbt test", seconds=30, artifacts=DONE),
    )
    workflow_step = make_step(Script(steps=steps, queue_seconds=30, starting_seconds=30))

    workflow_step.run(poll_interval="5")

    assert ["Queued", "Starting", "Running", "Success"] == list(
        dict.fromkeys(re.split(r"[ ,]", x)[0] for x in said(workflow_step))
    )
    told = [words for words in said(workflow_step) if "dbt" in words]
    assert ["seed", "run", "test"] == [re.findall(r"`dbt (\w+)`", words)[0] for words in annotation]
    assert len(said(workflow_step)) == len(set(said(workflow_step)))


def test_queued_behind__names_the_run(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(steps=(ScriptedStep(seconds=100, artifacts=DONE),)))
    first = workflow_step.cloud
    url = f"{first.url}/api/v2/accounts/{first.account_id}/jobs/{first.job_id}/run/"
    headers = {"Authorization": f"Token {first.token}"}
    earlier = requests.post(url, json={"cause": "somebody"}, headers=headers, timeout=5).json()["data"]["id"]

    workflow_step.run(poll_interval="5")

    assert f"Queued, behind run {earlier}" in [words.split(" · ")[0] for words in said(workflow_step)]


def test_long_wait__is_one_line_a_minute(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(steps=(ScriptedStep(seconds=1_800, artifacts=DONE),)))

    workflow_step.run(poll_interval="5")

    assert 30 - 2 <= len(said(workflow_step)) <= 30 + 4
    times = [found["time"] for line in workflow_step.log.splitlines() if (found := LINE.fullmatch(line))]
    assert {"10m 00s", "20m 00s", "29m 00s"} <= set(times)


@pytest.mark.parametrize("interval", ["1", "7", "59", "120", "auto"])
def test_heartbeat__never_more_than_one_a_minute_without_a_change(make_step: MakeStep, interval: str) -> None:
    workflow_step = make_step(Script(steps=(ScriptedStep(seconds=600, artifacts=DONE),)))

    workflow_step.run(poll_interval=interval)

    assert 10 + 4 >= len(said(workflow_step))


def test_usual_duration__of_earlier_runs(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(steps=(ScriptedStep(seconds=300, artifacts=DONE),)))
    workflow_step.run(poll_interval="10")
    before = len(said(workflow_step))
    workflow_step.environ["GITHUB_RUN_ID"] = "6"
    lists = len(workflow_step.requests("GET", "/runs/"))

    workflow_step.run(poll_interval="10")

    assert not [words for words in said(workflow_step)[:before] if "usually" in words]
    going = [words for words in said(workflow_step)[before:] if words.startswith("Running")]
    assert all(words.endswith("usually 5m 00s") for words in going)
    assert "usually 5m 00s" in workflow_step.summary
    assert 1 == len(workflow_step.requests("GET", "/runs/")) - lists


def test_failed_runs__tell_nothing_usual(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(steps=(ScriptedStep(seconds=300, status=Status.ERROR),)))
    workflow_step.run(poll_interval="10")
    workflow_step.environ["GITHUB_RUN_ID"] = "6"

    workflow_step.run(poll_interval="10")

    assert "usually" not in workflow_step.log


def test_share__from_the_running_step_s_log(make_step: MakeStep) -> None:
    """The log of a step is the same answer; more requests are not needed."""
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

    assert "Running · step 4: Invoke dbt with `dbt build` · 1 of 120 nodes" in said(workflow_step)


def test_no_news__is_said_once_and_then_every_minute(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(steps=(ScriptedStep(seconds=1_200, artifacts=DONE),)))
    workflow_step.cloud.faults.add(kind="status", code=503, method="GET", path=r"/runs/\d+/$", times=20, after=2)

    workflow_step.run(poll_interval="5")

    assert 12 > len([words for words in said(workflow_step) if words.startswith("No news")]) > 0
