"""A whole step against each host of code: the statuses that people see, comments, and every kind of trouble."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from dbt_action import ci, elsewhere, hosts, runs
from dbt_action.context import CiContext
from dbt_action.errors import ExitCode
from dbt_action.hosts.azure_repos import names
from dbt_action.hosts.bitbucket import key
from dbt_action.report import CommitState
from emulator import GitHub, Script
from emulator.hosts import AzureDevOps, Bitbucket, GitLab
from emulator.hosts.azure_devops import PullRequest, Thread
from emulator.hosts.bitbucket import Comment
from emulator.hosts.bitbucket import Status as BuildStatus
from emulator.hosts.gitlab import Note, Pipeline
from tests.platforms import environments as env
from tests.platforms.conftest import Build, Serve
from tests.support.clock import FakeClock
from tests.support.corridor import JOB_NAME
from tests.support.scripts import ENDLESS, GREEN, RED

NAME = f"dbt Cloud / {JOB_NAME}"
MakeBuild = Callable[..., Build]


@dataclass
class Case:
    """A host, and the environment of a build that posts to it."""

    host: Any
    environ: dict[str, str]
    token: str

    def states(self) -> list[str]:
        """What was posted, in the host's own words."""
        if isinstance(self.host, GitLab):
            return [asked.json["state"] for asked in self.host.requests if asked.method == "POST"]
        if isinstance(self.host, Bitbucket):
            return [status.state for status in self.host.history]
        return [status.state for status in self.host.statuses]


def gitlab(**habits: Any) -> Case:  # noqa: ANN401 - of the fake
    host = GitLab(pipelines=(Pipeline(77, env.HEAD, "refs/merge-requests/7/head"),), **habits).start()
    return Case(host, {**env.GITLAB_DETACHED, "CI_API_V4_URL": host.url, "GITLAB_TOKEN": "glpat-token"}, "GITLAB_TOKEN")


def azure(**habits: Any) -> Case:  # noqa: ANN401 - of the fake
    host = AzureDevOps(pull_requests={12: PullRequest(["1" * 40, env.HEAD])}, **habits).start()
    environ = {**env.AZURE_PULL_REQUEST, "SYSTEM_COLLECTIONURI": host.url, "SYSTEM_ACCESSTOKEN": "azure-token"}
    return Case(host, environ, "SYSTEM_ACCESSTOKEN")


def bitbucket(**habits: Any) -> Case:  # noqa: ANN401 - of the fake
    host = Bitbucket(commits=(env.HEAD, env.PUSHED), **habits).start()
    environ = {**env.BITBUCKET_PULL_REQUEST, "BITBUCKET_API_URL": host.url, "BITBUCKET_ACCESS_TOKEN": "bitbucket-token"}
    return Case(host, environ, "BITBUCKET_ACCESS_TOKEN")


CASES = {"gitlab": gitlab, "azure": azure, "bitbucket": bitbucket}


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest) -> Any:  # noqa: ANN401 - a generator
    made = CASES[request.param]()
    yield made
    made.host.stop()


def connected(environ: Mapping[str, str], warnings: list[str], **more: Any) -> hosts.Host:  # noqa: ANN401
    """The host of the build that `environ` describes."""
    here = ci.detect(environ, io.StringIO())
    context = here.context()
    place = hosts.Place(sha=context.sha, name=NAME, warn=warnings.append, clock=FakeClock(), **more)
    token = environ.get(hosts.TOKENS.get(context.host, ""), "")
    return hosts.connect(environ, context, place, token=token, info=warnings.append)


WIRE = {
    "gitlab": {"running": "running", "success": "success", "failed": "failed", "canceled": "canceled"},
    "azure": {"running": "pending", "success": "succeeded", "failed": "failed", "canceled": "error"},
    "bitbucket": {"running": "INPROGRESS", "success": "SUCCESSFUL", "failed": "FAILED", "canceled": "STOPPED"},
}


