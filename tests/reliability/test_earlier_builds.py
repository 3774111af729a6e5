"""Runs of other builds: which of them `supersede` cancels, and what the log says of a newer or a blocking run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import requests

from dbt_action.errors import ExitCode
from tests.reliability.steps import Servers, Step
from tests.reliability.typical_steps import ENDLESS
from tests.support.scripts import GREEN, lasting
from tests.support.workflow_step import CLOUD_TOKEN

NewStep = Callable[..., Step]
TIMES_OUT = {"timeout_minutes": "1", "on_timeout": "leave"}
# Deployment runs of a job wait for one another; these do not.
PARALLEL = {"job_type": "ci"}


def trigger_by_another_tool(servers: Servers, job_id: int, cause: str, **fields: object) -> None:
    """Start a run that is not the action's, as the scheduler, a person or another tool does."""
    url = f"{servers.cloud.url}/api/v2/accounts/{servers.cloud.account_id}/jobs/{job_id}/run/"
    answer = requests.post(
        url, json={"cause": cause, **fields}, headers={"Authorization": f"Token {CLOUD_TOKEN}"}, timeout=10
    )
    assert answer.ok


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """An earlier build of the action, and whether a newer build of pull request 7 cancels its run."""

    name: str
    cancelled: bool
    pull_request: int | None = 7
    variables: dict[str, str]


EARLIER = [
    Earlier(name="same pull request, other build", cancelled=True, variables={"GITHUB_RUN_ID": "1"}),
    Earlier(
        name="same pull request, other build and job of the workflow",
        cancelled=True,
        variables={"GITHUB_RUN_ID": "1", "GITHUB_JOB": "other"},
    ),
    Earlier(name="other pull request", cancelled=False, pull_request=8, variables={"GITHUB_RUN_ID": "1"}),
    Earlier(name="a push to a branch", cancelled=False, pull_request=None, variables={"GITHUB_RUN_ID": "1"}),
    Earlier(
        name="a push to a branch called 7",
        cancelled=False,
        pull_request=None,
        variables={"GITHUB_RUN_ID": "1", "GITHUB_REF_NAME": "7"},
    ),
    Earlier(
        name="same number in another repository",
        cancelled=False,
        variables={"GITHUB_RUN_ID": "1", "GITHUB_REPOSITORY": "acme/other"},
    ),
    Earlier(name="another step of the same build", cancelled=False, variables={"GITHUB_ACTION": "__run_2"}),
    Earlier(name="another leg of the same build", cancelled=False, variables={"INPUT_INSTANCE": "1"}),
]


@pytest.mark.parametrize("earlier", EARLIER, ids=lambda earlier: earlier.name)
def test_supersede__cancels_runs_of_earlier_builds_of_the_same_pull_request_only(
    servers: Servers, earlier: Earlier
) -> None:
    ours = servers.new_step(ENDLESS, **PARALLEL).pull_request(7)
    before = ours.attempt(1, **earlier.variables)
    if earlier.pull_request:
        before.pull_request(earlier.pull_request)
    else:
        before.environ |= {"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": ""}
    # Without the number of the pull request dbt Cloud's own smart cancellation does nothing.
    # The head of the pull request is in another repository than that of one of the earlier builds.
    assert ExitCode.OK == before.given(pull_request="none", allow_forks="true").run(wait="false")

    assert ExitCode.TIMED_OUT == ours.given(pull_request="none").run(supersede="true", **TIMES_OUT)

    assert [earlier.cancelled, False] == [run.cancelled_by_api for run in ours.runs]
    assert ("takes its place" in ours.log) is earlier.cancelled


@pytest.mark.parametrize(
    "cause",
    [
        "Scheduled",
        "GitHub Actions: Deploy (pull_request), pull request 7, by octocat",
        "[dra 00000000.00000000.00000000.1.000000]",
        "[dra nonsense]",
        "",
    ],
)
def test_supersede__never_touches_runs_of_others(servers: Servers, cause: str) -> None:
    ours = servers.new_step(ENDLESS, **PARALLEL).pull_request(7)
    trigger_by_another_tool(servers, ours.job_id, cause or "x", github_pull_request_id=7, git_sha=ours.sha)

    ours.run(supersede="true", **TIMES_OUT)

    assert [False, False] == [run.cancelled_by_api for run in ours.runs]


