"""What a run means: impact, what is new since which run, what the pull request changes, who cancelled, late sources."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import requests

from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep, Status
from emulator.hosts.base import Changes
from tests.support.events import in_pull_request, pull
from tests.support.scripts import lasting, run_results
from tests.support.workflow_step import CLOUD_TOKEN, WorkflowStep

MakeStep = Callable[..., WorkflowStep]
Json = Any


def defined(path: str, *needs: str, **more: Json) -> Json:
    return {"package_name": "shop", "original_file_path": path, "depends_on": {"nodes": list(needs)}, **more}


def manifest(**models: Json) -> bytes:
    nodes = {f"model.shop.{name}": definition for name, definition in models.items()}
    return json.dumps(
        {
            "metadata": {"project_name": "shop", "dbt_version": "1.11.2"},
            "nodes": nodes,
            "groups": {"group.shop.finance": {"name": "finance", "owner": {"name": "Finance data"}}},
            "exposures": {
                "exposure.shop.revenue": {
                    "name": "revenue",
                    "label": "Revenue",
                    "type": "dashboard",
                    "url": "https://bi.example/1",
                    "depends_on": {"nodes": ["model.shop.marts"]},
                }
            },
        }
    ).encode()


ORDERS = defined("models/orders.sql", group="finance", checksum={"checksum": "1"})
MARTS = defined("models/marts.sql", "model.shop.orders", checksum={"checksum": "1"})
PROJECT = manifest(orders=ORDERS, marts=MARTS)


def build(orders: str, marts: str, project: bytes = PROJECT, **more: Json) -> Script:
    """A run of `dbt build` with these statuses."""
    results = run_results(("model.shop.orders", orders, f"about {orders}"), ("model.shop.marts", marts, ""))
    failed = "error" in (orders, marts)
    step = ScriptedStep(
        command="dbt build",
        status=Status.ERROR if failed else Status.SUCCESS,
        artifacts={"run_results.json": results, "manifest.json": project},
        **more,
    )
    return Script(steps=(step,))


GREEN, RED, OTHER_RED = build("success", "success"), build("error", "skipped"), build("success", "error")


def series(*scripts: Script) -> Callable[[dict[str, Json], object], Script]:
    """The runs, one after the other."""
    left = list(scripts)
    return lambda _trigger, _job: left.pop(0)


def run_earlier(step: WorkflowStep, job_id: int | None = None) -> Json:
    """A run that the scheduler of dbt Cloud, or another program, has started; until it is over."""
    url = f"{step.cloud.url}/api/v2/accounts/{step.cloud.account_id}/jobs/{job_id or step.cloud.job_id}/run/"
    answer = requests.post(url, json={"cause": "x"}, headers={"Authorization": f"Token {CLOUD_TOKEN}"}, timeout=10)
    step.clock.sleep(100.0)
    assert step.cloud.runs[-1].over
    return answer.json()["data"]["id"]


def again(step: WorkflowStep, **inputs: str) -> ExitCode:
    """The step of another build."""
    step.environ["GITHUB_RUN_ID"] = str(int(step.environ["GITHUB_RUN_ID"]) + 1)
    for name in ("summary", "outputs"):
        (step.folder / name).unlink(missing_ok=True)
    return step.run(**inputs)


def description(step: WorkflowStep) -> str:
    return str(step.statuses[-1].description)


def test_failure__is_new_after_a_green_run_and_known_after_it(make_step: MakeStep) -> None:
    step = make_step(series(GREEN, RED, RED, OTHER_RED))
    first = run_earlier(step)

    assert ExitCode.FAILED == step.run()
    assert f"orders failed → 1 node was not built → 1 dashboard is stale. New since run {first} (green, " in step.log
    assert "Owner: Finance data." in step.log
    assert "orders failed · 1 not built · new" == description(step)
    assert "1" == step.outputs["new-failures"]
    assert [{"name": "Revenue", "type": "dashboard", "url": "https://bi.example/1", "owner": None}] == json.loads(
        step.outputs["affected-exposures"]
    )
    (failed,) = json.loads(step.outputs["failed-nodes"])
    assert ("model.shop.orders", "models/orders.sql") == (failed["unique_id"], failed["file"])

    step.clock.sleep(100.0)
    assert ExitCode.FAILED == again(step)
    assert f"Known since run {first + 1} (1 earlier run)." in step.log
    assert f"orders failed · 1 not built · known since run {first + 1}" == description(step)
    assert "0" == step.outputs["new-failures"]

    step.clock.sleep(100.0)
    assert ExitCode.FAILED == again(step)
    # It was not built in the two runs before, and was good in the first.
    assert f"marts failed → 1 dashboard is stale. New since run {first + 2} (red, " in step.log
    assert "**Fixed** since" in step.summary


def test_success__after_a_failure_names_what_is_fixed(make_step: MakeStep) -> None:
    step = make_step(series(RED, GREEN))
    run_earlier(step)

    assert ExitCode.OK == step.run()

    assert "**Fixed** since" in step.summary
    assert "orders" in step.summary.split("**Fixed**")[1]


def test_success__after_a_success_fetches_no_results_of_earlier_runs(make_step: MakeStep) -> None:
    step = make_step(series(GREEN, GREEN))
    first = run_earlier(step)

    assert ExitCode.OK == step.run()

    assert [] == [request for request in step.cloud.requests if f"/runs/{first}/artifacts" in request.path]


def test_history__is_that_of_at_most_five_runs(make_step: MakeStep) -> None:
    step = make_step(series(*[RED] * 9))
    for _ in range(8):
        run_earlier(step)

    assert ExitCode.FAILED == step.run()

    own = step.cloud.runs[-1].id
    fetched = [r for r in step.cloud.requests if r.path.endswith("run_results.json") and f"/{own}/" not in r.path]
    assert 5 == len(fetched)
    assert "(at least 5 earlier runs)" in step.log


def test_history__does_not_count_cancelled_runs_and_those_of_pull_requests(make_step: MakeStep) -> None:
    step = make_step(series(GREEN, RED, Script(steps=GREEN.steps, status=Status.CANCELLED), RED))
    first = run_earlier(step)
    url = f"{step.cloud.url}/api/v2/accounts/{step.cloud.account_id}/jobs/{step.cloud.job_id}/run/"
    body = {"cause": "x", "git_sha": "c" * 40, "github_pull_request_id": 3}
    requests.post(url, json=body, headers={"Authorization": f"Token {CLOUD_TOKEN}"}, timeout=10)
    step.clock.sleep(100.0)
    run_earlier(step)

    assert ExitCode.FAILED == step.run()

    assert f"New since run {first} (green, " in step.log


@pytest.mark.parametrize(
    "path, code", [("/runs/", 500), ("/runs/", 403), ("run_results.json", 500), ("run_results.json", 404)]
)
def test_history__that_cannot_be_read_is_left_out(make_step: MakeStep, path: str, code: int) -> None:
    step = make_step(series(RED, RED))
    first = run_earlier(step)
    prefix = f"/runs/{first}/artifacts/" if path != "/runs/" else ""
    # The first list is that for the usual duration.
    after = 1 if path == "/runs/" else 0
    step.cloud.faults.add(kind="status", code=code, method="GET", path=f"{prefix}{path}$", after=after, times=None)

    assert ExitCode.FAILED == step.run()

    assert "orders failed → 1 node was not built → 1 dashboard is stale. Owner: Finance data." in step.log
    assert "new-failures" not in step.outputs
    assert "orders failed · 1 not built" == description(step)


def in_request(step: WorkflowStep) -> None:
    step.environ |= in_pull_request()
    step.event("pull_request", {"number": 7, "pull_request": pull()})
    step.cloud.change_job(step.cloud.job_id, job_type="ci")


def test_pull_request__is_compared_with_the_run_that_it_defers_to(make_step: MakeStep) -> None:
    changed = manifest(
        orders={**ORDERS, "checksum": {"checksum": "2"}, "columns": {"id": {"name": "id", "data_type": "integer"}}},
        marts=MARTS,
        brand_new=defined("models/brand_new.sql"),
    )
    step = make_step(series(GREEN, build("error", "skipped", changed)))
    production = step.cloud.add_job("Production")
    base = run_earlier(step, production)
    in_request(step)
    step.cloud.change_job(step.cloud.job_id, deferring_job_definition_id=production)
    step.github.changes = Changes(files=(("models/orders.sql", None), ("README.md", None)))

    assert ExitCode.FAILED == step.run(comment="always")

    assert f"New since run {base} (green, " in step.log
    for page in (step.summary, step.github.comments[0].body):
        assert "in a file that this pull request changes" in page
        assert "| orders | changed | added id |" in page
        assert "| brand\\_new | added |" in page
        # It is stale, and named as such.
        assert 1 == page.count("[Revenue](https://bi.example/1) (dashboard)")
    assert f"| Deferred to | run {base}: 0 of 3 built, the rest is there |" in step.summary


@pytest.mark.parametrize("inputs", [{"changes": "never"}, {}])
def test_pull_request__without_a_base_has_no_changes(make_step: MakeStep, inputs: dict[str, str]) -> None:
    step = make_step(series(GREEN, GREEN))
    production = step.cloud.add_job("Production")
    run_earlier(step, production)
    in_request(step)
    if inputs:
        step.cloud.change_job(step.cloud.job_id, deferring_job_definition_id=production)

    assert ExitCode.OK == step.run(**inputs)

    assert "Changes of this pull request" not in step.summary


@pytest.mark.parametrize("code", [404, 500])
def test_pull_request__a_base_that_cannot_be_read_is_left_out(make_step: MakeStep, code: int) -> None:
    step = make_step(series(GREEN, GREEN))
    production = step.cloud.add_job("Production")
    base = run_earlier(step, production)
    in_request(step)
    step.cloud.change_job(step.cloud.job_id, deferring_job_definition_id=production)
    step.cloud.faults.add(
        kind="status", code=code, method="GET", path=f"/runs/{base}/artifacts/manifest.json", times=None
    )

    assert ExitCode.OK == step.run()

    assert "Changes of this pull request" not in step.summary


def test_pull_request__compares_columns_by_the_catalogs_of_both(make_step: MakeStep) -> None:
    def with_catalog(*columns: str) -> Script:
        catalog = {"nodes": {"model.shop.orders": {"columns": {name: {"type": "TEXT"} for name in columns}}}}
        docs = ScriptedStep(
            command="dbt docs generate",
            artifacts={"catalog.json": json.dumps(catalog).encode(), "manifest.json": PROJECT},
        )
        return Script(steps=(*GREEN.steps, docs))

    step = make_step(series(with_catalog("id"), with_catalog("id", "amount")))
    production = step.cloud.add_job("Production")
    run_earlier(step, production)
    in_request(step)
    step.cloud.change_job(step.cloud.job_id, deferring_job_definition_id=production)

    assert ExitCode.OK == step.run()

    assert "| orders | changed | added amount |" in step.summary


def test_pull_request__without_a_deferred_run_uses_the_jobs_newest_success_outside_of_pull_requests(
    make_step: MakeStep,
) -> None:
    step = make_step(series(GREEN, RED))
    first = run_earlier(step)
    in_request(step)

    assert ExitCode.FAILED == step.run()

    assert f"New since run {first} (green, " in step.log


def test_cancelled__says_by_whom(make_step: MakeStep) -> None:
    step = make_step(lasting(300))

    def cancel(_seconds: float) -> None:
        if step.cloud.runs and step.clock.passed > 60 and not step.cloud.runs[0].over:
            url = f"{step.cloud.url}/api/v2/accounts/{step.cloud.account_id}/runs/{step.cloud.runs[0].id}/cancel/"
            requests.post(url, headers={"Authorization": f"Token {CLOUD_TOKEN}"}, timeout=10)

    step.clock.on_sleep = cancel

    assert ExitCode.FAILED == step.run()

    assert "It was cancelled by Emulated User." in step.log
    assert 1 == len([r for r in step.cloud.requests if "audit" in str(r.query)])


def test_late_source__of_a_run_that_succeeded_is_a_warning(make_step: MakeStep) -> None:
    sources = {
        "results": [
            {
                "unique_id": "source.shop.raw.orders",
                "status": "error",
                "max_loaded_at_time_ago_in_s": 108_000,
                "criteria": {"error_after": {"count": 12, "period": "hour"}},
            }
        ]
    }
    freshness = ScriptedStep(
        command="dbt source freshness", status=Status.ERROR, artifacts={"sources.json": json.dumps(sources).encode()}
    )
    step = make_step(Script(steps=(freshness, *GREEN.steps), status=Status.SUCCESS))

    step.run()

    words = "raw.orders is 30h 00m old, the limit is 12 hours"
    assert f"Late source: {words}" in step.log
    assert f"**Late source:** {words}" in step.summary


LOG = """\
10:00:00  1 of 4 OK created x [OK in 0.1s]
10:00:01  2 of 4 ERROR creating y [ERROR in 0.1s]
"""


def test_pending_status__says_how_far_the_run_is_once_a_minute_and_never_after_the_end(make_step: MakeStep) -> None:
    step = make_step(build("success", "error", seconds=200, logs=LOG, logs_while_running=LOG))

    assert ExitCode.FAILED == step.run(poll_interval="10")

    texts = [(status.state, status.description) for status in step.statuses]
    assert ("pending", "Started") == texts[0]
    assert {("pending", "Running step 4 · 2 of 4 nodes")} == set(texts[1:-1])
    assert 1 <= len(texts[1:-1]) <= 200 / 60
    assert "failure" == texts[-1][0]
    assert 1 == len(re.findall(r"^ +\d+s  2 of 4 ERROR creating y \[ERROR in 0\.1s\]$", step.log, re.MULTILINE))


def test_pending_status__that_cannot_be_renewed_is_not_tried_again(make_step: MakeStep) -> None:
    step = make_step(build("success", "error", seconds=600, logs_while_running=LOG))
    step.github.faults.add(kind="status", code=403, method="POST", path="/statuses/", after=1, times=2)

    assert ExitCode.FAILED == step.run(poll_interval="10")

    assert ["pending", "failure"] == step.states
    posted = [r for r in step.github.requests if r.method == "POST" and "/statuses/" in r.path]
    # A refusal is tried once more.
    assert ["pending", "pending", "pending", "failure"] == [request.json["state"] for request in posted]


def test_history__that_is_slow_is_left_out_after_a_few_seconds(make_step: MakeStep) -> None:
    """The outcome is long posted by then."""
    step = make_step(series(RED, RED))
    first = run_earlier(step)
    before = step.clock.passed
    step.cloud.faults.add(kind="hang", method="GET", path=f"/runs/{first}/artifacts/run_results.json", times=None)
    step.timeouts = replace(step.timeouts, read_seconds=0.3)

    assert ExitCode.FAILED == step.run()

    assert "new-failures" not in step.outputs
    assert step.clock.passed - before < 60