def told(case: Case, *words: str) -> list[str]:
    """Those words in the host's own; Azure hears them twice, for the pull request and for the commit."""
    (name,) = [name for name, made in CASES.items() if type(case.host).__name__.lower().startswith(name)]
    times = 2 if name == "azure" else 1
    return [WIRE[name][word] for word in words for _ in range(times)]


@pytest.mark.parametrize(
    "script,end,code", [(GREEN, "success", ExitCode.OK), (RED, "failed", ExitCode.FAILED)], ids=["green", "red"]
)
def test_status__goes_from_running_to_the_end(
    build: MakeBuild,
    case: Case,
    script: Script,
    end: str,
    code: ExitCode,
) -> None:
    assert build(script).on(case.environ).run() is code
    assert case.states() == told(case, "running", end)


def test_status__of_a_cancelled_run(build: MakeBuild, case: Case) -> None:
    step = build(ENDLESS).on(case.environ)

    def cancel(_seconds: float) -> None:
        for run in step.cloud.runs:
            step.cloud.finish(run.id, 30)

    step.clock.on_sleep = cancel

    assert step.run() is ExitCode.FAILED
    assert case.states() == told(case, "running", "canceled")


def test_status__links_to_the_run_and_says_what_came_of_it(build: MakeBuild, case: Case) -> None:
    step = build().on(case.environ)
    step.run()
    last = [asked.json for asked in case.host.requests if asked.method == "POST"][-1]

    assert "1 passed" in last["description"]
    assert {last.get("target_url"), last.get("targetUrl"), last.get("url")} - {None} == {
        f"{step.cloud.url}/deploy/{step.cloud.account_id}/projects/{step.cloud.project_id}/runs/{step.cloud.runs[0].id}/"
    }


def test_status__without_a_run_links_to_the_build(build: MakeBuild, case: Case) -> None:
    step = build().on(case.environ)
    step.cloud.faults.add(kind="status", path="/jobs/", code=404, times=None)

    assert step.run() is ExitCode.CLOUD
    assert case.states() == told(case, "failed") or case.states() == ["error", "error"]


def test_status__a_missing_token_is_one_line_that_names_the_variable(build: MakeBuild, case: Case) -> None:
    step = build().on(case.environ)

    assert step.run(**{case.token: ""}) is ExitCode.OK
    assert [line for line in step.log.splitlines() if case.token in line] == [
        line for line in step.log.splitlines() if line.startswith("No commit status: ")
    ]
    assert step.log.count("No commit status: ") == 1
    assert case.host.requests == ()


def test_status__an_unresolved_macro_is_no_token(build: MakeBuild) -> None:
    case = azure()
    step = build().on(case.environ)

    assert step.run(SYSTEM_ACCESSTOKEN="$(System.AccessToken)") is ExitCode.OK
    assert "`SYSTEM_ACCESSTOKEN` is not set" in step.log
    assert "env: {SYSTEM_ACCESSTOKEN: $(System.AccessToken)}" in step.log
    case.host.stop()


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "code": 500},
        {"kind": "status", "code": 409, "body": {"message": "Another update to this commit status is in progress"}},
        {"kind": "status", "code": 403, "body": {"message": "403 Forbidden"}},
        {"kind": "status", "code": 404, "body": {"message": "404 Not Found"}},
        {"kind": "status", "code": 429, "headers": {"Retry-After": "3600"}},
        {"kind": "status", "code": 302, "headers": {"Location": "https://elsewhere.example/"}},
        {"kind": "html", "code": 203},
        {"kind": "html", "code": 200},
        {"kind": "reset"},
        {"kind": "truncate"},
        {"kind": "empty"},
    ],
    ids=lambda fault: "-".join(str(fault[name]) for name in ("kind", "code") if name in fault),
)
def test_trouble__is_at_most_one_warning_and_never_the_verdict(
    build: MakeBuild, case: Case, fault: dict[str, Any]
) -> None:
    case.host.faults.add(times=None, **fault)
    step = build().on(case.environ)
    began = step.clock.time

    assert step.run() is ExitCode.OK
    assert step.log.count("could not be posted") == (0 if fault["kind"] == "empty" else 1)
    assert "elsewhere.example" not in step.log
    assert step.clock.time - began <= 30


