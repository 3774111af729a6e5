"""GitHub's rules for commit statuses, tried with plain requests and with the real PyGithub."""

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
def hub() -> Iterator[GitHub]:
    with GitHub(commits={SHA}) as github:
        yield github


def post(hub: GitHub, body: dict[str, Any], *, sha: str = SHA, token: str = "") -> requests.Response:
    headers = {"Authorization": f"Bearer {token or hub.token}"}
    return requests.post(f"{hub.url}/repos/{hub.repository}/statuses/{sha}", json=body, headers=headers, timeout=5)


def py_github(hub: GitHub, **more: Json) -> Github:
    return Github(
        base_url=hub.url,
        auth=Auth.Token(hub.token),
        retry=None,
        timeout=5,
        seconds_between_requests=0,
        seconds_between_writes=0,
        **more,
    )


def test_status__is_kept(hub: GitHub) -> None:
    body = {"state": "success", "description": "27 nodes", "context": "dbt Cloud / CI", "target_url": "https://x.y/"}

    answer = post(hub, body)

    assert (answer.status_code, answer.json()["state"]) == (201, "success")
    status = hub.statuses[0]
    assert (hub.repository, SHA) == (status.repository, status.sha)
    assert body == {name: getattr(status, name) for name in body}


def test_status__context_has_a_default(hub: GitHub) -> None:
    post(hub, {"state": "pending"})

    assert hub.statuses[0].context == "default"


@pytest.mark.parametrize(
    "body, field",
    [
        ({}, "state"),
        ({"state": "passed"}, "state"),
        ({"state": "success", "description": "x" * 141}, "description"),
        ({"state": "success", "target_url": "ftp://x.y"}, "target_url"),
    ],
)
def test_status__refused(hub: GitHub, body: dict[str, Any], field: str) -> None:
    answer = post(hub, body)

    assert (422, field) == (answer.status_code, answer.json()["errors"][0]["field"])
    assert hub.statuses == ()


def test_status__description_may_have_140_characters(hub: GitHub) -> None:
    assert post(hub, {"state": "success", "description": "é" * 140}).status_code == 201


def test_commit__unknown_one_is_refused(hub: GitHub) -> None:
    """The wording is inferred."""
    answer = post(hub, {"state": "success"}, sha=OTHER)

    assert (422, f"No commit found for SHA: {OTHER}") == (answer.status_code, answer.json()["message"])


def test_token__wrong_one(hub: GitHub) -> None:
    answer = post(hub, {"state": "success"}, token="wrong")

    assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")


def test_token__of_a_fork_may_only_read() -> None:
    with GitHub(read_only=True) as hub:
        answer = post(hub, {"state": "success"})

    assert (answer.status_code, answer.json()["message"]) == (403, "Resource not accessible by integration")


def test_repository__unknown_one(hub: GitHub) -> None:
    url = f"{hub.url}/repos/acme/other/statuses/{SHA}"

    answer = requests.post(url, json={"state": "success"}, headers={"Authorization": f"Bearer {hub.token}"}, timeout=5)

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
def test_combined__newest_of_each_context_counts(hub: GitHub, posted: list[tuple[str, str]], combined: str) -> None:
    for context, state in posted:
        post(hub, {"state": state, "context": context})

    url = f"{hub.url}/repos/{hub.repository}/commits/{SHA}/status"
    answer = requests.get(url, headers={"Authorization": f"token {hub.token}"}, timeout=5).json()

    assert combined == answer["state"]


@pytest.mark.parametrize("prefix", ["", "/api/v3"])
def test_py_github__posts_with_one_request_when_lazy(prefix: str) -> None:
    with GitHub(prefix=prefix) as hub, py_github(hub, lazy=True) as github:
        status = github.get_repo(hub.repository).get_commit(SHA).create_status("failure", description="1 error")

        assert (status.state, hub.statuses[0].description) == ("failure", "1 error")
        assert [f"{prefix}/repos/acme/shop/statuses/{SHA}"] == [request.path for request in hub.requests]


def test_py_github__works_when_not_lazy(hub: GitHub) -> None:
    with py_github(hub) as github:
        commit = github.get_repo(hub.repository).get_commit(SHA)
        commit.create_status("success", context="dbt Cloud / CI")

        assert [status.context for status in commit.get_statuses()] == ["dbt Cloud / CI"]
        assert commit.get_combined_status().state == "success"


@pytest.mark.parametrize(
    "options, code",
    [({"commits": {OTHER}}, 422), ({"read_only": True}, 403), ({"repository": "acme/other"}, 404)],
)
def test_py_github__sees_refusals(options: dict[str, Any], code: int) -> None:
    with GitHub(**options) as hub, py_github(hub, lazy=True) as github:
        with pytest.raises(GithubException) as caught:
            github.get_repo("acme/shop").get_commit(SHA).create_status("success")

        assert (code, 1) == (caught.value.status, len(hub.requests))


def test_fault__is_committed_here_too(hub: GitHub) -> None:
    hub.faults.add(kind="status", code=502, method="POST")

    assert [post(hub, {"state": "success"}).status_code for _ in range(2)] == [502, 201]
