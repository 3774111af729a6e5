"""Runs as time passes: statuses, queue, cancel, time limits, retry; on a clock that the test moves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from emulator import Job, Script, ScriptedStep
from emulator.api_json import TRUNCATED

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.emulator.conftest import Client, Clock

RESULTS = {"run_results.json": b"{}"}
FAILING = Script(steps=(ScriptedStep(status=20, artifacts=RESULTS), ScriptedStep("dbt test")))
ENDLESS = Script(steps=(ScriptedStep(seconds=math.inf),))


def test_run__right_after_the_trigger(client: Client) -> None:
    """Recorded, also the fields that look strange."""
    run = client.trigger(git_sha="a1b2c3d4")

    expected = {
        "status": 1,
        "status_humanized": "Queued",
        "in_progress": True,
        "is_complete": False,
        "is_running": None,
        "git_branch": None,
        "git_sha": None,
        "dequeued_at": None,
        "started_at": None,
        "finished_at": None,
        "run_steps": [],
        "blocked_by": [],
        "artifacts_saved": False,
        "duration": "00:00:00",
        "finished_at_humanized": "0 minutes from now",
        "can_retry": False,
        "retry_not_supported_reason": "RETRY_NOT_FAILED_RUN",
        "retrying_run_id": None,
    }
    assert expected == {name: run[name] for name in expected}
    assert (run["trigger"]["git_sha"], run["trigger"]["cause_category"]) == ("a1b2c3d4", "api")
    assert run["job"]["name"] == "Production build"
    assert min(run["id"], run["job_id"], run["account_id"], run["project_id"]) > 2**33


def test_run__relations_only_when_asked(client: Client) -> None:
    path = f"runs/{client.trigger()['id']}/"

    plain = client.get(path)
    full = client.get(path, include_related='["trigger","job","run_steps","environment"]')

    assert tuple(plain[name] for name in ("trigger", "job", "environment", "run_steps")) == (None, None, None, [])
    assert (full["trigger"]["cause"], full["job"]["id"]) == ("a test", client.cloud.job_id)
    assert [step["index"] for step in full["run_steps"]] == [1, 2, 3, 4]
    assert full["run_steps"][3]["name"] == "Invoke dbt with `dbt build`"
    assert full["environment"]["id"] == client.cloud.environment_id


@pytest.mark.parametrize("spelling", ["run_steps", "['run_steps']", '["run_steps",""]', '["trigger","run_steps"]'])
def test_run__include_related_may_have_other_notations(client: Client, spelling: str) -> None:
    run = client.get(f"runs/{client.trigger()['id']}/", include_related=spelling)

    assert len(run["run_steps"]) == 4


def test_run__goes_from_queued_to_success(serve: Callable[..., Client], clock: Clock) -> None:
    script = Script(steps=(ScriptedStep(seconds=30),), queue_seconds=10, starting_seconds=5)
    client = serve(script)
    path = f"runs/{client.trigger()['id']}/"

    seen = []
    for _ in range(5):
        seen.append(client.get(path)["status"])
        clock.sleep(10)
    run = client.get(path)

    assert seen == [1, 2, 3, 3, 3]
    assert (run["status"], run["queued_duration"], run["run_duration"]) == (10, "00:00:10", "00:00:30")
    assert run["created_at"].endswith("+00:00")
    assert run["created_at"][10] == " "


def test_run__unknown_number_is_not_complete(serve: Callable[..., Client]) -> None:
    client = serve(Script(status=7))
    run_id = client.trigger()["id"]

    run = client.get(f"runs/{run_id}/")

    assert (run["status"], run["is_complete"], run["finished_at"]) == (7, False, None)
    client.cloud.wait_idle(0)


def test_run__hours_may_exceed_a_day(serve: Callable[..., Client], clock: Clock) -> None:
    client = serve(Script(steps=(ScriptedStep(seconds=86_436),)))
    run_id = client.trigger()["id"]
    client.get(f"runs/{run_id}/")
    clock.sleep(90_000)

    assert client.get(f"runs/{run_id}/")["run_duration"] == "24:00:36"


def test_step__failed_one_ends_the_run_and_freshness_does_not(serve: Callable[..., Client]) -> None:
    steps = (ScriptedStep("dbt source freshness", status=20), ScriptedStep(status=20), ScriptedStep("dbt test"))
    client = serve(Script(steps=steps))

    run = client.get(f"runs/{client.trigger()['id']}/", include_related='["run_steps"]')

    assert [step["status"] for step in run["run_steps"]] == [10, 10, 10, 20, 20]
    assert run["status"] == 20


def test_step__long_log_is_cut_unless_asked_for(serve: Callable[..., Client]) -> None:
    log = "".join(f"line {number}\n" for number in range(1500))
    client = serve(Script(steps=(ScriptedStep(logs="short", debug_logs=log),), bare=True))
    run = client.get(f"runs/{client.trigger()['id']}/", include_related='["run_steps"]')
    step_id = run["run_steps"][0]["id"]

    step = client.get(f"steps/{step_id}/")
    full = client.get(f"steps/{step_id}/", include_related='["debug_logs"]')

    assert (step["logs"], step["debug_logs"]) == ("short", None)
    assert step["truncated_debug_logs"].splitlines()[:4] == [TRUNCATED.splitlines()[0], "...", "", "line 500"]
    assert full["debug_logs"] == log


def test_queue__deployment_runs_of_a_job_run_one_after_another(serve: Callable[..., Client], clock: Clock) -> None:
    client = serve(Script(steps=(ScriptedStep(seconds=10),)))
    first, second = client.trigger()["id"], client.trigger()["id"]

    waiting = client.get(f"runs/{second}/")
    clock.sleep(10)
    running = client.get(f"runs/{second}/")

    assert (1, [first]) == (waiting["status"], waiting["blocked_by"])
    assert (running["status"], running["blocked_by"]) == (3, [])


def test_queue__ci_runs_do_not_wait_for_each_other(serve: Callable[..., Client]) -> None:
    client = serve(ENDLESS)
    job = client.cloud.add_job("CI", job_type="ci")
    runs = [client.trigger(job, github_pull_request_id=number, git_sha="a1b2")["id"] for number in (1, 2)]

    assert [client.get(f"runs/{run}/")["status"] for run in runs] == [3, 3]


def test_ci__new_commit_cancels_the_older_run_of_the_same_pull_request_only(serve: Callable[..., Client]) -> None:
    client = serve(ENDLESS)
    job = client.cloud.add_job("CI", job_type="ci")
    for number, sha in ((1, "aaaa"), (2, "bbbb"), (1, "cccc")):
        client.trigger(job, github_pull_request_id=number, git_sha=sha)

    assert [run.status for run in client.cloud.runs] == [30, 3, 3]


def test_hold__new_runs_stay_queued_until_released(serve: Callable[..., Client], clock: Clock) -> None:
    client = serve()
    client.cloud.hold = True
    run_id = client.trigger()["id"]
    clock.sleep(1000)
    held = client.get(f"runs/{run_id}/")["status"]

    client.cloud.release()

    assert (held, client.get(f"runs/{run_id}/")["status"]) == (1, 10)


@pytest.mark.parametrize("status", [10, 20])
def test_finish__ends_an_endless_run(serve: Callable[..., Client], status: int) -> None:
    client = serve(ENDLESS)
    run_id = client.trigger()["id"]

    client.cloud.finish(run_id, status=status)

    run = client.get(f"runs/{run_id}/", include_related='["run_steps"]')
    assert [status, status] == [run["status"], run["run_steps"][-1]["status"]]


def test_cancel__queued_run_is_cancelled_in_the_answer(serve: Callable[..., Client]) -> None:
    """Recorded."""
    client = serve(Script(queue_seconds=60), cancel_seconds=5)
    run_id = client.trigger()["id"]

    run = client.send("POST", f"runs/{run_id}/cancel/").json()["data"]

    assert (run["status"], run["status_message"], run["is_complete"]) == (30, "Cancelled by user.", True)
    assert run["finished_at"] is not None
    assert client.cloud.run(run_id).cancelled_by_api


def test_cancel__running_run_may_take_a_moment(serve: Callable[..., Client], clock: Clock) -> None:
    client = serve(ENDLESS, cancel_seconds=5)
    run_id = client.trigger()["id"]
    client.get(f"runs/{run_id}/")

    answer = client.send("POST", f"runs/{run_id}/cancel/").json()["data"]
    clock.sleep(5)

    assert (answer["status"], client.get(f"runs/{run_id}/")["status"]) == (3, 30)


def test_assumption__cancel_of_a_finished_run_changes_nothing(client: Client) -> None:
    run_id = client.trigger()["id"]
    before = client.get(f"runs/{run_id}/")

    answer = client.send("POST", f"runs/{run_id}/cancel/")

    assert (answer.status_code, answer.json()["data"]["status"]) == (200, 10)
    assert before["finished_at"] == answer.json()["data"]["finished_at"]


def test_time_limit__looks_like_a_cancel(serve: Callable[..., Client], clock: Clock) -> None:
    """The message is recorded for a day."""
    client = serve(ENDLESS)
    run_id = client.trigger(timeout_seconds_override=86_400)["id"]
    client.get(f"runs/{run_id}/")
    clock.sleep(100_000)

    run = client.get(f"runs/{run_id}/")

    message = "This run timed out after running for 1 day, which exceeded the configured timeout of 86400 seconds."
    assert (30, message, "24:00:00") == (run["status"], run["status_message"], run["run_duration"])


@pytest.mark.parametrize(
    "script, reason",
    [
        (Script(), "RETRY_NOT_FAILED_RUN"),
        (Script(status=30), "RETRY_NOT_FAILED_RUN"),
        (Script(steps=(ScriptedStep("dbt deps", status=20),)), "RETRY_UNSUPPORTED_CMD"),
        (Script(steps=(ScriptedStep(status=20),)), "RETRY_NO_RUN_RESULTS"),
        (Script(steps=(ScriptedStep(name="Clone Git Repository", status=20),), bare=True), "RETRY_NO_RUN_RESULTS"),
        (FAILING, None),
    ],
)
def test_retry__only_a_failed_run_with_results_can_be_retried(
    serve: Callable[..., Client], script: Script, reason: str | None
) -> None:
    client = serve(script)
    run_id = client.trigger()["id"]

    run = client.get(f"runs/{run_id}/")
    answer = client.send("POST", f"runs/{run_id}/retry/")

    assert (reason is None, reason) == (run["can_retry"], run["retry_not_supported_reason"])
    # Assumption: the status code of the refusal.
    assert answer.status_code == (200 if reason is None else 400)


def test_retry__is_a_new_run_of_the_same_configuration(serve: Callable[..., Client]) -> None:
    def script_of(trigger: dict[str, Any], _job: Job) -> Script:
        return Script() if trigger["retrying_run_id"] else FAILING

    client = serve(script_of)
    client.cloud.change_job(client.cloud.job_id, execute_steps=("dbt build", "dbt test"))
    first = client.trigger(git_sha="a1b2c3d4")["id"]
    client.get(f"runs/{first}/")
    details = client.get(f"runs/{first}/retry/")

    second = client.send("POST", f"runs/{first}/retry/").json()["data"]

    assert details == {"failed_step": "dbt build", "skipped_steps": ["dbt test"]}
    assert (first, "a1b2c3d4") == (second["retrying_run_id"], second["trigger"]["git_sha"])
    assert client.get(f"runs/{second['id']}/")["status"] == 10
    assert client.get(f"runs/{first}/")["retry_not_supported_reason"] == "RETRY_NOT_LATEST_RUN"
