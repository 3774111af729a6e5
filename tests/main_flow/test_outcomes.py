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


def href(workflow_step: WorkflowStep) -> str:
    """The page of the one run."""
    (run,) = workflow_step.cloud.runs
    project = workflow_step.cloud.project_id
    return f"{workflow_step.cloud.url}/deploy/{workflow_step.cloud.account_id}/projects/{project}/runs/{run.id}/"


def test_green__everything_says_so(workflow_step: WorkflowStep) -> None:
    assert ExitCode.OK == workflow_step.run()

    (run,) = workflow_step.cloud.runs
    assert (
        workflow_step.outputs.items()
        >= {
            "run-id": str(run.id),
            "run-url": href(workflow_step),
            "status": "success",
            "git-sha": SHA,
            "job-name": JOB_NAME,
            "duration-seconds": "0",
            "run_id": str(run.id),
            "git_sha": SHA,
        }.items()
    )
    assert ["pending", "success"] == workflow_step.states
    assert [] == workflow_step.told("error")
    assert [] == workflow_step.told("warning")
    assert JOB_NAME in workflow_step.summary
    assert href(workflow_step) in workflow_step.summary


def test_green__statuses_share_context_link_and_commit(workflow_step: WorkflowStep) -> None:
    workflow_step.run()

    assert {(f"dbt Cloud / {JOB_NAME}", href(workflow_step), SHA)} == {
        (status.context, status.target_url, status.sha) for status in workflow_step.statuses
    }


def test_green__one_request_for_the_job_comes_first_and_one_trigger(workflow_step: WorkflowStep) -> None:
    workflow_step.run()

    asked = [(request.method, request.path.split("/", 5)[5]) for request in workflow_step.cloud.requests]
    assert [
        ("GET", f"jobs/{workflow_step.cloud.job_id}/"),
        ("POST", f"jobs/{workflow_step.cloud.job_id}/run/"),
    ] == asked[:2]
    assert 1 == len(workflow_step.triggers)


def test_green__each_status_is_one_request(workflow_step: WorkflowStep) -> None:
    workflow_step.run()

    assert ["POST", "POST"] == [request.method for request in workflow_step.github.requests]


def test_green__trigger_carries_commit_and_cause(workflow_step: WorkflowStep) -> None:
    workflow_step.run()

    assert SHA == workflow_step.body["git_sha"]
    assert workflow_step.body["cause"].startswith("GitHub Actions: Deploy (push), main, by octocat [")
    assert {"cause", "git_sha"} == set(workflow_step.body)


def test_failed__reason_stands_in_annotation_summary_and_status(make_step: MakeStep) -> None:
    workflow_step = make_step(RED)

    assert ExitCode.FAILED == workflow_step.run()

    assert "error" == workflow_step.outputs["status"]
    assert ["pending", "failure"] == workflow_step.states
    assert "1 passed, 1 failed · 0s" == workflow_step.statuses[-1].description
    told = workflow_step.told("error")[-1]
    assert "not_null_orders_id" in told
    assert "Got 3 results, configured to fail if != 0" in told
    assert "Got 3 results" in workflow_step.summary
    assert "2 of 2 FAIL 3 not_null_orders_id" in workflow_step.log
    assert "\x1b" not in workflow_step.out.getvalue()


def test_failed__verdict_is_the_status_not_the_results(make_step: MakeStep) -> None:
    """Results that all passed do not make a failed run green, nor failed results a successful one red."""
    workflow_step = make_step(
        Script(
            steps=(ScriptedStep(status=Status.ERROR, artifacts={"run_results.json": run_results(PASSED)}),),
        )
    )

    assert ExitCode.FAILED == workflow_step.run()
    assert "error" == workflow_step.outputs["status"]


def test_succeeded_with_failed_nodes__is_green(make_step: MakeStep) -> None:
    results = run_results(("model.shop.orders", "error", "no"))
    workflow_step = make_step(Script(steps=(ScriptedStep(artifacts={"run_results.json": results}),)))

    assert ExitCode.OK == workflow_step.run()
    assert ["pending", "success"] == workflow_step.states


def test_failed_before_any_results__last_words_of_the_step_are_told(make_step: MakeStep) -> None:
    workflow_step = make_step(
        Script(steps=(ScriptedStep(command="dbt deps", status=Status.ERROR, logs="Package nowhere/none not found\n"),))
    )

    assert ExitCode.FAILED == workflow_step.run()

    (told,) = workflow_step.told("error")
    assert "Package nowhere/none not found" in told


def test_failed_clone__says_whose_commit_is_missing(make_step: MakeStep) -> None:
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

    (told,) = workflow_step.told("error")
    assert SHA in told
    assert "repository that dbt Cloud clones" in told.replace("\n", " ")
    assert "run-on: job" in told


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
def test_cancelled_in_dbt_cloud__is_not_green_and_shows_why(make_step: MakeStep, message: str) -> None:
    workflow_step = make_step(Script(status=Status.CANCELLED, status_message=message))

    assert ExitCode.FAILED == workflow_step.run()

    assert "cancelled" == workflow_step.outputs["status"]
    assert ["pending", "error"] == workflow_step.states
    assert message in workflow_step.told("error")[0]


