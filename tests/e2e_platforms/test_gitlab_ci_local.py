"""The examples for GitLab, run by gitlab-ci-local in real shells against an emulated dbt Cloud and GitLab."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from emulator import Datafold, Emulator, Script
from emulator.hosts import GitLab
from emulator.hosts.base import Changes
from emulator.hosts.gitlab import Pipeline, Status
from tests.support import repository
from tests.support.decoders import dotenv
from tests.support.scripts import GREEN, RED_WITH_MANIFEST
from tests.support.workflow_step import CLOUD_TOKEN, JOB_NAME

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "1217"
PIPELINE = "77"

pytestmark = pytest.mark.e2e


@dataclass
class Run:
    """A pipeline that has ended, with the servers that it used."""

    code: int
    log: str
    folder: Path
    host: GitLab
    cloud: Emulator
    sha: str = ""
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> Status:
        (status,) = self.host.statuses
        return status


MakeRun = Callable[..., Run]


@pytest.fixture
def pipeline(tmp_path: Path, gitlab_ci_local: str, requirements_file: Path, python_path: str) -> Iterator[MakeRun]:
    """`pipeline(files, script, **variables)`: run the `.gitlab-ci.yml` among `files` in a repository of its own."""
    servers = ExitStack()

    def run(files: dict[str, str], script: Script = GREEN, changes: Changes | None = None, **variables: str) -> Run:
        folder = tmp_path / "shop"
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
        sha = _commit(folder)
        cloud = servers.enter_context(Emulator(script, token=CLOUD_TOKEN))
        host = servers.enter_context(GitLab(project=PROJECT, pipelines=(Pipeline(int(PIPELINE), sha, "main"),)))
        host.changes = changes or host.changes
        given = {
            "CI_API_V4_URL": host.url,
            "CI_PIPELINE_ID": PIPELINE,
            "CI_PIPELINE_SOURCE": "push",
            "CI_PROJECT_ID": PROJECT,
            # This runner sets `false`.
            "GITLAB_CI": "true",
            "GITLAB_TOKEN": "glpat-token",
            "DBT_ACCOUNT_ID": str(cloud.account_id),
            "DBT_CLOUD_RUN": str(requirements_file),
            "DBT_JOB_ID": str(cloud.job_id),
            "DBT_TOKEN": CLOUD_TOKEN,
            "DBT_URL": cloud.url,
            **variables,
        }
        options = [option for name, value in given.items() for option in ("--variable", f"{name}={value}")]
        quiet = [option for name in given if name.startswith(("CI_", "GITLAB_CI")) for option in (name,)]
        done = subprocess.run(
            [gitlab_ci_local, "--force-shell-executor", "--ignore-predefined-vars", ",".join(quiet), *options],
            cwd=folder,
            env={**os.environ, "PATH": python_path, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        asked = [request.json for request in cloud.requests if request.method == "POST"]
        log = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
        return Run(done.returncode, log, folder, host, cloud, sha, asked[0] if asked else {})

    with servers:
        yield run


def _commit(folder: Path) -> str:
    """Make `folder` a repository with one commit, and return its hash."""
    git = partial(repository.git, folder)

    git("init", "--quiet", "--initial-branch", "main")
    git("remote", "add", "origin", "https://gitlab.example/acme/shop.git")
    git("add", "--all")
    git("commit", "--quiet", "-m", "All of it")
    return git("rev-parse", "HEAD")


def example(name: str, folder: str = "gitlab") -> dict[str, str]:
    return {".gitlab-ci.yml": (ROOT / "examples" / folder / name).read_text(encoding="utf-8")}


MERGE_REQUEST = {
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "CI_MERGE_REQUEST_IID": "7",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "feature/x",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
}


def test_on_merge__green(pipeline: MakeRun) -> None:
    run = pipeline(example("on-merge.yml"))

    assert run.code == 0, run.log
    assert (run.status.sha, run.status.pipeline, run.status.status) == (run.sha, int(PIPELINE), "success")
    assert run.status.name == f"dbt Cloud / {JOB_NAME}"
    assert run.body["git_sha"] == run.sha
    assert dotenv((run.folder / "dbt.env").read_text())["DBT_RUN_STATUS"] == "success"
    assert "There is nothing to cancel" in run.log


def test_on_merge__red(pipeline: MakeRun) -> None:
    run = pipeline(example("on-merge.yml"), RED_WITH_MANIFEST)

    assert run.code == 1, run.log
    assert ("failed", "not_null_orders_id.abc failed") == (run.status.status, run.status.description)
    assert "not_null_orders_id" in run.log
    # The results are written after a failure too.
    assert "<failure" in (run.folder / "test-results" / "TEST-dbt.xml").read_text()


def test_on_merge__does_nothing_in_a_merge_request(pipeline: MakeRun) -> None:
    run = pipeline(example("on-merge.yml"), **MERGE_REQUEST)

    assert run.host.statuses == []
    assert run.body == {}


def test_on_merge_request__green(pipeline: MakeRun) -> None:
    run = pipeline(example("on-merge-request.yml"), **MERGE_REQUEST, DBT_COMMENT="always")

    assert run.code == 0, run.log
    assert run.status.status == "success"
    assert run.body["gitlab_merge_request_id"] == 7
    assert run.body["schema_override"] == f"dbt_cloud_pr_{run.cloud.job_id}_7"
    assert len(run.host.notes[7]) == 1


@pytest.mark.parametrize(
    "sql,green", [("SELECT a FROM t\n", True), ("SELECT a,b from t\n", False)], ids=["clean", "not"]
)
def test_with_lint__comes_before_the_run(pipeline: MakeRun, sql: str, *, green: bool) -> None:
    run = pipeline({**example("on-merge-request-with-lint.yml"), "models/a.sql": sql}, **MERGE_REQUEST)

    assert (run.code == 0) is green, run.log
    assert bool(run.host.statuses) is green
    report = run.folder / "gl-code-quality-report.json"
    assert ("LT09" in report.read_text()) is not green


@pytest.fixture
def datafold() -> Iterator[Datafold]:
    with Datafold() as server:
        yield server


def test_datafold__a_merge_is_uploaded_as_production(pipeline: MakeRun, datafold: Datafold) -> None:
    key = {"DATAFOLD_API_KEY": datafold.api_key, "DATAFOLD_HOST": datafold.url}
    run = pipeline(example("gitlab-merge.yml", "datafold"), **key)

    assert run.code == 0, run.log
    assert [(run.sha, "production")] == [(upload.commit_sha, upload.run_type) for upload in datafold.uploads]


MODEL = (("dbt/models/a.sql", None),)


@pytest.mark.parametrize(
    "changes, description, runs",
    [
        (Changes(files=MODEL), "Skipped: without the label `datafold`", 0),
        (Changes(files=(("README.md", None),), labels=("datafold",)), "Skipped: only ignored files changed", 0),
        (Changes(files=MODEL, labels=("datafold",)), "1 passed", 1),
    ],
    ids=["without label", "ignored files", "both"],
)
def test_datafold__a_merge_request_is_uploaded_or_skipped(
    pipeline: MakeRun, datafold: Datafold, changes: Changes, description: str, runs: int
) -> None:
    key = {"DATAFOLD_API_KEY": datafold.api_key, "DATAFOLD_HOST": datafold.url}
    run = pipeline(example("gitlab-merge-request.yml", "datafold"), changes=changes, **key, **MERGE_REQUEST)

    assert run.code == 0, run.log
    assert (run.status.status, description in (run.status.description or "")) == ("success", True)
    assert len(run.cloud.runs) == runs
    assert ["pull_request"] * runs == [upload.run_type for upload in datafold.uploads]


def test_component__in_a_project_of_its_own(pipeline: MakeRun, requirements_file: Path) -> None:
    """The include finds the component in the same repository; elsewhere it is a mirror's."""
    files = {
        "templates/dbt-cloud-run.yml": (ROOT / "templates" / "dbt-cloud-run.yml").read_text(encoding="utf-8"),
        ".gitlab-ci.yml": (
            "include:\n"
            "  - component: $CI_SERVER_FQDN/$CI_PROJECT_PATH/dbt-cloud-run@$CI_COMMIT_SHA\n"
            "    inputs:\n"
            "      account-id: '1'\n"
            "      job-id: '3'\n"
            f"      source: {requirements_file}\n"
        ),
    }
    run = pipeline(files, **MERGE_REQUEST)

    assert run.code == 0, run.log
    assert run.status.status == "success"
