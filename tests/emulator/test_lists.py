"""What clients read: lists and their filters, jobs, artifacts, and what is not visible yet."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, TypeAlias

from emulator import Script, ScriptedStep

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.emulator.conftest import Client, Clock

Json: TypeAlias = Any
"""Whatever JSON or a keyword may hold."""

RESULTS = {"run_results.json": b"{}"}
ENDLESS = Script(steps=(ScriptedStep(seconds=math.inf),))


def test_list__filters(serve: Callable[..., Client], clock: Clock) -> None:
    client = serve(lambda trigger, _job: ENDLESS if trigger["cause"] == "endless" else Script())
    other = client.cloud.add_job("Other")
    first = client.trigger()["id"]
    clock.sleep(3600)
    second = client.trigger(other)["id"]
    third = client.trigger(cause="endless")["id"]
    late = '["2027-01-15T08:30:00Z", "2027-01-16T00:00:00Z"]'

    def ids(**query: Json) -> list[int]:
        return [run["id"] for run in client.get("runs/", **query)]

    assert ids() == [first, second, third]
    assert ids(order_by="-id") == [third, second, first]
    assert ids(order_by="-id", limit=1, offset=1) == [second]
    assert ids(job_definition_id=other) == [second]
    assert ids(status=10) == [first, second]
    assert ids(status__in="[1,2,3]") == [third]
    assert ids(id__gt=second) == [third]
    assert ids(pk__in=json.dumps([first, third])) == [first, third]
    assert ids(created_at__range=late) == [second, third]
    assert ids(finished_at__range=late) == [second]
    assert ids(project_id=1) == []
    assert ids(no_such_filter=1) == [first, second, third]


def test_list__has_filters_order_and_pagination_in_extra(client: Client) -> None:
    for _ in range(3):
        client.trigger()

    answer = client.send("GET", "runs/", params={"limit": 500, "offset": 2}).json()

    assert answer["extra"]["pagination"] == {"count": 1, "total_count": 3}
    assert (answer["extra"]["order_by"], answer["extra"]["filters"]["limit"]) == ("id", 100)
    assert [answer["data"][0]["trigger"], answer["data"][0]["job"]] == [None, None]


def test_jobs__list_and_get(client: Client) -> None:
    job_id = client.cloud.add_job("CI", job_type="ci", triggers={"github_webhook": True})

    jobs, job = client.get("jobs/"), client.get(f"jobs/{job_id}/")

    assert [client.cloud.job_id, job_id] == [item["id"] for item in jobs]
    assert (job["job_type"], job["triggers"]["github_webhook"], job["triggers"]["schedule"]) == ("ci", True, False)
    assert isinstance(job["schedule"]["date"], dict)
    assert isinstance(client.trigger(job_id)["job"]["schedule"]["date"], str)


def test_lag__hides_a_new_run_for_requests(serve: Callable[..., Client]) -> None:
    client = serve(read_after_write_requests=2)
    path = f"runs/{client.trigger()['id']}/"

    codes = [client.send("GET", path).status_code, len(client.get("runs/")), client.send("GET", path).status_code]

    assert codes == [404, 0, 200]


def test_lag__hides_a_new_run_for_seconds(serve: Callable[..., Client], clock: Clock) -> None:
    client = serve(read_after_write_lag=30)
    path = f"runs/{client.trigger()['id']}/"
    hidden = client.send("GET", path).status_code
    clock.sleep(30)

    assert (hidden, client.send("GET", path).status_code) == (404, 200)


def test_artifacts__are_those_of_a_step(serve: Callable[..., Client]) -> None:
    steps = (
        ScriptedStep(artifacts={"run_results.json": b"build", "compiled/shop/a.sql": b"select 1"}),
        ScriptedStep("dbt docs generate", artifacts={"run_results.json": b"docs"}),
    )
    client = serve(Script(steps=steps))
    path = f"runs/{client.trigger()['id']}/artifacts/"

    def content(name: str, **query: int) -> tuple[int, bytes]:
        answer = client.send("GET", path + name, params=query)
        return answer.status_code, answer.content

    assert client.get(path) == ["compiled/shop/a.sql", "run_results.json"]
    assert content("run_results.json") == (200, b"docs")
    assert content("run_results.json", step=4) == (200, b"build")
    assert content("compiled/shop/a.sql", step=4) == (200, b"select 1")
    assert content("manifest.json", step=4)[0] == 404
    assert content("run_results.json", step=1)[0] == 404


def test_artifacts__none_is_null(client: Client) -> None:
    """Recorded: not an empty list."""
    assert client.get(f"runs/{client.trigger()['id']}/artifacts/") is None


def test_artifacts__may_be_available_later_than_the_end(serve: Callable[..., Client], clock: Clock) -> None:
    client = serve(Script(steps=(ScriptedStep(artifacts=RESULTS),), artifact_seconds=20))
    path = f"runs/{client.trigger()['id']}/artifacts/run_results.json"
    early = client.send("GET", path).status_code
    clock.sleep(20)

    assert (early, client.send("GET", path).status_code) == (404, 200)
