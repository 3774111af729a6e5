"""GitHub: commit statuses and comments, from GitHub Actions and from elsewhere, through PyGithub."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any

import pytest
from flask import Response

from dbt_action import app, hosts
from dbt_action.config import loader
from dbt_action.config.context import PullRequest
from dbt_action.dbt_cloud import run_request
from dbt_action.errors import ExitCode
from dbt_action.hosts.github import read_address
from dbt_action.report.outcome import CommitState
from emulator.hosts.base import FakeHost
from emulator.hosts.github import WORKFLOW_BOT, Account, Comment, GitHub
from tests.ci.conftest import context
from tests.support import environments as env
from tests.support.clock import FakeClock
from tests.support.host_cases import NAME, connected
from tests.support.platform_fixtures import Build, Serve
from tests.support.samples import HostSample
from tests.support.values import a_context

MakeBuild = Callable[..., Build]

TOKEN = "github-token"
SHA = "a" * 40
URL = "https://ab123.us1.dbt.com/deploy/1/projects/2/runs/3/"


def start(**settings: Any) -> GitHub:  # noqa: ANN401 - those of the emulator
    return GitHub(token="ghp-token", repository="octo/shop", **settings)


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
    odd_lists=({}, [1], [{}], [{"filename": 1}], [{"filename": ""}], [{"filename": "a", "previous_filename": 2}]),
    compares=True,
)


class Workflow:
    """A step of GitHub Actions that posts to a GitHub, and the warnings that it logs."""

    def __init__(self, api_url: str, *, token: str = TOKEN, sha: str = SHA, timeout: float = 5, **fields: Any) -> None:  # noqa: ANN401 - of CiContext
        self.warnings: list[str] = []
        self.clock = FakeClock()
        settings = hosts.HostSettings(
            sha=sha,
            name="dbt Cloud / x",
            warn=self.warnings.append,
            info=self.warnings.append,
            timeout=timeout,
            clock=self.clock,
        )
        context = a_context(sha=sha, host="github", pull_request=PullRequest(number=9), **fields)
        choice = hosts.choose({"GITHUB_API_URL": api_url}, context, tokens={"github-token": token})
        self.host = choice.connect(settings)

    def post(self, state: CommitState = CommitState.SUCCESS, description: str = "done", url: str = URL) -> bool:
        return self.host.set_status(state, description, url)

    def comment(self, body: str) -> None:
        self.host.comment(body, "marker")


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        yield server


# What is posted.


def test_status__is_one_request_with_everything(github: GitHub) -> None:
    workflow = Workflow(github.url)
    workflow.post()

    (status,) = github.statuses
    assert ("acme/shop", SHA, "success", "dbt Cloud / x", "done", URL) == (
        status.repository,
        status.sha,
        status.state,
        status.context,
        status.description,
        status.target_url,
    )
    (request,) = github.requests
    assert "dbt-cloud-run-action" in request.headers["User-Agent"]
    assert [] == workflow.warnings


def test_description__is_cut_to_140_characters(github: GitHub) -> None:
    """An emoji is one character for GitHub, too."""
    workflow = Workflow(github.url)
    for length in (139, 140, 141, 10_000):
        workflow.post(description="💥" * length)

    assert [139, 140, 140, 140] == [len(status.description or "") for status in github.statuses]
    assert [] == workflow.warnings


def test_link__is_left_out_when_there_is_none(github: GitHub) -> None:
    Workflow(github.url).post(url="")

    assert github.statuses[0].target_url is None


def test_enterprise_server__path_of_the_api_is_kept() -> None:
    with GitHub(prefix="/api/v3") as github:
        Workflow(github.url).post()

        assert 1 == len(github.statuses)
        assert github.requests[0].path.startswith("/api/v3/repos/")


def test_comment__is_written_once_and_then_changed(github: GitHub) -> None:
    """By two processes: the second one finds the comment of the first."""
    for body in ("first", "second"):
        workflow = Workflow(github.url)
        workflow.comment(body)
        assert [] == workflow.warnings

    assert ["<!-- marker -->\n\nsecond"] == [comment.body for comment in github.comments if comment.pull_request == 9]
    # The second POST asks whose the token is.
    assert ["GET", "POST", "GET", "POST", "PATCH"] == [request.method for request in github.requests]
    assert "/graphql" == github.requests[3].path


def test_comment__of_a_workflow_belongs_to_its_bot_alone(github: GitHub) -> None:
    """Not to a person whose name looks like that of the bot; its token may not ask whose it is."""
    github.account, github.may_ask_account = WORKFLOW_BOT, False
    for login in ("github-actions", "octocat"):
        github.add_comment("<!-- marker -->\n\ntheirs", pull_request=9).user = Account(login, 77)
    Workflow(github.url).comment("ours")
    Workflow(github.url).comment("ours, too")

    assert ["theirs", "theirs", "ours, too"] == [comment.body.partition("\n\n")[2] for comment in github.comments]


def test_comment__of_an_app_belongs_to_the_bot_of_that_app(github: GitHub) -> None:
    """Its token may use GraphQL."""
    github.account, github.may_ask_account = Account("acme-dbt[bot]", 55, "Bot"), True
    github.add_comment("<!-- marker -->\n\ntheirs", pull_request=9).user = WORKFLOW_BOT
    Workflow(github.url).comment("first")
    Workflow(github.url).comment("second")

    assert ["theirs", "second"] == [comment.body.partition("\n\n")[2] for comment in github.comments]


# Failures.


@pytest.mark.parametrize(
    "settings, token, words",
    [
        pytest.param({"read_only": True}, TOKEN, "statuses: write", id="read-only token"),
        pytest.param({}, "ghs_n0ne", "github-token", id="wrong token"),
        pytest.param({"repository": "acme/other"}, TOKEN, "repository", id="unknown repository"),
        pytest.param({"commits": set()}, TOKEN, "commit", id="unknown commit"),
    ],
)
def test_permanent_failure__is_one_request_and_one_warning(settings: dict[str, Any], token: str, words: str) -> None:
    with GitHub(**settings) as github:
        workflow = Workflow(github.url, token=token)
        workflow.post(CommitState.PENDING)
        workflow.post(CommitState.SUCCESS)

        assert 1 == len(github.requests)
        (warning,) = workflow.warnings
        assert words in warning
        assert "ghs_n0ne" not in warning


def test_rate_limit__is_one_request_and_one_warning() -> None:
    """GitHub says 403 or 429, in several words; another request at once would make the limit last longer."""
    headers = {"Retry-After": "3600", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 3_600)}
    for code in (403, 429):
        for message in ("You have exceeded a secondary rate limit.", "API rate limit exceeded", "wait"):
            with GitHub() as limited:
                body = {"message": message}
                limited.faults.add(kind="status", code=code, headers=headers, body=body, times=None)
                workflow = Workflow(limited.url)
                started = time.monotonic()
                workflow.post()

                assert time.monotonic() - started < 5, (code, message)
                assert 0.0 == workflow.clock.passed, (code, message)
                assert 1 == len(limited.requests), (code, message)
                (warning,) = workflow.warnings
                assert "limit" in warning, (code, message)
                assert "permissions:" not in warning, (code, message)


def test_rate_limit__without_a_time_is_one_request(github: GitHub) -> None:
    body = {"message": "You have exceeded a secondary rate limit."}
    github.faults.add(kind="status", code=403, body=body, times=None)
    workflow = Workflow(github.url)
    workflow.post()

    assert 1 == len(github.requests)
    assert "limits the requests" in workflow.warnings[0]


def test_rate_limit__of_a_second_is_waited_for(github: GitHub) -> None:
    body = {"message": "You have exceeded a secondary rate limit."}
    github.faults.add(kind="status", code=403, headers={"Retry-After": "1"}, body=body)
    workflow = Workflow(github.url)

    assert workflow.post() is True
    assert 1.0 == workflow.clock.passed
    assert [] == workflow.warnings


def test_rate_limit__is_over_at_the_next_status(github: GitHub) -> None:
    github.faults.add(kind="status", code=429, headers={"Retry-After": "3600"}, body={"message": "x"})
    workflow = Workflow(github.url)
    workflow.post(CommitState.PENDING)
    workflow.post(CommitState.SUCCESS)

    assert ["success"] == [status.state for status in github.statuses]
    assert 1 == len(workflow.warnings)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "reset"}, id="reset"),
        pytest.param({"kind": "status", "code": 500}, id="500"),
        pytest.param({"kind": "status", "code": 502, "body": "<html></html>"}, id="502 with a page"),
        pytest.param({"kind": "status", "code": 404, "body": ["odd"]}, id="404 with a list"),
        pytest.param({"kind": "status", "code": 422, "body": "odd"}, id="422 with text"),
        pytest.param({"kind": "truncate"}, id="half an answer"),
        pytest.param({"kind": "status", "code": 201, "body": []}, id="a list"),
        pytest.param({"kind": "status", "code": 201, "body": "null"}, id="null"),
        pytest.param({"kind": "status", "code": 201, "body": {"state": "pending"}}, id="another state"),
        pytest.param({"kind": "html", "code": 200}, id="a page"),
        pytest.param({"kind": "status", "code": 301, "headers": {"Location": "/elsewhere"}}, id="redirect"),
        pytest.param({"kind": "status", "code": 204}, id="no content"),
        pytest.param({"kind": "empty"}, id="no body"),
    ],
)
def test_failure__is_one_warning_and_never_taken_for_success(github: GitHub, fault: dict[str, Any]) -> None:
    github.faults.add(times=None, **fault)
    workflow = Workflow(github.url)
    workflow.post(CommitState.FAILURE)
    workflow.post(CommitState.SUCCESS)

    assert 1 == len(workflow.warnings)
    # Three for each of the two.
    assert len(github.requests) <= 6


def test_comment__an_odd_answer_is_not_taken_for_no_comments(github: GitHub) -> None:
    """A second comment would stay beside ours."""
    Workflow(github.url).comment("first")
    faults: list[dict[str, Any]] = [
        {"kind": "empty"},
        {"kind": "html", "code": 200},
        {"kind": "status", "code": 200, "body": "null"},
        {"kind": "status", "code": 200, "body": {}},
        {"kind": "status", "code": 204},
    ]
    for fault in faults:
        # As often as one page is tried.
        github.faults.add(method="GET", times=3, **fault)
        workflow = Workflow(github.url)
        workflow.comment("second")

        assert ["<!-- marker -->\n\nfirst"] == [comment.body for comment in github.comments], fault
        assert 1 == len(workflow.warnings), fault


def test_comment__an_odd_answer_is_not_taken_for_written(github: GitHub) -> None:
    faults: list[dict[str, Any]] = [
        {"kind": "html", "code": 200},
        {"kind": "status", "code": 201, "body": {"message": "?"}},
    ]
    for fault in faults:
        github.faults.add(method="POST", times=2, **fault)
        workflow = Workflow(github.url)
        workflow.comment("red")

        assert [] == github.comments, fault
        assert 1 == len(workflow.warnings), fault


def test_no_server__is_a_warning() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        workflow = Workflow(f"http://127.0.0.1:{taken.getsockname()[1]}")
        workflow.post()

    (warning,) = workflow.warnings
    assert "reached" in warning


def test_hanging_server__is_given_up_after_the_time_limit(github: GitHub) -> None:
    github.faults.add(kind="hang", times=None)
    workflow = Workflow(github.url, timeout=1)

    started = time.monotonic()
    workflow.post()

    assert time.monotonic() - started < 4
    assert 1 == len(workflow.warnings)
    assert 1 == len(github.requests)


@contextmanager
def slow_server() -> Iterator[str]:
    """A server that sends one byte of its answer every 50 milliseconds, without end."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with closing(connection), suppress(OSError):
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 1000000\r\n\r\n")
            while not over.wait(0.05):
                connection.sendall(b" ")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        listener.close()
        thread.join(5)
    assert not thread.is_alive()