def test_trouble__a_hanging_host_costs_seconds(case: Case) -> None:
    case.host.faults.add(kind="hang", times=None)
    warnings: list[str] = []
    host = connected(case.environ, warnings, timeout=1)

    assert host.set_status(CommitState.PENDING, "Started", "https://x.example/1") is False
    assert len(warnings) == 1
    assert "ReadTimeout" in warnings[0]


def test_trouble__a_bad_token_is_told_by_name_and_not_shown(build: MakeBuild, case: Case) -> None:
    step = build().on(case.environ)

    assert step.run(**{case.token: "bad-and-secret"}) is ExitCode.OK
    assert step.log.count("could not be posted") == 1
    assert case.token in step.log
    assert "bad-and-secret" not in step.log.replace("##vso[task.setsecret]bad-and-secret", "")
    # What cannot get better is not tried again.
    assert len(case.host.requests) <= 3


def test_trouble__a_busy_host_is_asked_again(case: Case) -> None:
    case.host.faults.add(kind="status", method="POST", code=409, times=2)
    warnings: list[str] = []

    assert connected(case.environ, warnings).set_status(CommitState.SUCCESS, "Fine", "https://x.example/1") is True
    assert warnings == []
    assert case.states()[-1:] == told(case, "success")[-1:]


PASSING: list[dict[str, Any]] = [
    *({"kind": "status", "code": code} for code in (408, 409, 429, 500, 501, 502, 503, 507, 520, 522, 525)),
    {"kind": "html", "code": 200},
    {"kind": "html", "code": 502},
    {"kind": "html", "code": 520, "do": True},
    {"kind": "reset"},
    {"kind": "lose"},
    {"kind": "truncate"},
]
LASTING: list[dict[str, Any]] = [
    *({"kind": "status", "code": code} for code in (400, 401, 403, 404, 422)),
    {"kind": "status", "code": 302, "headers": {"Location": "https://elsewhere.example/"}},
    {"kind": "html", "code": 203},
    {"kind": "status", "code": 203, "body": {}},
]


def called(fault: Mapping[str, Any]) -> str:
    return "-".join(str(fault[name]) for name in ("kind", "code") if name in fault)


def shown(case: Case) -> list[str]:
    """What people see at the end."""
    if isinstance(case.host, GitLab):
        return [case.host.newest(env.HEAD, NAME).status]
    if isinstance(case.host, Bitbucket):
        return [status.state for status in case.host.statuses.values()]
    on_both = (case.host.newest(pull_request=12), case.host.newest(commit=env.HEAD))
    return [place["dbt Cloud", JOB_NAME].state for place in on_both]


@pytest.mark.parametrize("fault", PASSING, ids=called)
def test_trouble__an_unlucky_first_post_does_not_cost_the_end(
    build: MakeBuild, case: Case, fault: dict[str, Any]
) -> None:
    # As many as one post tries.
    case.host.faults.add(method="POST", path="status", times=3, **fault)
    step = build().on(case.environ)

    assert step.run() is ExitCode.OK
    assert shown(case) == told(case, "success")
    assert step.log.count("could not be posted") <= 1


@pytest.mark.parametrize("fault", [*PASSING, *LASTING], ids=called)
def test_trouble__one_unlucky_last_answer_does_not_leave_it_running(
    build: MakeBuild, case: Case, fault: dict[str, Any]
) -> None:
    posts = len(told(case, "running"))
    case.host.faults.add(method="POST", path="status", after=posts, times=1, **fault)
    step = build().on(case.environ)

    assert step.run() is ExitCode.OK
    assert shown(case) == told(case, "success")
    assert step.log.count("could not be posted") <= 1


@pytest.mark.parametrize("fault", LASTING[-3:], ids=called)
def test_trouble__a_page_to_sign_in_is_about_the_token(case: Case, fault: dict[str, Any]) -> None:
    case.host.faults.add(times=None, **fault)
    warnings: list[str] = []

    assert connected(case.environ, warnings).set_status(CommitState.SUCCESS, "Fine", "") is True
    assert len(warnings) == 1
    assert f"`{case.token}` is wrong" in warnings[0]


