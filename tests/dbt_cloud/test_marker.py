"""The marker: which builds share a scope, and which never do."""

from __future__ import annotations

from typing import Any

import pytest

from dbt_action.ci.github_actions import read_context
from dbt_action.config import loader
from dbt_action.dbt_cloud import marker
from dbt_action.dbt_cloud.marker import Marker

CONFIG = loader.read({"DBT_TOKEN": "t0ken", "DBT_ACCOUNT_ID": "1", "DBT_JOB_ID": "3"})
OURS = "acme/shop"


def made(name: str, event: dict[str, Any], **variables: str) -> Marker:
    environ = {"GITHUB_EVENT_NAME": name, "GITHUB_REPOSITORY": OURS, "GITHUB_SHA": "a" * 40, "GITHUB_RUN_ID": "1"}
    return marker.make(CONFIG, read_context({**environ, **variables}, event), nonce="0a1b2c")


def push(branch: str) -> Marker:
    return made("push", {}, GITHUB_REF_NAME=branch, GITHUB_REF_TYPE="branch")


def merge_group(number: int) -> Marker:
    group = {"head_sha": "b" * 40, "base_ref": "refs/heads/main"}
    return made(
        "merge_group", {"merge_group": group}, GITHUB_REF=f"refs/heads/gh-readonly-queue/main/pr-{number}-c0ffee"
    )


def after(repository: str, branch: str) -> Marker:
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
def test_scope__is_shared_by_builds_of_the_same_thing(one: Marker, other: Marker, *, same: bool) -> None:
    assert same == (one.scope == other.scope)


def test_marker__is_found_at_the_end_of_a_cause_only() -> None:
    mark = push("main")

    assert mark == marker.find(f"because {mark}")
    assert marker.find(f"{mark} because") is None