def test_slow_server__is_given_up_although_each_read_is_in_time() -> None:
    """PyGithub has no limit for a whole answer, so the product has one around it."""
    with slow_server() as url:
        workflow = Workflow(url, timeout=0.25)
        started = time.monotonic()
        posted = workflow.post()

        assert time.monotonic() - started < 3
    assert posted is False
    assert "no answer in time" in workflow.warnings[0]


@pytest.mark.parametrize("fields, words", [({"token": ""}, "github-token"), ({"sha": ""}, "git-sha")])
def test_no_token_or_no_commit__is_one_warning(fields: dict[str, Any], words: str) -> None:
    workflow = Workflow("http://127.0.0.1:9", **fields)
    workflow.post(CommitState.PENDING)
    workflow.post(CommitState.SUCCESS)

    (warning,) = workflow.warnings
    assert words in warning


class OddGitHub(FakeHost):
    """A server that answers every request with one status and headers, as GitHub does at times, and proxies do."""

    def __init__(self, code: int, headers: Mapping[str, str]) -> None:
        self.code, self.headers = code, headers
        super().__init__()

    def routes(self) -> list[tuple[str, str, Callable[..., Any]]]:
        return [(method, "/<path:path>", self.answer) for method in ("GET", "POST", "PATCH")]

    def answer(self, path: str) -> Response:
        return Response("[]", self.code, {**self.headers, "X-Path": path}, content_type="application/json")

    def check_credentials(self) -> None:
        """Every request is admitted."""

    def not_found(self) -> object:
        return {}


