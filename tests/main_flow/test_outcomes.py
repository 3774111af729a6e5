"""Every way a run can end: exit code, outputs, statuses, summary and annotations of the whole step."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep, Status
from emulator.scripted_runs import CHECKED_OUT_SHA, CLONE_STEP
from tests.support.scripts import ENDLESS, GREEN, PASSED, RED, lasting, run_results
from tests.support.workflow_step import HEAD_SHA, JOB_NAME, SHA, WorkflowStep

MakeStep = Callable[..., WorkflowStep]


def run_url(workflow_step: WorkflowStep) -> str:
    """The page of the one run in dbt Cloud."""
    (run,) = workflow_step.cloud.runs
    project = workflow_step.cloud.project_id
    return f"{workflow_step.cloud.url}/deploy/{workflow_step.cloud.account_id}/projects/{project}/runs/{run.id}/"


def test_succeeded__outputs_statuses_and_summary(workflow_step: WorkflowStep) -> None:
    assert ExitCode.OK == workflow_step.run()

    (run,) = workflow_step.cloud.runs
    assert (
        workflow_step.outputs.items()
        >= {
            "run-id": str(run.id),
            "run-url": run_url(workflow_step),
            "status": "success",
            "git-sha": SHA,
            "job-name": JOB_NAME,
            "duration-seconds": "0",
            "run_id": str(run.id),
            "git_sha": SHA,
        }.items()
    )
    assert ["pending", "success"] == workflow_step.states
    assert [] == workflow_step.annotations("error")
    assert [] == workflow_step.annotations("warning")
    assert JOB_NAME in workflow_step.summary
    assert run_url(workflow_step) in workflow_step.summary


def test_green__statuses_share_context_link_and_commit(workflow_step: WorkflowStep) -> None:
    workflow_step.run()

    assert {(f"dbt Cloud / {JOB_NAME}", run_url(workflow_step), SHA)} == {
        (status.context, status.target_url, status.sha) for status in workflow_step.statuses
    }


def test_green__one_request_for_the_job_comes_first_and_one_trigger(workflow_step: WorkflowStep) -> None:
    workflow_step.run()

    sent = [(request.method, request.path.split("/", 5)[5]) for request in workflow_step.cloud.requests]
    assert [
        ("GET", f"jobs/{workflow_step.cloud.job_id}/"),
        ("POST", f"jobs/{workflow_step.cloud.job_id}/run/"),
    ] == sent[:2]
    assert 1 == len(workflow_step.triggers)


def test_green__each_status_is_one_request(workflow_step: WorkflowStep) -> None:
    workflow_step.run()

    assert ["POST", "POST"] == [request.method for request in workflow_step.github.requests]


def test_green__trigger_carries_commit_and_cause(workflow_step: WorkflowStep) -> None:
    workflow_step.run()

    assert SHA == workflow_step.body["git_sha"]
    assert workflow_step.body["cause"].startswith("GitHub Actions: Deploy (push), main, by octocat [")
    assert {"cause", "git_sha"} == set(workflow_step.body)


def test_failed__reason_is_in_annotation_summary_log_and_status(make_step: MakeStep) -> None:
    workflow_step = make_step(RED)

    assert ExitCode.FAILED == workflow_step.run()

    assert "error" == workflow_step.outputs["status"]
    assert ["pending", "failure"] == workflow_step.states
    assert "not_null_orders_id.abc failed" == workflow_step.statuses[-1].description
    annotation = workflow_step.annotations("error")[-1]
    assert "not_null_orders_id" in annotation
    assert "Got 3 results, configured to fail if != 0" in annotation
    assert "Got 3 results" in workflow_step.summary
    assert "2 of 2 FAIL 3 not_null_orders_id" in workflow_step.log
    assert "\x1b" not in workflow_step.out.getvalue()


def test_outcome__comes_from_the_status_of_the_run_and_not_from_its_results(make_step: MakeStep) -> None:
    """A run that failed although all its nodes passed is a failure."""
    workflow_step = make_step(
        Script(
            steps=(ScriptedStep(status=Status.ERROR, artifacts={"run_results.json": run_results(PASSED)}),),
        )
    )

    assert ExitCode.FAILED == workflow_step.run()
    assert "error" == workflow_step.outputs["status"]


def test_outcome__of_a_successful_run_with_failed_nodes_is_success(make_step: MakeStep) -> None:
    results = run_results(("model.shop.orders", "error", "no"))
    workflow_step = make_step(Script(steps=(ScriptedStep(artifacts={"run_results.json": results}),)))

    assert ExitCode.OK == workflow_step.run()
    assert ["pending", "success"] == workflow_step.states


def test_failed__without_results_shows_the_end_of_the_log_of_the_step(make_step: MakeStep) -> None:
    workflow_step = make_step(
        Script(steps=(ScriptedStep(command="dbt deps", status=Status.ERROR, logs="Package nowhere/none not found\n"),))
    )

    assert ExitCode.FAILED == workflow_step.run()

    (annotation,) = workflow_step.annotations("error")
    assert "Package nowhere/none not found" in annotation


def test_failed__to_check_out_the_commit_names_the_commit_and_a_way_out(make_step: MakeStep) -> None:
    workflow_step = make_step(
        Script(
            bare=True,
            steps=(
                ScriptedStep(
                    name=CLONE_STEP, status=Status.ERROR, logs=f"fatal: reference is not a tree: {SHA}\n", command=""
                ),
            ),
        )
    )

    assert ExitCode.FAILED == workflow_step.run()

    (annotation,) = workflow_step.annotations("error")
    assert SHA in annotation
    assert "repository that dbt Cloud clones" in annotation.replace("\n", " ")
    assert "run-on: job" in annotation


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("Cancelled by user.", id="by a user"),
        pytest.param(
            "This run timed out after running for 1 day, which exceeded the configured timeout of 86400 seconds.",
            id="by dbt Cloud's own limit",
        ),
    ],
)
def test_cancelled_in_dbt_cloud__fails_with_the_message_of_dbt_cloud(make_step: MakeStep, message: str) -> None:
    workflow_step = make_step(Script(status=Status.CANCELLED, status_message=message))

    assert ExitCode.FAILED == workflow_step.run()

    assert "cancelled" == workflow_step.outputs["status"]
    assert ["pending", "error"] == workflow_step.states
    assert message in workflow_step.annotations("error")[0]


def test_cancelled_in_dbt_cloud__without_a_message_says_what_it_usually_means(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(status=Status.CANCELLED))

    assert ExitCode.FAILED == workflow_step.run()
    assert "newer commit" in workflow_step.annotations("error")[0]


def test_timed_out__run_is_cancelled(make_step: MakeStep) -> None:
    workflow_step = make_step(ENDLESS)

    assert ExitCode.TIMED_OUT == workflow_step.run(timeout_minutes="2.5")

    (run,) = workflow_step.cloud.runs
    assert Status.CANCELLED == run.status
    assert 1 == len(workflow_step.requests("POST", "/cancel/"))
    assert "timed-out" == workflow_step.outputs["status"]
    assert ["pending", "error"] == workflow_step.states
    assert "timeout-minutes" in workflow_step.annotations("error")[0]
    assert "It was cancelled." in workflow_step.annotations("error")[0]
    assert 150 <= workflow_step.clock.passed < 175


def test_timed_out__run_is_left_going_with_on_timeout_leave(make_step: MakeStep) -> None:
    workflow_step = make_step(ENDLESS)

    assert ExitCode.TIMED_OUT == workflow_step.run(timeout_minutes="1", on_timeout="leave")

    (run,) = workflow_step.cloud.runs
    assert Status.RUNNING == run.status
    assert [] == workflow_step.requests("POST", "/cancel/")
    assert "on-timeout: leave" in workflow_step.annotations("error")[0]


def test_timed_out__but_over_at_the_last_poll_is_no_timeout(make_step: MakeStep) -> None:
    workflow_step = make_step(lasting(60.0))

    assert ExitCode.OK == workflow_step.run(timeout_minutes="1", poll_interval="45")

    assert [] == workflow_step.requests("POST", "/cancel/")
    assert 60.0 == workflow_step.clock.passed


def test_timed_out__but_over_before_the_cancel_arrives_is_no_timeout(make_step: MakeStep) -> None:
    workflow_step = make_step(lasting(60.5), cancel_seconds=5)

    assert ExitCode.OK == workflow_step.run(timeout_minutes="1")

    assert "success" == workflow_step.outputs["status"]
    assert ["pending", "success"] == workflow_step.states


def test_timed_out__says_that_the_run_could_not_be_cancelled(make_step: MakeStep) -> None:
    workflow_step = make_step(ENDLESS)
    workflow_step.cloud.faults.add(kind="status", method="POST", path="/cancel/$", code=403, times=None)

    assert ExitCode.TIMED_OUT == workflow_step.run(timeout_minutes="1")
    assert "could NOT be cancelled" in workflow_step.annotations("error")[0]


def test_wait_false__ends_after_the_trigger(make_step: MakeStep) -> None:
    workflow_step = make_step(ENDLESS)

    assert ExitCode.OK == workflow_step.run(wait="false")

    (run,) = workflow_step.cloud.runs
    assert not run.over
    assert "started" == workflow_step.outputs["status"]
    assert str(run.id) == workflow_step.outputs["run-id"]
    assert {"pending"} == set(workflow_step.states)
    assert 0.0 == workflow_step.clock.passed
    assert [] == workflow_step.requests("GET", f"/runs/{run.id}/")


@pytest.mark.parametrize(
    "script, status, state",
    [
        pytest.param(RED, "error", "failure", id="failed"),
        pytest.param(Script(status=Status.CANCELLED), "cancelled", "error", id="cancelled"),
        pytest.param(ENDLESS, "timed-out", "error", id="timed out"),
        pytest.param(GREEN, "success", "success", id="green"),
    ],
)
def test_fail_on_error_false__changes_the_exit_code_and_nothing_else(
    make_step: MakeStep, script: Script, status: str, state: str
) -> None:
    workflow_step = make_step(script)

    assert ExitCode.OK == workflow_step.run(fail_on_error="false", timeout_minutes="1")

    assert status == workflow_step.outputs["status"]
    assert ["pending", state] == workflow_step.states


def test_commit_status_false__sends_nothing_to_github(workflow_step: WorkflowStep) -> None:
    assert ExitCode.OK == workflow_step.run(commit_status="false")
    assert () == workflow_step.github.requests


def test_summary_false__writes_no_summary(workflow_step: WorkflowStep) -> None:
    workflow_step.run(summary="false")

    assert "" == workflow_step.summary


def test_annotations_false__reason_is_in_the_log(make_step: MakeStep) -> None:
    workflow_step = make_step(RED)

    assert ExitCode.FAILED == workflow_step.run(annotations="false")

    assert [] == workflow_step.annotations("error")
    assert "Got 3 results, configured to fail if != 0" in workflow_step.log


def test_unknown_status__is_one_warning_and_the_run_is_not_over(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(steps=(ScriptedStep(seconds=60),), running_status=7))

    assert ExitCode.OK == workflow_step.run()
    assert 1 == len([annotation for annotation in workflow_step.annotations("warning") if "7" in annotation])


def test_unknown_status__that_stays_ends_with_the_time_limit(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(status=42))

    assert ExitCode.TIMED_OUT == workflow_step.run(timeout_minutes="1", on_timeout="leave")


def test_unknown_status__of_a_complete_run_is_a_failure(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(status=42, complete=True))

    assert ExitCode.FAILED == workflow_step.run()
    assert "failure" == workflow_step.states[-1]
    assert any("42" in annotation for annotation in workflow_step.annotations("warning"))


@pytest.mark.parametrize("seconds", [pytest.param(0.0, id="at once"), pytest.param(900.0, id="in the queue")])
def test_queue__is_waited_for(make_step: MakeStep, seconds: float) -> None:
    workflow_step = make_step(GREEN, queue_seconds=seconds)

    assert ExitCode.OK == workflow_step.run()
    assert seconds <= workflow_step.clock.passed <= seconds + 30.0


def test_queue__log_names_the_run_that_blocks(make_step: MakeStep) -> None:
    workflow_step = make_step(lasting(50.0))
    assert ExitCode.OK == workflow_step.run(wait="false")

    assert ExitCode.OK == workflow_step.run()
    assert f"behind run {workflow_step.cloud.runs[0].id}" in workflow_step.log


def test_run_on_job__outputs_have_the_version_that_dbt_cloud_has_checked_out(workflow_step: WorkflowStep) -> None:
    assert ExitCode.OK == workflow_step.run(run_on="job")

    assert {"cause"} == set(workflow_step.body)
    assert CHECKED_OUT_SHA == workflow_step.outputs["git-sha"]
    assert "main" == workflow_step.outputs["git-branch"]
    assert SHA == workflow_step.statuses[-1].sha


def test_pull_request__status_on_the_head_and_number_in_the_trigger(workflow_step: WorkflowStep) -> None:
    head = {"sha": HEAD_SHA, "ref": "feature/x", "repo": {"full_name": "acme/shop"}}
    pull = {"number": 7, "head": head, "base": {"ref": "main", "sha": SHA}}
    workflow_step.event("pull_request", {"number": 7, "pull_request": pull}, GITHUB_REF_NAME="7/merge")

    assert ExitCode.OK == workflow_step.run(schema_override="auto")

    assert HEAD_SHA == workflow_step.body["git_sha"]
    assert 7 == workflow_step.body["github_pull_request_id"]
    assert f"dbt_cloud_pr_{workflow_step.cloud.job_id}_7" == workflow_step.body["schema_override"]
    assert {HEAD_SHA} == {status.sha for status in workflow_step.statuses}


def test_push_that_deletes_the_branch__runs_nothing(workflow_step: WorkflowStep) -> None:
    workflow_step.event("push", {"ref": "refs/heads/gone", "deleted": True, "after": "0" * 40})

    assert ExitCode.OK == workflow_step.run()
    assert () == workflow_step.cloud.requests
    assert () == workflow_step.github.requests


def test_job_of_another_project__is_one_warning_with_both_ids(workflow_step: WorkflowStep) -> None:
    assert ExitCode.OK == workflow_step.run(project_id="12345")

    (annotation,) = workflow_step.annotations("warning")
    assert "12345" in annotation
    assert str(workflow_step.cloud.project_id) in annotation


def test_job_of_the_right_project__is_no_warning(workflow_step: WorkflowStep) -> None:
    workflow_step.run(project_id=str(workflow_step.cloud.project_id))

    assert [] == workflow_step.annotations("warning")


def test_job_that_dbt_cloud_starts_for_pull_requests_too__is_a_warning(workflow_step: WorkflowStep) -> None:
    workflow_step.cloud.change_job(workflow_step.cloud.job_id, triggers={"github_webhook": True}, job_type="ci")
    head = {"sha": HEAD_SHA, "ref": "x", "repo": {"full_name": "acme/shop"}}
    workflow_step.event("pull_request", {"pull_request": {"number": 7, "head": head, "base": {"ref": "main"}}})

    workflow_step.run()

    (annotation,) = workflow_step.annotations("warning")
    assert "twice" in annotation


def test_new_run__may_be_404_in_its_first_minute(make_step: MakeStep) -> None:
    workflow_step = make_step(GREEN, read_after_write_lag=40.0)

    assert ExitCode.OK == workflow_step.run()
    assert ["pending", "success"] == workflow_step.states


def test_new_run__that_stays_404_is_lost(make_step: MakeStep) -> None:
    workflow_step = make_step(GREEN, read_after_write_lag=math.inf)

    assert ExitCode.CLOUD == workflow_step.run()

    assert "lost" == workflow_step.outputs["status"]
    assert ["pending", "error"] == workflow_step.states
    assert 60.0 <= workflow_step.clock.passed < 120.0


def test_outage__while_waiting_is_waited_out(make_step: MakeStep) -> None:
    workflow_step = make_step(lasting(600.0))
    workflow_step.cloud.faults.add(kind="status", method="GET", path=r"/runs/\d+/$", code=503, times=20, after=3)

    assert ExitCode.OK == workflow_step.run()
    assert 1 == len(workflow_step.triggers)


def test_outage__without_end_loses_the_run(make_step: MakeStep) -> None:
    workflow_step = make_step(ENDLESS)
    workflow_step.cloud.faults.add(kind="html", method="GET", path=r"/runs/\d+/$", times=None, after=3)

    assert ExitCode.CLOUD == workflow_step.run()

    assert "lost" == workflow_step.outputs["status"]
    assert ["pending", "error"] == workflow_step.states
    assert 600 <= workflow_step.clock.passed <= 1800


def test_outage__does_not_keep_the_time_limit_from_ending_the_step(make_step: MakeStep) -> None:
    workflow_step = make_step(ENDLESS)
    workflow_step.cloud.faults.add(kind="status", method="GET", path=r"/runs/\d+/$", code=500, times=None)

    assert ExitCode.TIMED_OUT == workflow_step.run(timeout_minutes="2")
    assert 1 == len(workflow_step.requests("POST", "/cancel/"))


@pytest.mark.parametrize("code", [401, 403])
def test_token_revoked_while_waiting__ends_the_step_at_once(make_step: MakeStep, code: int) -> None:
    workflow_step = make_step(ENDLESS)
    workflow_step.cloud.faults.add(kind="status", method="GET", path=r"/runs/\d+/$", code=code, times=None)

    assert ExitCode.CLOUD == workflow_step.run()
    assert "lost" == workflow_step.outputs["status"]
    assert 60 > workflow_step.clock.passed
