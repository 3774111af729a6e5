"""Workflows with the action files of this repository, run by act against the emulator."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator import Emulator, GitHub, Script, ScriptedStep, Status
from tests.e2e.runner import REPOSITORY, Checkout, Finished

pytestmark = pytest.mark.e2e

HEAD = "c0ffee0000000000000000000000000000000001"


def results(status: str) -> dict[str, bytes]:
    node = {"unique_id": "model.shop.orders", "status": status, "execution_time": 0.1, "message": status.upper()}
    schema = "https://schemas.getdbt.com/dbt/run-results/v6.json"
    content = {"metadata": {"dbt_schema_version": schema}, "results": [node], "elapsed_time": 0.2}
    # A failed run without a manifest would be waited for: it may be late.
    return {"manifest.json": b'{"nodes": {}}', "run_results.json": json.dumps(content).encode()}


GREEN = Script(steps=(ScriptedStep(seconds=1, artifacts=results("success")),))
RED = Script(steps=(ScriptedStep(status=Status.ERROR, logs="1 of 1 ERROR orders", artifacts=results("error")),))
CANCELLED = Script(
    steps=(ScriptedStep(status=Status.CANCELLED, artifacts=results("skipped")),), status=Status.CANCELLED
)

ACTIONS = pytest.mark.parametrize("action", ["docker", "composite"])


@pytest.fixture(scope="module")
def payloads(checkout: Checkout) -> dict[str, dict[str, Any]]:
    repository = {"full_name": REPOSITORY, "name": "shop", "owner": {"login": "acme"}, "default_branch": "main"}
    return {
        "push": {"ref": "refs/heads/main", "after": checkout.sha, "deleted": False, "repository": repository},
        "workflow_dispatch": {"ref": "refs/heads/main", "inputs": {}, "repository": repository},
        "pull_request": {
            "action": "synchronize",
            "number": 7,
            "pull_request": {
                "number": 7,
                "head": {"sha": HEAD, "ref": "feature/orders", "repo": {"full_name": REPOSITORY, "fork": False}},
                "base": {"sha": checkout.sha, "ref": "main", "repo": {"full_name": REPOSITORY, "fork": False}},
            },
            "repository": repository,
        },
    }


class Pipeline:
    """Runs a workflow with the base image, GitHub and the payload of the event."""

    def __init__(self, checkout: Checkout, base: str, github: GitHub, payloads: dict[str, dict[str, Any]]) -> None:
        self.checkout, self.base, self.github, self.payloads = checkout, base, github, payloads

    def run(self, action: str, event: str, cloud: Emulator, *, outcome: str, status: str) -> Finished:
        return self.checkout.run_workflow(
            action,
            event=event,
            payload=self.payloads[event],
            image=self.base,
            variables={
                "DBT_URL": cloud.url,
                "ACCOUNT_ID": str(cloud.account_id),
                "JOB_ID": str(cloud.job_id),
                "OUTCOME": outcome,
                "STATUS": status,
            },
            secrets={"DBT_TOKEN": cloud.token, "GITHUB_TOKEN": self.github.token},
            environ={"GITHUB_API_URL": self.github.url},
        )


@pytest.fixture
def pipeline(checkout: Checkout, base: str, github: GitHub, payloads: dict[str, dict[str, Any]]) -> Pipeline:
    return Pipeline(checkout, base, github, payloads)


@ACTIONS
@pytest.mark.parametrize("event", ["push", "pull_request", "workflow_dispatch"])
def test_green_run__links_the_run_on_the_commit_of_the_event(pipeline: Pipeline, action: str, event: str) -> None:
    commit = HEAD if event == "pull_request" else pipeline.checkout.sha

    with Emulator(GREEN) as cloud:
        finished = pipeline.run(action, event, cloud, outcome="success", status="success")

    assert finished.succeeded, finished.log
    assert "The outputs are right" in finished.log
    [run] = cloud.runs
    assert run.trigger["git_sha"] == commit
    assert run.trigger["github_pull_request_id"] == (7 if event == "pull_request" else None)
    statuses = pipeline.github.statuses
    assert {status.sha for status in statuses} == {commit}
    assert [statuses[0].state, statuses[-1].state] == ["pending", "success"]
    assert {status.context for status in statuses} == {"dbt Cloud / Production build"}
    assert statuses[-1].target_url == finished.outputs["run-url"]
    assert finished.outputs["run-url"].startswith(cloud.url)
    assert finished.outputs["run-id"] == finished.outputs["run_id"] == str(run.id)
    assert finished.outputs["git-sha"] == finished.outputs["git_sha"] == commit
    assert finished.outputs["job-name"] == "Production build"
    assert finished.outputs["artifacts-path"]


@ACTIONS
def test_red_run__fails_the_step_and_the_commit(pipeline: Pipeline, action: str) -> None:
    with Emulator(RED) as cloud:
        finished = pipeline.run(action, "push", cloud, outcome="failure", status="error")

    assert not finished.succeeded
    assert "The outputs are right" in finished.log
    assert pipeline.github.statuses[-1].state == "failure"
    assert pipeline.github.statuses[-1].sha == pipeline.checkout.sha
    assert pipeline.github.statuses[-1].target_url == finished.outputs["run-url"]


@ACTIONS
def test_cancelled_run__fails_the_step_and_the_commit(pipeline: Pipeline, action: str) -> None:
    with Emulator(CANCELLED) as cloud:
        finished = pipeline.run(action, "push", cloud, outcome="failure", status="cancelled")

    assert not finished.succeeded
    assert "The outputs are right" in finished.log
    assert pipeline.github.statuses[-1].state == "error"
    assert pipeline.github.statuses[-1].sha == pipeline.checkout.sha
    assert pipeline.github.statuses[-1].target_url == finished.outputs["run-url"]
