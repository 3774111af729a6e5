"""The user says where the code lives: in a terminal, in an unknown CI, or for another repository than the CI's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from dbt_action.app import ROWS
from dbt_action.config import loader
from dbt_action.dbt_cloud import run_request
from dbt_action.errors import ExitCode
from dbt_action.report.outcome import CommitState
from emulator.hosts import GitLab
from emulator.hosts.gitlab import Pipeline
from tests.ci.conftest import context
from tests.support import environments as env
from tests.support import repository
from tests.support.host_cases import NAME, Case, MakeCase
from tests.support.platform_fixtures import Build, Serve
from tests.support.samples import HOSTS
from tests.support.scripts import RED

MakeBuild = Callable[..., Build]

URL = {"DBT_URL": "https://ab123.us1.dbt.com"}


@pytest.fixture(params=HOSTS)
def by_hand(request: pytest.FixtureRequest, make_case: MakeCase) -> Case:
    """A terminal in which the user gives everything that a CI would know."""
    case = make_case(request.param)
    token = {case.token: case.environ[case.token]}
    environ = {"DBT_CODE_HOST": case.key, "DBT_GIT_SHA": env.HEAD, **token, **case.sample.by_hand(case.host)}
    return Case(case.key, case.host, environ)


def test_status__is_posted_where_the_user_says(build: MakeBuild, by_hand: Case) -> None:
    step = build().on(by_hand.environ, DBT_PULL_REQUEST=str(by_hand.sample.number))

    assert ExitCode.OK is step.run()
    assert by_hand.words(CommitState.PENDING, CommitState.SUCCESS) == by_hand.posted
    assert by_hand.sample.number == step.body[by_hand.sample.field]
    assert "No commit status" not in step.log


def test_comment__is_written_where_the_user_says(build: MakeBuild, by_hand: Case) -> None:
    step = build(RED).on(by_hand.environ, DBT_PULL_REQUEST=str(by_hand.sample.number), DBT_COMMENT="always")

    assert ExitCode.FAILED is step.run()
    (comment,) = by_hand.comments
    assert "not\\_null\\_orders\\_id" in comment


def test_status__of_a_branch_that_the_user_builds_needs_no_pull_request(build: MakeBuild, by_hand: Case) -> None:
    assert ExitCode.OK is build().on(by_hand.environ).run()
    assert set(by_hand.words(CommitState.PENDING, CommitState.SUCCESS)) == set(by_hand.posted)


def test_another_repository__has_nothing_of_the_pipeline_that_this_runs_in(build: MakeBuild, serve: Serve) -> None:
    """The number of this project, its pipeline and its merge request are not those of the other one."""
    host = serve(GitLab(project="9", path="acme/other", pipelines=(Pipeline(5, env.HEAD, "main"),)))
    environ = {**env.GITLAB_MERGED_RESULT, "CI_API_V4_URL": host.url, "GITLAB_TOKEN": "glpat-token"}
    step = build().on(environ, DBT_REPOSITORY="acme/other", DBT_CODE_HOST="gitlab")

    assert ExitCode.OK is step.run()
    assert [(5, env.HEAD, "success")] == [(one.pipeline, one.sha, one.status) for one in host.statuses]
    assert "Commit Not Found" not in step.log


def test_another_repository__has_no_pull_request_of_this_one(build: MakeBuild, serve: Serve) -> None:
    """Number 7 is another pull request there; the commit that the user gives is one of the other repository."""
    host = serve(GitLab(project="9", path="acme/other", pipelines=(Pipeline(5, "d" * 40, "main"),)))
    environ = {**env.GITLAB_DETACHED, "CI_API_V4_URL": host.url, "GITLAB_TOKEN": "glpat-token"}
    step = build(RED).on(environ, DBT_REPOSITORY="acme/other", DBT_GIT_SHA="d" * 40, DBT_COMMENT="always")

    assert ExitCode.FAILED is step.run()
    assert {} == host.notes
    assert [("d" * 40, "failed")] == [(one.sha, one.status) for one in host.statuses]
    assert "gitlab_merge_request_id" not in step.body


def test_the_same_repository__in_other_letters_keeps_everything(build: MakeBuild, serve: Serve) -> None:
    host = serve(GitLab(pipelines=(Pipeline(77, env.MERGE, "refs/merge-requests/7/merge"),)))
    environ = {**env.GITLAB_MERGED_RESULT, "CI_API_V4_URL": host.url, "GITLAB_TOKEN": "glpat-token"}
    step = build().on(environ, DBT_REPOSITORY="Acme/Shop")

    assert ExitCode.OK is step.run()
    assert [(77, env.MERGE, "success")] == [(one.pipeline, one.sha, one.status) for one in host.statuses]
    assert 7 == step.body["gitlab_merge_request_id"]


def test_comment__alone_needs_no_commit(build: MakeBuild, by_hand: Case) -> None:
    environ = {**by_hand.environ, "DBT_GIT_SHA": "", "DBT_BRANCH": "main", "DBT_COMMIT_STATUS": "false"}
    step = build(RED).on(environ, DBT_PULL_REQUEST=str(by_hand.sample.number), DBT_COMMENT="always")

    assert ExitCode.FAILED is step.run()
    assert 1 == len(by_hand.comments)
    assert [] == by_hand.posted
    assert "No commit status" not in step.log


def test_comment__alone_without_a_token_says_that_there_is_none(build: MakeBuild, by_hand: Case) -> None:
    environ = {**by_hand.environ, "DBT_COMMIT_STATUS": "false", by_hand.token: ""}
    step = build(RED).on(environ, DBT_PULL_REQUEST=str(by_hand.sample.number), DBT_COMMENT="always")
    step.run()

    assert 1 == step.log.count(f"No comment: `{by_hand.token}` is not set")
    assert "No commit status" not in step.log


def test_pull_request__given_by_the_user_does_not_move_the_status_from_the_given_commit(
    build: MakeBuild, serve: Serve
) -> None:
    host = serve(GitLab(pipelines=(Pipeline(77, env.PUSHED, "main"),)))
    environ = {**env.GITLAB_PUSH, "CI_API_V4_URL": host.url, "GITLAB_TOKEN": "glpat-token"}
    step = build().on(environ, DBT_PULL_REQUEST="7", DBT_GIT_SHA=env.HEAD)

    assert ExitCode.OK is step.run()
    assert "success" == host.newest(env.HEAD, NAME).status


@pytest.mark.parametrize(
    "environ",
    [{}, {**env.AZURE_PUSH, "BUILD_REPOSITORY_PROVIDER": "Git"}],
    ids=["a terminal", "Azure Pipelines for some git server"],
)
def test_nothing_known__is_one_line_that_names_the_inputs(build: MakeBuild, environ: dict[str, str]) -> None:
    step = build().on(environ, DBT_RUN_ON="job")

    assert ExitCode.OK is step.run()
    (line,) = [line for line in step.log.splitlines() if "No commit status" in line]
    assert "`code-host` (`DBT_CODE_HOST`)" in line
    assert ("`repository` (`DBT_REPOSITORY`)" in line) is not bool(environ)
    assert "Warning" not in line


def test_nothing_known__and_nothing_wanted_is_no_line(build: MakeBuild) -> None:
    step = build().on(DBT_RUN_ON="job", DBT_COMMIT_STATUS="false")

    assert ExitCode.OK is step.run()
    assert "No commit status" not in step.log


@pytest.mark.parametrize(
    "variables,missing",
    [
        ({"DBT_REPOSITORY": "Data Platform/shop"}, "SYSTEM_COLLECTIONURI"),
        ({"DBT_REPOSITORY": "shop", "SYSTEM_COLLECTIONURI": "https://dev.azure.com/acme/"}, "SYSTEM_TEAMPROJECT"),
    ],
)
def test_azure__what_is_missing_is_named(build: MakeBuild, variables: dict[str, str], missing: str) -> None:
    step = build().on(variables, DBT_CODE_HOST="azure", SYSTEM_ACCESSTOKEN="azure-token", DBT_GIT_SHA=env.HEAD)

    assert ExitCode.OK is step.run()
    assert 1 == step.log.count(f"No commit status: `{missing}` is not set")


def test_problems__are_reported_together_with_their_variables(build: MakeBuild) -> None:
    """Pipeline files set variables, not inputs."""
    step = build().on(DBT_TOKEN="", DBT_JOB_ID="", DBT_REPOSITORY="https://github.com/acme/shop", DBT_RUN_ON="commit")

    assert ExitCode.CONFIG is step.run()
    for words in (
        "`dbt-token` (`DBT_TOKEN`) is missing",
        "`job-id` (`DBT_JOB_ID`) is missing",
        "`repository` (`DBT_REPOSITORY`) is 'https://github.com/acme/shop', which is an address",
        "Give `git-sha` (`DBT_GIT_SHA`)",
    ):
        assert words in step.log


@pytest.mark.parametrize("fork", [env.GITLAB_FORK, {**env.AZURE_PULL_REQUEST, "SYSTEM_PULLREQUEST_ISFORK": "True"}])
def test_problems__of_a_fork_do_not_ask_for_a_token(build: MakeBuild, fork: dict[str, str]) -> None:
    step = build().on(fork, DBT_TOKEN="")

    assert ExitCode.CONFIG is step.run()
    assert "hands no secrets to those" in step.log
    assert "Create a service token" not in step.log


def test_another_repository__has_nothing_of_the_context_of_this_one() -> None:
    settings = loader.read(
        {**URL, "DBT_TOKEN": "t", "DBT_ACCOUNT_ID": "1", "DBT_JOB_ID": "3", "DBT_CODE_HOST": "github"}, ROWS
    )
    found = run_request.with_user_choices(
        settings, context({**env.GITLAB_DETACHED, "CI_PROJECT_VISIBILITY": "private"})
    )

    assert ("github", "acme/shop", True) == (found.host, found.repository, found.public)
    assert ("", "", "", None) == (found.commit_url, found.file_url, found.server, found.pull_request)


@pytest.mark.skipif(os.name == "nt", reason="a script for sh")
@pytest.mark.parametrize("branch,number", [("feature/x", "7"), ("", "")], ids=["pull request", "branch"])
def test_jenkins__the_script_of_the_docs_finds_commit_and_pull_request(
    tmp_path: Path, branch: str, number: str
) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "platforms.md").read_text(encoding="utf-8")
    script = page.split("sh '''")[1].split("'''")[0].replace("exec dbt-cloud-run", "env")
    git = partial(repository.git, tmp_path)
    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "-m", "head")
    head = git("rev-parse", "HEAD")
    git("update-ref", "refs/remotes/origin/feature/x", head)
    git("commit", "--quiet", "--allow-empty", "-m", "merge")
    merge = git("rev-parse", "HEAD")
    environ = {**os.environ, "GIT_COMMIT": merge, "CHANGE_BRANCH": branch, "CHANGE_ID": number}
    done = subprocess.run(
        ["sh", "-e", "-c", script], cwd=tmp_path, env=environ, check=True, capture_output=True, text=True
    )

    assert f"DBT_GIT_SHA={head if branch else merge}\n" in done.stdout
    assert f"DBT_PULL_REQUEST={number or 'none'}\n" in done.stdout
