"""Commit statuses through the real library against a GitHub of our own: one request each, and never a long wait."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dbt_action import hosts
from dbt_action.hosts import HostSettings
from dbt_action.report.outcome import CommitState
from emulator import GitHub
from tests.support.clock import FakeClock
from tests.support.values import a_context

TOKEN = "github-token"
SHA = "a" * 40
URL = "https://ab123.us1.dbt.com/deploy/1/projects/2/runs/3/"


class Author:
    """Posts statuses and hears warnings."""

    def __init__(self, api_url: str, *, token: str = TOKEN, sha: str = SHA, timeout: int = 5) -> None:
        self.warnings: list[str] = []
        self.infos: list[str] = []
        self.clock = FakeClock()
        settings = HostSettings(
            sha=sha,
            name="dbt Cloud / x",
            warn=self.warnings.append,
            info=self.infos.append,
            timeout=timeout,
            clock=self.clock,
        )
        choice = hosts.choose(
            {"GITHUB_API_URL": api_url}, a_context(sha=sha, host="github"), tokens={"github-token": token}
        )
        self.host = choice.connect(settings)

    def post(self, state: CommitState = CommitState.SUCCESS, description: str = "done", url: str = URL) -> bool:
        return self.host.set_status(state, description, url)


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        yield server


def test_status__is_one_request_with_everything(github: GitHub) -> None:
    author = Author(github.url)
    author.post()

    (status,) = github.statuses
    assert ("acme/shop", SHA, "success", "dbt Cloud / x", "done", URL) == (
        status.repository,
        status.sha,
        status.state,
        status.context,
        status.description,
        status.target_url,
    )
    assert 1 == len(github.requests)
    assert [] == author.warnings


@pytest.mark.parametrize("state", CommitState, ids=lambda state: state.name)
def test_state__is_one_that_github_knows(github: GitHub, state: CommitState) -> None:
    author = Author(github.url)
    author.post(state)

    assert 1 == len(github.statuses)
    assert [] == author.warnings


@pytest.mark.parametrize("length", [139, 140, 141, 10_000])
def test_description__is_cut_to_140_characters(github: GitHub, length: int) -> None:
    author = Author(github.url)
    author.post(description="💥" * length)

    (status,) = github.statuses
    assert len(status.description or "") == min(length, 140)
    assert [] == author.warnings


def test_link__is_left_out_when_there_is_none(github: GitHub) -> None:
    author = Author(github.url)
    author.post(url="")

    assert github.statuses[0].target_url is None


def test_user_agent__says_who_we_are(github: GitHub) -> None:
    Author(github.url).post()

    assert "dbt-cloud-run-action" in github.requests[0].headers["User-Agent"]


def test_enterprise__path_is_kept() -> None:
    with GitHub(prefix="/api/v3") as github:
        Author(github.url).post()

        assert 1 == len(github.statuses)
        assert github.requests[0].path.startswith("/api/v3/repos/")


@pytest.mark.parametrize(
    "habits, token, words",
    [
        pytest.param({"read_only": True}, "github-token", "statuses: write", id="read-only token"),
        pytest.param({}, "ghs_n0ne", "github-token", id="wrong token"),
        pytest.param({"repository": "acme/other"}, "github-token", "repository", id="unknown repository"),
        pytest.param({"commits": set()}, "github-token", "commit", id="unknown commit"),
    ],
)
def test_hopeless__one_request_one_warning(habits: dict[str, Any], token: str, words: str) -> None:
    """What cannot get better is not tried again."""
    with GitHub(**habits) as github:
        author = Author(github.url, token=token)
        author.post(CommitState.PENDING)
        author.post(CommitState.SUCCESS)

        assert 1 == len(github.requests)
        (warning,) = author.warnings
        assert words in warning
        assert "github-token" == token or token not in warning


@pytest.mark.parametrize("code", [403, 429])
@pytest.mark.parametrize("message", ["You have exceeded a secondary rate limit.", "API rate limit exceeded", "wait"])
def test_rate_limit__one_request_one_warning_no_sleep(github: GitHub, code: int, message: str) -> None:
    headers = {"Retry-After": "3600", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 3_600)}
    github.faults.add(kind="status", code=code, headers=headers, body={"message": message}, times=None)
    author = Author(github.url)

    began = time.monotonic()
    author.post()

    assert time.monotonic() - began < 5
    assert 1 == len(github.requests)
    (warning,) = author.warnings
    assert "limit" in warning
    assert "permissions:" not in warning


def test_rate_limit__is_over_at_the_next_status(github: GitHub) -> None:
    github.faults.add(kind="status", code=429, headers={"Retry-After": "3600"}, body={"message": "x"})
    author = Author(github.url)
    author.post(CommitState.PENDING)
    author.post(CommitState.SUCCESS)

    assert ["success"] == [status.state for status in github.statuses]
    assert 1 == len(author.warnings)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "reset"}, id="reset"),
        pytest.param({"kind": "status", "code": 500}, id="500"),
        pytest.param({"kind": "status", "code": 502, "body": "<html></html>"}, id="502 with a page"),
        pytest.param({"kind": "status", "code": 404, "body": ["odd"]}, id="404 with a list"),
        pytest.param({"kind": "status", "code": 422, "body": "odd"}, id="422 with text"),
        pytest.param({"kind": "truncate"}, id="half an answer"),
        pytest.param({"kind": "empty"}, id="no body"),
        pytest.param({"kind": "status", "code": 201, "body": []}, id="a list"),
        pytest.param({"kind": "status", "code": 201, "body": "null"}, id="null"),
        pytest.param({"kind": "html", "code": 200}, id="a page"),
        pytest.param({"kind": "status", "code": 301, "headers": {"Location": "/elsewhere"}}, id="redirect"),
        pytest.param({"kind": "status", "code": 204}, id="no content"),
    ],
)
def test_trouble__is_a_warning_at_most(github: GitHub, fault: dict[str, Any]) -> None:
    github.faults.add(times=None, **fault)
    author = Author(github.url)
    author.post(CommitState.PENDING)
    author.post(CommitState.SUCCESS)

    assert len(author.warnings) <= 1
    # Three for each of the two.
    assert len(github.requests) <= 6


def test_nobody_listens__is_a_warning() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        author = Author(f"http://127.0.0.1:{taken.getsockname()[1]}")
        author.post()

    (warning,) = author.warnings
    assert "reached" in warning


def test_hanging__is_given_up_on(github: GitHub) -> None:
    github.faults.add(kind="hang", times=None)
    author = Author(github.url, timeout=1)

    began = time.monotonic()
    author.post()

    assert time.monotonic() - began < 4
    assert 1 == len(author.warnings)
    assert 1 == len(github.requests)


def nothing(**fields: Any) -> Callable[[], Author]:  # noqa: ANN401
    return lambda: Author("http://127.0.0.1:9", **fields)


@pytest.mark.parametrize(
    "author, words",
    [
        pytest.param(nothing(token=""), "github-token", id="no token"),
        pytest.param(nothing(sha=""), "git-sha", id="no commit"),
    ],
)
def test_nowhere_to_post_to__is_said_once(author: Callable[[], Author], words: str) -> None:
    made = author()
    made.post(CommitState.PENDING)
    made.post(CommitState.SUCCESS)

    (warning,) = made.warnings
    assert words in warning