@pytest.mark.parametrize("body", [[], "words", 7], ids=["list", "words", "number"])
def test_trouble__answers_of_another_shape_are_one_warning(case: Case, body: object) -> None:
    case.host.faults.add(kind="status", code=200, body=body, times=None)
    warnings: list[str] = []
    host = connected(case.environ, warnings)
    host.set_status(CommitState.SUCCESS, "Fine", "")
    host.set_status(CommitState.SUCCESS, "Fine", "")
    host.comment("red", "marker")
    host.comment("red", "marker")

    # One of statuses and one of comments at the most.
    assert len(warnings) == len({warning.partition(" could not")[0] for warning in warnings}) <= 2


def test_trouble__what_nobody_has_thought_of_is_one_warning(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_args: Any, **_kwargs: Any) -> None:  # noqa: ANN401
        raise AttributeError("list has no get, and a secret")

    warnings: list[str] = []
    host = connected(case.environ, warnings)
    monkeypatch.setattr("requests.request", stumble)

    assert host.set_status(CommitState.PENDING, "Started", "") is False
    assert host.set_status(CommitState.SUCCESS, "Fine", "") is False
    assert len(warnings) == 1
    assert "(AttributeError)" in warnings[0]
    monkeypatch.undo()
    assert host.set_status(CommitState.SUCCESS, "Fine", "https://x.example/1") is True
    assert shown(case) == told(case, "success")


# Which host.


def test_known__each_has_its_token_its_field_and_its_class() -> None:
    assert set(hosts.KNOWN) == set(runs.PULL_REQUEST_FIELDS) - {"non-native"} == set(hosts.TOKENS)
    secret = {row.variable for row in elsewhere.INPUTS if row.secret} | {"GITHUB_TOKEN"}
    assert set(hosts.TOKENS.values()) <= secret

    place = hosts.Place(sha=env.HEAD, name=NAME, warn=lambda _words: None)
    made = {
        key: hosts.connect({}, CiContext(platform="x", host=key, repository="a/b"), place, token="t", info=print)
        for key in hosts.KNOWN
    }
    assert {key: type(host).__name__ for key, host in made.items()} == {
        "github": "GitHub",
        "gitlab": "GitLab",
        "azure": "AzureRepos",
        "bitbucket": "Bitbucket",
    }


@pytest.mark.parametrize("host", ["", "gitea", "Bitbucket"])
def test_known__an_unknown_host_gets_no_token(host: str) -> None:
    place = hosts.Place(sha=env.HEAD, name=NAME, warn=lambda _words: None)
    context = CiContext(platform="x", host=host, repository="a/b")

    assert isinstance(hosts.connect({}, context, place, token="t", info=print), hosts.NoHost)


# Comments.


def comments(case: Case) -> list[str]:
    """What is written on the pull request, the oldest first."""
    if isinstance(case.host, GitLab):
        return [note.body for note in case.host.notes.get(7, [])]
    if isinstance(case.host, Bitbucket):
        return [comment.raw for comment in case.host.comments.get(2, [])]
    return [thread.content for thread in case.host.pull_requests[12].threads]


def chatter(case: Case, count: int) -> None:
    """Other people's comments, one of which quotes ours."""
    words = [f"I say {number}" for number in range(count - 1)]
    words.append("> <!-- marker --> [//]: <> (marker)\n\nNo.")
    if isinstance(case.host, GitLab):
        case.host.notes[7] = [Note(number, word, "jane") for number, word in enumerate(words, 1)]
    elif isinstance(case.host, Bitbucket):
        case.host.comments[2] = [Comment(number, word) for number, word in enumerate(words, 1)]
    else:
        case.host.pull_requests[12].threads = [Thread(number, word, "active") for number, word in enumerate(words, 1)]


def test_comment__is_written_once_and_then_changed(case: Case) -> None:
    warnings: list[str] = []
    for body in ("first", "second"):
        connected(case.environ, warnings).comment(body, "marker")

    (comment,) = comments(case)
    assert comment.endswith("\n\nsecond")
    assert "marker" in comment.splitlines()[0]
    assert warnings == []


