"""GitHub Actions: the commit, branch and pull request that each event is about."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action import ci, errors
from dbt_action.ci.github_actions import read_context
from dbt_action.config.context import CiContext, PullRequest
from tests.support.events import (
    BASE_SHA,
    FORK,
    HEAD_SHA,
    MERGE_SHA,
    OWN,
    QUEUE_SHA,
    ZERO_SHA,
    in_pull_request,
    listed_pull,
    pull,
    variables,
    workflow_run,
)

PULL = PullRequest(number=7, head_sha=HEAD_SHA, head_branch="feature/a", target_branch="main")
FORKED = replace(PULL, fork=True)
MAIN = "refs/heads/main"

# Name of the case, variables, payload, and what is known: commit, branch, tag, pull request.
EVENTS: list[tuple[str, dict[str, str], dict[str, Any], tuple[str, str, str, PullRequest | None]]] = [
    (
        "push of a branch",
        variables("push", sha=HEAD_SHA, ref=MAIN),
        {"ref": MAIN, "before": BASE_SHA, "after": HEAD_SHA, "deleted": False},
        (HEAD_SHA, "main", "", None),
    ),
    (
        "push of a branch with a slash",
        variables("push", sha=HEAD_SHA, ref="refs/heads/release/1.0"),
        {"ref": "refs/heads/release/1.0", "after": HEAD_SHA, "deleted": False},
        (HEAD_SHA, "release/1.0", "", None),
    ),
    (
        "push of an annotated tag",
        variables("push", sha=HEAD_SHA, ref="refs/tags/v1.0"),
        {"ref": "refs/tags/v1.0", "after": MERGE_SHA, "deleted": False},
        (HEAD_SHA, "", "v1.0", None),
    ),
    (
        "release",
        variables("release", sha=HEAD_SHA, ref="refs/tags/v1.0"),
        {"action": "published", "release": {"tag_name": "v1.0", "target_commitish": "main"}},
        (HEAD_SHA, "", "v1.0", None),
    ),
    (
        "pull_request",
        in_pull_request(),
        {"action": "synchronize", "number": 7, "pull_request": pull()},
        (HEAD_SHA, "feature/a", "", PULL),
    ),
    (
        "pull_request from a fork",
        in_pull_request(),
        {"action": "opened", "number": 7, "pull_request": pull(repo=FORK)},
        (HEAD_SHA, "feature/a", "", FORKED),
    ),
    (
        "pull_request from a fork that was deleted",
        in_pull_request(),
        {"action": "opened", "number": 7, "pull_request": pull(repo=None)},
        (HEAD_SHA, "feature/a", "", FORKED),
    ),
    (
        "pull_request that was merged",
        variables("pull_request", sha=MERGE_SHA, ref=MAIN, GITHUB_HEAD_REF="feature/a", GITHUB_BASE_REF="main"),
        {
            "action": "closed",
            "number": 7,
            "pull_request": pull(state="closed", merged=True, merge_commit_sha=MERGE_SHA),
        },
        (HEAD_SHA, "feature/a", "", PULL),
    ),
    (
        "pull_request_target",
        variables("pull_request_target", sha=BASE_SHA, ref=MAIN, GITHUB_HEAD_REF="feature/a", GITHUB_BASE_REF="main"),
        {"action": "opened", "number": 7, "pull_request": pull(repo=FORK)},
        (HEAD_SHA, "feature/a", "", FORKED),
    ),
    (
        "pull_request_review",
        in_pull_request("pull_request_review"),
        {"action": "submitted", "review": {"state": "approved"}, "pull_request": pull()},
        (HEAD_SHA, "feature/a", "", PULL),
    ),
    (
        "pull_request_review_comment",
        in_pull_request("pull_request_review_comment"),
        {"action": "created", "comment": {"body": ""}, "pull_request": pull()},
        (HEAD_SHA, "feature/a", "", PULL),
    ),
    (
        "merge_group",
        variables("merge_group", sha=QUEUE_SHA, ref=f"refs/heads/gh-readonly-queue/main/pr-7-{BASE_SHA}"),
        {
            "action": "checks_requested",
            "merge_group": {
                "head_sha": QUEUE_SHA,
                "head_ref": f"refs/heads/gh-readonly-queue/main/pr-7-{BASE_SHA}",
                "base_sha": BASE_SHA,
                "base_ref": MAIN,
            },
        },
        (QUEUE_SHA, "main", "", None),
    ),
    (
        "workflow_dispatch",
        variables("workflow_dispatch", sha=HEAD_SHA, ref="refs/heads/feature/a"),
        {"inputs": {"x": "y"}, "ref": "refs/heads/feature/a", "workflow": ".github/workflows/x.yml"},
        (HEAD_SHA, "feature/a", "", None),
    ),
    (
        "workflow_dispatch of a tag",
        variables("workflow_dispatch", sha=HEAD_SHA, ref="refs/tags/v1"),
        {"inputs": None, "ref": "refs/tags/v1"},
        (HEAD_SHA, "", "v1", None),
    ),
    (
        "schedule",
        variables("schedule", sha=BASE_SHA, ref=MAIN),
        {"schedule": "0 5 * * *"},
        (BASE_SHA, "main", "", None),
    ),
    (
        "repository_dispatch",
        variables("repository_dispatch", sha=BASE_SHA, ref=MAIN),
        {"action": "go", "branch": "main", "client_payload": {"sha": "x"}},
        (BASE_SHA, "main", "", None),
    ),
    (
        "workflow_run after a push",
        variables("workflow_run", sha=BASE_SHA, ref=MAIN),
        workflow_run("push", branch="release"),
        (HEAD_SHA, "release", "", None),
    ),
    (
        "workflow_run after a pull request",
        variables("workflow_run", sha=BASE_SHA, ref=MAIN),
        workflow_run("pull_request", [listed_pull()]),
        (HEAD_SHA, "feature/a", "", PULL),
    ),
    (
        "workflow_run after a fork's pull request",
        variables("workflow_run", sha=BASE_SHA, ref=MAIN),
        workflow_run("pull_request", []),
        (HEAD_SHA, "feature/a", "", None),
    ),
    (
        "workflow_run whose pull request has moved on",
        variables("workflow_run", sha=BASE_SHA, ref=MAIN),
        workflow_run("pull_request", [listed_pull(sha=QUEUE_SHA)]),
        (HEAD_SHA, "feature/a", "", None),
    ),
    (
        "workflow_run of several pull requests",
        variables("workflow_run", sha=BASE_SHA, ref=MAIN),
        workflow_run("pull_request", [listed_pull(), listed_pull(number=8)]),
        (HEAD_SHA, "feature/a", "", None),
    ),
    (
        "check_suite",
        variables("check_suite", sha=BASE_SHA, ref=MAIN),
        {"check_suite": {"head_sha": HEAD_SHA, "head_branch": "feature/a", "pull_requests": []}},
        (HEAD_SHA, "feature/a", "", None),
    ),
    (
        "check_suite without a branch",
        variables("check_suite", sha=BASE_SHA, ref=MAIN),
        {"check_suite": {"head_sha": HEAD_SHA, "head_branch": None, "pull_requests": []}},
        (HEAD_SHA, "", "", None),
    ),
    (
        "check_run",
        variables("check_run", sha=BASE_SHA, ref=MAIN),
        {"check_run": {"head_sha": HEAD_SHA, "check_suite": {"head_branch": "feature/a"}}},
        (HEAD_SHA, "feature/a", "", None),
    ),
    (
        "deployment",
        variables("deployment", sha=HEAD_SHA, ref=""),
        {"deployment": {"sha": HEAD_SHA, "ref": "main", "environment": "production"}},
        (HEAD_SHA, "", "", None),
    ),
    (
        "deployment_status",
        variables("deployment_status", sha=HEAD_SHA, ref=""),
        {"deployment": {"sha": HEAD_SHA}, "deployment_status": {"state": "success"}},
        (HEAD_SHA, "", "", None),
    ),
    (
        "status",
        variables("status", sha=BASE_SHA, ref=MAIN),
        {"sha": HEAD_SHA, "state": "success", "context": "x"},
        (HEAD_SHA, "", "", None),
    ),
    (
        "issue_comment on a pull request",
        variables("issue_comment", sha=BASE_SHA, ref=MAIN),
        {"action": "created", "issue": {"number": 7, "pull_request": {"url": ""}}, "comment": {"body": "/dbt"}},
        ("", "", "", PullRequest(number=7)),
    ),
    (
        "issue_comment on an issue",
        variables("issue_comment", sha=BASE_SHA, ref=MAIN),
        {"action": "created", "issue": {"number": 7}, "comment": {"body": "/dbt"}},
        ("", "", "", None),
    ),
    (
        "an event that is not known",
        variables("comet", sha=BASE_SHA, ref=MAIN),
        {"action": "seen"},
        (BASE_SHA, "main", "", None),
    ),
]
TABLE = [pytest.param(*row[1:], id=row[0]) for row in EVENTS]


@pytest.mark.parametrize("environ, payload, expected", TABLE)
def test_event__has_commit_branch_tag_and_pull_request(
    environ: dict[str, str], payload: dict[str, Any], expected: tuple[str, str, str, PullRequest | None]
) -> None:
    context = read_context(environ, payload)

    assert expected == (context.sha, context.branch, context.tag, context.pull_request)
    assert "" == context.nothing_to_run


@pytest.mark.parametrize("environ, payload", [pytest.param(*row[1:3], id=row[0]) for row in EVENTS])
def test_event__never_the_test_merge_commit(environ: dict[str, str], payload: dict[str, Any]) -> None:
    """A status on that commit changes what branch protection evaluates."""
    assert MERGE_SHA != read_context(environ, payload).sha


def test_push__that_deletes_the_branch_is_nothing_to_run() -> None:
    payload = {"ref": "refs/heads/gone", "before": HEAD_SHA, "after": ZERO_SHA, "deleted": True}

    assert "" != read_context(variables("push", sha=BASE_SHA, ref=MAIN), payload).nothing_to_run


@pytest.mark.parametrize(
    "name, repo, login, actor, expected",
    [
        pytest.param("pull_request", OWN, "octocat", "octocat", "", id="own"),
        pytest.param("pull_request", {"full_name": "ACME/Shop"}, "octocat", "octocat", "", id="own in capitals"),
        pytest.param("pull_request", FORK, "stranger", "stranger", "fork", id="fork"),
        pytest.param("pull_request", None, "stranger", "stranger", "fork", id="deleted fork"),
        pytest.param("pull_request_review", FORK, "stranger", "octocat", "fork", id="review of a fork's"),
        pytest.param("pull_request_target", FORK, "stranger", "stranger", "", id="target: has the secrets"),
        pytest.param("pull_request", OWN, "dependabot[bot]", "dependabot[bot]", "Dependabot", id="Dependabot"),
        pytest.param("push", OWN, "octocat", "dependabot[bot]", "Dependabot", id="push of Dependabot"),
    ],
)
def test_secrets__are_withheld_from_forks_and_dependabot(
    name: str,
    repo: Any,  # noqa: ANN401 - JSON
    login: str,
    actor: str,
    expected: str,
) -> None:
    payload = {"pull_request": pull(repo=repo, login=login)}

    reason = read_context({**in_pull_request(name), "GITHUB_ACTOR": actor}, payload).secrets_withheld

    assert (expected in reason) if expected else reason == ""


def test_missing_token__the_message_is_about_workflows() -> None:
    context = read_context(variables("push", sha=HEAD_SHA, ref=MAIN), {})

    missing = errors.missing_token(secrets_hint=context.secrets_hint)
    assert "pass it as `dbt-token: ${{ secrets.DBT_TOKEN }}`" in missing
    withheld = errors.missing_token(withheld="Dependabot started this build", withheld_hint=context.withheld_hint)
    assert "Skip this step for them with an `if:`, give Dependabot its own secret of the same name" in withheld
    assert not context.inputs_are_variables


def test_links__of_the_build_and_the_commit() -> None:
    context = read_context(variables("push", sha=HEAD_SHA, ref=MAIN), {})

    assert "https://github.com/acme/shop/actions/runs/5/attempts/2" == context.build_url
    assert f"https://github.com/acme/shop/commit/{HEAD_SHA}" == context.commit_url
    assert 2 == context.attempt


def test_links__lead_to_the_enterprise_server() -> None:
    environ = {**variables("push", sha=HEAD_SHA, ref=MAIN), "GITHUB_SERVER_URL": "https://git.example.com"}

    assert read_context(environ, {}).build_url.startswith("https://git.example.com/acme/shop/")


def test_context__without_any_variable_is_empty() -> None:
    context = read_context({}, {})

    assert ("", "", "", "", "", None) == (
        context.sha,
        context.branch,
        context.tag,
        context.build_url,
        context.nothing_to_run,
        context.pull_request,
    )


def context_and_log(environ: dict[str, str]) -> tuple[CiContext, str]:
    out = io.StringIO()
    return ci.detect(environ, out).context(), out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="broken"),
        pytest.param(b"\xff\xfe\x00", id="binary"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b"[1]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'"pull_request"', id="a word"),
    ],
)
def test_event_file__that_is_no_event_is_at_most_one_warning(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "event.json"
    path.write_bytes(content)

    context, log = context_and_log({**variables("push", sha=HEAD_SHA, ref=MAIN), "GITHUB_EVENT_PATH": str(path)})

    assert (HEAD_SHA, "main") == (context.sha, context.branch)
    assert log.count("::warning::") <= 1


@pytest.mark.parametrize("path", ["", "/nowhere/event.json", "/", "\0"])
def test_event_file__that_is_missing_leaves_the_variables(path: str) -> None:
    context, _ = context_and_log({**variables("push", sha=HEAD_SHA, ref=MAIN), "GITHUB_EVENT_PATH": path})

    assert HEAD_SHA == context.sha


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "pull_request head base sha ref repo full_name number workflow_run pull_requests head_sha "
                "merge_group base_ref check_suite deployment user login deleted".split()
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(JSON, st.sampled_from([row[1]["GITHUB_EVENT_NAME"] for row in EVENTS]))
def test_event__of_any_shape_is_read(payload: Any, name: str) -> None:  # noqa: ANN401
    """What has the wrong shape is unknown, and no error."""
    event = payload if isinstance(payload, dict) else {"pull_request": payload, "workflow_run": payload}

    context = read_context(variables(name, sha=HEAD_SHA, ref=MAIN), json.loads(json.dumps(event)))

    assert isinstance(context.sha, str)
    assert isinstance(context.branch, str)
    if context.pull_request:
        assert isinstance(context.pull_request.number, int)


@pytest.mark.parametrize("number", ["7", 7.5, None, {}])
def test_pull_request__without_a_number_is_none(number: Any) -> None:  # noqa: ANN401
    context = read_context(in_pull_request(), {"pull_request": pull(number=number)})

    assert context.pull_request is None
    assert HEAD_SHA == context.sha


@given(st.dictionaries(st.sampled_from(list(variables("x", sha="", ref=""))), st.text(max_size=20)))
def test_context__of_any_variables_is_read(environ: dict[str, str]) -> None:
    assert 1 <= read_context(environ, {}).attempt


PUSHED = {"before": BASE_SHA, "after": HEAD_SHA, "head_commit": {"id": HEAD_SHA, "message": "Fix it\n\nAll of it."}}
MERGE_GROUP = {"merge_group": {"head_sha": HEAD_SHA, "base_ref": MAIN, "head_commit": {"id": HEAD_SHA, "message": "M"}}}


@pytest.mark.parametrize(
    "name, ref, payload, before, message",
    [
        pytest.param("push", MAIN, PUSHED, BASE_SHA, "Fix it\n\nAll of it.", id="push"),
        pytest.param("push", MAIN, {**PUSHED, "before": ZERO_SHA}, ZERO_SHA, "Fix it\n\nAll of it.", id="new branch"),
        pytest.param("push", "refs/tags/v1", PUSHED, "", "Fix it\n\nAll of it.", id="tag"),
        pytest.param(
            "push", MAIN, {**PUSHED, "head_commit": {"id": BASE_SHA, "message": "x"}}, BASE_SHA, "", id="other"
        ),
        pytest.param("push", MAIN, {**PUSHED, "before": 1, "head_commit": []}, "", "", id="odd"),
        pytest.param("schedule", MAIN, {}, "", "", id="schedule"),
        pytest.param("merge_group", MAIN, MERGE_GROUP, "", "", id="merge group"),
        pytest.param("pull_request", MAIN, {"pull_request": pull(), "before": BASE_SHA}, "", "", id="pull request"),
    ],
)
def test_push__has_the_commit_before_and_the_message(
    name: str, ref: str, payload: dict[str, Any], before: str, message: str
) -> None:
    context = read_context(variables(name, sha=HEAD_SHA, ref=ref), payload)

    assert (before, message, name == "merge_group") == (
        context.before_sha,
        context.commit_message,
        context.of_merge_queue,
    )


def test_workflow_run__has_the_message_of_its_commit() -> None:
    payload = workflow_run("push")
    payload["workflow_run"]["head_commit"] = {"id": HEAD_SHA, "message": "Fix it"}

    assert "Fix it" == read_context(variables("workflow_run", sha=BASE_SHA, ref=MAIN), payload).commit_message
