"""GitLab: statuses in the pipeline of the job, notes on the merge request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dbt_action.errors import ExitCode
from dbt_action.report.outcome import CommitState
from emulator.hosts import GitLab
from emulator.hosts.gitlab import Note, Pipeline
from tests.support import environments as env
from tests.support.host_cases import NAME, MakeCase, connected
from tests.support.platform_fixtures import Build, Serve
from tests.support.samples import HostSample
from tests.support.scripts import ENDLESS, RED

MakeBuild = Callable[..., Build]


def start(**settings: Any) -> GitLab:  # noqa: ANN401 - those of the emulator
    return GitLab(pipelines=(Pipeline(77, env.HEAD, "refs/merge-requests/7/head"),), **settings)


def environ(host: GitLab) -> Mapping[str, str]:
    return {**env.GITLAB_DETACHED, "CI_API_V4_URL": host.url, "GITLAB_TOKEN": "glpat-token"}


def chat(host: GitLab, words: list[str]) -> None:
    host.notes[7] = [Note(number, word, "jane") for number, word in enumerate(words, 1)]


SAMPLE = HostSample(
    start=start,
    environ=environ,
    by_hand=lambda host: {"CI_API_V4_URL": host.url, "DBT_REPOSITORY": "acme/shop"},
    words={
        CommitState.PENDING: "running",
        CommitState.SUCCESS: "success",
        CommitState.FAILURE: "failed",
        CommitState.ERROR: "failed",
        CommitState.CANCELLED: "canceled",
    },
    posted=lambda host: [asked.json["state"] for asked in host.requests if "/statuses/" in asked.path],
    shown=lambda host: [host.newest(env.HEAD, NAME).status],
    comments=lambda host: [note.body for note in host.notes.get(7, [])],
    chat=chat,
    longest_comment=1_000_000,
    field="gitlab_merge_request_id",
    number=7,
    odd_lists=({}, [1], [{}]),
    compares=True,
)


def test_gitlab__the_status_is_in_the_pipeline_of_the_job(build: MakeBuild, serve: Serve) -> None:
    pipelines = (Pipeline(77, env.MERGE, "refs/merge-requests/7/merge"), Pipeline(78, env.HEAD, "feature/x"))
    host = serve(GitLab(pipelines=pipelines))
    step = build().on(env.GITLAB_MERGED_RESULT, CI_API_V4_URL=host.url, GITLAB_TOKEN="glpat-token")

    assert ExitCode.OK is step.run()
    # The run builds the head; the pipeline is about the merge commit.
    assert env.HEAD == step.body["git_sha"]
    assert [(77, env.MERGE, "success")] == [(one.pipeline, one.sha, one.status) for one in host.statuses]
    assert 2 == len(host.pipelines)


def test_gitlab__a_status_of_another_commit_is_not_in_the_pipeline_of_the_job(build: MakeBuild, serve: Serve) -> None:
    host = serve(GitLab(pipelines=(Pipeline(77, env.PUSHED, "main"),)))
    step = build().on(env.GITLAB_PUSH, CI_API_V4_URL=host.url, GITLAB_TOKEN="glpat-token", DBT_GIT_SHA="d" * 40)

    assert ExitCode.OK is step.run()
    assert "success" == host.newest("d" * 40, NAME).status


def test_gitlab__a_pipeline_without_the_commit_is_left_out(build: MakeBuild, serve: Serve) -> None:
    host = serve(GitLab(pipelines=(Pipeline(1, env.PUSHED, "main"),)))
    step = build().on(env.GITLAB_PUSH, CI_API_V4_URL=host.url, GITLAB_TOKEN="glpat-token")

    assert ExitCode.OK is step.run()
    assert (1, "success") == (host.newest(env.PUSHED, NAME).pipeline, host.newest(env.PUSHED, NAME).status)
    assert "could not be posted" not in step.log


def test_gitlab__outside_of_its_pipeline_the_status_is_on_the_head(build: MakeBuild, serve: Serve) -> None:
    host = serve(GitLab(pipelines=(Pipeline(78, env.HEAD, "feature/x"),)))
    step = build().on(env.GITLAB_MERGED_RESULT, CI_API_V4_URL=host.url, GITLAB_TOKEN="glpat-token")

    assert ExitCode.OK is step.run()
    assert [(78, env.HEAD, "feature/x", "success")] == [
        (one.pipeline, one.sha, one.ref, one.status) for one in host.statuses
    ]
    # No pipeline was opened for the merge commit, which is on no branch.
    assert 1 == len(host.pipelines)


def test_gitlab__a_status_that_exists_already_is_no_failure(make_case: MakeCase) -> None:
    case = make_case("gitlab")
    warnings: list[str] = []
    assert connected(case.environ, warnings).set_status(CommitState.PENDING, "Started", "") is True
    # Another process, such as a retried job, does not know what the first one has posted.
    assert connected(case.environ, warnings).set_status(CommitState.PENDING, "Started", "") is True

    assert ["running", "running"] == [asked.json["state"] for asked in case.host.requests]
    assert [] == warnings


def test_gitlab__other_refusals_of_a_transition_are_a_warning(make_case: MakeCase) -> None:
    case = make_case("gitlab")
    message = "Cannot transition status via :drop from :archived"
    case.host.faults.add(kind="status", code=400, body={"message": message}, times=None)
    warnings: list[str] = []
    connected(case.environ, warnings).set_status(CommitState.FAILURE, "Failed", "")

    assert message in warnings[0]


def test_gitlab__without_waiting_no_running_status_is_left_in_the_pipeline(
    build: MakeBuild, make_case: MakeCase
) -> None:
    case = make_case("gitlab")

    assert ExitCode.OK is build(ENDLESS).on(case.environ, DBT_WAIT="false").run()
    assert ["skipped"] == case.posted


def test_gitlab__a_token_with_too_weak_a_role_is_a_warning_with_the_role(build: MakeBuild, make_case: MakeCase) -> None:
    case = make_case("gitlab", weak=frozenset({"bot"}))
    step = build().on(case.environ)

    assert ExitCode.OK is step.run()
    assert "role Developer" in step.log


def test_gitlab__the_note_of_a_fork_is_in_the_project_that_the_merge_request_is_for(
    build: MakeBuild, serve: Serve
) -> None:
    host = serve(GitLab(project="1300", path="jane/shop", pipelines=(Pipeline(77, env.HEAD, "x"),)))
    host.also = ("1217",)
    fork = {**env.GITLAB_FORK, "CI_PROJECT_ID": "1300", "CI_PROJECT_PATH": "jane/shop"}
    step = build(RED).on(fork, CI_API_V4_URL=host.url, GITLAB_TOKEN="glpat-token", DBT_COMMENT="always")

    assert ExitCode.FAILED is step.run(DBT_ALLOW_FORKS="true")
    assert {"1217"} == {asked.path.split("/")[4] for asked in host.requests if "/notes" in asked.path}
    assert {"1300"} == {asked.path.split("/")[4] for asked in host.requests if "/statuses/" in asked.path}
