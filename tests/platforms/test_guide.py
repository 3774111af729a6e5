"""The pipelines of dbt's own guide with one line changed, each run as a process in the environment of a CI job."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from emulator import Emulator, GitHub
from emulator.hosts import AzureDevOps, Bitbucket, GitLab
from emulator.hosts.azure_devops import PullRequest
from emulator.hosts.gitlab import Pipeline
from tests.support import environments as env
from tests.support.platform_fixtures import Serve
from tests.support.scripts import GREEN
from tests.support.workflow_step import CLOUD_TOKEN, JOB_NAME

ROOT = Path(__file__).resolve().parents[2]
GUIDE = Path(__file__).parent / "guide"
NAME = f"dbt Cloud / {JOB_NAME}"
ARCHIVE = "https://github.com/org/dbt-cloud-run-action/archive/refs/tags/v1.tar.gz"
# What the user keeps in the platform's store of variables.
SECRETS = {"DBT_API_KEY": CLOUD_TOKEN}

# What installs things or is old: each takes the one call that the blocks make of it, and uvx has a Python of its own.
COMMANDS = {
    "pip": '[ "$*" = "install --quiet uv" ]',
    "python": '[ "$*" = "-m pip install requests" ]',
    "pipx": '[ "$1 $2 $3 $4" = "run --spec uv uvx" ] && shift 3 && exec "$@"',
    "uvx": (
        f'[ "$*" = "--python 3.13 --from {ARCHIVE} dbt-cloud-run" ] && '
        f'exec "{sys.executable}" "{ROOT / "entrypoint.py"}"'
    ),
}

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the guide's scripts are for bash")


class Pipe:
    """Runs the script of a block as the platform's shell would; `commands` are played."""

    commands: Mapping[str, str] = COMMANDS

    def __init__(self, cloud: Emulator, folder: Path) -> None:
        self.cloud, self.folder = cloud, folder
        (folder / "bin").mkdir()
        for name, lines in self.commands.items():
            command = folder / "bin" / name
            command.write_text(f"#!/bin/sh\n{lines}\n")
            command.chmod(command.stat().st_mode | stat.S_IXUSR)
        self.work = folder / "work"
        self.work.mkdir()

    def adjust(self, block: str) -> Any:  # noqa: ANN401 - YAML
        """Enter the numbers and the address, as the comments of the guide ask for."""
        text = (GUIDE / f"{block}.yml").read_text(encoding="utf-8")
        numbers = {
            "DBT_ACCOUNT_ID": self.cloud.account_id,
            "DBT_PROJECT_ID": self.cloud.project_id,
            "DBT_PR_JOB_ID": self.cloud.job_id,
        }
        for name, number in numbers.items():
            text = re.sub(rf"({name}[:=] ?)00000", rf"\g<1>{number}", text)
        return yaml.safe_load(text.replace("https://cloud.getdbt.com", self.cloud.url))

    def run(self, script: str, environ: Mapping[str, str]) -> str:
        """The log of a green end."""
        path = f"{self.folder / 'bin'}{os.pathsep}{environ.get('PATH', os.environ['PATH'])}"
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self.work,
            env={**environ, "HOME": str(self.folder), "PATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def body(self) -> Any:  # noqa: ANN401 - JSON
        (trigger,) = [asked for asked in self.cloud.requests if asked.method == "POST" and asked.path.endswith("/run/")]
        return trigger.json


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    with Emulator(GREEN, token=CLOUD_TOKEN) as cloud:
        yield Pipe(cloud, tmp_path)


def expanded(variables: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """`$NAME` in values, as GitLab expands it; what is not there is empty."""
    return {
        name: re.sub(r"\$(\w+)", lambda match: environ.get(match[1], ""), str(value))
        for name, value in variables.items()
    }


def macros(text: str, variables: Mapping[str, str]) -> str:
    """`$(Name)`, as Azure's agent replaces it, in scripts too; what it does not know stays."""
    known = {name.upper(): value for name, value in variables.items()}
    return re.sub(r"\$\(([\w.]+)\)", lambda match: known.get(match[1].upper(), match[0]), text)


# The environments: written ones always, and recorded ones that are at hand.


def cases(written: Mapping[str, str], *recorded: str) -> list[Any]:
    """Parameters for the `written` environment, and for each of the `recorded` ones that is at hand."""
    at_hand = [pytest.param(env.RECORDED[job], id=job) for job in recorded if job in env.RECORDED]
    return [pytest.param(written, id="written"), *at_hand]


@pytest.fixture(params=cases(env.GITLAB_PUSH, "GitLab9", "gitlab_ci_local_4.75.1_push"))
def gitlab_push(request: pytest.FixtureRequest) -> dict[str, str]:
    # The local runner was recorded on the main branch, and has the variables of a merge request all the same.
    return {name: value for name, value in request.param.items() if "MERGE_REQUEST" not in name}


def test_guide__gitlab(pipe: Pipe, serve: Serve, gitlab_push: dict[str, str]) -> None:
    sha, number = gitlab_push["CI_COMMIT_SHA"], int(gitlab_push["CI_PIPELINE_ID"])
    pipeline = Pipeline(number, sha, gitlab_push["CI_COMMIT_REF_NAME"])
    host = serve(GitLab(project=gitlab_push["CI_PROJECT_ID"], pipelines=(pipeline,)))
    block = pipe.adjust("gitlab")
    environ = {**gitlab_push, **SECRETS, "CI_API_V4_URL": host.url, "GITLAB_TOKEN": "glpat-token"}
    environ |= expanded(block["variables"], environ)
    pipe.run("\n".join(block["run-dbt-job"]["script"]), environ)

    assert [(one.sha, one.pipeline, one.name, one.status) for one in host.statuses] == [(sha, number, NAME, "success")]
    assert pipe.body["cause"].startswith("GitLab Pipeline CI Job")
    # As the guide's script: a branch when the platform tells one, never a commit.
    assert "git_sha" not in pipe.body
    assert pipe.body.get("git_branch", "") == gitlab_push.get("CI_COMMIT_BRANCH", "")


def azure(pipe: Pipe, environ: Mapping[str, str], known: Mapping[str, str]) -> str:
    """Run the block for Azure; `known` are the variables of the agent that it does not export."""
    block = pipe.adjust("azure")
    _, install, step = block["steps"]
    known = {**SECRETS, **known}
    variables = {name: str(value) for name, value in block["variables"].items()}
    variables |= {name: macros(value, known) for name, value in step["env"].items()}
    pipe.run(install["script"], environ)
    return pipe.run(macros(step["script"], known), {**environ, **variables})


def test_guide__azure_repos(pipe: Pipe, serve: Serve) -> None:
    host = serve(AzureDevOps())
    log = azure(pipe, {**env.AZURE_PUSH, "SYSTEM_COLLECTIONURI": host.url}, {"System.AccessToken": "azure-token"})

    assert [(one.commit, one.genre, one.name, one.state) for one in host.statuses] == [
        (env.PUSHED, "dbt Cloud", JOB_NAME, state) for state in ("pending", "succeeded")
    ]
    assert "GITHUB_TOKEN" not in log


def test_guide__azure_repos_pull_request(pipe: Pipe, serve: Serve) -> None:
    host = serve(AzureDevOps(pull_requests={12: PullRequest([env.HEAD])}))
    environ = {**env.AZURE_PULL_REQUEST, "SYSTEM_COLLECTIONURI": host.url}
    azure(pipe, environ, {"System.AccessToken": "azure-token"})

    assert [(one.commit, one.pull_request, one.state) for one in host.statuses] == [
        (commit, number, state) for state in ("pending", "succeeded") for commit, number in (("", 12), (env.HEAD, 0))
    ]
    assert pipe.body["azure_pull_request_id"] == 12


AZURE_FOR_GITHUB = {**env.AZURE_FOR_GITHUB, "BUILD_REPOSITORY_NAME": "octocat/ci-detector"}


@pytest.fixture(params=cases(AZURE_FOR_GITHUB, "AzurePipelines", "AzurePipelinesPullRequest"))
def azure_for_github(request: pytest.FixtureRequest) -> dict[str, str]:
    return dict(request.param)


def test_guide__azure_pipelines_for_a_github_repository(
    pipe: Pipe, serve: Serve, azure_for_github: dict[str, str]
) -> None:
    environ = azure_for_github
    sha = environ.get("SYSTEM_PULLREQUEST_SOURCECOMMITID") or environ["BUILD_SOURCEVERSION"]
    host = serve(GitHub(token="ghp-token", repository="octocat/ci-detector"))
    here = {**environ, "AGENT_TEMPDIRECTORY": str(pipe.work), "GITHUB_API_URL": host.url}
    azure(pipe, here, {"GITHUB_TOKEN": "ghp-token", "System.AccessToken": "azure-token"})

    assert [(one.sha, one.context, one.state) for one in host.statuses] == [
        (sha, NAME, "pending"),
        (sha, NAME, "success"),
    ]
    assert pipe.body.get("github_pull_request_id") == (89 if environ["BUILD_REASON"] == "PullRequest" else None)


def test_guide__azure_without_a_token_for_github_says_so(pipe: Pipe) -> None:
    log = azure(pipe, env.AZURE_FOR_GITHUB, {"System.AccessToken": "azure-token"})

    assert "No commit status: `GITHUB_TOKEN` is not set" in log


BITBUCKET_PULL_REQUEST = {**env.BITBUCKET_PULL_REQUEST, "BITBUCKET_PROJECT_KEY": "SH"}


def bitbucket(pipe: Pipe, host: Bitbucket, environ: Mapping[str, str], step: Mapping[str, Any]) -> None:
    variables = {**SECRETS, "BITBUCKET_API_URL": host.url, "BITBUCKET_ACCESS_TOKEN": "bitbucket-token"}
    pipe.run("\n".join(step["script"]), {**environ, **variables})


@pytest.mark.parametrize("push", cases(env.BITBUCKET, "BitbucketPipelines"))
def test_guide__bitbucket(pipe: Pipe, serve: Serve, push: Mapping[str, str]) -> None:
    host = serve(Bitbucket(repository=push["BITBUCKET_REPO_FULL_NAME"]))
    (step,) = pipe.adjust("bitbucket")["pipelines"]["branches"]["main"]
    bitbucket(pipe, host, push, step["step"])

    assert [(one.commit, one.name, one.state) for one in host.history] == [
        (push["BITBUCKET_COMMIT"], NAME, state) for state in ("INPROGRESS", "SUCCESSFUL")
    ]
    assert "git_sha" not in pipe.body


@pytest.mark.parametrize("pull_request", cases(BITBUCKET_PULL_REQUEST, "BitbucketPipelinesPullRequest"))
def test_guide__bitbucket_pull_request(pipe: Pipe, serve: Serve, pull_request: Mapping[str, str]) -> None:
    full = pull_request["BITBUCKET_COMMIT"].ljust(40, "0")
    host = serve(Bitbucket(repository=pull_request["BITBUCKET_REPO_FULL_NAME"], commits=(full,)))
    (step,) = pipe.adjust("bitbucket")["pipelines"]["pull-requests"]["**"]
    bitbucket(pipe, host, pull_request, step["step"])

    assert [(one.commit, one.state, one.refname) for one in host.history] == [
        (full, state, pull_request["BITBUCKET_BRANCH"]) for state in ("INPROGRESS", "SUCCESSFUL")
    ]
    number = int(pull_request["BITBUCKET_PR_ID"])
    assert pipe.body["schema_override"] == f"DBT_CLOUD_PR_{pull_request['BITBUCKET_PROJECT_KEY']}_{number}"
    assert pipe.body["git_branch"] == pull_request["BITBUCKET_BRANCH"]
    assert pipe.body["non_native_pull_request_id"] == number


@pytest.mark.parametrize("token", ["", "ghs-token"], ids=["without a token", "with a token"])
@pytest.mark.parametrize("environ", cases(env.GITHUB_PUSH, "GitHubActions"))
def test_guide__github(pipe: Pipe, serve: Serve, environ: Mapping[str, str], token: str) -> None:
    host = serve(GitHub(token="ghs-token", repository=environ["GITHUB_REPOSITORY"]))
    block = pipe.adjust("github")["jobs"]["run_dbt_job"]
    written = {name: str(value) for name, value in block["env"].items()}
    written |= {"DBT_API_KEY": CLOUD_TOKEN, "DBT_JOB_BRANCH": "test-github", "DBT_URL": pipe.cloud.url}
    (script,) = [step["run"] for step in block["steps"] if "run" in step]
    log = pipe.run(script, {**environ, **written, "GITHUB_API_URL": host.url, "GITHUB_TOKEN": token})

    states = [(one.sha, one.state) for one in host.statuses]
    assert states == ([(environ["GITHUB_SHA"], state) for state in ("pending", "success")] if token else [])
    assert ("No commit status" in log) is not bool(token)


@pytest.mark.parametrize("block", ["github", "gitlab", "azure", "bitbucket"])
def test_guide__the_names_of_its_script_are_all_there(block: str) -> None:
    text = (GUIDE / f"{block}.yml").read_text(encoding="utf-8")
    names = ("DBT_ACCOUNT_ID", "DBT_PROJECT_ID", "DBT_PR_JOB_ID", "DBT_JOB_CAUSE")

    assert all(name in text for name in names)
    assert "run_and_monitor" not in text


OLD = {
    "github": 'python-version: "3.9"',
    "gitlab": "image: python:3.9",
    "azure": "versionSpec: '3.7'",
    "bitbucket": "image: python:3.11.1",
}


@pytest.mark.parametrize("block", OLD)
def test_guide__keeps_its_old_pythons_and_our_page_has_its_line(block: str) -> None:
    text = (GUIDE / f"{block}.yml").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")
    lines = {line.strip().removeprefix("- ").removeprefix("run: ") for line in text.splitlines() if ARCHIVE in line}

    assert OLD[block] in text
    (line,) = lines
    assert f"\n{line}\n" in page