def test_cancelled_in_dbt_cloud__without_a_word(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(status=Status.CANCELLED))

    assert ExitCode.FAILED == workflow_step.run()
    assert "newer commit" in workflow_step.told("error")[0]


def test_timed_out__last_look_then_cancel(make_step: MakeStep) -> None:
    workflow_step = make_step(ENDLESS)

    assert ExitCode.TIMED_OUT == workflow_step.run(timeout_minutes="2.5")

    (run,) = workflow_step.cloud.runs
    assert Status.CANCELLED == run.status
    assert 1 == len(workflow_step.requests("POST", "/cancel/"))
    assert "timed-out" == workflow_step.outputs["status"]
    assert ["pending", "error"] == workflow_step.states
    assert "timeout-minutes" in workflow_step.told("error")[0]
    assert "It was cancelled." in workflow_step.told("error")[0]
    assert 150 <= workflow_step.clock.passed < 175


def test_timed_out__left_going(make_step: MakeStep) -> None:
    workflow_step = make_step(ENDLESS)

    assert ExitCode.TIMED_OUT == workflow_step.run(timeout_minutes="1", on_timeout="leave")

    (run,) = workflow_step.cloud.runs
    assert Status.RUNNING == run.status
    assert [] == workflow_step.requests("POST", "/cancel/")
    assert "on-timeout: leave" in workflow_step.told("error")[0]


def test_timed_out__one_last_look_wins(make_step: MakeStep) -> None:
    """A run that ends with the limit is judged by its end."""
    workflow_step = make_step(lasting(60.0))

    assert ExitCode.OK == workflow_step.run(timeout_minutes="1", poll_interval="45")

    assert [] == workflow_step.requests("POST", "/cancel/")
    assert 60.0 == workflow_step.clock.passed


def test_timed_out__run_that_ends_before_the_cancel_arrives_is_judged_by_its_end(make_step: MakeStep) -> None:
    workflow_step = make_step(lasting(60.5), cancel_seconds=5)

    assert ExitCode.OK == workflow_step.run(timeout_minutes="1")

    assert "success" == workflow_step.outputs["status"]
    assert ["pending", "success"] == workflow_step.states


def test_timed_out__cancel_is_refused_for_good(make_step: MakeStep) -> None:
    workflow_step = make_step(ENDLESS)
    workflow_step.cloud.faults.add(kind="status", method="POST", path="/cancel/$", code=403, times=None)

    assert ExitCode.TIMED_OUT == workflow_step.run(timeout_minutes="1")
    assert "could NOT be cancelled" in workflow_step.told("error")[0]


def test_no_wait__ends_at_once(make_step: MakeStep) -> None:
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
def test_fail_on_error_false__step_is_green_and_the_rest_tells_the_truth(
    make_step: MakeStep, script: Script, status: str, state: str
) -> None:
    workflow_step = make_step(script)

    assert ExitCode.OK == workflow_step.run(fail_on_error="false", timeout_minutes="1")

    assert status == workflow_step.outputs["status"]
    assert ["pending", state] == workflow_step.states


def test_commit_status_false__github_is_left_alone(workflow_step: WorkflowStep) -> None:
    assert ExitCode.OK == workflow_step.run(commit_status="false")
    assert () == workflow_step.github.requests


def test_summary_false__no_summary(workflow_step: WorkflowStep) -> None:
    workflow_step.run(summary="false")

    assert "" == workflow_step.summary


def test_annotations_false__reason_stands_in_the_log_all_the_same(make_step: MakeStep) -> None:
    workflow_step = make_step(RED)

    assert ExitCode.FAILED == workflow_step.run(annotations="false")

    assert [] == workflow_step.told("error")
    assert "Got 3 results, configured to fail if != 0" in workflow_step.log


def test_unknown_status_number__one_warning_and_on(make_step: MakeStep) -> None:
    """A number that nobody knows is a run that is not over."""
    workflow_step = make_step(Script(steps=(ScriptedStep(seconds=60),), running_status=7))

    assert ExitCode.OK == workflow_step.run()
    assert 1 == len([told for told in workflow_step.told("warning") if "7" in told])


def test_unknown_status_number_at_rest__time_limit_ends_it(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(status=42))

    assert ExitCode.TIMED_OUT == workflow_step.run(timeout_minutes="1", on_timeout="leave")


def test_unknown_status_number_complete__is_no_success(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(status=42, complete=True))

    assert ExitCode.FAILED == workflow_step.run()
    assert "failure" == workflow_step.states[-1]
    assert any("42" in told for told in workflow_step.told("warning"))


