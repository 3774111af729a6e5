"""Which CI is recognised, and that an explicit choice beats it."""

from __future__ import annotations

import io
from typing import Any

import pytest

from dbt_action import ci, elsewhere
from tests.platforms import environments as env

WORDS = ("github", "gitlab", "azure", "bitbucket", "none")


def detected(environ: dict[str, str]) -> str:
    return ci.detect(environ, io.StringIO()).key


@pytest.mark.parametrize(
    "environ,expected",
    [
        pytest.param({}, "none", id="nothing"),
        pytest.param({"CI": "true"}, "none", id="CI alone means nothing"),
        pytest.param({"GITHUB_ACTIONS": "true"}, "github", id="github"),
        pytest.param({"GITLAB_CI": "true"}, "gitlab", id="gitlab"),
        pytest.param({"GITLAB_CI": "false"}, "gitlab", id="gitlab-ci-local says false"),
        pytest.param({"GITLAB_CI": ""}, "none", id="an empty variable"),
        pytest.param({"TF_BUILD": "True"}, "azure", id="azure"),
        pytest.param({"BITBUCKET_BUILD_NUMBER": "5"}, "bitbucket", id="bitbucket"),
        pytest.param({"BITBUCKET_PIPELINE_UUID": "{0}"}, "bitbucket", id="a pipe"),
        pytest.param({"CI_COMMIT_SHA": "a", "CI_COMMIT_BRANCH": "b"}, "none", id="woodpecker's names"),
        pytest.param({"GITHUB_ACTIONS": "true", "GITLAB_CI": "true"}, "github", id="a variable of somebody else"),
        pytest.param({"TF_BUILD": "True", "GITLAB_CI": "true"}, "azure", id="azure before gitlab"),
    ],
)
def test_detect__by_variables(environ: dict[str, str], expected: str) -> None:
    assert detected(environ) == expected


@pytest.mark.parametrize("choice", WORDS)
@pytest.mark.parametrize("environ", [{}, env.GITLAB_PUSH, env.AZURE_PUSH, env.BITBUCKET], ids=lambda e: str(len(e)))
def test_detect__an_explicit_choice_beats_it(choice: str, environ: dict[str, str]) -> None:
    assert detected({**environ, "DBT_CI": choice.upper()}) == choice


def test_detect__auto_and_unknown_words_leave_it_to_the_variables() -> None:
    assert detected({**env.GITLAB_PUSH, "DBT_CI": "auto"}) == "gitlab"
    assert detected({**env.GITLAB_PUSH, "DBT_CI": "jenkins"}) == "gitlab"


def test_choices__are_the_platforms() -> None:
    (row,) = [row for row in elsewhere.INPUTS if row.name == "ci"]

    assert set(row.choices) == {"auto", *WORDS} == {"auto", *(kind.key for kind in ci.KNOWN)}


@pytest.mark.parametrize(
    "job,expected",
    [
        ("GitHubActions", "github"),
        ("GitHubActionsPullRequest", "github"),
        ("GitLab", "gitlab"),
        ("GitLab9", "gitlab"),
        ("GitLabMergeRequest", "gitlab"),
        ("GitLabExternalPullRequest", "gitlab"),
        ("gitlab_ci_local_4.75.1_push", "gitlab"),
        ("AzurePipelines", "azure"),
        ("AzurePipelinesPullRequest", "azure"),
        ("BitbucketPipelines", "bitbucket"),
        ("BitbucketPipelinesPullRequest", "bitbucket"),
        ("Jenkins", "none"),
        ("CirclePullRequest", "none"),
        ("not_detected", "none"),
    ],
)
def test_detect__recorded_jobs(recorded: dict[str, Any], job: str, expected: str) -> None:
    assert detected(recorded[job]) == expected