def test_supersede__never_touches_a_run_that_quotes_a_marker(servers: Servers) -> None:
    """A person who pastes the cause of one of our runs puts words around it, or after it."""
    ours = servers.new_step(ENDLESS, **PARALLEL).pull_request(7)
    before = ours.attempt(1, GITHUB_RUN_ID="1").pull_request(7)
    before.given(pull_request="none").run(wait="false")
    trigger_by_another_tool(servers, ours.job_id, f"again: {before.runs[0].cause} (by hand)")

    ours.given(pull_request="none").run(supersede="true", **TIMES_OUT)

    assert [True, False, False] == [run.cancelled_by_api for run in ours.runs]


def test_supersede__leaves_a_newer_build_alone(servers: Servers) -> None:
    """Of two builds at the same time only the older one's run is cancelled, whichever build looks first."""
    older = servers.new_step(ENDLESS, **PARALLEL).pull_request(7)
    newer = older.attempt(1, GITHUB_RUN_ID="9").pull_request(7)

    def start_newer() -> None:
        newer.given(pull_request="none").run(wait="false")

    # The newer build starts its run while the older one waits for a lost answer.
    servers.cloud.faults.add(kind="lose", method="POST", path="/run/$")
    older.after(0.5, start_newer)
    older.given(pull_request="none").run(supersede="true", **TIMES_OUT)

    assert [False, False] == [run.cancelled_by_api for run in older.runs]


@pytest.mark.parametrize("state", [{"hold": True}, {}], ids=["queued", "running"])
def test_supersede__cancels_queued_and_running_ones(servers: Servers, state: dict[str, bool]) -> None:
    ours = servers.new_step(ENDLESS).pull_request(7)
    servers.cloud.hold = state.get("hold", False)
    ours.attempt(1, GITHUB_RUN_ID="1").pull_request(7).run(wait="false")
    servers.cloud.hold = False

    ours.run(supersede="true", **TIMES_OUT)

    assert ours.runs[0].cancelled_by_api
    assert not ours.runs[1].cancelled_by_api


@pytest.mark.parametrize("path", ["/runs/$", "/cancel/$"])
@pytest.mark.parametrize("code", [403, 429, 500])
def test_supersede__that_fails_is_logged_and_changes_nothing_else(servers: Servers, path: str, code: int) -> None:
    ours = servers.new_step(lambda trigger: GREEN if trigger["git_sha"] else ENDLESS, **PARALLEL)
    ours.attempt(1, GITHUB_RUN_ID="1").run(wait="false", run_on="job")
    servers.cloud.faults.add(kind="status", code=code, path=path)

    assert ExitCode.OK == ours.run(supersede="true")

    logged = {"/runs/$": "Looking for runs of earlier builds was not possible", "/cancel/$": "could not be cancelled"}
    assert logged[path] in ours.log


def test_supersede__off_cancels_nothing(servers: Servers) -> None:
    ours = servers.new_step(ENDLESS, **PARALLEL)
    ours.attempt(1, GITHUB_RUN_ID="1").run(wait="false")

    ours.run(**TIMES_OUT)

    assert [False, False] == [run.cancelled_by_api for run in ours.runs]


def test_smart_cancellation__names_the_run_of_the_newer_commit(servers: Servers) -> None:
    """Dbt Cloud itself cancels the older run when a newer commit of the pull request comes."""
    older = servers.new_step(ENDLESS, **PARALLEL).pull_request(7)
    newer = older.attempt(1, GITHUB_RUN_ID="9").pull_request(7, sha="9" * 40)

    older.after(30, lambda: newer.run(wait="false"))

    assert ExitCode.FAILED == older.run()

    assert "cancelled" == older.outputs["status"]
    assert f"Run {older.runs[1].id} of a newer commit has taken its place" in older.log
    assert "error" == older.states[-1]


def test_cancelled_by_a_person__names_no_newer_run(new_step: NewStep) -> None:
    step = new_step(ENDLESS)
    step.after(30, lambda: step.servers.cloud.finish(step.runs[0].id, 30, "Cancelled by user."))

    assert ExitCode.FAILED == step.run()

    assert "taken its place" not in step.log
    assert "Cancelled by user." in step.log


def test_queue__is_shown_with_the_run_that_blocks_and_for_how_long(servers: Servers) -> None:
    step = servers.new_step(lambda trigger: lasting(900) if "another tool" in trigger["cause"] else GREEN)
    trigger_by_another_tool(servers, step.job_id, "another tool")

    assert ExitCode.OK == step.run()

    lines = [line for line in step.log.splitlines() if f"behind run {step.runs[0].id}" in line]
    times = [line.split("Queued")[0] for line in lines]
    assert 2 <= len(times) == len(set(times))