@pytest.mark.parametrize("seconds", [pytest.param(0.0, id="at once"), pytest.param(3_600.0, id="in the queue")])
def test_queue__is_waited_for(make_step: MakeStep, seconds: float) -> None:
    workflow_step = make_step(GREEN, queue_seconds=seconds)

    assert ExitCode.OK == workflow_step.run()
    assert seconds <= workflow_step.clock.passed <= seconds + 30.0


def test_queue__behind_another_run_is_told(make_step: MakeStep) -> None:
    workflow_step = make_step(lasting(50.0))
    other = workflow_step.run(wait="false")
    assert ExitCode.OK == other

    assert ExitCode.OK == workflow_step.run()
    assert f"behind run {workflow_step.cloud.runs[0].id}" in workflow_step.log


def test_checked_out_version__is_in_the_outputs_when_nothing_was_asked_for(workflow_step: WorkflowStep) -> None:
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


def test_push_that_deleted_the_branch__nothing_to_run(workflow_step: WorkflowStep) -> None:
    workflow_step.event("push", {"ref": "refs/heads/gone", "deleted": True, "after": "0" * 40})

    assert ExitCode.OK == workflow_step.run()
    assert () == workflow_step.cloud.requests
    assert () == workflow_step.github.requests


def test_job_of_another_project__one_warning_with_both_numbers(workflow_step: WorkflowStep) -> None:
    assert ExitCode.OK == workflow_step.run(project_id="12345")

    (told,) = workflow_step.told("warning")
    assert "12345" in told
    assert str(workflow_step.cloud.project_id) in told


def test_job_of_the_right_project__no_warning(workflow_step: WorkflowStep) -> None:
    workflow_step.run(project_id=str(workflow_step.cloud.project_id))

    assert [] == workflow_step.told("warning")


def test_job_that_dbt_cloud_starts_too__warning_in_pull_requests(workflow_step: WorkflowStep) -> None:
    workflow_step.cloud.change_job(workflow_step.cloud.job_id, triggers={"github_webhook": True})
    head = {"sha": HEAD_SHA, "ref": "x", "repo": {"full_name": "acme/shop"}}
    workflow_step.event("pull_request", {"pull_request": {"number": 7, "head": head, "base": {"ref": "main"}}})

    workflow_step.run()

    (told,) = workflow_step.told("warning")
    assert "twice" in told


def test_new_run_is_not_there_yet__404_of_the_first_minute_is_waited_out(make_step: MakeStep) -> None:
    workflow_step = make_step(GREEN, read_after_write_lag=40.0)

    assert ExitCode.OK == workflow_step.run()
    assert ["pending", "success"] == workflow_step.states


def test_run_that_stays_away__is_lost(make_step: MakeStep) -> None:
    workflow_step = make_step(GREEN, read_after_write_lag=math.inf)

    assert ExitCode.CLOUD == workflow_step.run()

    assert "lost" == workflow_step.outputs["status"]
    assert ["pending", "error"] == workflow_step.states
    assert 60.0 <= workflow_step.clock.passed < 120.0


def test_outage_while_waiting__is_sat_out(make_step: MakeStep) -> None:
    workflow_step = make_step(lasting(600.0))
    workflow_step.cloud.faults.add(kind="status", method="GET", path=r"/runs/\d+/$", code=503, times=20, after=3)

    assert ExitCode.OK == workflow_step.run()
    assert 1 == len(workflow_step.triggers)


def test_outage_without_end__run_is_lost_before_the_limit(make_step: MakeStep) -> None:
    workflow_step = make_step(ENDLESS)
    workflow_step.cloud.faults.add(kind="html", method="GET", path=r"/runs/\d+/$", times=None, after=3)

    assert ExitCode.CLOUD == workflow_step.run()

    assert "lost" == workflow_step.outputs["status"]
    assert ["pending", "error"] == workflow_step.states
    assert 600 <= workflow_step.clock.passed <= 1800


def test_outage_at_the_limit__ends_all_the_same(make_step: MakeStep) -> None:
    workflow_step = make_step(ENDLESS)
    workflow_step.cloud.faults.add(kind="status", method="GET", path=r"/runs/\d+/$", code=500, times=None)

    assert ExitCode.TIMED_OUT == workflow_step.run(timeout_minutes="2")
    assert 1 == len(workflow_step.requests("POST", "/cancel/"))


@pytest.mark.parametrize("code", [401, 403])
def test_token_revoked_while_waiting__ends_at_once(make_step: MakeStep, code: int) -> None:
    workflow_step = make_step(ENDLESS)
    workflow_step.cloud.faults.add(kind="status", method="GET", path=r"/runs/\d+/$", code=code, times=None)

    assert ExitCode.CLOUD == workflow_step.run()
    assert "lost" == workflow_step.outputs["status"]
    assert workflow_step.clock.passed < 60
