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
from release import facts
from tests.support import environments as env
from tests.support.platform_fixtures import Serve
from tests.support.scripts import GREEN
from tests.support.workflow_step import CLOUD_TOKEN, JOB_NAME

ROOT = Path(__file__).resolve().parents[2]
GUIDE = Path(__file__).parent / "guide"
NAME = f"dbt Cloud / {JOB_NAME}"
# What the user keeps in the platform's store of variables.
SECRETS = {"DBT_API_KEY": CLOUD_TOKEN}

OPTIONS = facts.PIP_OPTIONS.replace('"', "")
# Stand-ins for programs that install something. Each accepts only the call that the guide makes.
COMMANDS = {
    # The shell has removed the quotes.
    "pip": f'[ "$*" = "install --quiet --only-binary :all: {facts.UV}" ]',
    "python": '[ "$*" = "-m pip install requests" ]',
    "pipx": f'[ "$1 $2 $3 $4" = "run --spec {facts.UV} uv" ] && shift 3 && exec "$@"',
    "uv": f"""case "$*" in
"venv --quiet --python 3.13 dbt-run") mkdir -p dbt-run/bin ;;
"pip install --quiet --python dbt-run {OPTIONS} {facts.REQUIREMENTS}")
    echo '#!/bin/sh' >dbt-run/bin/dbt-cloud-run
    echo 'exec "{sys.executable}" "{ROOT / "entrypoint.py"}"' >>dbt-run/bin/dbt-cloud-run
    chmod +x dbt-run/bin/dbt-cloud-run ;;
*) exit 1 ;;
esac""",
}

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the guide's scripts are for bash")


class GuideShell:
    """Runs the script of a block of the guide as the platform's shell would, with stand-ins for `commands`."""

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
        """Run a script that must succeed; returns its log."""
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
        assert 0 == done.returncode, done.stdout + done.stderr
        return done.stdout

    @property
    def body(self) -> Any:  # noqa: ANN401 - JSON
        (trigger,) = [asked for asked in self.cloud.requests if asked.method == "POST" and asked.path.endswith("/run/")]
        return trigger.json


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[GuideShell]:
    with Emulator(GREEN, token=CLOUD_TOKEN) as cloud:
        yield GuideShell(cloud, tmp_path)


