"""The request for a run: the body with its types, commit or branch, the schema, the cause."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.config.context import PullRequest
from dbt_action.dbt_cloud import run_request
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
    text, _, marker = body(context, run_on="job")["cause"].rpartition(" [")

    assert expected == text
    assert marker.endswith(f"{NONCE}]")


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
