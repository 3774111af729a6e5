"""What each CI knows about the build: commit, branch, pull request, fork, host, links; from its variables."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dbt_action import ci
from dbt_action.context import CiContext
from tests.platforms import environments as env


def context(environ: Mapping[str, str]) -> CiContext:
    return ci.detect(environ, io.StringIO()).context()


def summary(found: CiContext) -> tuple[str, str, str, str, int, str]:
    """Host, commit, branch, tag, pull request and its target."""
    pull = found.pull_request
    return (
        found.host,
        found.sha,
        found.branch,
        found.tag,
        pull.number if pull else 0,
        pull.base_branch if pull else "",
    )


@pytest.mark.parametrize(
    "environ,expected",
    [
        pytest.param(env.GITLAB_PUSH, ("gitlab", env.PUSHED, "main", "", 0, ""), id="gitlab push"),
        pytest.param(env.GITLAB_TAG, ("gitlab", env.PUSHED, "", "v1", 0, ""), id="gitlab tag"),
        pytest.param(env.GITLAB_DETACHED, ("gitlab", env.HEAD, "feature/x", "", 7, "main"), id="gitlab detached"),
        pytest.param(
            env.GITLAB_MERGED_RESULT, ("gitlab", env.HEAD, "feature/x", "", 7, "main"), id="gitlab merged result"
        ),
        pytest.param(env.GITLAB_EXTERNAL, ("github", env.HEAD, "feature/x", "", 43, "main"), id="gitlab for github"),
        pytest.param(env.AZURE_PUSH, ("azure", env.PUSHED, "feature/x", "", 0, ""), id="azure push"),
        pytest.param(env.AZURE_PULL_REQUEST, ("azure", env.HEAD, "feature/x", "", 12, "main"), id="azure pull request"),
        pytest.param(
            {**env.AZURE_PUSH, "BUILD_SOURCEBRANCH": "refs/tags/v1"},
            ("azure", env.PUSHED, "", "v1", 0, ""),
            id="azure tag",
        ),
        pytest.param(
            {**env.AZURE_PUSH, "BUILD_REPOSITORY_PROVIDER": "Git"},
            ("", env.PUSHED, "feature/x", "", 0, ""),
            id="azure for some git server",
        ),
        pytest.param(
            {**env.AZURE_PULL_REQUEST, "BUILD_REPOSITORY_PROVIDER": "bitbucket"},
            ("bitbucket", env.HEAD, "feature/x", "", 12, "main"),
            id="azure for bitbucket",
        ),
        pytest.param(env.BITBUCKET, ("bitbucket", env.PUSHED, "main", "", 0, ""), id="bitbucket push"),
        pytest.param(
            {**env.BITBUCKET, "BITBUCKET_BRANCH": "", "BITBUCKET_TAG": "v1"},
            ("bitbucket", env.PUSHED, "", "v1", 0, ""),
            id="bitbucket tag",
        ),
        pytest.param({}, ("", "", "", "", 0, ""), id="terminal"),
    ],
)
def test_context__of_each_event(environ: dict[str, str], expected: tuple[str, str, str, str, int, str]) -> None:
    assert summary(context(environ)) == expected


@pytest.mark.parametrize(
    "job,expected",
    [
        (
            "GitLab9",
            ("gitlab", "5d25f4849bbd812e4e64e78d4aaa94a72e6cab5c", "test-gitlab", "", 0, ""),
        ),
        (
            "gitlab_ci_local_4.75.1_push",
            ("gitlab", "b8709816bbbcb1e9372aafc80582825a414f7fe2", "main", "", 7, ""),
        ),
        (
            "AzurePipelines",
            ("github", "6411f07f6cd88db7fc4f26edae51cf091eb707e1", "test-azure-pipelines", "", 0, ""),
        ),
        (
            "AzurePipelinesPullRequest",
            ("github", "db49327fe5e5bfea81fb88cdbbf24e283538c395", "feature/azure-pipelines", "", 89, "main"),
        ),
        (
            "BitbucketPipelines",
            ("bitbucket", "c4f71a535de986600303936780f815721ebbe0c5", "main", "", 0, ""),
        ),
        (
            "BitbucketPipelinesPullRequest",
            ("bitbucket", "8d081548cabb", "feature/bitbucket", "", 2, "main"),
        ),
    ],
)
def test_context__of_recorded_jobs(
    recorded: dict[str, Any],
    job: str,
    expected: tuple[str, str, str, str, int, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)

    assert summary(context(recorded[job])) == expected


def test_context__a_gitlab_of_2016_is_recognised_without_a_commit(recorded: dict[str, Any]) -> None:
    assert context(recorded["GitLab"]).sha == ""
    external = context(recorded["GitLabExternalPullRequest"])
    assert (external.host, external.pull_request and external.pull_request.number) == ("github", 43)
    # The number of the instance is not that of the merge request.
    assert context(recorded["GitLabMergeRequest"]).pull_request is None


@pytest.mark.parametrize(
    "environ,fork",
    [
        pytest.param(env.GITLAB_DETACHED, False, id="gitlab"),
        pytest.param(env.GITLAB_FORK, True, id="gitlab fork"),
        pytest.param(
            {**env.GITLAB_EXTERNAL, "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY": "else/shop"}, True, id="external fork"
        ),
        pytest.param(env.GITLAB_EXTERNAL, False, id="external"),
        pytest.param(env.AZURE_PULL_REQUEST, False, id="azure"),
        pytest.param({**env.AZURE_PULL_REQUEST, "SYSTEM_PULLREQUEST_ISFORK": "True"}, True, id="azure fork"),
        pytest.param(env.BITBUCKET_PULL_REQUEST, False, id="bitbucket runs nothing for forks"),
    ],
)
def test_context__knows_forks(
    environ: dict[str, str], *, fork: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = context(environ)

    assert found.pull_request
    assert found.pull_request.fork is fork
    assert bool(found.secrets_withheld) is fork


def test_context__azure_never_takes_the_merge_commit_for_the_head() -> None:
    old = {**env.AZURE_PULL_REQUEST, "SYSTEM_PULLREQUEST_SOURCECOMMITID": ""}
    told = {**old, "BUILD_SOURCEVERSIONMESSAGE": f"Merge {env.HEAD} into {env.PUSHED}"}

    assert context(old).sha == ""
    assert context(told).sha == env.HEAD


def test_context__links() -> None:
    gitlab, azure, bitbucket = (context(e) for e in (env.GITLAB_PUSH, env.AZURE_PUSH, env.BITBUCKET))

    assert gitlab.build_url == "https://gitlab.example/acme/shop/-/jobs/9001"
    assert gitlab.commit_url == f"https://gitlab.example/acme/shop/-/commit/{env.PUSHED}"
    assert gitlab.file_url == f"https://gitlab.example/acme/shop/-/blob/{env.PUSHED}/{{path}}"
    assert azure.build_url == (
        "https://dev.azure.com/acme/Data%20Platform/_build/results?buildId=33&view=logs"
        "&j=12f1170f-54f2-53f3-20dd-22fc7dff55f9&t=5caf77c8-9b10-50ef-b5c7-ca89c63e1c86"
    )
    # Without the user that the repository's address may hold.
    assert azure.commit_url == f"https://dev.azure.com/acme/Data%20Platform/_git/shop/commit/{env.PUSHED}"
    assert bitbucket.build_url == (
        "https://bitbucket.org/acme/shop/pipelines/results/5/steps/%7B0d5e3dfb-0000-4000-8000-5e1f5b1c9a01%7D"
    )
    assert bitbucket.commit_url == f"https://bitbucket.org/acme/shop/commits/{env.PUSHED}"


def test_context__attempts_where_the_platform_counts_them() -> None:
    assert context({**env.AZURE_PUSH, "SYSTEM_JOBATTEMPT": "2"}).attempt == 2
    assert context({**env.BITBUCKET, "BITBUCKET_STEP_RUN_NUMBER": "3"}).attempt == 3
    assert context(env.GITLAB_PUSH).attempt == 1


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout as Bitbucket makes it for a pull request: HEAD is a merge, the source commit is below it."""

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=Jane", "-c", "user.email=jane@example.com")
        done = subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "--quiet", "--initial-branch", "main")
    git("commit", "--quiet", "--allow-empty", "-m", "begin")
    git("checkout", "--quiet", "-b", "feature/x")
    git("commit", "--quiet", "--allow-empty", "-m", "work")
    (tmp_path / "source").write_text(git("rev-parse", "HEAD"))
    git("checkout", "--quiet", "main")
    git("merge", "--quiet", "--no-ff", "-m", "merge", "feature/x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_context__bitbucket_expands_the_commit_by_git_and_not_to_the_merge(checkout: Path) -> None:
    source = (checkout / "source").read_text()
    found = context({**env.BITBUCKET_PULL_REQUEST, "BITBUCKET_COMMIT": source[:12]})

    assert found.sha == source
    assert found.pull_request
    assert found.pull_request.head_sha == source


@pytest.mark.parametrize("commit", ["0123456789ab", "--help", "main", ""])
def test_context__bitbucket_leaves_what_git_does_not_know(checkout: Path, commit: str) -> None:
    assert checkout.exists()
    assert context({**env.BITBUCKET_PULL_REQUEST, "BITBUCKET_COMMIT": commit}).sha == commit


def test_context__bitbucket_without_git_keeps_the_short_commit(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = (checkout / "source").read_text()[:12]
    monkeypatch.setenv("PATH", str(checkout))

    assert context({**env.BITBUCKET_PULL_REQUEST, "BITBUCKET_COMMIT": short}).sha == short
