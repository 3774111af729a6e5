"""The emulated GitHub follows GitHub's rules for commit statuses, for plain requests and for PyGithub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
import requests
from github import Auth, Github, GithubException

from emulator import GitHub

if TYPE_CHECKING:
    from collections.abc import Iterator

Json: TypeAlias = Any
"""Whatever JSON or a keyword may hold."""

SHA = "a" * 40
OTHER = "b" * 40


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub(commits={SHA}) as server:
        yield server


def post(github: GitHub, body: dict[str, Any], *, sha: str = SHA, token: str = "") -> requests.Response:
    headers = {"Authorization": f"Bearer {token or github.token}"}
    return requests.post(
        f"{github.url}/repos/{github.repository}/statuses/{sha}", json=body, headers=headers, timeout=5
    )


def py_github(github: GitHub, **more: Json) -> Github:
    return Github(
        base_url=github.url,
        auth=Auth.Token(github.token),
        retry=None,
        timeout=5,
        seconds_between_requests=0,
        seconds_between_writes=0,
        **more,
    )


def test_status__is_recorded(github: GitHub) -> None:
    body = {"state": "success", "description": "27 nodes", "context": "dbt Cloud / CI", "target_url": "https://x.y/"}

    answer = post(github, body)

    assert (answer.status_code, answer.json()["state"]) == (201, "success")
    status = github.statuses[0]
    assert (github.repository, SHA) == (status.repository, status.sha)
    assert body == {name: getattr(status, name) for name in body}


def test_status__context_has_a_default(github: GitHub) -> None:
    post(github, {"state": "pending"})

    assert github.statuses[0].context == "default"


@pytest.mark.parametrize(
    "body, field",
    [
        ({}, "state"),
        ({"state": "passed"}, "state"),
        ({"state": "success", "description": "x" * 141}, "description"),
        ({"state": "success", "target_url": "ftp://x.y"}, "target_url"),
    ],
)
def test_status__refused(github: GitHub, body: dict[str, Any], field: str) -> None:
    answer = post(github, body)

    assert (422, field) == (answer.status_code, answer.json()["errors"][0]["field"])
    assert github.statuses == ()


def test_status__description_may_have_140_characters(github: GitHub) -> None:
    assert post(github, {"state": "success", "description": "é" * 140}).status_code == 201


def test_commit__unknown_one_is_refused(github: GitHub) -> None:
    """The wording is inferred."""
    answer = post(github, {"state": "success"}, sha=OTHER)

    assert (422, f"No commit found for SHA: {OTHER}") == (answer.status_code, answer.json()["message"])


def test_token__wrong_one(github: GitHub) -> None:
    answer = post(github, {"state": "success"}, token="wrong")

    assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")


def test_token__of_a_fork_may_only_read() -> None:
    with GitHub(read_only=True) as github:
        answer = post(github, {"state": "success"})

    assert (answer.status_code, answer.json()["message"]) == (403, "Resource not accessible by integration")


def test_repository__unknown_one(github: GitHub) -> None:
    url = f"{github.url}/repos/acme/other/statuses/{SHA}"

    answer = requests.post(
        url, json={"state": "success"}, headers={"Authorization": f"Bearer {github.token}"}, timeout=5
    )

    assert answer.status_code == 404


@pytest.mark.parametrize(
    "posted, combined",
    [
        ([], "pending"),
        ([("a", "success")], "success"),
        ([("a", "success"), ("b", "pending")], "pending"),
        ([("a", "pending"), ("b", "error")], "failure"),
        ([("a", "failure"), ("A", "success")], "success"),
    ],
)
def test_combined__newest_of_each_context_counts(github: GitHub, posted: list[tuple[str, str]], combined: str) -> None:
    for context, state in posted:
        post(github, {"state": state, "context": context})

    url = f"{github.url}/repos/{github.repository}/commits/{SHA}/status"
    answer = requests.get(url, headers={"Authorization": f"token {github.token}"}, timeout=5).json()

    assert combined == answer["state"]


@pytest.mark.parametrize("prefix", ["", "/api/v3"])
def test_py_github__posts_with_one_request_when_lazy(prefix: str) -> None:
    with GitHub(prefix=prefix) as github, py_github(github, lazy=True) as client:
        status = client.get_repo(github.repository).get_commit(SHA).create_status("failure", description="1 error")

        assert (status.state, github.statuses[0].description) == ("failure", "1 error")
        assert [f"{prefix}/repos/acme/shop/statuses/{SHA}"] == [request.path for request in github.requests]


def test_py_github__works_when_not_lazy(github: GitHub) -> None:
    with py_github(github) as client:
        commit = client.get_repo(github.repository).get_commit(SHA)
        commit.create_status("success", context="dbt Cloud / CI")

        assert [status.context for status in commit.get_statuses()] == ["dbt Cloud / CI"]
        assert commit.get_combined_status().state == "success"


@pytest.mark.parametrize(
    "options, code",
    [({"commits": {OTHER}}, 422), ({"read_only": True}, 403), ({"repository": "acme/other"}, 404)],
)
def test_py_github__sees_refusals(options: dict[str, Any], code: int) -> None:
    with GitHub(**options) as github, py_github(github, lazy=True) as client:
        with pytest.raises(GithubException) as caught:
            client.get_repo("acme/shop").get_commit(SHA).create_status("success")

        assert (code, 1) == (caught.value.status, len(github.requests))


def test_fault__is_injected_into_github_too(github: GitHub) -> None:
    github.faults.add(kind="status", code=502, method="POST")

    assert [post(github, {"state": "success"}).status_code for _ in range(2)] == [502, 201]