def expanded(variables: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """Replace `$NAME` in values as GitLab does; an unknown name becomes an empty text."""
    return {
        name: re.sub(r"\$(\w+)", lambda match: environ.get(match[1], ""), str(value))
        for name, value in variables.items()
    }


def macros(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$(Name)` as Azure's agent does, also in scripts; an unknown name stays as it is."""
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


def test_guide__gitlab(shell: GuideShell, serve: Serve, gitlab_push: dict[str, str]) -> None:
    sha, number = gitlab_push["CI_COMMIT_SHA"], int(gitlab_push["CI_PIPELINE_ID"])
    pipeline = Pipeline(number, sha, gitlab_push["CI_COMMIT_REF_NAME"])
    host = serve(GitLab(project=gitlab_push["CI_PROJECT_ID"], pipelines=(pipeline,)))
    block = shell.adjust("gitlab")
    environ = {**gitlab_push, **SECRETS, "CI_API_V4_URL": host.url, "GITLAB_TOKEN": "glpat-token"}
    environ |= expanded(block["variables"], environ)
    shell.run("\n".join(block["run-dbt-job"]["script"]), environ)

    assert [(sha, number, NAME, "success")] == [(one.sha, one.pipeline, one.name, one.status) for one in host.statuses]
    assert shell.body["cause"].startswith("GitLab Pipeline CI Job")
    # Like the guide's own script: a branch when the platform has one, never a commit.
    assert "git_sha" not in shell.body
    assert gitlab_push.get("CI_COMMIT_BRANCH", "") == shell.body.get("git_branch", "")


def azure(shell: GuideShell, environ: Mapping[str, str], known: Mapping[str, str]) -> str:
    """Run the block for Azure; `known` are the variables of the agent that it does not export."""
    block = shell.adjust("azure")
    _, install, step = block["steps"]
    known = {**SECRETS, **known}
    variables = {name: str(value) for name, value in block["variables"].items()}
    variables |= {name: macros(value, known) for name, value in step["env"].items()}
    shell.run(install["script"], environ)
    return shell.run(macros(step["script"], known), {**environ, **variables})


def test_guide__azure_repos(shell: GuideShell, serve: Serve) -> None:
    host = serve(AzureDevOps())
    log = azure(shell, {**env.AZURE_PUSH, "SYSTEM_COLLECTIONURI": host.url}, {"System.AccessToken": "azure-token"})

    assert [(env.PUSHED, "dbt Cloud", JOB_NAME, state) for state in ("pending", "succeeded")] == [
        (one.commit, one.genre, one.name, one.state) for one in host.statuses
    ]
    assert "GITHUB_TOKEN" not in log


def test_guide__azure_repos_pull_request(shell: GuideShell, serve: Serve) -> None:
    host = serve(AzureDevOps(pull_requests={12: PullRequest([env.HEAD])}))
    environ = {**env.AZURE_PULL_REQUEST, "SYSTEM_COLLECTIONURI": host.url}
    azure(shell, environ, {"System.AccessToken": "azure-token"})

    assert [
        (commit, number, state) for state in ("pending", "succeeded") for commit, number in (("", 12), (env.HEAD, 0))
    ] == [(one.commit, one.pull_request, one.state) for one in host.statuses]
    assert 12 == shell.body["azure_pull_request_id"]


AZURE_FOR_GITHUB = {**env.AZURE_FOR_GITHUB, "BUILD_REPOSITORY_NAME": "octocat/ci-detector"}


@pytest.fixture(params=cases(AZURE_FOR_GITHUB, "AzurePipelines", "AzurePipelinesPullRequest"))
def azure_for_github(request: pytest.FixtureRequest) -> dict[str, str]:
    return dict(request.param)


def test_guide__azure_pipelines_for_a_github_repository(
    shell: GuideShell, serve: Serve, azure_for_github: dict[str, str]
) -> None:
    environ = azure_for_github
    sha = environ.get("SYSTEM_PULLREQUEST_SOURCECOMMITID") or environ["BUILD_SOURCEVERSION"]
    host = serve(GitHub(token="ghp-token", repository="octocat/ci-detector"))
    job = {**environ, "AGENT_TEMPDIRECTORY": str(shell.work), "GITHUB_API_URL": host.url}
    azure(shell, job, {"GITHUB_TOKEN": "ghp-token", "System.AccessToken": "azure-token"})

    assert [
        (sha, NAME, "pending"),
        (sha, NAME, "success"),
    ] == [(one.sha, one.context, one.state) for one in host.statuses]
    assert (89 if environ["BUILD_REASON"] == "PullRequest" else None) == shell.body.get("github_pull_request_id")


def test_guide__azure_without_a_token_for_github_says_that_no_status_is_posted(shell: GuideShell) -> None:
    log = azure(shell, env.AZURE_FOR_GITHUB, {"System.AccessToken": "azure-token"})

    assert "No commit status: `GITHUB_TOKEN` is not set" in log


BITBUCKET_PULL_REQUEST = {**env.BITBUCKET_PULL_REQUEST, "BITBUCKET_PROJECT_KEY": "SH"}


def bitbucket(shell: GuideShell, host: Bitbucket, environ: Mapping[str, str], step: Mapping[str, Any]) -> None:
    variables = {**SECRETS, "BITBUCKET_API_URL": host.url, "BITBUCKET_ACCESS_TOKEN": "bitbucket-token"}
    shell.run("\n".join(step["script"]), {**environ, **variables})


@pytest.mark.parametrize("push", cases(env.BITBUCKET, "BitbucketPipelines"))
def test_guide__bitbucket(shell: GuideShell, serve: Serve, push: Mapping[str, str]) -> None:
    host = serve(Bitbucket(repository=push["BITBUCKET_REPO_FULL_NAME"]))
    (step,) = shell.adjust("bitbucket")["pipelines"]["branches"]["main"]
    bitbucket(shell, host, push, step["step"])

    assert [(push["BITBUCKET_COMMIT"], NAME, state) for state in ("INPROGRESS", "SUCCESSFUL")] == [
        (one.commit, one.name, one.state) for one in host.history
    ]
    assert "git_sha" not in shell.body


@pytest.mark.parametrize("pull_request", cases(BITBUCKET_PULL_REQUEST, "BitbucketPipelinesPullRequest"))
def test_guide__bitbucket_pull_request(shell: GuideShell, serve: Serve, pull_request: Mapping[str, str]) -> None:
    full = pull_request["BITBUCKET_COMMIT"].ljust(40, "0")
    host = serve(Bitbucket(repository=pull_request["BITBUCKET_REPO_FULL_NAME"], commits=(full,)))
    (step,) = shell.adjust("bitbucket")["pipelines"]["pull-requests"]["**"]
    bitbucket(shell, host, pull_request, step["step"])

    assert [(full, state, pull_request["BITBUCKET_BRANCH"]) for state in ("INPROGRESS", "SUCCESSFUL")] == [
        (one.commit, one.state, one.refname) for one in host.history
    ]
    number = int(pull_request["BITBUCKET_PR_ID"])
    assert f"DBT_CLOUD_PR_{pull_request['BITBUCKET_PROJECT_KEY']}_{number}" == shell.body["schema_override"]
    assert pull_request["BITBUCKET_BRANCH"] == shell.body["git_branch"]
    assert number == shell.body["non_native_pull_request_id"]


@pytest.mark.parametrize("token", ["", "ghs-token"], ids=["without a token", "with a token"])
@pytest.mark.parametrize("environ", cases(env.GITHUB_PUSH, "GitHubActions"))
def test_guide__github(shell: GuideShell, serve: Serve, environ: Mapping[str, str], token: str) -> None:
    host = serve(GitHub(token="ghs-token", repository=environ["GITHUB_REPOSITORY"]))
    block = shell.adjust("github")["jobs"]["run_dbt_job"]
    written = {name: str(value) for name, value in block["env"].items()}
    written |= {"DBT_API_KEY": CLOUD_TOKEN, "DBT_JOB_BRANCH": "test-github", "DBT_URL": shell.cloud.url}
    (script,) = [step["run"] for step in block["steps"] if "run" in step]
    log = shell.run(script, {**environ, **written, "GITHUB_API_URL": host.url, "GITHUB_TOKEN": token})

    states = [(one.sha, one.state) for one in host.statuses]
    assert ([(environ["GITHUB_SHA"], state) for state in ("pending", "success")] if token else []) == states
    assert ("No commit status" in log) is not bool(token)


@pytest.mark.parametrize("block", ["github", "gitlab", "azure", "bitbucket"])
def test_guide__has_all_variables_of_dbt_s_own_script(block: str) -> None:
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
def test_guide__keeps_its_old_python_and_our_page_has_its_line(block: str) -> None:
    text = (GUIDE / f"{block}.yml").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")
    lines = {
        line.strip().removeprefix("- ").removeprefix("run: ")
        for line in text.splitlines()
        if facts.REQUIREMENTS in line
    }

    assert OLD[block] in text
    (line,) = lines
    assert f"\n{line}\n" in page
