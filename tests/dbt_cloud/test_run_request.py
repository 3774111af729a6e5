"""The request for a run: the body with its types, commit or branch, the schema, the cause."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.config.choices import RunOn
from dbt_action.config.context import PullRequest
from dbt_action.dbt_cloud import marker, run_request
from dbt_action.errors import ConfigError
from tests.support.values import a_config, a_context

NONCE = "abcdef"
HEAD = "b" * 40
PULL = PullRequest(number=7, head_sha=HEAD, head_branch="feature/a")
IN_PULL_REQUEST = {"event": "pull_request", "sha": HEAD, "branch": "feature/a", "pull_request": PULL}


def body(context: dict[str, Any] | None = None, **inputs: str) -> dict[str, Any]:
    """The body of the trigger."""
    return run_request.build(a_config(**inputs), a_context(**(context or {})), nonce=NONCE).body()


def test_body__has_only_commit_and_cause_by_default() -> None:
    assert {"cause", "git_sha"} == set(body())


def test_body__has_every_override_with_its_type() -> None:
    sent = body(
        schema_override="ci",
        steps_override="dbt seed\ndbt run",
        dbt_version_override="latest",
        target_name_override="ci",
        threads_override="8",
        generate_docs_override="false",
        timeout_seconds_override="600",
        pull_request="7",
        run_on="job",
    )
    del sent["cause"]

    assert {
        "schema_override": "ci",
        "steps_override": ["dbt seed", "dbt run"],
        "dbt_version_override": "latest",
        "target_name_override": "ci",
        "threads_override": 8,
        "generate_docs_override": False,
        "timeout_seconds_override": 600,
        "github_pull_request_id": 7,
    } == sent
    assert [int, bool, int, int] == [
        type(sent[name])
        for name in (
            "threads_override",
            "generate_docs_override",
            "timeout_seconds_override",
            "github_pull_request_id",
        )
    ]


def test_body__has_no_empty_value() -> None:
    for sent in (body(), body(run_on="job"), body(IN_PULL_REQUEST, schema_override="auto")):
        assert [] == [name for name, value in sent.items() if value in (None, "", [])]
        assert sent == json.loads(json.dumps(sent))


TAG = {"event": "push", "sha": "a" * 40, "branch": "", "tag": "v1.0"}


@pytest.mark.parametrize(
    "context, inputs, expected",
    [
        pytest.param({}, {}, {"git_sha": "a" * 40}, id="push, commit"),
        pytest.param({}, {"run_on": "branch"}, {"git_branch": "main"}, id="push, branch"),
        pytest.param({}, {"run_on": "job"}, {}, id="push, job"),
        pytest.param(TAG, {}, {"git_sha": "a" * 40}, id="tag, commit"),
        pytest.param(TAG, {"run_on": "branch"}, {"git_branch": "v1.0"}, id="tag, branch"),
        pytest.param(IN_PULL_REQUEST, {}, {"git_sha": HEAD, "github_pull_request_id": 7}, id="pull request, commit"),
        pytest.param(
            IN_PULL_REQUEST,
            {"run_on": "branch"},
            {"git_branch": "feature/a", "github_pull_request_id": 7},
            id="pull request, branch",
        ),
        pytest.param(IN_PULL_REQUEST, {"run_on": "job"}, {"github_pull_request_id": 7}, id="pull request, job"),
        pytest.param(IN_PULL_REQUEST, {"pull_request": "none"}, {"git_sha": HEAD}, id="pull request, not sent"),
        pytest.param(
            IN_PULL_REQUEST, {"pull_request": "9"}, {"git_sha": HEAD, "github_pull_request_id": 9}, id="another number"
        ),
        pytest.param({}, {"branch": "x"}, {"git_branch": "x"}, id="branch given"),
        pytest.param({}, {"branch": "x", "run_on": "job"}, {"git_branch": "x"}, id="branch given wins over job"),
        pytest.param({}, {"git_sha": "c" * 40}, {"git_sha": "c" * 40}, id="commit given"),
        pytest.param(
            {}, {"git_sha": "c" * 40, "run_on": "branch"}, {"git_sha": "c" * 40}, id="commit given wins over branch"
        ),
        pytest.param({"sha": "", "branch": ""}, {"branch": "x"}, {"git_branch": "x"}, id="nothing known, branch given"),
        pytest.param({"sha": "", "branch": ""}, {"run_on": "job"}, {}, id="nothing known, job"),
    ],
)
def test_version__by_run_on_and_inputs(
    context: dict[str, Any], inputs: dict[str, str], expected: dict[str, Any]
) -> None:
    sent = body(context, **inputs)
    del sent["cause"]

    assert expected == sent


@pytest.mark.parametrize(
    "run_on, context, other",
    [
        ("commit", {"event": "issue_comment", "sha": "", "branch": ""}, "git-sha"),
        ("branch", {"event": "status", "branch": ""}, "branch"),
        ("commit", {"event": "", "sha": ""}, "git-sha"),
    ],
)
def test_version__that_the_ci_does_not_name_is_a_config_error(run_on: str, context: dict[str, Any], other: str) -> None:
    with pytest.raises(ConfigError) as raised:
        body(context, run_on=run_on)

    (problem,) = raised.value.problems
    assert f"`{other}`" in problem
    assert "`run-on: job`" in problem
    assert context["event"] in problem


@given(
    st.sampled_from(["commit", "branch", "job"]),
    st.sampled_from(["", "x"]),
    st.sampled_from(["", "c" * 40]),
    st.sampled_from(["", "a" * 40]),
    st.sampled_from(["", "main"]),
)
def test_version__commit_and_branch_are_never_both_sent(
    run_on: str, branch: str, git_sha: str, sha: str, known: str
) -> None:
    """Both together are refused by dbt Cloud."""
    try:
        sent = body({"sha": sha, "branch": known}, run_on=run_on, branch=branch, git_sha=git_sha)
    except ConfigError:
        return
    assert not {"git_sha", "git_branch"} <= set(sent)


@pytest.mark.parametrize(
    "context, inputs, expected",
    [
        pytest.param(IN_PULL_REQUEST, {"schema_override": "auto"}, "dbt_cloud_pr_3_7", id="auto in a pull request"),
        pytest.param({}, {"schema_override": "auto"}, None, id="auto elsewhere"),
        pytest.param(
            {}, {"schema_override": "auto", "pull_request": "9"}, "dbt_cloud_pr_3_9", id="auto with a number given"
        ),
        pytest.param(
            IN_PULL_REQUEST,
            {"schema_override": "auto", "pull_request": "none"},
            "dbt_cloud_pr_3_7",
            id="auto although the number is not sent",
        ),
        pytest.param({}, {"schema_override": "my-schema/7"}, "my_schema_7", id="dashes and slashes"),
        pytest.param({}, {"schema_override": "PLAIN_1"}, "PLAIN_1", id="plain"),
        pytest.param({}, {}, None, id="none"),
    ],
)
def test_schema__auto_and_plain(context: dict[str, Any], inputs: dict[str, str], expected: str | None) -> None:
    assert expected == body(context, **inputs).get("schema_override")


@pytest.mark.parametrize(
    "context, expected",
    [
        ({}, "GitHub Actions: Deploy (push), main, by octocat"),
        (IN_PULL_REQUEST, "GitHub Actions: Deploy (pull_request), pull request 7, by octocat"),
        (TAG, "GitHub Actions: Deploy (push), v1.0, by octocat"),
        (
            {"ci_name": "a terminal", "event": "", "workflow": "", "actor": "", "branch": ""},
            "Started from a terminal",
        ),
    ],
)
def test_cause__names_platform_workflow_event_branch_and_actor(context: dict[str, Any], expected: str) -> None:
    text, _, ending = body(context, run_on="job")["cause"].rpartition(" [")

    assert expected == text
    assert ending.endswith(f"{NONCE}]")


@given(st.text(max_size=600))
def test_cause__is_short_and_one_line_and_ends_with_the_marker(cause: str) -> None:
    request = run_request.build(a_config(cause=cause), a_context(), nonce=NONCE)

    assert len(request.cause) <= 255
    assert request.cause.endswith(f" {request.marker}")
    assert 1 == len(request.cause.splitlines())
    assert re.search(r"\S", request.cause.removesuffix(str(request.marker)))


@given(st.text(max_size=400), st.text(max_size=400), st.text(max_size=400))
def test_cause__of_any_event_fits(workflow: str, branch: str, actor: str) -> None:
    context = a_context(workflow=workflow, branch=branch, actor=actor)

    cause = run_request.build(a_config(), context, nonce=NONCE).cause

    assert len(cause) <= 255
    assert cause.endswith(f"{NONCE}]")
    assert 1 == len(cause.splitlines())


def test_cause__that_is_too_long_is_cut() -> None:
    cause = body(cause="x" * 300)["cause"]

    assert 255 == len(cause)
    assert "…" in cause


def test_marker__differs_with_the_nonce() -> None:
    markers = {str(run_request.build(a_config(), a_context(), nonce=nonce).marker) for nonce in ("aaaaaa", "bbbbbb")}

    assert 2 == len(markers)


@pytest.mark.parametrize(
    "context, inputs, expected",
    [
        pytest.param({}, {}, "a" * 40, id="push"),
        pytest.param({}, {"git_sha": "c" * 40}, "c" * 40, id="push, another commit is run"),
        pytest.param({}, {"run_on": "job"}, "a" * 40, id="push, the job decides"),
        pytest.param(IN_PULL_REQUEST, {}, HEAD, id="pull request"),
        pytest.param(IN_PULL_REQUEST, {"git_sha": "c" * 40}, HEAD, id="pull request: the head all the same"),
        pytest.param({"sha": ""}, {"run_on": "job"}, "", id="nothing known"),
    ],
)
def test_status_sha__is_the_head_or_the_commit_that_runs(
    context: dict[str, Any], inputs: dict[str, str], expected: str
) -> None:
    assert expected == run_request.status_sha(a_config(**inputs), a_context(**context))


@pytest.mark.parametrize(
    "run_on, context, message",
    [
        pytest.param(RunOn.COMMIT, {}, "", id="commit known"),
        pytest.param(RunOn.BRANCH, {}, "", id="branch known"),
        pytest.param(RunOn.BRANCH, TAG, "", id="tag known"),
        pytest.param(RunOn.JOB, {"sha": "", "branch": ""}, "", id="job needs neither"),
        pytest.param(
            RunOn.COMMIT,
            {"sha": "", "event": "schedule"},
            "`run-on` is `commit`, but the event `schedule` does not name a commit. "
            "Give `git-sha`, or `run-on: job` to run what the job is set to.",
            id="commit unknown",
        ),
        pytest.param(
            RunOn.BRANCH,
            {"branch": "", "event": "", "inputs_are_variables": True},
            "`run-on` is `branch`, but the environment does not name a branch. "
            "Give `branch` (`DBT_BRANCH`), or `run-on: job` to run what the job is set to.",
            id="branch unknown, where inputs are variables",
        ),
    ],
)
def test_missing_commit_or_branch__says_what_to_give(run_on: RunOn, context: dict[str, Any], message: str) -> None:
    assert message == run_request.missing_commit_or_branch(a_context(**context), run_on)


@pytest.mark.parametrize(
    "host, given, field",
    [
        ("", "", "github_pull_request_id"),
        ("github", "", "github_pull_request_id"),
        ("gitlab", "", "gitlab_merge_request_id"),
        ("azure", "", "azure_pull_request_id"),
        ("bitbucket", "", "non_native_pull_request_id"),
        ("gitlab", "github", "github_pull_request_id"),
        ("github", "non-native", "non_native_pull_request_id"),
    ],
)
def test_pull_request_field__is_that_of_the_host_or_as_given(host: str, given: str, field: str) -> None:
    config = replace(a_config(), pull_request_field=given)

    sent = run_request.build(config, a_context(**IN_PULL_REQUEST, host=host), nonce=NONCE).body()

    assert {field: 7} == {name: value for name, value in sent.items() if name.endswith("request_id")}


def test_build__is_for_the_job_and_its_cause_ends_in_its_marker() -> None:
    config, context = a_config(cause="because"), a_context()

    request = run_request.build(config, context, nonce=NONCE)

    assert 3 == request.job_id
    assert marker.make(config, context, nonce=NONCE) == request.marker
    assert f"because {request.marker}" == request.cause


def test_build__secrets_are_not_in_the_cause() -> None:
    request = run_request.build(a_config(cause="for s3cret"), a_context(), nonce=NONCE, secrets=["s3cret"])

    assert f"for *** {request.marker}" == request.cause


# Everything of a context that belongs to the repository of the build.
OF_THE_BUILD: dict[str, Any] = {
    **IN_PULL_REQUEST,
    "host": "gitlab",
    "server": "https://gitlab.example",
    "commit_url": "https://gitlab.example/acme/shop/commit",
    "file_url": "https://gitlab.example/acme/shop/blob/{path}",
    "public": False,
}
OF_ANOTHER_REPOSITORY: dict[str, Any] = {"pull_request": None, "commit_url": "", "file_url": "", "public": True}


@pytest.mark.parametrize(
    "choices, expected",
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"code_host": "gitlab", "repository": "Acme/Shop"}, {}, id="those of the build"),
        pytest.param(
            {"repository": "acme/models"}, {"repository": "acme/models", **OF_ANOTHER_REPOSITORY}, id="repository"
        ),
        pytest.param(
            {"code_host": "github"}, {"host": "github", "server": "", **OF_ANOTHER_REPOSITORY}, id="code host"
        ),
        pytest.param({"pull_request": 9}, {}, id="the number, where the CI knows its pull request"),
        pytest.param(
            {"repository": "acme/models", "pull_request": 9},
            {"repository": "acme/models", **OF_ANOTHER_REPOSITORY, "pull_request": PullRequest(number=9)},
            id="repository and number",
        ),
        pytest.param(
            {"repository": "acme/models", "pull_request": 0},
            {"repository": "acme/models", **OF_ANOTHER_REPOSITORY},
            id="repository and no number",
        ),
    ],
)
def test_with_user_choices__another_repository_loses_what_belongs_to_the_build(
    choices: dict[str, Any], expected: dict[str, Any]
) -> None:
    context = a_context(**OF_THE_BUILD)

    assert replace(context, **expected) == run_request.with_user_choices(replace(a_config(), **choices), context)


def test_with_user_choices__a_number_is_the_pull_request_where_the_ci_knows_none() -> None:
    context = run_request.with_user_choices(replace(a_config(), pull_request=9), a_context())

    assert a_context(pull_request=PullRequest(number=9)) == context
