"""What the vendors' official clients read after a build: they know neither the product nor the emulator.

They are development dependencies only; without one its test is skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dbt_action.errors import ExitCode
from emulator.hosts import AzureDevOps, Bitbucket, GitLab
from emulator.hosts.azure_devops import PullRequest
from emulator.hosts.gitlab import Pipeline
from tests.support import environments as env
from tests.support.platform_fixtures import Build, Serve
from tests.support.scripts import RED
from tests.support.workflow_step import JOB_NAME

NAME = f"dbt Cloud / {JOB_NAME}"
MakeBuild = Callable[..., Build]


def test_python_gitlab__sees_the_status_and_the_note(build: MakeBuild, serve: Serve) -> None:
    gitlab = pytest.importorskip("gitlab")
    host = serve(GitLab(pipelines=(Pipeline(77, env.HEAD, "refs/merge-requests/7/head"),)))
    step = build(RED).on(env.GITLAB_DETACHED, CI_API_V4_URL=host.url, GITLAB_TOKEN="glpat-token", DBT_COMMENT="always")
    assert ExitCode.FAILED is step.run()

    with gitlab.Gitlab(host.root, private_token="glpat-token") as client:
        project = client.projects.get(1217, lazy=True)
        (status,) = project.commits.get(env.HEAD, lazy=True).statuses.list(get_all=True)
        (note,) = project.mergerequests.get(7, lazy=True).notes.list(get_all=True)

    assert ("failed", NAME, 77) == (status.status, status.name, status.pipeline_id)
    assert "not_null_orders_id.abc failed" in status.description
    assert status.target_url.endswith(f"/runs/{step.cloud.runs[0].id}/")
    assert "not\\_null\\_orders\\_id" in note.body


def test_python_gitlab__is_refused_by_the_emulator_as_by_gitlab(serve: Serve) -> None:
    """The emulator has the same rules for a client other than the product."""
    gitlab = pytest.importorskip("gitlab")
    host = serve(GitLab(pipelines=(Pipeline(77, env.HEAD, "main"),)))

    with gitlab.Gitlab(host.root, private_token="glpat-token") as client:
        statuses = client.projects.get(1217, lazy=True).commits.get(env.HEAD, lazy=True).statuses
        statuses.create({"state": "running", "name": NAME})
        with pytest.raises(gitlab.exceptions.GitlabCreateError, match="Cannot transition status via :run") as refused:
            statuses.create({"state": "running", "name": NAME})
        with pytest.raises(gitlab.exceptions.GitlabCreateError) as lost:
            statuses.create({"state": "success", "name": NAME, "pipeline_id": 78})

    assert (400, 404) == (refused.value.response_code, lost.value.response_code)


def test_atlassian_python_api__sees_the_build_status(build: MakeBuild, serve: Serve) -> None:
    cloud_module = pytest.importorskip("atlassian.bitbucket.cloud")
    host = serve(Bitbucket(commits=(env.HEAD,)))
    step = build(RED).on(
        env.BITBUCKET_PULL_REQUEST, BITBUCKET_API_URL=host.url, BITBUCKET_ACCESS_TOKEN="bitbucket-token"
    )
    assert ExitCode.FAILED is step.run()

    client = cloud_module.Cloud(url=f"{host.root}/", token="bitbucket-token")
    answer = client.get(f"repositories/acme/shop/commit/{env.HEAD}")
    client.close()
    commits = pytest.importorskip("atlassian.bitbucket.cloud.repositories.commits")
    commit = commits.Commit(answer, token="bitbucket-token", cloud=True)
    (one,) = commit.builds()
    by_key = commit.get_build(one.key)
    commit.close()

    assert (True, NAME) == (one.failed, one.name)
    assert "not_null_orders_id.abc failed" in by_key.description


def test_azure_devops__sees_the_statuses_and_the_thread(
    build: MakeBuild, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It caches what it learns about a server, by default in the home directory.
    monkeypatch.setenv("AZURE_DEVOPS_CACHE_DIR", str(tmp_path / "cache"))
    git_client = pytest.importorskip("azure.devops.v7_1.git.git_client")
    authentication = pytest.importorskip("msrest.authentication")
    host = serve(AzureDevOps(pull_requests={12: PullRequest(["1" * 40, env.HEAD])}))
    step = build(RED).on(
        env.AZURE_PULL_REQUEST, SYSTEM_COLLECTIONURI=host.url, SYSTEM_ACCESSTOKEN="azure-token", DBT_COMMENT="always"
    )
    assert ExitCode.FAILED is step.run()

    credentials = authentication.BasicAuthentication("", "azure-token")
    client = git_client.GitClient(base_url=host.url.rstrip("/"), creds=credentials)
    repository = {"repository_id": env.REPOSITORY_ID, "project": "Data Platform"}
    (on_commit,) = client.get_statuses(commit_id=env.HEAD, latest_only=True, **repository)
    on_pull_request = client.get_pull_request_statuses(pull_request_id=12, **repository)
    (thread,) = client.get_threads(pull_request_id=12, **repository)

    assert ("failed", "dbt Cloud", JOB_NAME) == (on_commit.state, on_commit.context.genre, on_commit.context.name)
    assert [("pending", 2), ("failed", 2)] == [(one.state, one.iteration_id) for one in on_pull_request]
    assert "not_null_orders_id.abc failed" in on_pull_request[-1].description
    assert ("closed", True) == (thread.status, "not\\_null\\_orders\\_id" in thread.comments[0].content)
