"""A whole step with each code host: the statuses that people see, comments, and every kind of failure."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from dbt_action import app, ci, hosts, timeouts
from dbt_action.dbt_cloud.runs import PULL_REQUEST_FIELDS
from dbt_action.errors import ExitCode
from dbt_action.hosts import transport
from dbt_action.report.outcome import CommitState
from emulator import Script
from tests.support import environments as env
from tests.support import samples
from tests.support.host_cases import NAME, Case, MakeCase, connected
from tests.support.platform_fixtures import Build
from tests.support.scripts import ENDLESS, GREEN, RED
from tests.support.values import a_context
from tests.support.workflow_step import JOB_NAME

FIELDS = set(PULL_REQUEST_FIELDS.values())
MakeBuild = Callable[..., Build]
Fault = dict[str, Any]

ELSEWHERE = {"Location": "https://elsewhere.example/"}
# Another try at once may help.
TRANSIENT: list[Fault] = [
    *({"kind": "status", "code": code} for code in (408, 409, 429, 500, 501, 502, 503, 507, 520, 522, 525)),
    {"kind": "html", "code": 200},
    {"kind": "html", "code": 502},
    {"kind": "html", "code": 520, "do": True},
    {"kind": "reset"},
    {"kind": "lose"},
    {"kind": "truncate"},
]
# A later try may help.
LATER: list[Fault] = [
    {"kind": "status", "code": 503, "headers": {"Retry-After": "3600"}},
    {"kind": "status", "code": 429, "headers": {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}},
    {"kind": "hang", "seconds": 1.5},
]
# The answer to a token that is not accepted, on hosts that do not say 401.
SIGN_IN: list[Fault] = [
    {"kind": "status", "code": 302, "headers": ELSEWHERE},
    {"kind": "html", "code": 203},
    {"kind": "status", "code": 203, "body": {}},
]
PERMANENT: list[Fault] = [*({"kind": "status", "code": code} for code in (400, 401, 403, 404, 422)), *SIGN_IN]


@pytest.fixture(params=samples.HOSTS)
def key(request: pytest.FixtureRequest) -> str:
    """The key of a host, for tests that need a new host for each fault."""
    found: str = request.param
    return found


@pytest.mark.parametrize(
    "script,end,code",
    [(GREEN, CommitState.SUCCESS, ExitCode.OK), (RED, CommitState.FAILURE, ExitCode.FAILED)],
    ids=["green", "red"],
)
def test_status__goes_from_running_to_the_end(
    build: MakeBuild,
    case: Case,
    script: Script,
    end: CommitState,
    code: ExitCode,
) -> None:
    assert build(script).on(case.environ).run() is code
    assert case.words(CommitState.PENDING, end) == case.posted


def test_status__of_a_cancelled_run(build: MakeBuild, case: Case) -> None:
    step = build(ENDLESS).on(case.environ)

    def cancel(_seconds: float) -> None:
        for run in step.cloud.runs:
            step.cloud.finish(run.id, 30)

    step.clock.on_sleep = cancel

    assert ExitCode.FAILED is step.run()
    assert case.words(CommitState.PENDING, CommitState.CANCELLED) == case.posted


def test_status__links_to_the_run_and_has_its_counts(build: MakeBuild, case: Case) -> None:
    step = build().on(case.environ)
    step.run()
    last = [request.json for request in case.host.requests if request.method == "POST"][-1]

    assert "1 passed" in last["description"]
    assert {
        f"{step.cloud.url}/deploy/{step.cloud.account_id}/projects/{step.cloud.project_id}/runs/{step.cloud.runs[0].id}/"
    } == {last.get("target_url"), last.get("targetUrl"), last.get("url")} - {None}


def test_status__without_a_run_links_to_the_build(build: MakeBuild, case: Case) -> None:
    step = build().on(case.environ)
    step.cloud.faults.add(kind="status", path="/jobs/", code=404, times=None)

    assert ExitCode.CLOUD is step.run()
    assert case.words(CommitState.ERROR) == case.posted
    last = [request.json for request in case.host.requests if request.method == "POST"][-1]
    link = last.get("target_url") or last.get("targetUrl") or last.get("url")
    assert link == ci.detect(case.environ, io.StringIO()).context().build_url != ""


def test_status__a_missing_token_is_one_line_that_names_the_variable(build: MakeBuild, case: Case) -> None:
    step = build().on(case.environ)

    assert ExitCode.OK is step.run(**{case.token: ""})
    assert [line for line in step.log.splitlines() if line.startswith("No commit status: ")] == [
        line for line in step.log.splitlines() if case.token in line
    ]
    assert 1 == step.log.count("No commit status: ")
    assert () == case.host.requests


def test_trouble__is_at_most_one_warning_and_does_not_change_the_result(
    build: MakeBuild, make_case: MakeCase, key: str
) -> None:
    faults: list[Fault] = [
        {"kind": "status", "code": 500},
        {"kind": "status", "code": 409, "body": {"message": "Another update to this commit status is in progress"}},
        {"kind": "status", "code": 403, "body": {"message": "403 Forbidden"}},
        {"kind": "status", "code": 404, "body": {"message": "404 Not Found"}},
        {"kind": "status", "code": 429, "headers": {"Retry-After": "3600"}},
        {"kind": "status", "code": 302, "headers": ELSEWHERE},
        {"kind": "html", "code": 203},
        {"kind": "html", "code": 200},
        {"kind": "reset"},
        {"kind": "truncate"},
        {"kind": "empty"},
    ]
    for fault in faults:
        case = make_case(key)
        case.host.faults.add(times=None, **fault)
        step = build().on(case.environ)
        started = step.clock.time

        assert ExitCode.OK is step.run(), fault
        # An empty answer to what was done is no failure for most hosts.
        assert step.log.count("could not be posted") in ((0, 1) if fault["kind"] == "empty" else (1,)), fault
        assert "elsewhere.example" not in step.log, fault
        assert step.clock.time - started <= 30, fault


def test_trouble__a_hanging_host_costs_seconds(case: Case) -> None:
    case.host.faults.add(kind="hang", times=None)
    warnings: list[str] = []
    host = connected(case.environ, warnings, timeout=0.2)

    assert host.set_status(CommitState.PENDING, "Started", "https://x.example/1") is False
    (warning,) = warnings
    assert "no answer in time" in warning


def test_trouble__a_wrong_token_is_named_and_not_shown(build: MakeBuild, case: Case) -> None:
    step = build().on(case.environ)

    assert ExitCode.OK is step.run(**{case.token: "bad-and-secret"})
    assert 1 == step.log.count("could not be posted")
    assert case.token in step.log
    assert "bad-and-secret" not in step.log.replace("##vso[task.setsecret]bad-and-secret", "")
    # A permanent failure is not tried again.
    assert len(case.host.requests) <= 3


def test_trouble__a_busy_host_is_tried_again(case: Case) -> None:
    case.host.faults.add(kind="status", method="POST", code=409, times=2)
    warnings: list[str] = []

    assert connected(case.environ, warnings).set_status(CommitState.SUCCESS, "Fine", "https://x.example/1") is True
    assert [] == warnings
    assert case.words(CommitState.SUCCESS) == case.shown


def test_trouble__with_the_first_status_does_not_cost_the_last(build: MakeBuild, make_case: MakeCase, key: str) -> None:
    for fault in TRANSIENT:
        case = make_case(key)
        # As often as one status is tried.
        case.host.faults.add(method="POST", path="status", times=3, **fault)
        step = build().on(case.environ)

        assert ExitCode.OK is step.run(), fault
        assert case.words(CommitState.SUCCESS) == case.shown, fault
        assert step.log.count("could not be posted") <= 1, fault


def test_trouble__with_the_last_status_does_not_leave_it_pending(
    build: MakeBuild, make_case: MakeCase, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bad answer, of whatever kind: the first status was accepted, so the refusal may be a mistake."""
    monkeypatch.setattr(timeouts, "HOST_REQUEST_SECONDS", 0.5)
    for fault in [*TRANSIENT, *LATER, *PERMANENT]:
        case = make_case(key)
        case.host.faults.add(method="POST", path="status", after=case.sample.parts, times=1, **fault)
        step = build().on(case.environ)

        assert ExitCode.OK is step.run(), fault
        assert case.words(CommitState.SUCCESS) == case.shown, fault
        assert step.log.count("could not be posted") <= 1, fault


