"""A GitHub that is down, slow or refuses: at most one warning, and the result is that of the run alone."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbt_action import timeouts
from dbt_action.errors import ExitCode
from tests.support.scripts import GREEN, RED
from tests.support.workflow_step import SHA, WorkflowStep

MakeStep = Callable[..., WorkflowStep]


def one_warning(workflow_step: WorkflowStep) -> str:
    """Check that the step succeeded with one warning and no status; return the warning."""
    assert "success" == workflow_step.outputs["status"]
    assert () == workflow_step.statuses
    assert [] == workflow_step.annotations("error")
    (warning,) = workflow_step.annotations("warning")
    assert "commit status" in warning
    return warning


def test_read_only_token__says_which_permission(make_step: MakeStep) -> None:
    workflow_step = make_step(GREEN, github={"read_only": True})

    assert ExitCode.OK == workflow_step.run()

    assert "statuses: write" in one_warning(workflow_step)
    assert 1 == len(workflow_step.github.requests)


def test_wrong_token__says_what_to_do(workflow_step: WorkflowStep) -> None:
    assert ExitCode.OK == workflow_step.run(github_token="ghs_wrong")

    assert "github-token" in one_warning(workflow_step)
    assert 1 == len(workflow_step.github.requests)


def test_empty_token__is_one_warning_and_no_request(workflow_step: WorkflowStep) -> None:
    assert ExitCode.OK == workflow_step.run(github_token="")

    assert "github-token" in one_warning(workflow_step)
    assert () == workflow_step.github.requests


def test_unknown_commit__is_one_warning(make_step: MakeStep) -> None:
    workflow_step = make_step(GREEN, github={"commits": {"c" * 40}})

    assert ExitCode.OK == workflow_step.run()
    assert "422" in one_warning(workflow_step)


def test_unknown_repository__is_one_warning(workflow_step: WorkflowStep) -> None:
    workflow_step.environ["GITHUB_REPOSITORY"] = "acme/other"

    assert ExitCode.OK == workflow_step.run()
    assert "404" in one_warning(workflow_step)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "reset"}, id="reset"),
        pytest.param({"kind": "status", "code": 500}, id="500"),
        pytest.param({"kind": "status", "code": 502, "body": "<html>Unicorn!</html>"}, id="502 page"),
        pytest.param({"kind": "html", "code": 200}, id="page with 200"),
        pytest.param({"kind": "empty"}, id="no body"),
    ],
)
def test_github_is_down__costs_few_requests_and_one_warning(workflow_step: WorkflowStep, fault: dict[str, Any]) -> None:
    workflow_step.github.faults.add(times=None, **fault)

    assert ExitCode.OK == workflow_step.run()

    # Three for each of the two statuses, and for the second one once more at the very end.
    assert len(workflow_step.github.requests) <= 9
    assert len(workflow_step.annotations("warning")) <= 1
    assert "success" == workflow_step.outputs["status"]


@pytest.mark.parametrize("code", [403, 429])
def test_rate_limited_for_an_hour__no_sleep(workflow_step: WorkflowStep, code: int) -> None:
    """By itself PyGithub sleeps for the hour that GitHub asks for."""
    body = {"message": "You have exceeded a secondary rate limit.", "documentation_url": "https://docs.github.com"}
    headers = {"Retry-After": "3600"}
    workflow_step.github.faults.add(kind="status", code=code, headers=headers, body=body, times=None)

    began = time.monotonic()
    assert ExitCode.OK == workflow_step.run()

    assert time.monotonic() - began < 30
    assert 0.0 == workflow_step.clock.passed
    assert "limits" in one_warning(workflow_step)
    # One for each of the two statuses, and for the second one once more at the very end.
    assert len(workflow_step.github.requests) == 3


def test_rate_limited_at_first__final_status_arrives(workflow_step: WorkflowStep) -> None:
    """The last status is tried again at the end of the step."""
    workflow_step.github.faults.add(kind="status", code=429, headers={"Retry-After": "3600"}, times=1)

    assert ExitCode.OK == workflow_step.run()
    assert ["success"] == workflow_step.states


def test_github_hangs__is_given_up_quickly(workflow_step: WorkflowStep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "HOST_REQUEST_SECONDS", 1)
    workflow_step.github.faults.add(kind="hang", times=None)

    began = time.monotonic()
    assert ExitCode.OK == workflow_step.run()

    assert time.monotonic() - began < 10
    one_warning(workflow_step)


def test_no_server__is_one_warning(workflow_step: WorkflowStep) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        workflow_step.environ["GITHUB_API_URL"] = f"http://127.0.0.1:{taken.getsockname()[1]}"

        assert ExitCode.OK == workflow_step.run()

    one_warning(workflow_step)


def test_failed_run__is_reported_beside_the_warning(make_step: MakeStep) -> None:
    workflow_step = make_step(RED, github={"read_only": True})

    assert ExitCode.FAILED == workflow_step.run()
    assert 1 == len(workflow_step.annotations("warning"))
    assert "Got 3 results" in workflow_step.annotations("error")[-1]


def test_enterprise_server__path_of_the_api_is_kept(make_step: MakeStep) -> None:
    workflow_step = make_step(GREEN, github={"prefix": "/api/v3"})

    assert ExitCode.OK == workflow_step.run()

    assert ["pending", "success"] == workflow_step.states
    assert {f"/api/v3/repos/acme/shop/statuses/{SHA}"} == {asked.path for asked in workflow_step.github.requests}


@pytest.mark.parametrize("variable", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_STATE"])
def test_command_file_cannot_be_written__is_a_warning(
    workflow_step: WorkflowStep, tmp_path: Path, variable: str
) -> None:
    workflow_step.environ[variable] = str(tmp_path / "no" / "such" / "folder")

    assert ExitCode.OK == workflow_step.run()

    assert ["pending", "success"] == workflow_step.states
    assert any(variable in warning for warning in workflow_step.annotations("warning"))


def test_command_files_do_not_exist__is_no_warning(workflow_step: WorkflowStep) -> None:
    for variable in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_STATE", "GITHUB_EVENT_PATH"):
        del workflow_step.environ[variable]

    assert ExitCode.OK == workflow_step.run()
    assert [] == workflow_step.annotations("warning")


def test_terminal__runs_without_any_ci(workflow_step: WorkflowStep) -> None:
    """The command in a shell: no commands, no files, no status, the same run."""
    kept = {name: value for name, value in workflow_step.environ.items() if name.startswith("INPUT_")}
    workflow_step.environ = kept

    assert ExitCode.OK == workflow_step.run(run_on="job")

    assert [] == workflow_step.commands
    assert "succeeded" in workflow_step.log
    assert () == workflow_step.github.requests
