"""The marker: which facts each of its parts depends on, and how it is found again in a run's cause."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dbt_action.ci.github_actions import read_context
from dbt_action.config.context import PullRequest
from dbt_action.config.loader import Overrides
from dbt_action.dbt_cloud import marker
from dbt_action.dbt_cloud.marker import Marker
from tests.support.values import a_config, a_context

CONFIG = a_config()
OURS = "acme/shop"
MARKER = Marker(scope="0123abcd", build="4567ef01", step="89abcdef", attempt=2, nonce="0a1b2c")
TEXT = "[dra 0123abcd.4567ef01.89abcdef.2.0a1b2c]"


# --- What the parts depend on ---

PULL = {"pull_request": PullRequest(number=7)}


@pytest.mark.parametrize(
    "common, change, expected",
    [
        pytest.param({}, {}, set(), id="nothing"),
        pytest.param({}, {"ci_id": "gitlab"}, {"build"}, id="CI"),
        pytest.param({}, {"repository": "acme/other"}, {"scope", "build", "step"}, id="repository"),
        pytest.param({}, {"build_id": "6"}, {"build"}, id="build"),
        pytest.param({}, {"job": "test"}, {"step"}, id="job"),
        pytest.param({}, {"step": "second"}, {"step"}, id="step"),
        pytest.param({}, {"attempt": 2}, {"attempt"}, id="attempt"),
        pytest.param({}, {"event": "schedule", "actor": "other", "workflow": "other"}, set(), id="event"),
        pytest.param({}, PULL, {"scope"}, id="a pull request"),
        pytest.param({}, {"subject": "merge group 7"}, {"scope"}, id="a subject"),
        pytest.param({}, {"branch": "dev"}, {"scope"}, id="branch"),
        pytest.param({}, {"tag": "v1"}, set(), id="tag beside a branch"),
        pytest.param({}, {"sha": "b" * 40}, set(), id="commit of a branch"),
        pytest.param(PULL, {"pull_request": PullRequest(number=8)}, {"scope"}, id="another pull request"),
        pytest.param(PULL, {"subject": "x", "branch": "dev", "tag": "v1", "sha": "b"}, set(), id="in a pull request"),
        pytest.param({"subject": "x"}, {"branch": "dev", "tag": "v1", "sha": "b"}, set(), id="beside a subject"),
        pytest.param({"branch": ""}, {"tag": "v1"}, {"scope"}, id="tag"),
        pytest.param({"branch": "", "tag": "v1"}, {"sha": "b"}, set(), id="commit of a tag"),
        pytest.param({"branch": ""}, {"sha": "b"}, {"scope"}, id="commit without branch and tag"),
    ],
)
def test_make__parts_depend_on_the_context(common: dict[str, Any], change: dict[str, Any], expected: set[str]) -> None:
    one = marker.make(CONFIG, a_context(**common), nonce="0a1b2c")
    other = marker.make(CONFIG, a_context(**{**common, **change}), nonce="0a1b2c")

    assert expected == _different(one, other)


@pytest.mark.parametrize(
    "change, expected",
    [
        pytest.param({"dbt_url": "https://other.example"}, {"scope", "step"}, id="host"),
        pytest.param({"account_id": 2}, {"scope", "step"}, id="account"),
        pytest.param({"job_id": 4}, {"scope", "step"}, id="job"),
        pytest.param({"instance": "second"}, {"step"}, id="instance"),
        pytest.param({"branch": "dev"}, {"step"}, id="branch"),
        pytest.param({"git_sha": "b" * 40}, {"step"}, id="commit"),
        pytest.param({"overrides": Overrides(schema="ci")}, {"step"}, id="overrides"),
        pytest.param({"status_context": "dbt / two"}, {"step"}, id="name of the status"),
        pytest.param({"dbt_token": "new", "cause": "why", "timeout_seconds": 1.0}, set(), id="what may change"),
    ],
)
def test_make__parts_depend_on_the_config(change: dict[str, Any], expected: set[str]) -> None:
    one = marker.make(CONFIG, a_context(), nonce="0a1b2c")
    other = marker.make(replace(CONFIG, **change), a_context(), nonce="0a1b2c")

    assert expected == _different(one, other)


def test_make__takes_attempt_and_nonce_as_they_are() -> None:
    made = marker.make(CONFIG, a_context(attempt=3), nonce="0a1b2c")

    assert (3, "0a1b2c") == (made.attempt, made.nonce)


def _different(one: Marker, other: Marker) -> set[str]:
    return {
        name for name in ("scope", "build", "step", "attempt", "nonce") if getattr(one, name) != getattr(other, name)
    }


def test_digest__is_the_same_in_every_process_and_version() -> None:
    """A run of an earlier attempt is found by it, also when the action has been updated between the two."""
    assert "57adb33d" == marker.digest("acme/shop", 7, None)
    assert "e0677e86" == marker.digest("\ud800")


# --- Which builds share a scope on GitHub ---


def made(event_name: str, event: dict[str, Any], **variables: str) -> Marker:
    environ = {"GITHUB_EVENT_NAME": event_name, "GITHUB_REPOSITORY": OURS, "GITHUB_SHA": "a" * 40, "GITHUB_RUN_ID": "1"}
    return marker.make(CONFIG, read_context({**environ, **variables}, event), nonce="0a1b2c")


def push(branch: str) -> Marker:
    return made("push", {}, GITHUB_REF_NAME=branch, GITHUB_REF_TYPE="branch")


def merge_group(number: int) -> Marker:
    group = {"head_sha": "b" * 40, "base_ref": "refs/heads/main"}
    return made(
        "merge_group", {"merge_group": group}, GITHUB_REF=f"refs/heads/gh-readonly-queue/main/pr-{number}-c0ffee"
    )


def after(repository: str, branch: str) -> Marker:
    """Of a workflow that another workflow of this branch has started (`workflow_run`)."""
    run = {
        "head_sha": "c" * 40,
        "head_branch": branch,
        "head_repository": {"full_name": repository},
        "pull_requests": [],
    }
    return made("workflow_run", {"workflow_run": run})


@pytest.mark.parametrize(
    "one, other, same",
    [
        pytest.param(push("main"), push("main"), True, id="pushes to one branch"),
        pytest.param(push("main"), push("dev"), False, id="two branches"),
        pytest.param(merge_group(7), merge_group(8), False, id="two merge groups"),
        pytest.param(push("main"), merge_group(7), False, id="a push and a merge group of its branch"),
        pytest.param(push("main"), after(OURS, "main"), True, id="a workflow run of our own branch"),
        pytest.param(push("main"), after("eve/shop", "main"), False, id="a fork's branch of the same name"),
        pytest.param(after("eve/shop", "main"), after("eve/shop", "main"), True, id="one fork's branch"),
    ],
)
def test_scope__is_shared_by_builds_of_one_branch_or_pull_request(one: Marker, other: Marker, *, same: bool) -> None:
    assert same is (one.scope == other.scope)


# --- Comparing ---


@pytest.mark.parametrize(
    "change, expected",
    [
        ({"attempt": 1}, True),
        ({"attempt": 1, "nonce": "ffffff"}, True),
        ({"attempt": 2}, False),
        ({"attempt": 3}, False),
        ({"attempt": 1, "scope": "00000000"}, False),
        ({"attempt": 1, "build": "00000000"}, False),
        ({"attempt": 1, "step": "00000000"}, False),
    ],
    ids=str,
)
def test_earlier_attempt__is_the_same_step_of_the_same_build(change: dict[str, Any], *, expected: bool) -> None:
    assert expected is MARKER.earlier_attempt(replace(MARKER, **change))


@pytest.mark.parametrize(
    "change, expected",
    [
        ({}, False),
        ({"build": "00000000"}, True),
        ({"build": "00000000", "step": "00000000", "attempt": 9, "nonce": "ffffff"}, True),
        ({"build": "00000000", "scope": "00000000"}, False),
        ({"scope": "00000000"}, False),
    ],
    ids=str,
)
def test_other_build__has_the_same_scope(change: dict[str, Any], *, expected: bool) -> None:
    assert expected is MARKER.other_build(replace(MARKER, **change))


# --- In a cause ---


def test_marker__is_written_in_this_form() -> None:
    """Runs that an older version of the action has started must be found again."""
    assert TEXT == str(MARKER)


@pytest.mark.parametrize(
    "cause, expected",
    [
        (TEXT, MARKER),
        (f"because {TEXT}", MARKER),
        (f"{TEXT} because", None),
        (f"{TEXT} {TEXT.replace('.2.', '.3.')}", replace(MARKER, attempt=3)),
        ("", None),
        (TEXT.replace("0123abcd", "0123ABCD"), None),
        (TEXT.replace("0123abcd", "0123abc"), None),
        (TEXT.replace(".2.", ".1234567."), None),
        (TEXT.replace(".2.", ".-2."), None),
        (TEXT.replace("0a1b2c", "0a1b2"), None),
        (TEXT.replace("0a1b2c", "0" * 16), replace(MARKER, nonce="0" * 16)),
        (TEXT.replace("0a1b2c", "0" * 17), None),
        (TEXT.replace("dra", "dry"), None),
    ],
)
def test_find__only_at_the_end_of_a_cause(cause: str, expected: Marker | None) -> None:
    assert expected == marker.find(cause)