def test_trouble__a_page_to_sign_in_is_about_the_token(make_case: MakeCase, key: str) -> None:
    for fault in SIGN_IN:
        case = make_case(key)
        case.host.faults.add(times=None, **fault)
        warnings: list[str] = []

        assert connected(case.environ, warnings).set_status(CommitState.SUCCESS, "Fine", "") is True, fault
        (warning,) = warnings
        assert f"`{case.token}` is wrong" in warning, fault


def test_trouble__answers_of_another_shape_are_one_warning(make_case: MakeCase, key: str) -> None:
    bodies: list[object] = [[], "words", 7]
    for body in bodies:
        case = make_case(key)
        case.host.faults.add(kind="status", code=200, body=body, times=None)
        warnings: list[str] = []
        host = connected(case.environ, warnings)
        for _ in range(2):
            host.set_status(CommitState.SUCCESS, "Fine", "")
        for _ in range(2):
            host.comment("red", "marker")

        # At most one about statuses and one about comments.
        assert len(warnings) == len({warning.partition(" could not")[0] for warning in warnings}) <= 2, body


def test_trouble__an_unexpected_exception_is_one_warning_without_its_text(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any, **_kwargs: Any) -> None:  # noqa: ANN401
        raise AttributeError("list has no get, and a secret")

    warnings: list[str] = []
    host = connected(case.environ, warnings)
    monkeypatch.setattr(transport, "call_with_retries", fail)

    assert host.set_status(CommitState.PENDING, "Started", "") is False
    assert host.set_status(CommitState.SUCCESS, "Fine", "") is False
    (warning,) = warnings
    assert "(AttributeError)" in warning
    assert "secret" not in warning
    monkeypatch.undo()
    assert host.set_status(CommitState.SUCCESS, "Fine", "https://x.example/1") is True
    assert case.words(CommitState.SUCCESS) == case.shown