def test_comment__is_found_over_all_pages(case: Case) -> None:
    chatter(case, 230)
    case.host.page = 50
    warnings: list[str] = []
    connected(case.environ, warnings).comment("first", "marker")
    connected(case.environ, warnings).comment("of another job", "other marker")
    connected(case.environ, warnings).comment("second", "marker")

    assert len(comments(case)) == 232
    assert comments(case)[230].endswith("\n\nsecond")
    assert comments(case)[231].endswith("\n\nof another job")
    assert warnings == []


def test_comment__can_be_for_changes_only(case: Case) -> None:
    connected(case.environ, []).comment("all is well", "marker", only_change=True)
    assert comments(case) == []

    connected(case.environ, []).comment("red", "marker")
    connected(case.environ, []).comment("all is well", "marker", only_change=True)
    assert comments(case)[0].endswith("\n\nall is well")


def test_comment__fits(case: Case) -> None:
    connected(case.environ, []).comment("x" * 2_000_000, "marker")

    assert len(comments(case)[0]) <= {GitLab: 1_000_000, AzureDevOps: 150_000, Bitbucket: 32_768}[type(case.host)]


def test_comment__trouble_is_one_warning(case: Case) -> None:
    case.host.faults.add(kind="status", code=403, times=None)
    warnings: list[str] = []
    host = connected(case.environ, warnings)
    host.comment("first", "marker")
    host.comment("second", "marker")

    assert len(warnings) == 1
    assert "The comment could not be posted" in warnings[0]


@pytest.mark.parametrize(
    "fault",
    [{"kind": "html", "code": 502, "do": True}, {"kind": "lose"}, {"kind": "truncate"}],
    ids=called,
)
def test_comment__whose_answer_is_lost_is_not_written_twice(case: Case, fault: dict[str, Any]) -> None:
    case.host.faults.add(method="POST", times=1, **fault)
    warnings: list[str] = []
    connected(case.environ, warnings).comment("red", "marker")

    assert len(comments(case)) == 1
    assert warnings == []


@pytest.mark.parametrize("code", [409, 429, 502, 503])
def test_comment__that_was_not_written_is_written(case: Case, code: int) -> None:
    case.host.faults.add(kind="status", code=code, method="POST", times=1)
    warnings: list[str] = []
    connected(case.environ, warnings).comment("red", "marker")

    assert len(comments(case)) == 1
    assert warnings == []


def test_comment__is_asked_for_again_after_an_answer_that_says_nothing(case: Case) -> None:
    case.host.faults.add(kind="status", code=502, method="POST", times=None)
    connected(case.environ, []).comment("red", "marker")

    # Not a post without a look before it.
    assert [asked.method for asked in case.host.requests] == ["GET", "POST", "GET", "POST"]


def test_comment__of_a_run(build: MakeBuild, case: Case) -> None:
    assert build(RED).on(case.environ, DBT_COMMENT="on-failure").run() is ExitCode.FAILED
    (comment,) = comments(case)
    assert JOB_NAME in comment
    assert "not_null_orders_id" in comment

    assert build().on(case.environ, DBT_COMMENT="always").run() is ExitCode.OK
    (comment,) = comments(case)
    assert "succeeded" in comment


# What is special about each.


def test_gitlab__the_status_is_in_the_pipeline_of_the_job(build: MakeBuild, serve: Serve) -> None:
    pipelines = (Pipeline(77, env.MERGE, "refs/merge-requests/7/merge"), Pipeline(78, env.HEAD, "feature/x"))
    host = serve(GitLab(pipelines=pipelines))
    step = build().on(env.GITLAB_MERGED_RESULT, CI_API_V4_URL=host.url, GITLAB_TOKEN="glpat-token")

    assert step.run() is ExitCode.OK
    # Dbt Cloud builds the head, the pipeline is about the merge commit.
    assert step.body["git_sha"] == env.HEAD
    assert [(one.pipeline, one.sha, one.status) for one in host.statuses] == [(77, env.MERGE, "success")]
    assert len(host.pipelines) == 2


