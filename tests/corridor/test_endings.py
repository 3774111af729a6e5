"""Every way a run can end: exit code, outputs, statuses, summary and annotations of the whole step."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep, Status
from emulator.script import CHECKED_OUT_SHA, CLONE_STEP
from tests.support.corridor import HEAD_SHA, JOB_NAME, SHA, Corridor
from tests.support.scripts import ENDLESS, GREEN, PASSED, RED, lasting, run_results

Build = Callable[..., Corridor]


def href(corridor: Corridor) -> str:
    """The page of the one run."""
    (run,) = corridor.cloud.runs
    project = corridor.cloud.project_id
    return f"{corridor.cloud.url}/deploy/{corridor.cloud.account_id}/projects/{project}/runs/{run.id}/"


def test_green__everything_says_so(corridor: Corridor) -> None:
    assert ExitCode.OK == corridor.run()

    (run,) = corridor.cloud.runs
    assert (
        corridor.outputs.items()
        >= {
            "run-id": str(run.id),
            "run-url": href(corridor),
            "status": "success",
            "git-sha": SHA,
            "job-name": JOB_NAME,
            "duration-seconds": "0",
            "run_id": str(run.id),
            "git_sha": SHA,
        }.items()
    )
    assert ["pending", "success"] == corridor.states
    assert [] == corridor.told("error")
    assert [] == corridor.told("warning")
    assert JOB_NAME in corridor.summary
    assert href(corridor) in corridor.summary


def test_green__statuses_share_context_link_and_commit(corridor: Corridor) -> None:
    corridor.run()

    assert {(f"dbt Cloud / {JOB_NAME}", href(corridor), SHA)} == {
        (status.context, status.target_url, status.sha) for status in corridor.statuses
    }


def test_green__one_request_for_the_job_comes_first_and_one_trigger(corridor: Corridor) -> None:
    corridor.run()

    asked = [(request.method, request.path.split("/", 5)[5]) for request in corridor.cloud.requests]
    assert [("GET", f"jobs/{corridor.cloud.job_id}/"), ("POST", f"jobs/{corridor.cloud.job_id}/run/")] == asked[:2]
    assert 1 == len(corridor.triggers)


def test_green__each_status_is_one_request(corridor: Corridor) -> None:
    corridor.run()

    assert ["POST", "POST"] == [request.method for request in corridor.github.requests]


def test_green__trigger_carries_commit_and_cause(corridor: Corridor) -> None:
    corridor.run()

    assert SHA == corridor.body["git_sha"]
    assert corridor.body["cause"].startswith("GitHub Actions: Deploy (push), main, by octocat [")
    assert {"cause", "git_sha"} == set(corridor.body)


def test_failed__reason_stands_in_annotation_summary_and_status(build: Build) -> None:
    corridor = build(RED)

    assert ExitCode.FAILED == corridor.run()

    assert "error" == corridor.outputs["status"]
    assert ["pending", "failure"] == corridor.states
    assert "1 passed, 1 failed · 0s" == corridor.statuses[-1].description
    told = corridor.told("error")[-1]
    assert "not_null_orders_id" in told
    assert "Got 3 results, configured to fail if != 0" in told
    assert "Got 3 results" in corridor.summary
    assert "2 of 2 FAIL 3 not_null_orders_id" in corridor.log
    assert "\x1b" not in corridor.out.getvalue()


def test_failed__verdict_is_the_status_not_the_results(build: Build) -> None:
    """Results that all passed do not make a failed run green, nor failed results a successful one red."""
    corridor = build(
        Script(
            steps=(ScriptedStep(status=Status.ERROR, artifacts={"run_results.json": run_results(PASSED)}),),
        )
    )

    assert ExitCode.FAILED == corridor.run()
    assert "error" == corridor.outputs["status"]


def test_succeeded_with_failed_nodes__is_green(build: Build) -> None:
    results = run_results(("model.shop.orders", "error", "no"))
    corridor = build(Script(steps=(ScriptedStep(artifacts={"run_results.json": results}),)))

    assert ExitCode.OK == corridor.run()
    assert ["pending", "success"] == corridor.states


def test_failed_before_any_results__last_words_of_the_step_are_told(build: Build) -> None:
    corridor = build(
        Script(steps=(ScriptedStep(command="dbt deps", status=Status.ERROR, logs="Package nowhere/none not found\n"),))
    )

    assert ExitCode.FAILED == corridor.run()

    (told,) = corridor.told("error")
    assert "Package nowhere/none not found" in told


def test_failed_clone__says_whose_commit_is_missing(build: Build) -> None:
    corridor = build(
        Script(
            bare=True,
            steps=(
                ScriptedStep(
                    name=CLONE_STEP, status=Status.ERROR, logs=f"fatal: reference is not a tree: {SHA}\n", command=""
                ),
            ),
        )
    )

    assert ExitCode.FAILED == corridor.run()

    (told,) = corridor.told("error")
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
def test_cancelled_in_dbt_cloud__is_not_green_and_shows_why(build: Build, message: str) -> None:
    corridor = build(Script(status=Status.CANCELLED, status_message=message))

    assert ExitCode.FAILED == corridor.run()

    assert "cancelled" == corridor.outputs["status"]
    assert ["pending", "error"] == corridor.states
    assert message in corridor.told("error")[0]


def test_cancelled_in_dbt_cloud__without_a_word(build: Build) -> None:
    corridor = build(Script(status=Status.CANCELLED))

    assert ExitCode.FAILED == corridor.run()
    assert "newer commit" in corridor.told("error")[0]


def test_timed_out__last_look_then_cancel(build: Build) -> None:
    corridor = build(ENDLESS)

    assert ExitCode.TIMED_OUT == corridor.run(timeout_minutes="2.5")

    (run,) = corridor.cloud.runs
    assert Status.CANCELLED == run.status
    assert 1 == len(corridor.requests("POST", "/cancel/"))
    assert "timed-out" == corridor.outputs["status"]
    assert ["pending", "error"] == corridor.states
    assert "timeout-minutes" in corridor.told("error")[0]
    assert "It was cancelled." in corridor.told("error")[0]
    assert 150 <= corridor.clock.passed < 175


def test_timed_out__left_going(build: Build) -> None:
    corridor = build(ENDLESS)

    assert ExitCode.TIMED_OUT == corridor.run(timeout_minutes="1", on_timeout="leave")

    (run,) = corridor.cloud.runs
    assert Status.RUNNING == run.status
    assert [] == corridor.requests("POST", "/cancel/")
    assert "on-timeout: leave" in corridor.told("error")[0]


def test_timed_out__one_last_look_wins(build: Build) -> None:
    """A run that ends with the limit is judged by its end."""
    corridor = build(lasting(60.0))

    assert ExitCode.OK == corridor.run(timeout_minutes="1", poll_interval="45")

    assert [] == corridor.requests("POST", "/cancel/")
    assert 60.0 == corridor.clock.passed


def test_timed_out__run_that_ends_before_the_cancel_arrives_is_judged_by_its_end(build: Build) -> None:
    corridor = build(lasting(60.5), cancel_seconds=5)

    assert ExitCode.OK == corridor.run(timeout_minutes="1")

    assert "success" == corridor.outputs["status"]
    assert ["pending", "success"] == corridor.states


def test_timed_out__cancel_is_refused_for_good(build: Build) -> None:
    corridor = build(ENDLESS)
    corridor.cloud.faults.add(kind="status", method="POST", path="/cancel/$", code=403, times=None)

    assert ExitCode.TIMED_OUT == corridor.run(timeout_minutes="1")
    assert "could NOT be cancelled" in corridor.told("error")[0]


def test_no_wait__ends_at_once(build: Build) -> None:
    corridor = build(ENDLESS)

    assert ExitCode.OK == corridor.run(wait="false")

    (run,) = corridor.cloud.runs
    assert not run.over
    assert "started" == corridor.outputs["status"]
    assert str(run.id) == corridor.outputs["run-id"]
    assert {"pending"} == set(corridor.states)
    assert 0.0 == corridor.clock.passed
    assert [] == corridor.requests("GET", f"/runs/{run.id}/")


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
    build: Build, script: Script, status: str, state: str
) -> None:
    corridor = build(script)

    assert ExitCode.OK == corridor.run(fail_on_error="false", timeout_minutes="1")

    assert status == corridor.outputs["status"]
    assert ["pending", state] == corridor.states


def test_commit_status_false__github_is_left_alone(corridor: Corridor) -> None:
    assert ExitCode.OK == corridor.run(commit_status="false")
    assert () == corridor.github.requests


def test_summary_false__no_summary(corridor: Corridor) -> None:
    corridor.run(summary="false")

    assert "" == corridor.summary


def test_annotations_false__reason_stands_in_the_log_all_the_same(build: Build) -> None:
    corridor = build(RED)

    assert ExitCode.FAILED == corridor.run(annotations="false")

    assert [] == corridor.told("error")
    assert "Got 3 results, configured to fail if != 0" in corridor.log


def test_unknown_status_number__one_warning_and_on(build: Build) -> None:
    """A number that nobody knows is a run that is not over."""
    corridor = build(Script(steps=(ScriptedStep(seconds=60),), running_status=7))

    assert ExitCode.OK == corridor.run()
    assert 1 == len([told for told in corridor.told("warning") if "7" in told])


def test_unknown_status_number_at_rest__time_limit_ends_it(build: Build) -> None:
    corridor = build(Script(status=42))

    assert ExitCode.TIMED_OUT == corridor.run(timeout_minutes="1", on_timeout="leave")


def test_unknown_status_number_complete__is_no_success(build: Build) -> None:
    corridor = build(Script(status=42, complete=True))

    assert ExitCode.FAILED == corridor.run()
    assert "failure" == corridor.states[-1]
    assert any("42" in told for told in corridor.told("warning"))


@pytest.mark.parametrize("seconds", [pytest.param(0.0, id="at once"), pytest.param(3_600.0, id="in the queue")])
def test_queue__is_waited_for(build: Build, seconds: float) -> None:
    corridor = build(GREEN, queue_seconds=seconds)

    assert ExitCode.OK == corridor.run()
    assert seconds <= corridor.clock.passed <= seconds + 30.0


def test_queue__behind_another_run_is_told(build: Build) -> None:
    corridor = build(lasting(50.0))
    other = corridor.run(wait="false")
    assert ExitCode.OK == other

    assert ExitCode.OK == corridor.run()
    assert f"behind run {corridor.cloud.runs[0].id}" in corridor.log


def test_checked_out_version__is_in_the_outputs_when_nothing_was_asked_for(corridor: Corridor) -> None:
    assert ExitCode.OK == corridor.run(run_on="job")

    assert {"cause"} == set(corridor.body)
    assert CHECKED_OUT_SHA == corridor.outputs["git-sha"]
    assert "main" == corridor.outputs["git-branch"]
    assert SHA == corridor.statuses[-1].sha


def test_pull_request__status_on_the_head_and_number_in_the_trigger(corridor: Corridor) -> None:
    head = {"sha": HEAD_SHA, "ref": "feature/x", "repo": {"full_name": "acme/shop"}}
    pull = {"number": 7, "head": head, "base": {"ref": "main", "sha": SHA}}
    corridor.event("pull_request", {"number": 7, "pull_request": pull}, GITHUB_REF_NAME="7/merge")

    assert ExitCode.OK == corridor.run(schema_override="auto")

    assert HEAD_SHA == corridor.body["git_sha"]
    assert 7 == corridor.body["github_pull_request_id"]
    assert f"dbt_cloud_pr_{corridor.cloud.job_id}_7" == corridor.body["schema_override"]
    assert {HEAD_SHA} == {status.sha for status in corridor.statuses}


def test_push_that_deleted_the_branch__nothing_to_run(corridor: Corridor) -> None:
    corridor.event("push", {"ref": "refs/heads/gone", "deleted": True, "after": "0" * 40})

    assert ExitCode.OK == corridor.run()
    assert () == corridor.cloud.requests
    assert () == corridor.github.requests


def test_job_of_another_project__one_warning_with_both_numbers(corridor: Corridor) -> None:
    assert ExitCode.OK == corridor.run(project_id="12345")

    (told,) = corridor.told("warning")
    assert "12345" in told
    assert str(corridor.cloud.project_id) in told


def test_job_of_the_right_project__no_warning(corridor: Corridor) -> None:
    corridor.run(project_id=str(corridor.cloud.project_id))

    assert [] == corridor.told("warning")


def test_job_that_dbt_cloud_starts_too__warning_in_pull_requests(corridor: Corridor) -> None:
    corridor.cloud.change_job(corridor.cloud.job_id, triggers={"github_webhook": True})
    head = {"sha": HEAD_SHA, "ref": "x", "repo": {"full_name": "acme/shop"}}
    corridor.event("pull_request", {"pull_request": {"number": 7, "head": head, "base": {"ref": "main"}}})

    corridor.run()

    (told,) = corridor.told("warning")
    assert "twice" in told


def test_new_run_is_not_there_yet__404_of_the_first_minute_is_waited_out(build: Build) -> None:
    corridor = build(GREEN, read_after_write_lag=40.0)

    assert ExitCode.OK == corridor.run()
    assert ["pending", "success"] == corridor.states


def test_run_that_stays_away__is_lost(build: Build) -> None:
    corridor = build(GREEN, read_after_write_lag=math.inf)

    assert ExitCode.CLOUD == corridor.run()

    assert "lost" == corridor.outputs["status"]
    assert ["pending", "error"] == corridor.states
    assert 60.0 <= corridor.clock.passed < 120.0


def test_outage_while_waiting__is_sat_out(build: Build) -> None:
    corridor = build(lasting(600.0))
    corridor.cloud.faults.add(kind="status", method="GET", path=r"/runs/\d+/$", code=503, times=20, after=3)

    assert ExitCode.OK == corridor.run()
    assert 1 == len(corridor.triggers)


def test_outage_without_end__run_is_lost_before_the_limit(build: Build) -> None:
    corridor = build(ENDLESS)
    corridor.cloud.faults.add(kind="html", method="GET", path=r"/runs/\d+/$", times=None, after=3)

    assert ExitCode.CLOUD == corridor.run()

    assert "lost" == corridor.outputs["status"]
    assert ["pending", "error"] == corridor.states
    assert 600 <= corridor.clock.passed <= 1800


def test_outage_at_the_limit__ends_all_the_same(build: Build) -> None:
    corridor = build(ENDLESS)
    corridor.cloud.faults.add(kind="status", method="GET", path=r"/runs/\d+/$", code=500, times=None)

    assert ExitCode.TIMED_OUT == corridor.run(timeout_minutes="2")
    assert 1 == len(corridor.requests("POST", "/cancel/"))


@pytest.mark.parametrize("code", [401, 403])
def test_token_revoked_while_waiting__ends_at_once(build: Build, code: int) -> None:
    corridor = build(ENDLESS)
    corridor.cloud.faults.add(kind="status", method="GET", path=r"/runs/\d+/$", code=code, times=None)

    assert ExitCode.CLOUD == corridor.run()
    assert "lost" == corridor.outputs["status"]
    assert corridor.clock.passed < 60