# Which host.


def test_known__each_has_its_key_its_token_and_its_emulator() -> None:
    assert {host_type.key for host_type in hosts.KNOWN.values()} == set(hosts.KNOWN) == set(samples.HOSTS)
    assert {"github", "gitlab", "azure", "bitbucket"} <= set(hosts.KNOWN)
    variables = [host_type.token.variable for host_type in hosts.KNOWN.values()]
    assert len(variables) == len(set(variables))
    assert all(host_type.token.secret and host_type.token in app.ROWS for host_type in hosts.KNOWN.values())
    (row,) = [row for row in hosts.INPUTS if row.name == "code-host"]
    assert set(hosts.KNOWN) == set(row.choices)


def test_known__an_unknown_host_gets_no_token() -> None:
    settings = hosts.HostSettings(sha=env.HEAD, name=NAME, warn=print, info=print)
    tokens = {host_type.token.name: "t" for host_type in hosts.KNOWN.values()}
    for host in ("", "gitea", "Bitbucket"):
        choice = hosts.choose({}, a_context(host=host), tokens=tokens)

        assert isinstance(choice.connect(settings), hosts.NoHost), host
        assert "" == choice.token, host


# Addresses.


@pytest.mark.parametrize(
    "address",
    ["http://git.example.com/api", "http://x.localhost/api", "https://user:pw@git.example.com/api"],
    ids=["plain HTTP", "not quite this machine", "with a password"],
)
def test_address__that_others_can_read_gets_no_token(build: MakeBuild, case: Case, address: str) -> None:
    variable = hosts.KNOWN[case.key].api_variable
    step = build().on(case.environ, **{variable: address, "DBT_COMMENT": "always"})

    assert ExitCode.OK is step.run()

    assert f"No commit status: the address in `{variable}` " in step.log
    assert "so the token is not sent there" in step.log
    assert "pw" not in step.log
    assert [] == list(case.host.requests)


