"""Runs and jobs that are named otherwise: an existing run, a job by its name; and what a dry run says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from dbt_action.dbt_cloud.marker import find
from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep
from tests.support.scripts import ENDLESS, GREEN, RED, lasting, run_results
from tests.support.workflow_step import CLOUD_TOKEN, JOB_NAME, SHA, WorkflowStep

MakeStep = Callable[..., WorkflowStep]


def started(step: WorkflowStep, **body: Any) -> int:  # noqa: ANN401 - JSON
    """A run that somebody else has started."""
    url = f"{step.cloud.url}/api/v2/accounts/{step.cloud.account_id}/jobs/{step.cloud.job_id}/run/"
    answer = requests.post(
        url, json={"cause": "x", **body}, headers={"Authorization": f"Token {CLOUD_TOKEN}"}, timeout=10
    )
    return int(answer.json()["data"]["id"])


def posts(step: WorkflowStep) -> list[str]:
    return [request.path for request in step.cloud.requests if request.method == "POST"]


@pytest.mark.parametrize("script, code", [(GREEN, ExitCode.OK), (RED, ExitCode.FAILED)])
def test_run_id__is_watched_and_reported_and_nothing_is_started(
    make_step: MakeStep, script: Script, code: ExitCode
) -> None:
    step = make_step(script)
    run = started(step, git_sha=SHA)

    assert code is step.run(run_id=str(run), artifacts="run_results.json")

    assert 1 == len(step.cloud.runs)
    assert 1 == len(posts(step))
    assert str(run) == step.outputs["run-id"]
    assert "success" == step.states[-1] or code is ExitCode.FAILED
    assert (step.folder / "target" / "run_results.json").exists()
    assert f"Run {run} exists already; nothing is started." in step.log


def test_run_id__latest_is_the_newest_of_the_job(make_step: MakeStep) -> None:
    step = make_step(lasting(30))
    started(step)
    step.clock.sleep(60)
    newest = started(step)

    assert ExitCode.OK is step.run(run_id="latest")
    assert str(newest) == step.outputs["run-id"]


def test_run_id__for_commit_is_the_newest_of_this_commit(make_step: MakeStep) -> None:
    step = make_step(GREEN)
    ours = started(step, git_sha=SHA)
    started(step, git_sha="c" * 40)

    assert ExitCode.OK is step.run(run_id="for-commit")
    assert str(ours) == step.outputs["run-id"]


@pytest.mark.parametrize("run_id", ["for-commit", "latest", "7"])
def test_run_id__that_is_not_there_is_exit_code_3(make_step: MakeStep, run_id: str) -> None:
    step = make_step(GREEN)

    assert ExitCode.CLOUD is step.run(run_id=run_id)
    assert () == step.cloud.runs
    assert "error" == step.states[-1]


def test_run_id__the_summary_names_the_commit_of_the_run(make_step: MakeStep) -> None:
    step = make_step(GREEN)
    started(step, git_sha="c" * 40)

    step.run(run_id="latest")

    assert "ccccccc" in step.summary
    assert "aaaaaaa" not in step.summary


@pytest.mark.parametrize("inputs, cancelled", [({}, False), ({"on_cancel": "cancel"}, True)])
def test_run_id__is_cancelled_only_when_that_was_asked_for(
    make_step: MakeStep,
    inputs: dict[str, str],
    cancelled: bool,  # noqa: FBT001 - of a table
) -> None:
    step = make_step(ENDLESS)
    started(step)
    step.clock.on_sleep = lambda _seconds: step.interrupts.handle_signal(15, None) if step.clock.passed > 30 else None

    assert ExitCode.INTERRUPTED is step.run(run_id="latest", **inputs)

    assert cancelled is step.cloud.runs[0].over
    assert cancelled is any(path.endswith("/cancel/") for path in posts(step))


@pytest.mark.parametrize("inputs, cancelled", [({}, False), ({"on_timeout": "cancel"}, True)])
def test_run_id__a_time_limit_leaves_it_going_unless_asked_for(
    make_step: MakeStep,
    inputs: dict[str, str],
    cancelled: bool,  # noqa: FBT001 - of a table
) -> None:
    step = make_step(ENDLESS)
    started(step)

    assert ExitCode.TIMED_OUT is step.run(run_id="latest", timeout_minutes="2", **inputs)

    assert cancelled is step.cloud.runs[0].over


def test_run_id__without_waiting_fetches_what_a_finished_run_has(make_step: MakeStep) -> None:
    step = make_step(RED)
    started(step)

    assert ExitCode.FAILED is step.run(run_id="latest", wait="false", artifacts="run_results.json")
    assert (step.folder / "target" / "run_results.json").exists()


def test_run_id__without_waiting_of_a_run_that_goes_on_says_so(make_step: MakeStep) -> None:
    step = make_step(ENDLESS)
    started(step)

    assert ExitCode.OK is step.run(run_id="latest", wait="false", artifacts="run_results.json")
    assert "started" == step.outputs["status"]
    assert "have no effect" in step.log


@pytest.mark.parametrize("inputs", [{"retry_failed": "1"}, {"supersede": "true"}, {"dry_run": "true"}])
def test_run_id__cannot_be_combined_with_what_starts_something(make_step: MakeStep, inputs: dict[str, str]) -> None:
    step = make_step(GREEN)

    assert ExitCode.CONFIG is step.run(run_id="latest", **inputs)
    assert "cannot be used with `run-id`" in step.log


def test_job_name__is_looked_up_in_the_project(make_step: MakeStep) -> None:
    step = make_step(GREEN)
    other = step.cloud.add_job(f"{JOB_NAME} (nightly)")
    step.environ.pop("INPUT_JOB-ID")

    assert ExitCode.OK is step.run(job_name=JOB_NAME, project_id=str(step.cloud.project_id))

    (run,) = step.cloud.runs
    assert step.cloud.job_id == run.job_id != other
    assert find(run.cause) is not None


@pytest.mark.parametrize(
    "names, wanted, words",
    [
        (["Nightly", "Nightly"], "Nightly", "the name of 2 jobs"),
        (["Nightly build"], "nightly BUILD", "Similar names:\n  - Nightly build ("),
        (["Nightly build"], "Nightly", "Similar names:\n  - Nightly build ("),
        ([], "Nightly", "No job has a name like it there."),
    ],
)
def test_job_name__that_no_single_job_has_is_a_problem_with_candidates(
    make_step: MakeStep, names: list[str], wanted: str, words: str
) -> None:
    step = make_step(GREEN)
    for name in names:
        step.cloud.add_job(name)
    step.environ.pop("INPUT_JOB-ID")

    assert ExitCode.CONFIG is step.run(job_name=wanted, environment_id=str(step.cloud.environment_id))
    assert words in step.log.replace("%0A", "\n")
    assert () == step.cloud.runs


def test_job_name__when_dbt_cloud_refuses_is_reported_as_not_started(make_step: MakeStep) -> None:
    step = make_step(GREEN)
    step.environ.pop("INPUT_JOB-ID")
    step.cloud.faults.add(kind="status", code=403, method="GET", path="/jobs/", times=None)

    assert ExitCode.CLOUD is step.run(job_name=JOB_NAME, project_id="2", status_context="dbt")
    assert "error" == step.states[-1]


@pytest.mark.parametrize(
    "inputs, words",
    [
        ({"job_name": "x", "job_id": "3"}, "`job-name` and `job-id` (or `job-url`) are both given"),
        ({"job_name": "x"}, "`job-name` needs `project-id` or `environment-id`"),
    ],
)
def test_job_name__has_to_be_given_in_a_way_that_can_be_understood(
    make_step: MakeStep, inputs: dict[str, str], words: str
) -> None:
    step = make_step(GREEN)
    step.environ.pop("INPUT_JOB-ID")

    assert ExitCode.CONFIG is step.run(**inputs)
    assert words in step.log


def test_dry_run__says_what_would_be_sent_and_sends_nothing(make_step: MakeStep) -> None:
    step = make_step(GREEN)

    assert ExitCode.OK is step.run(dry_run="true", schema_override="mine", comment="always")

    assert () == step.cloud.runs
    assert [] == posts(step) + [r.path for r in step.github.requests if r.method != "GET"]
    body = json.loads(step.log[step.log.index("{") : step.log.index("}\n") + 1])
    assert (SHA, "mine") == (body["git_sha"], body["schema_override"])
    assert f"Commit status: 'dbt Cloud / {JOB_NAME}' on {SHA}" in step.log
    assert "Comment: none: this is no pull request" in step.log


def test_dry_run__says_that_nothing_would_be_run(make_step: MakeStep) -> None:
    step = make_step(GREEN)
    step.event("push", {"ref": "refs/heads/main", "head_commit": {"message": "x [skip dbt]", "id": SHA}})

    assert ExitCode.OK is step.run(dry_run="true", commit_status="false")
    assert "Nothing would be run: " in step.log
    assert "Commit status: none" in step.log
    assert () == step.statuses


def with_manifest(text: bytes) -> Script:
    results = run_results(("model.shop.orders", "success", "OK"))
    artifacts = {"manifest.json": text, "run_results.json": results}
    return Script(steps=(ScriptedStep(command="dbt build", artifacts=artifacts),))


def test_base_artifacts__are_those_of_the_run_deferred_to(make_step: MakeStep) -> None:
    scripts = [with_manifest(b'{"nodes": {}, "base": 1}'), with_manifest(b'{"nodes": {}}')]
    step = make_step(lambda _trigger, _job: scripts.pop(0))
    production = step.cloud.add_job("Production")
    url = f"{step.cloud.url}/api/v2/accounts/{step.cloud.account_id}/jobs/{production}/run/"
    requests.post(url, json={"cause": "x"}, headers={"Authorization": f"Token {CLOUD_TOKEN}"}, timeout=10)
    step.cloud.change_job(step.cloud.job_id, deferring_job_definition_id=production)

    assert ExitCode.OK is step.run(base_artifacts="manifest.json")

    assert '{"nodes": {}, "base": 1}' == step.file("target/base/manifest.json")


def test_base_artifacts__without_deferral_are_those_of_the_success_before(make_step: MakeStep) -> None:
    scripts = [with_manifest(b'{"nodes": {}, "base": 1}'), with_manifest(b'{"nodes": {}}')]
    step = make_step(lambda _trigger, _job: scripts.pop(0))
    started(step)

    assert ExitCode.OK is step.run(base_artifacts="*.json")

    assert '{"nodes": {}, "base": 1}' == step.file("target/base/manifest.json")


def test_base_artifacts__without_an_earlier_success_are_a_warning(make_step: MakeStep) -> None:
    step = make_step(GREEN)

    assert ExitCode.OK is step.run(base_artifacts="manifest.json")
    assert "there is no earlier successful run to compare with" in step.log


def test_base_artifacts__that_cannot_be_listed_are_a_warning(make_step: MakeStep) -> None:
    step = make_step(GREEN)
    first = started(step)
    step.cloud.faults.add(kind="status", code=500, method="GET", path=f"/runs/{first}/artifacts/$", times=None)

    assert ExitCode.OK is step.run(base_artifacts="manifest.json")
    assert "`base-artifacts`: the run to compare with could not be read" in step.log