@pytest.mark.parametrize(
    "code,headers",
    [(202, {}), (301, {"Location": "/repositories/5/issues/9/comments"}), (301, {"Location": "http://["}), (307, {})],
)
def test_pygithub__neither_waits_nor_follows_redirects(
    serve: Serve, code: int, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself PyGithub sleeps after a 202, and follows a redirect without its query."""
    monkeypatch.setattr("time.sleep", lambda _seconds: pytest.fail("a real wait"))
    host = serve(OddGitHub(code, headers))
    workflow = Workflow(host.root)
    workflow.post()
    workflow.comment("red")

    assert len(host.requests) <= 6
    assert {"repos"} == {request.path.split("/")[1] for request in host.requests}
    assert 2 == len(workflow.warnings)


def test_redirect__does_not_carry_the_token_to_another_server(serve: Serve) -> None:
    other = serve(OddGitHub(200, {}))
    for code in (301, 302, 303, 307, 308):
        host = serve(OddGitHub(code, {"Location": f"{other.root}/repos/acme/shop/statuses/{SHA}"}))
        workflow = Workflow(host.root)
        workflow.post()
        workflow.comment("red")

        assert () == other.requests, code
        assert 2 == len(workflow.warnings), code


# Builds of other CIs.


def test_github__a_repository_there_has_its_status_there_whoever_builds(build: MakeBuild, serve: Serve) -> None:
    for environ in (env.AZURE_FOR_GITHUB, env.GITLAB_EXTERNAL):
        github = serve(GitHub(token="ghp-token", repository="octo/shop"))
        step = build().on(environ, GITHUB_API_URL=github.url, GITHUB_TOKEN="ghp-token")

        assert ExitCode.OK is step.run()
        assert [(env.HEAD, NAME, "pending"), (env.HEAD, NAME, "success")] == [
            (status.sha, status.context, status.state) for status in github.statuses
        ]


def test_hint__for_a_token_of_the_user_names_its_permissions(build: MakeBuild, serve: Serve) -> None:
    """A workflow's `permissions:` do not apply to it."""
    github = serve(GitHub(token="ghp-token", repository="octo/shop", read_only=True))
    step = build().on(env.AZURE_FOR_GITHUB, GITHUB_API_URL=github.url, GITHUB_TOKEN="ghp-token")

    assert ExitCode.OK is step.run()
    assert "Give it the permissions Commit statuses" in step.log
    assert "permissions:\n" not in step.log


def test_hint__for_a_comment_depends_on_whose_token_it_is() -> None:
    with GitHub(token="ghp-token", repository="octo/shop", may_comment=False) as github:
        warnings: list[str] = []
        connected(environ(github), warnings).comment("red", "marker")
    assert "Pull requests (write)" in warnings[0].replace("\n", " ")

    with GitHub(may_comment=False) as github:
        workflow = Workflow(github.url)
        workflow.comment("red")
    assert "pull-requests: write" in workflow.warnings[0]


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

    assert root == read_address(environ, context(environ)).api_url


def test_github__its_api_is_where_the_user_says() -> None:
    environ = {**env.AZURE_FOR_GITHUB, "GITHUB_API_URL": "https://proxy.example"}

    assert "https://proxy.example" == read_address(environ, context(environ)).api_url


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
    settings = loader.read(
        {**environ, "DBT_URL": "https://x.example", "DBT_TOKEN": "t0ken", "DBT_JOB_ID": "3", "DBT_ACCOUNT_ID": "1"},
        app.ROWS,
    )

    assert OWN == read_address(environ, run_request.with_user_choices(settings, context(environ))).api_url


def test_github__an_enterprise_server_that_is_not_known_is_no_host() -> None:
    assert "" == context({**ENTERPRISE, "BUILD_REPOSITORY_URI": ""}).host
