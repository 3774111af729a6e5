"""Files and links that the author of a change has committed: none is believed, followed or taken for ours."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbt_action.ci import saved_state
from dbt_action.ci.saved_state import SavedState
from dbt_action.errors import ExitCode
from emulator import Emulator
from emulator.hosts import GitLab
from emulator.hosts.gitlab import Pipeline
from tests.support import environments as env
from tests.support.platform_fixtures import Build, Serve
from tests.support.scripts import ENDLESS, GREEN, RED
from tests.support.workflow_step import CLOUD_TOKEN

MakeBuild = Callable[..., Build]
GREEN_STATUS = {"state": "success", "description": "All good", "url": "https://evil.example"}


@pytest.fixture
def gitlab(serve: Serve) -> GitLab:
    host: GitLab = serve(GitLab(pipelines=(Pipeline(77, env.PUSHED, "main"),)))
    return host


@pytest.fixture
def step(build: MakeBuild, gitlab: GitLab) -> Build:
    """A job of GitLab CI whose command `dbt-cloud-run cancel` runs whatever has happened before."""
    return build(ENDLESS).on(env.GITLAB_PUSH, CI_API_V4_URL=gitlab.url, GITLAB_TOKEN="glpat-token")


def commit_state(step: Build, **values: Any) -> None:  # noqa: ANN401 - JSON
    """Commit a saved state, with the fields that a real one has."""
    forged = {
        "marker": "[dra 00000000.00000000.00000000.1.abcdef]",
        "run_id": None,
        "in_flight": False,
        "job_name": "Production build",
        "run_closed": False,
        "cancel_wanted": False,
        "pending_status": None,
        "signature": "0" * 64,
    }
    (step.folder / ".dbt-cloud-run.json").write_text(json.dumps(forged | values), encoding="utf-8")


def run_of_somebody(cloud: Emulator) -> int:
    """Start a run of the same job by hand; its id."""
    import requests  # noqa: PLC0415 - here it is a client of the emulator

    url = f"{cloud.url}/api/v2/accounts/{cloud.account_id}/jobs/{cloud.job_id}/run/"
    answer = requests.post(url, json={"cause": "by hand"}, headers={"Authorization": f"Token {cloud.token}"}, timeout=9)
    number: int = answer.json()["data"]["id"]
    return number


# State.


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"run_closed": True, "pending_status": GREEN_STATUS}, id="a green status"),
        pytest.param({"run_id": "../jobs/9?"}, id="another path of the API"),
        pytest.param({"in_flight": True}, id="a run that may appear"),
        pytest.param({"run_closed": True}, id="nothing to do"),
    ],
)
def test_state__that_was_committed_is_not_believed(step: Build, gitlab: GitLab, values: dict[str, Any]) -> None:
    commit_state(step, **values)

    assert ExitCode.OK is step.cancel()

    assert () == step.cloud.requests
    assert [] == list(gitlab.statuses)
    assert "The saved state is not used" in step.log


def test_state__of_another_run_cancels_nothing(step: Build) -> None:
    commit_state(step, run_id=run_of_somebody(step.cloud))

    step.cancel()

    assert [] == [asked for asked in step.cloud.requests if asked.path.endswith("/cancel/")]


@pytest.mark.parametrize(
    "variables",
    [
        {"CI_PIPELINE_ID": "78"},
        {"CI_JOB_NAME": "another"},
        {"DBT_TOKEN": "another-token"},
        {"DBT_JOB_ID": "4"},
        {"DBT_ACCOUNT_ID": "4"},
    ],
    ids=str,
)
def test_state__of_another_build_job_or_account_is_not_believed(step: Build, variables: dict[str, str]) -> None:
    """A file that was genuine once, for example one from the artifacts of an earlier pipeline."""
    step.run_and_be_killed()
    step.on(**variables)

    step.cancel()

    assert "The saved state is not used" in step.log
    assert not step.cloud.runs[0].cancelled_by_api


def test_state__of_this_step_is_believed(step: Build) -> None:
    step.run_and_be_killed()

    assert ExitCode.OK is step.cancel()
    assert step.cloud.runs[0].cancelled_by_api


def test_cancel__of_a_run_without_our_marker_is_refused(step: Build) -> None:
    """Even a state with a right signature cancels no run of somebody else."""
    theirs, account = run_of_somebody(step.cloud), (step.cloud.url, step.cloud.account_id, step.cloud.job_id)
    build_id, job = env.GITLAB_PUSH["CI_PIPELINE_ID"], env.GITLAB_PUSH["CI_JOB_NAME"]
    key = saved_state.signing_key(CLOUD_TOKEN, *account, "gitlab", build_id, job)
    state = SavedState(marker="[dra 00000000.00000000.00000000.1.abcdef]", run_id=theirs)
    (step.folder / ".dbt-cloud-run.json").write_text(saved_state.to_text(state, key), encoding="utf-8")

    step.cancel()

    assert f"Run {theirs} does not carry the marker of this step" in step.log
    assert not step.cloud.run(theirs).cancelled_by_api


# Files that a CI collects.

COLLECTED = (".dbt-cloud-run.json", "dbt.env", "dbt-code-quality.json", "dbt-links.json", "dbt-summary.md")


def commit_all(step: Build, *more: str) -> None:
    for name in (*COLLECTED, *more):
        path = step.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("forged", encoding="utf-8")


def forged_files(step: Build) -> list[str]:
    found = (path for path in step.folder.rglob("*") if path.is_file() and path.name != "event.json")
    return sorted(path.name for path in found if "forged" in path.read_text(encoding="utf-8", errors="replace"))


@pytest.mark.parametrize(
    "variables, code",
    [
        pytest.param({}, ExitCode.OK, id="a run"),
        pytest.param({"DBT_JOB_ID": "none"}, ExitCode.CONFIG, id="bad inputs"),
        pytest.param({"DBT_TOKEN": ""}, ExitCode.CONFIG, id="no token"),
    ],
)
def test_files__that_were_committed_are_removed_first(
    build: MakeBuild, variables: dict[str, str], code: ExitCode
) -> None:
    step = build(GREEN).on(env.GITLAB_PUSH, DBT_RESULTS_PATH="out/results.json", DBT_JUNIT_PATH="out/junit.xml")
    commit_all(step, "out/results.json", "out/junit.xml")

    assert code is step.run(**variables)

    assert [] == forged_files(step)


@pytest.mark.skipif(os.name == "nt", reason="making a link needs a privilege on Windows")
def test_files__are_not_removed_through_a_link(build: MakeBuild, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "results.json").write_text("theirs")
    step = build(GREEN).on(env.GITLAB_PUSH, DBT_RESULTS_PATH="out/results.json")
    (step.folder / "out").symlink_to(outside)
    (step.folder / "dbt.env").symlink_to(outside / "results.json")

    assert ExitCode.OK is step.run()

    assert "theirs" == (outside / "results.json").read_text()
    assert "out is a link" in step.log
    assert not (step.folder / "dbt.env").is_symlink()


# Links in the place of folders and files.


@pytest.mark.skipif(os.name == "nt", reason="making a link needs a privilege on Windows")
@pytest.mark.parametrize(
    "link, target",
    [
        pytest.param("target", "", id="the folder of the artifacts"),
        pytest.param("out", "", id="the folder of the results"),
        pytest.param("target/run_results.json", "secret", id="an artifact"),
        pytest.param("target/run_results.json.part", "secret", id="the name that its temporary file once had"),
        pytest.param("out/results.json", "secret", id="the results"),
        pytest.param("out/junit.xml", "secret", id="JUnit"),
        pytest.param("dbt.env", "secret", id="the outputs"),
        pytest.param("dbt-summary.md", "secret", id="the summary"),
        pytest.param(".dbt-cloud-run.json", "secret", id="the saved state"),
    ],
)
def test_link__is_never_followed(
    build: MakeBuild, tmp_path_factory: pytest.TempPathFactory, link: str, target: str
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret").write_text("theirs")
    step = build(RED).on(
        env.GITLAB_PUSH, DBT_RESULTS_PATH="out/results.json", DBT_JUNIT_PATH="out/junit.xml", DBT_ARTIFACTS="*"
    )
    path: Path = step.folder / link
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(outside / target)

    assert ExitCode.FAILED is step.run()

    assert [outside / "secret"] == list(outside.iterdir())
    assert "theirs" == (outside / "secret").read_text()
    if not target:
        assert f"{link} is a link" in step.log