# Comments.


def test_comment__is_written_once_and_then_changed(case: Case) -> None:
    warnings: list[str] = []
    for body in ("first", "second"):
        connected(case.environ, warnings).comment(body, "marker")

    (comment,) = case.comments
    assert comment.endswith("\n\nsecond")
    assert "marker" in comment.splitlines()[0]
    assert [] == warnings


def test_comment__is_found_over_all_pages(case: Case) -> None:
    case.add_comments_of_others(230)
    case.host.page = 50
    warnings: list[str] = []
    connected(case.environ, warnings).comment("first", "marker")
    connected(case.environ, warnings).comment("of another job", "other marker")
    connected(case.environ, warnings).comment("second", "marker")

    assert 232 == len(case.comments)
    assert case.comments[230].endswith("\n\nsecond")
    assert case.comments[231].endswith("\n\nof another job")
    assert [] == warnings


def imitate(make_case: MakeCase, key: str) -> Case:
    """A host on which somebody has posted a comment that begins like ours."""
    other, case = make_case(key), make_case(key)
    connected(other.environ, []).comment("theirs", "marker")
    case.sample.chat(case.host, other.comments)
    return case


@pytest.fixture(params=[True, False], ids=["account known", "account not known"])
def imitated(make_case: MakeCase, key: str, request: pytest.FixtureRequest) -> Case:
    """The same with a token that may ask whose it is, or not."""
    case = imitate(make_case, key)
    case.host.may_ask_account = request.param
    return case


def test_comment__of_somebody_else_is_never_changed(imitated: Case) -> None:
    warnings: list[str] = []
    for body in ("first", "second", "third"):
        connected(imitated.environ, warnings).comment(body, "marker")

        theirs, ours = imitated.comments
        assert theirs.endswith("\n\ntheirs")
        assert ours.endswith(f"\n\n{body}")
    assert [] == warnings


def test_comment__of_somebody_else_is_no_report_to_bring_up_to_date(imitated: Case) -> None:
    connected(imitated.environ, []).comment("all is well", "marker", only_change=True)

    (theirs,) = imitated.comments
    assert theirs.endswith("\n\ntheirs")


def test_comment__of_ours_is_brought_up_to_date_beside_that_of_somebody_else(imitated: Case) -> None:
    connected(imitated.environ, []).comment("red", "marker")
    connected(imitated.environ, []).comment("all is well", "marker", only_change=True)

    theirs, ours = imitated.comments
    assert theirs.endswith("\n\ntheirs")
    assert ours.endswith("\n\nall is well")


@pytest.mark.parametrize("code", [500, 503, 429])
def test_comment__waits_for_the_account_when_the_host_is_down(make_case: MakeCase, key: str, code: int) -> None:
    """Otherwise each such moment would leave one more comment."""
    case = imitate(make_case, key)
    case.host.faults.add(kind="status", code=code, path="(/user|/graphql|/connectionData)$", times=None)
    warnings: list[str] = []
    connected(case.environ, warnings).comment("red", "marker")

    assert 1 == len(case.comments)
    assert "The comment could not be posted" in warnings[0]


def test_account__is_asked_for_only_when_a_comment_may_be_ours(case: Case) -> None:
    case.add_comments_of_others(5)
    connected(case.environ, []).comment("red", "marker")

    asked = [request.path for request in case.host.requests]
    assert [] == [path for path in asked if path.endswith(("/user", "/graphql", "/connectionData"))]