def test_gitlab__another_commit_than_that_of_the_pipeline_has_none_of_it(build: MakeBuild, serve: Serve) -> None:
    host = serve(GitLab(pipelines=(Pipeline(77, env.PUSHED, "main"),)))
    step = build().on(env.GITLAB_PUSH, CI_API_V4_URL=host.url, GITLAB_TOKEN="glpat-token", DBT_GIT_SHA="d" * 40)

    assert step.run() is ExitCode.OK
    assert host.newest("d" * 40, NAME).status == "success"


def test_gitlab__a_pipeline_that_does_not_fit_is_left_out(build: MakeBuild, serve: Serve) -> None:
    host = serve(GitLab(pipelines=(Pipeline(1, env.PUSHED, "main"),)))
    step = build().on(env.GITLAB_PUSH, CI_API_V4_URL=host.url, GITLAB_TOKEN="glpat-token")

    assert step.run() is ExitCode.OK
    assert (host.newest(env.PUSHED, NAME).pipeline, host.newest(env.PUSHED, NAME).status) == (1, "success")
    assert "could not be posted" not in step.log


def test_gitlab__outside_of_its_pipeline_the_status_is_on_the_head(build: MakeBuild, serve: Serve) -> None:
    host = serve(GitLab(pipelines=(Pipeline(78, env.HEAD, "feature/x"),)))
    step = build().on(env.GITLAB_MERGED_RESULT, CI_API_V4_URL=host.url, GITLAB_TOKEN="glpat-token")

    assert step.run() is ExitCode.OK
    assert [(one.pipeline, one.sha, one.ref, one.status) for one in host.statuses] == [
        (78, env.HEAD, "feature/x", "success")
    ]
    # No pipeline was opened for the merge commit, which is on no branch.
    assert len(host.pipelines) == 1


def test_gitlab__a_status_that_is_there_already_is_no_trouble() -> None:
    case = gitlab()
    warnings: list[str] = []
    assert connected(case.environ, warnings).set_status(CommitState.PENDING, "Started", "") is True
    # Another process, say a retried job, does not know what the first one has posted.
    assert connected(case.environ, warnings).set_status(CommitState.PENDING, "Started", "") is True

    assert [asked.json["state"] for asked in case.host.requests] == ["running", "running"]
    assert warnings == []
    case.host.stop()


def test_gitlab__other_refusals_of_a_transition_are_told() -> None:
    case = gitlab()
    message = "Cannot transition status via :drop from :archived"
    case.host.faults.add(kind="status", code=400, body={"message": message}, times=None)
    warnings: list[str] = []
    connected(case.environ, warnings).set_status(CommitState.FAILURE, "Failed", "")

    assert message in warnings[0]
    case.host.stop()


def test_gitlab__a_status_that_nobody_will_close_does_not_keep_the_pipeline_running(build: MakeBuild) -> None:
    case = gitlab()

    assert build(ENDLESS).on(case.environ, DBT_WAIT="false").run() is ExitCode.OK
    assert case.states() == ["skipped"]
    case.host.stop()


def test_gitlab__a_token_without_the_right_role_is_told_which(build: MakeBuild) -> None:
    case = gitlab(weak=frozenset({"bot"}))
    step = build().on(case.environ)

    assert step.run() is ExitCode.OK
    assert "role Developer" in step.log
    case.host.stop()


def test_azure__branch_policies_and_people_both_see_it(build: MakeBuild) -> None:
    case = azure()
    build().on(case.environ).run()

    on_pull_request = case.host.newest(pull_request=12)["dbt Cloud", JOB_NAME]
    on_commit = case.host.newest(commit=env.HEAD)["dbt Cloud", JOB_NAME]
    assert (on_pull_request.state, on_pull_request.iteration) == ("succeeded", 2)
    assert (on_commit.state, on_commit.iteration) == ("succeeded", None)
    case.host.stop()


