"""GitHub: commit statuses and comments, from GitHub Actions and from elsewhere, through PyGithub."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from flask import Response

from dbt_action import app, hosts
from dbt_action.config import loader
from dbt_action.config.context import CiContext, PullRequest
from dbt_action.dbt_cloud import run_request
from dbt_action.errors import ExitCode
from dbt_action.hosts import HostSettings
from dbt_action.hosts.github import read_address
from dbt_action.report.outcome import CommitState
from emulator.hosts.base import FakeHost
from emulator.hosts.github import Comment, GitHub
from tests.ci.conftest import context
from tests.support import environments as env
from tests.support.clock import FakeClock
from tests.support.host_cases import NAME, connected
from tests.support.platform_fixtures import Build, Serve
from tests.support.samples import HostSample

MakeBuild = Callable[..., Build]


def start(**habits: Any) -> GitHub:  # noqa: ANN401 - of the stand-in
    return GitHub(token="ghp-token", repository="octo/shop", **habits)


def environ(host: GitHub) -> Mapping[str, str]:
    return {**env.AZURE_FOR_GITHUB, "GITHUB_API_URL": host.url, "GITHUB_TOKEN": "ghp-token"}


def chat(host: GitHub, words: list[str]) -> None:
    host.comments = [Comment(number, 89, body) for number, body in enumerate(words, 1)]


SAMPLE = HostSample(
    start=start,
    environ=environ,
    by_hand=lambda host: {"GITHUB_API_URL": host.url, "DBT_REPOSITORY": "octo/shop"},
    words={
        CommitState.PENDING: "pending",
        CommitState.SUCCESS: "success",
        CommitState.FAILURE: "failure",
        CommitState.ERROR: "error",
        CommitState.CANCELLED: "error",
    },
    posted=lambda host: [status.state for status in host.statuses],
    shown=lambda host: [host.statuses[-1].state],
    comments=lambda host: [comment.body for comment in host.comments if comment.pull_request == 89],
    chat=chat,
    longest_comment=65_536,
    field="github_pull_request_id",
    number=89,
)


@pytest.fixture
def github(serve: Serve) -> GitHub:
    host: GitHub = serve(GitHub(token="ghp-token", repository="acme/shop"))
    return host


def comment(host: GitHub, body: str, *, ci_id: str = "github", only_change: bool = False) -> list[str]:
    """Comment in a process of its own, as it were; the warnings."""
    warnings: list[str] = []
    context = CiContext(
        ci_id=ci_id,
        ci_name="x",
        host="github",
        repository="acme/shop",
        sha="a" * 40,
        pull_request=PullRequest(number=9),
    )
    settings = HostSettings(
        sha="a" * 40, name="dbt Cloud / job", warn=warnings.append, info=warnings.append, timeout=2, clock=FakeClock()
    )
    tokens = {"github-token": "ghp-token"}
    choice = hosts.choose({"GITHUB_API_URL": host.url}, context, tokens=tokens)
    choice.connect(settings).comment(body, "marker", only_change=only_change)
    return warnings


def test_comment__is_written_once_and_then_changed(github: GitHub) -> None:
    assert comment(github, "first") == comment(github, "second") == []
    assert [(comment.pull_request, comment.body) for comment in github.comments] == [(9, "<!-- marker -->\n\nsecond")]
    assert [asked.method for asked in github.requests] == ["GET", "POST", "GET", "PATCH"]


@pytest.mark.parametrize("ci_id,words", [("github", "pull-requests: write"), ("gitlab", "Pull requests (write)")])
def test_comment__a_missing_permission_is_told(serve: Serve, ci_id: str, words: str) -> None:
    host = serve(GitHub(token="ghp-token", repository="acme/shop", may_comment=False))
    (warning,) = comment(host, "red", ci_id=ci_id)

    assert words in warning.replace("\n", " ")


def test_github__a_repository_there_has_its_status_there_whoever_builds(build: MakeBuild, serve: Serve) -> None:
    for environ, sha in (
        (env.AZURE_FOR_GITHUB, env.HEAD),
        ({**env.GITLAB_EXTERNAL}, env.HEAD),
    ):
        github = serve(GitHub(token="ghp-token", repository="octo/shop"))
        step = build().on(environ, GITHUB_API_URL=github.url, GITHUB_TOKEN="ghp-token")

        assert step.run() is ExitCode.OK
        assert [(one.sha, one.context, one.state) for one in github.statuses] == [
            (sha, NAME, "pending"),
            (sha, NAME, "success"),
        ]


def test_github__hints_are_for_a_token_of_ones_own(build: MakeBuild, serve: Serve) -> None:
    github = serve(GitHub(token="ghp-token", repository="octo/shop", read_only=True))
    environ = env.AZURE_FOR_GITHUB
    step = build().on(environ, GITHUB_API_URL=github.url, GITHUB_TOKEN="ghp-token")

    assert step.run() is ExitCode.OK
    assert "Give it the permissions Commit statuses" in step.log
    assert "permissions:\n" not in step.log


@pytest.mark.parametrize(
    "uri,root",
    [
        ("https://github.com/octo/shop", "https://api.github.com"),
        ("https://github.acme.example/octo/shop", "https://github.acme.example/api/v3"),
        ("https://acme.ghe.com/octo/shop", "https://api.acme.ghe.com"),
    ],
)
def test_github__its_api_follows_from_where_the_repository_is(uri: str, root: str) -> None:
    environ = {**env.AZURE_FOR_GITHUB, "BUILD_REPOSITORY_URI": uri}

    assert read_address(environ, context(environ)).api_url == root
    assert read_address(
        {**environ, "GITHUB_API_URL": "https://proxy.example"}, CiContext(ci_id="x", ci_name="x")
    ).api_url == ("https://proxy.example")


ENTERPRISE = {
    **env.AZURE_FOR_GITHUB,
    "BUILD_REPOSITORY_PROVIDER": "GitHubEnterprise",
    "BUILD_REPOSITORY_URI": "https://github.acme.example/octo/shop",
}
OWN = "https://github.acme.example/api/v3"


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="as it is"),
        pytest.param({"DBT_REPOSITORY": "octo/other"}, id="another repository"),
        pytest.param({"SYSTEM_PULLREQUEST_SOURCECOMMITID": ""}, id="no commit"),
        pytest.param({"BUILD_REPOSITORY_URI": "http://github.acme.example/octo/shop"}, id="plain HTTP"),
    ],
)
def test_github__the_token_of_an_enterprise_server_goes_nowhere_else(more: dict[str, str]) -> None:
    environ = {**ENTERPRISE, **more}
    settings = loader.read({**environ, "DBT_TOKEN": "t0ken", "DBT_JOB_ID": "3", "DBT_ACCOUNT_ID": "1"}, app.ROWS)

    assert OWN == read_address(environ, run_request.with_user_choices(settings, context(environ))).api_url


def test_github__an_enterprise_server_that_is_not_known_is_no_host() -> None:
    assert context({**ENTERPRISE, "BUILD_REPOSITORY_URI": ""}).host == ""


class Odd(FakeHost):
    """Answers as GitHub does at times, and as others do in its place."""

    def __init__(self, code: int, headers: Mapping[str, str]) -> None:
        self.code, self.headers = code, headers
        super().__init__()

    def routes(self) -> list[tuple[str, str, Callable[..., Any]]]:
        return [(method, "/<path:place>", self.answer) for method in ("GET", "POST", "PATCH")]

    def answer(self, place: str) -> Response:
        return Response("[]", self.code, {**self.headers, "X-HostSettings": place}, content_type="application/json")

    def check_credentials(self) -> None:
        """Everybody may come in."""

    def not_found(self) -> object:
        return {}


@pytest.mark.parametrize(
    "code,headers",
    [(202, {}), (301, {"Location": "/repositories/5/issues/9/comments"}), (301, {"Location": "http://["}), (307, {})],
)
def test_github__pygithub_neither_waits_nor_follows(
    serve: Serve, code: int, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: pytest.fail("a real wait"))
    host = serve(Odd(code, headers))
    warnings: list[str] = []
    environ = {**env.AZURE_FOR_GITHUB, "GITHUB_API_URL": host.root, "GITHUB_TOKEN": "ghp-token"}
    here = connected(environ, warnings)
    here.set_status(CommitState.SUCCESS, "Fine", "")
    here.comment("red", "marker")

    assert len(host.requests) <= 6
    assert {asked.path.split("/")[1] for asked in host.requests} == {"repos"}
    assert len(warnings) <= 2
