"""GitHub that is down, slow, full or unwilling: one warning at most, and the verdict is the run's alone."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbt_action import hosts
from dbt_action.errors import ExitCode
from tests.support.corridor import SHA, Corridor
from tests.support.scripts import GREEN, RED

Build = Callable[..., Corridor]


def one_warning(corridor: Corridor) -> str:
    """The step is green with all that is ours to tell, and one warning."""
    assert "success" == corridor.outputs["status"]
    assert () == corridor.statuses
    assert [] == corridor.told("error")
    (told,) = corridor.told("warning")
    assert "commit status" in told
    return told


def test_read_only_token__says_which_permission(build: Build) -> None:
    corridor = build(GREEN, github={"read_only": True})

    assert ExitCode.OK == corridor.run()

    assert "statuses: write" in one_warning(corridor)
    assert 1 == len(corridor.github.requests)


def test_wrong_token__says_what_to_do(corridor: Corridor) -> None:
    assert ExitCode.OK == corridor.run(github_token="ghs_wrong")

    assert "github-token" in one_warning(corridor)
    assert 1 == len(corridor.github.requests)


def test_empty_token__is_one_warning_and_no_request(corridor: Corridor) -> None:
    assert ExitCode.OK == corridor.run(github_token="")

    assert "github-token" in one_warning(corridor)
    assert () == corridor.github.requests


def test_unknown_commit(build: Build) -> None:
    corridor = build(GREEN, github={"commits": {"c" * 40}})

    assert ExitCode.OK == corridor.run()
    assert "422" in one_warning(corridor)


def test_unknown_repository(corridor: Corridor) -> None:
    corridor.environ["GITHUB_REPOSITORY"] = "acme/other"

    assert ExitCode.OK == corridor.run()
    assert "404" in one_warning(corridor)


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
def test_down(corridor: Corridor, fault: dict[str, Any]) -> None:
    corridor.github.faults.add(times=None, **fault)

    assert ExitCode.OK == corridor.run()

    # Three for each of the two statuses, and for the second one once more at the very end.
    assert len(corridor.github.requests) <= 9
    assert len(corridor.told("warning")) <= 1
    assert "success" == corridor.outputs["status"]


@pytest.mark.parametrize("code", [403, 429])
def test_rate_limited_for_an_hour__no_sleep(corridor: Corridor, code: int) -> None:
    """PyGithub left to itself sleeps for the hour that GitHub asks for."""
    body = {"message": "You have exceeded a secondary rate limit.", "documentation_url": "https://docs.github.com"}
    patience = {"Retry-After": "3600"}
    corridor.github.faults.add(kind="status", code=code, headers=patience, body=body, times=None)

    began = time.monotonic()
    assert ExitCode.OK == corridor.run()

    assert time.monotonic() - began < 30
    assert 0.0 == corridor.clock.passed
    assert "limits" in one_warning(corridor)
    # One for each of the two statuses, and for the second one once more at the very end.
    assert len(corridor.github.requests) == 3


def test_rate_limited_at_first__final_status_arrives(corridor: Corridor) -> None:
    """Patience is for now only: the one status that counts is tried again at the end."""
    corridor.github.faults.add(kind="status", code=429, headers={"Retry-After": "3600"}, times=1)

    assert ExitCode.OK == corridor.run()
    assert ["success"] == corridor.states


def test_hanging__is_given_up_on_quickly(corridor: Corridor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "TIMEOUT", 1)
    corridor.github.faults.add(kind="hang", times=None)

    began = time.monotonic()
    assert ExitCode.OK == corridor.run()

    assert time.monotonic() - began < 10
    one_warning(corridor)


def test_nobody_listens(corridor: Corridor) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        corridor.environ["GITHUB_API_URL"] = f"http://127.0.0.1:{taken.getsockname()[1]}"

        assert ExitCode.OK == corridor.run()

    one_warning(corridor)


def test_trouble_does_not_hide_a_failure(build: Build) -> None:
    corridor = build(RED, github={"read_only": True})

    assert ExitCode.FAILED == corridor.run()
    assert 1 == len(corridor.told("warning"))
    assert "Got 3 results" in corridor.told("error")[-1]


def test_enterprise_server__path_of_the_api_is_kept(build: Build) -> None:
    corridor = build(GREEN, github={"prefix": "/api/v3"})

    assert ExitCode.OK == corridor.run()

    assert ["pending", "success"] == corridor.states
    assert {f"/api/v3/repos/acme/shop/statuses/{SHA}"} == {asked.path for asked in corridor.github.requests}


@pytest.mark.parametrize("variable", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_STATE"])
def test_command_file_cannot_be_written__is_a_warning(corridor: Corridor, tmp_path: Path, variable: str) -> None:
    corridor.environ[variable] = str(tmp_path / "no" / "such" / "folder")

    assert ExitCode.OK == corridor.run()

    assert ["pending", "success"] == corridor.states
    assert any(variable in told for told in corridor.told("warning"))


def test_command_files_are_not_there__nothing_is_said(corridor: Corridor) -> None:
    for variable in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_STATE", "GITHUB_EVENT_PATH"):
        del corridor.environ[variable]

    assert ExitCode.OK == corridor.run()
    assert [] == corridor.told("warning")


def test_terminal__runs_without_any_ci(corridor: Corridor) -> None:
    """The command in a shell: no commands, no files, no status, the same run."""
    kept = {name: value for name, value in corridor.environ.items() if name.startswith("INPUT_")}
    corridor.environ = kept

    assert ExitCode.OK == corridor.run(run_on="job")

    assert [] == corridor.commands
    assert "succeeded" in corridor.log
    assert () == corridor.github.requests