def test_azure__a_push_has_a_status_of_the_commit(build: MakeBuild, serve: Serve) -> None:
    host = serve(AzureDevOps())
    build().on(env.AZURE_PUSH, SYSTEM_COLLECTIONURI=host.url, SYSTEM_ACCESSTOKEN="azure-token").run()

    assert list(host.newest(commit=env.PUSHED)) == [("dbt Cloud", JOB_NAME)]


def test_azure__without_iterations_the_whole_pull_request_has_the_status(build: MakeBuild) -> None:
    case = azure()
    case.host.faults.add(kind="status", path="/iterations", code=403, times=None)
    step = build().on(case.environ)
    step.run()

    assert case.host.newest(pull_request=12)["dbt Cloud", JOB_NAME].iteration is None
    assert "could not be posted" not in step.log
    case.host.stop()


def test_azure__a_missing_permission_is_told_with_who_needs_it(build: MakeBuild) -> None:
    case = azure(read_only=True)
    step = build().on(case.environ)

    assert step.run() is ExitCode.OK
    assert step.log.count("TF401027") == 1
    # The commit has its statuses all the same; the pull request is asked once, since it is refused for good.
    assert [(one.commit, one.state) for one in case.host.statuses] == [(env.HEAD, "pending"), (env.HEAD, "succeeded")]
    assert len([asked for asked in case.host.requests if asked.path.endswith("/pullRequests/12/statuses")]) == 1
    assert "Build Service" in step.log
    case.host.stop()


def test_azure__a_hiccup_of_the_iterations_is_not_for_ever() -> None:
    case = azure()
    case.host.faults.add(kind="reset", path="/iterations", times=3)
    host = connected(case.environ, [])

    assert host.set_status(CommitState.PENDING, "Started", "") is False
    assert host.set_status(CommitState.SUCCESS, "Fine", "") is True
    assert case.host.newest(pull_request=12)["dbt Cloud", JOB_NAME].iteration == 2
    case.host.stop()


@pytest.mark.parametrize(
    "name,expected",
    [
        ("dbt Cloud / Production", ("dbt Cloud", "Production")),
        ("dbt Cloud / a/b / c", ("dbt Cloud", "a/b / c")),
        ("dbt", ("dbt Cloud", "dbt")),
        ("dbt / ", ("dbt Cloud", "dbt")),
        (" / dbt", ("dbt Cloud", "dbt")),
        ("/", ("dbt Cloud", "dbt Cloud")),
        ("", ("dbt Cloud", "dbt Cloud")),
    ],
)
def test_azure__genre_and_name(name: str, expected: tuple[str, str]) -> None:
    assert names(name) == expected


def test_azure__a_comment_is_a_closed_thread() -> None:
    case = azure()
    connected(case.environ, []).comment("red", "marker")

    assert [thread.status for thread in case.host.pull_requests[12].threads] == ["closed"]
    case.host.stop()


def test_bitbucket__the_key_fits_and_no_two_names_share_one(build: MakeBuild) -> None:
    case = bitbucket()
    long = "dbt Cloud / a job whose name is longer than forty characters"
    build().on(case.environ, DBT_STATUS_CONTEXT=long).run()
    build().on(case.environ, DBT_STATUS_CONTEXT=f"{long}, and another").run()

    keys = {status.key for status in case.host.statuses.values()}
    assert len(keys) == 2
    assert {len(one) for one in keys} == {40}
    assert key("x" * 40) == "x" * 40
    assert re.fullmatch("dbt-Cloud-Production-build-[0-9a-f]{8}", key(NAME))
    assert key("a/b") != key("a b") != key("a-b") == "a-b"
    case.host.stop()


def test_bitbucket__shows_on_the_pull_request_of_the_branch(build: MakeBuild) -> None:
    case = bitbucket()
    build().on(case.environ).run()

    (status,) = case.host.statuses.values()
    assert (status.commit, status.refname, status.name) == (env.HEAD, "feature/x", NAME)
    case.host.stop()


