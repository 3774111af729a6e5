"""The field of the trigger in which the pull request's number is sent: chosen by the host, or by an input."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dbt_action.errors import ExitCode
from tests.support import environments as env
from tests.support.platform_fixtures import Build

FIELDS = {"github_pull_request_id", "gitlab_merge_request_id", "azure_pull_request_id", "non_native_pull_request_id"}


@pytest.mark.parametrize(
    "environ,field,number",
    [
        pytest.param(env.GITLAB_DETACHED, "gitlab_merge_request_id", 7, id="gitlab"),
        pytest.param(env.GITLAB_EXTERNAL, "github_pull_request_id", 43, id="github repository in gitlab"),
        pytest.param(env.AZURE_PULL_REQUEST, "azure_pull_request_id", 12, id="azure repos"),
        pytest.param(env.AZURE_FOR_GITHUB, "github_pull_request_id", 89, id="github repository in azure"),
        pytest.param(env.BITBUCKET_PULL_REQUEST, "non_native_pull_request_id", 2, id="bitbucket"),
    ],
)
def test_field__follows_from_the_host(
    build: Callable[..., Build], environ: dict[str, str], field: str, number: int
) -> None:
    step = build().on(environ)

    assert ExitCode.OK is step.run()
    assert {field: number} == {name: value for name, value in step.body.items() if name in FIELDS}


@pytest.mark.parametrize(
    "word,field",
    [
        ("github", "github_pull_request_id"),
        ("gitlab", "gitlab_merge_request_id"),
        ("azure", "azure_pull_request_id"),
        ("non-native", "non_native_pull_request_id"),
    ],
)
def test_field__can_be_chosen(build: Callable[..., Build], word: str, field: str) -> None:
    step = build().on(env.GITLAB_DETACHED)

    assert ExitCode.OK is step.run(DBT_PULL_REQUEST_FIELD=word)
    assert {field: 7} == {name: value for name, value in step.body.items() if name in FIELDS}


def test_field__is_not_sent_for_none(build: Callable[..., Build]) -> None:
    step = build().on(env.GITLAB_DETACHED)

    assert ExitCode.OK is step.run(DBT_PULL_REQUEST="none")
    assert set() == FIELDS & set(step.body)


def test_field__an_unknown_name_is_a_problem_of_the_inputs(build: Callable[..., Build]) -> None:
    step = build().on(env.GITLAB_DETACHED)

    assert ExitCode.CONFIG is step.run(DBT_PULL_REQUEST_FIELD="svn")
    assert "`pull-request-field`" in step.log
    assert () == step.cloud.requests


def test_schema__auto_contains_the_number_from_every_host(build: Callable[..., Build]) -> None:
    step = build().on(env.BITBUCKET_PULL_REQUEST)
    step.run(DBT_SCHEMA_OVERRIDE="auto")

    assert f"dbt_cloud_pr_{step.cloud.job_id}_2" == step.body["schema_override"]