def test_comment__can_be_for_changes_only(case: Case) -> None:
    connected(case.environ, []).comment("all is well", "marker", only_change=True)
    assert [] == case.comments

    connected(case.environ, []).comment("red", "marker")
    connected(case.environ, []).comment("all is well", "marker", only_change=True)
    assert case.comments[0].endswith("\n\nall is well")


def test_comment__is_cut_to_what_the_host_accepts(case: Case) -> None:
    connected(case.environ, []).comment("x" * 2_000_000, "marker")

    assert len(case.comments[0]) <= case.sample.longest_comment


def test_comment__trouble_is_one_warning(make_case: MakeCase, key: str) -> None:
    faults: list[Fault] = [{"kind": "status", "code": 403}, {"kind": "reset"}, {"kind": "html"}, {"kind": "truncate"}]
    for fault in faults:
        case = make_case(key)
        case.host.faults.add(times=None, **fault)
        warnings: list[str] = []
        host = connected(case.environ, warnings)
        host.comment("first", "marker")
        host.comment("second", "marker")

        (warning,) = warnings
        assert "The comment could not be posted" in warning, fault


def test_comment__whose_answer_is_lost_is_not_written_twice(make_case: MakeCase, key: str) -> None:
    faults: list[Fault] = [{"kind": "html", "code": 502, "do": True}, {"kind": "lose"}, {"kind": "truncate"}]
    for fault in faults:
        case = make_case(key)
        case.host.faults.add(method="POST", times=1, **fault)
        warnings: list[str] = []
        connected(case.environ, warnings).comment("red", "marker")

        assert 1 == len(case.comments), fault
        assert [] == warnings, fault


def test_comment__that_was_not_written_is_written(make_case: MakeCase, key: str) -> None:
    for code in (409, 429, 502, 503):
        case = make_case(key)
        case.host.faults.add(kind="status", code=code, method="POST", times=1)
        warnings: list[str] = []
        connected(case.environ, warnings).comment("red", "marker")

        assert 1 == len(case.comments), code
        assert [] == warnings, code


def test_comment__of_a_slow_host_is_not_written_twice(case: Case) -> None:
    """It may appear after we have looked for it."""
    case.host.faults.add(kind="late", method="POST", seconds=1.0, times=1)
    warnings: list[str] = []
    connected(case.environ, warnings, timeout=0.2).comment("red", "marker")

    assert 1 == len([request for request in case.host.requests if request.method == "POST"])
    assert "The comment could not be posted" in warnings[0]


def test_comment__is_looked_for_before_each_try(case: Case) -> None:
    case.host.faults.add(kind="status", code=502, method="POST", times=None)
    connected(case.environ, []).comment("red", "marker")

    assert ["GET", "POST", "GET", "POST"] == [request.method for request in case.host.requests]


def test_comment__of_a_run(build: MakeBuild, case: Case) -> None:
    assert ExitCode.FAILED is build(RED).on(case.environ, DBT_COMMENT="on-failure").run()
    (comment,) = case.comments
    assert JOB_NAME in comment
    assert "not\\_null\\_orders\\_id" in comment

    assert ExitCode.OK is build().on(case.environ, DBT_COMMENT="always").run()
    (comment,) = case.comments
    assert "succeeded" in comment


def test_states__each_has_a_word_that_the_host_accepts(make_case: MakeCase, key: str) -> None:
    for state in CommitState:
        case = make_case(key)
        warnings: list[str] = []

        assert connected(case.environ, warnings).set_status(state, "Something", "https://x.example/1") is True, state
        assert [] == warnings, state
        assert case.words(state) == case.posted, state


def test_pull_request__its_field_follows_from_the_host(build: MakeBuild, case: Case) -> None:
    step = build().on(case.environ)

    assert ExitCode.OK is step.run()
    found = {name: value for name, value in step.body.items() if name in FIELDS}
    assert {case.sample.field: case.sample.number} == found