def test_bitbucket__only_who_has_created_a_status_may_change_it(build: MakeBuild) -> None:
    case = bitbucket()
    case.host.post(BuildStatus(env.HEAD, key(NAME), "INPROGRESS", NAME, "https://x.example", "", None, "somebody else"))
    step = build().on(case.environ)

    assert step.run() is ExitCode.OK
    assert "only the token that has created a status may change it" in step.log
    case.host.stop()


def test_bitbucket__takes_people_with_their_api_token_too(build: MakeBuild) -> None:
    case = bitbucket(tokens={"jane@example.com:s3cret-api": "jane"})
    step = build(RED).on(case.environ, BITBUCKET_ACCESS_TOKEN="jane@example.com:s3cret-api")
    step.run()

    assert case.states() == ["INPROGRESS", "FAILED"]
    assert "s3cret-api" not in step.log
    case.host.stop()


def test_bitbucket__the_next_page_of_comments_is_not_looked_for_elsewhere() -> None:
    case = bitbucket()
    body = {"values": [], "next": "https://elsewhere.example/2.0/more"}
    case.host.faults.add(kind="status", method="GET", code=200, body=body, times=None)
    warnings: list[str] = []
    connected(case.environ, warnings).comment("red", "marker")

    assert len(warnings) == 1
    assert "on another server" in warnings[0]
    case.host.stop()


def test_bitbucket__comments_have_no_html() -> None:
    case = bitbucket()
    body = "# Red\n<details><summary>More</summary>\n\n| a | b<br> |\n</details>"
    connected(case.environ, []).comment(body, "marker")

    assert comments(case)[0] == "[//]: <> (marker)\n\n# Red\n**More**\n\n| a | b |\n"
    case.host.stop()


def test_github__a_repository_there_has_its_status_there_whoever_builds(build: MakeBuild, serve: Serve) -> None:
    for environ, sha in (
        ({**env.AZURE_PULL_REQUEST, **_GITHUB_IN_AZURE}, env.HEAD),
        ({**env.GITLAB_EXTERNAL}, env.HEAD),
    ):
        github = serve(GitHub(token="ghp-token", repository="octo/shop"))
        step = build().on(environ, GITHUB_API_URL=github.url, GITHUB_TOKEN="ghp-token")

        assert step.run() is ExitCode.OK
        assert [(one.sha, one.context, one.state) for one in github.statuses] == [
            (sha, NAME, "pending"),
            (sha, NAME, "success"),
        ]


_GITHUB_IN_AZURE = {
    "BUILD_REPOSITORY_PROVIDER": "GitHub",
    "BUILD_REPOSITORY_ID": "octo/shop",
    "BUILD_REPOSITORY_NAME": "octo/shop",
    "BUILD_REPOSITORY_URI": "https://github.com/octo/shop",
    "SYSTEM_PULLREQUEST_PULLREQUESTID": "540266026",
    "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER": "89",
}


def test_github__hints_are_for_a_token_of_ones_own(build: MakeBuild, serve: Serve) -> None:
    github = serve(GitHub(token="ghp-token", repository="octo/shop", read_only=True))
    environ = {**env.AZURE_PULL_REQUEST, **_GITHUB_IN_AZURE}
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
def test_github__its_api_follows_from_where_the_repository_is(
    uri: str, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dbt_action.hosts import github  # noqa: PLC0415 - PyGithub takes time

    asked: dict[str, Any] = {}
    monkeypatch.setattr(github, "GitHub", lambda **kwargs: asked.update(kwargs))
    environ = {**env.AZURE_PULL_REQUEST, **_GITHUB_IN_AZURE, "BUILD_REPOSITORY_URI": uri, "GITHUB_TOKEN": "t"}
    connected(environ, [])

    assert (asked["api_url"], asked["pull_request"]) == (root, 89)


@pytest.mark.parametrize("state", CommitState)
@pytest.mark.parametrize("made", CASES.values(), ids=CASES)
def test_states__each_has_a_word_that_the_host_accepts(made: Callable[[], Case], state: CommitState) -> None:
    case = made()
    warnings: list[str] = []

    assert connected(case.environ, warnings).set_status(state, "Something", "https://x.example/1") is True
    assert warnings == []
    assert len(case.states()) >= 1
    case.host.stop()
