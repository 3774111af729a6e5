"""Bitbucket Cloud: build statuses with keys, comments without HTML."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from dbt_action.errors import ExitCode
from dbt_action.hosts.bitbucket import key
from dbt_action.report.outcome import CommitState
from emulator.hosts import Bitbucket
from emulator.hosts.bitbucket import Comment
from emulator.hosts.bitbucket import Status as BuildStatus
from tests.support import environments as env
from tests.support.host_cases import NAME, MakeCase, connected
from tests.support.platform_fixtures import Build
from tests.support.samples import HostSample
from tests.support.scripts import RED

MakeBuild = Callable[..., Build]


def start(**settings: Any) -> Bitbucket:  # noqa: ANN401 - those of the emulator
    return Bitbucket(commits=(env.HEAD, env.PUSHED), **settings)


def environ(host: Bitbucket) -> Mapping[str, str]:
    return {**env.BITBUCKET_PULL_REQUEST, "BITBUCKET_API_URL": host.url, "BITBUCKET_ACCESS_TOKEN": "bitbucket-token"}


def chat(host: Bitbucket, words: list[str]) -> None:
    host.comments[2] = [Comment(number, word) for number, word in enumerate(words, 1)]


SAMPLE = HostSample(
    start=start,
    environ=environ,
    by_hand=lambda host: {"BITBUCKET_API_URL": host.url, "DBT_REPOSITORY": "acme/shop"},
    words={
        CommitState.PENDING: "INPROGRESS",
        CommitState.SUCCESS: "SUCCESSFUL",
        CommitState.FAILURE: "FAILED",
        CommitState.ERROR: "FAILED",
        CommitState.CANCELLED: "STOPPED",
    },
    posted=lambda host: [status.state for status in host.history],
    shown=lambda host: [status.state for status in host.statuses.values()],
    comments=lambda host: [comment.raw for comment in host.comments.get(2, []) if not comment.deleted],
    chat=chat,
    longest_comment=32_768,
    field="non_native_pull_request_id",
    number=2,
    odd_lists=({}, {"values": [1]}, {"values": [{"new": None, "old": None}]}, {"values": [], "next": 1}),
)


def test_bitbucket__the_key_fits_and_no_two_names_share_one(build: MakeBuild, make_case: MakeCase) -> None:
    case = make_case("bitbucket")
    long = "dbt Cloud / a job whose name is longer than forty characters"
    build().on(case.environ, DBT_STATUS_CONTEXT=long).run()
    build().on(case.environ, DBT_STATUS_CONTEXT=f"{long}, and another").run()

    keys = {status.key for status in case.host.statuses.values()}
    assert 2 == len(keys)
    assert {40} == {len(one) for one in keys}
    assert "x" * 40 == key("x" * 40)
    assert re.fullmatch("dbt-Cloud-Production-build-[0-9a-f]{8}", key(NAME))
    assert key("a/b") != key("a b") != key("a-b") == "a-b"


def test_bitbucket__shows_on_the_pull_request_of_the_branch(build: MakeBuild, make_case: MakeCase) -> None:
    case = make_case("bitbucket")
    build().on(case.environ).run()

    (status,) = case.host.statuses.values()
    assert (env.HEAD, "feature/x", NAME) == (status.commit, status.refname, status.name)


def test_bitbucket__a_status_of_another_token_cannot_be_changed(build: MakeBuild, make_case: MakeCase) -> None:
    case = make_case("bitbucket")
    case.host.post(BuildStatus(env.HEAD, key(NAME), "INPROGRESS", NAME, "https://x.example", "", None, "another user"))
    step = build().on(case.environ)

    assert ExitCode.OK is step.run()
    assert "only the token that has created a status may change it" in step.log


def test_bitbucket__accepts_a_user_with_an_api_token(build: MakeBuild, make_case: MakeCase) -> None:
    case = make_case("bitbucket", tokens={"jane@example.com:s3cret-api": "jane"})
    step = build(RED).on(case.environ, BITBUCKET_ACCESS_TOKEN="jane@example.com:s3cret-api")
    step.run()

    assert ["INPROGRESS", "FAILED"] == case.posted
    assert "s3cret-api" not in step.log


def test_bitbucket__the_next_page_of_comments_is_not_read_from_another_server(make_case: MakeCase) -> None:
    case = make_case("bitbucket")
    body = {"values": [], "next": "https://elsewhere.example/2.0/more"}
    case.host.faults.add(kind="status", method="GET", code=200, body=body, times=None)
    warnings: list[str] = []
    connected(case.environ, warnings).comment("red", "marker")

    assert 1 == len(warnings)
    assert "on another server" in warnings[0]


def test_bitbucket__comments_have_no_html(make_case: MakeCase) -> None:
    case = make_case("bitbucket")
    body = "# Red\n<details><summary>More</summary>\n\n| a | b<br> |\n</details>"
    connected(case.environ, []).comment(body, "marker")

    assert "[//]: <> (marker)\n\n# Red\n**More**\n\n| a | b |\n" == case.comments[0]


def test_bitbucket__code_in_comments_stays_as_it_is(make_case: MakeCase) -> None:
    case = make_case("bitbucket")
    code = "````sql\nselect '<b>' -- ```\n<summary>x</summary>\n````\nand `a <br> b`"
    connected(case.environ, []).comment(f"<b>x</b>\n{code}\n<i>y</i>", "marker")

    assert f"[//]: <> (marker)\n\nx\n{code}\ny" == case.comments[0]
