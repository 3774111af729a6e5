"""What is said while waiting: one line at each change, otherwise one a minute, with share and usual duration."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import requests

from emulator import Script, ScriptedStep, Status
from tests.support.corridor import Corridor
from tests.support.results import a_result, document

Build = Callable[..., Corridor]
LINE = re.compile(r" *(?P<time>(?:\d+h )?(?:\d+m )?\d+s)  (?P<words>.+)")
DONE = {"run_results.json": document(a_result())}


def said(corridor: Corridor) -> list[str]:
    """The lines of progress without their times."""
    return [found["words"] for line in corridor.log.splitlines() if (found := LINE.fullmatch(line))]


def test_each_change__is_one_line(build: Build) -> None:
    steps = (
        ScriptedStep(command="dbt seed", seconds=30),
        ScriptedStep(command="dbt run", seconds=30),
        ScriptedStep(command="dbt test", seconds=30, artifacts=DONE),
    )
    corridor = build(Script(steps=steps, queue_seconds=30, starting_seconds=30))

    corridor.run(poll_interval="5")

    assert ["Queued", "Starting", "Running", "Success"] == list(
        dict.fromkeys(re.split(r"[ ,]", x)[0] for x in said(corridor))
    )
    told = [words for words in said(corridor) if "dbt" in words]
    assert ["seed", "run", "test"] == [re.findall(r"`dbt (\w+)`", words)[0] for words in told]
    assert len(said(corridor)) == len(set(said(corridor)))


def test_queued_behind__names_the_run(build: Build) -> None:
    corridor = build(Script(steps=(ScriptedStep(seconds=100, artifacts=DONE),)))
    first = corridor.cloud
    url = f"{first.url}/api/v2/accounts/{first.account_id}/jobs/{first.job_id}/run/"
    headers = {"Authorization": f"Token {first.token}"}
    earlier = requests.post(url, json={"cause": "somebody"}, headers=headers, timeout=5).json()["data"]["id"]

    corridor.run(poll_interval="5")

    assert f"Queued, behind run {earlier}" in [words.split(" · ")[0] for words in said(corridor)]


def test_long_wait__is_one_line_a_minute(build: Build) -> None:
    corridor = build(Script(steps=(ScriptedStep(seconds=1_800, artifacts=DONE),)))

    corridor.run(poll_interval="5")

    assert 30 - 2 <= len(said(corridor)) <= 30 + 4
    times = [found["time"] for line in corridor.log.splitlines() if (found := LINE.fullmatch(line))]
    assert {"10m 00s", "20m 00s", "29m 00s"} <= set(times)


@pytest.mark.parametrize("interval", ["1", "7", "59", "120", "auto"])
def test_heartbeat__never_more_than_one_a_minute_without_a_change(build: Build, interval: str) -> None:
    corridor = build(Script(steps=(ScriptedStep(seconds=600, artifacts=DONE),)))

    corridor.run(poll_interval=interval)

    assert 10 + 4 >= len(said(corridor))


def test_usual_duration__of_earlier_runs(build: Build) -> None:
    corridor = build(Script(steps=(ScriptedStep(seconds=300, artifacts=DONE),)))
    corridor.run(poll_interval="10")
    before = len(said(corridor))
    corridor.environ["GITHUB_RUN_ID"] = "6"
    lists = len(corridor.requests("GET", "/runs/"))

    corridor.run(poll_interval="10")

    assert not [words for words in said(corridor)[:before] if "usually" in words]
    going = [words for words in said(corridor)[before:] if words.startswith("Running")]
    assert all(words.endswith("usually 5m 00s") for words in going)
    assert "usually 5m 00s" in corridor.summary
    assert 1 == len(corridor.requests("GET", "/runs/")) - lists


def test_failed_runs__tell_nothing_usual(build: Build) -> None:
    corridor = build(Script(steps=(ScriptedStep(seconds=300, status=Status.ERROR),)))
    corridor.run(poll_interval="10")
    corridor.environ["GITHUB_RUN_ID"] = "6"

    corridor.run(poll_interval="10")

    assert "usually" not in corridor.log


def test_share__from_the_running_step_s_log(build: Build) -> None:
    """The log of a step is the same answer; more requests are not needed."""
    corridor = build(Script(steps=(ScriptedStep(seconds=200, artifacts=DONE),)))
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
    corridor.cloud.faults.add(kind="status", code=200, body=answer, path=r"/runs/\d+/$", times=3)

    corridor.run(poll_interval="5")

    assert "Running · step 4: Invoke dbt with `dbt build` · 1 of 120 nodes" in said(corridor)


def test_no_news__is_said_once_and_then_every_minute(build: Build) -> None:
    corridor = build(Script(steps=(ScriptedStep(seconds=1_200, artifacts=DONE),)))
    corridor.cloud.faults.add(kind="status", code=503, method="GET", path=r"/runs/\d+/$", times=20, after=2)

    corridor.run(poll_interval="5")

    assert 12 > len([words for words in said(corridor) if words.startswith("No news")]) > 0
