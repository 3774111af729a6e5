"""Azure Repos: statuses of pull requests and of commits, threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from dbt_action.errors import ExitCode
from dbt_action.hosts.azure_repos import names
from dbt_action.report.outcome import CommitState
from emulator.hosts import AzureDevOps
from emulator.hosts.azure_devops import PullRequest, Thread
from tests.support import environments as env
from tests.support.host_cases import MakeCase, connected
from tests.support.platform_fixtures import Build, Serve
from tests.support.samples import HostSample
from tests.support.workflow_step import JOB_NAME

MakeBuild = Callable[..., Build]


def start(**settings: Any) -> AzureDevOps:  # noqa: ANN401 - those of the emulator
    return AzureDevOps(pull_requests={12: PullRequest(["1" * 40, env.HEAD])}, **settings)


def environ(host: AzureDevOps) -> Mapping[str, str]:
    return {**env.AZURE_PULL_REQUEST, "SYSTEM_COLLECTIONURI": host.url, "SYSTEM_ACCESSTOKEN": "azure-token"}


def shown(host: AzureDevOps) -> list[str]:
    on_both = (host.newest(pull_request=12), host.newest(commit=env.HEAD))
    return [statuses["dbt Cloud", JOB_NAME].state for statuses in on_both]


def chat(host: AzureDevOps, words: list[str]) -> None:
    host.pull_requests[12].threads = [Thread(number, word, "active") for number, word in enumerate(words, 1)]


SAMPLE = HostSample(
    start=start,
    environ=environ,
    by_hand=lambda host: {"SYSTEM_COLLECTIONURI": host.url, "DBT_REPOSITORY": "Data Platform/shop"},
    words={
        CommitState.PENDING: "pending",
        CommitState.SUCCESS: "succeeded",
        CommitState.FAILURE: "failed",
        CommitState.ERROR: "error",
        CommitState.CANCELLED: "error",
    },
    posted=lambda host: [status.state for status in host.statuses],
    shown=shown,
    # Of the pull request, and of the commit.
    parts=2,
    comments=lambda host: [thread.content for thread in host.pull_requests[12].threads if not thread.deleted],
    chat=chat,
    longest_comment=150_000,
    field="azure_pull_request_id",
    number=12,
    odd_lists=({}, {"value": [1]}, {"value": [{"id": "1"}]}),
)


def test_azure__a_macro_that_was_not_expanded_is_no_token(build: MakeBuild, make_case: MakeCase) -> None:
    step = build().on(make_case("azure").environ)

    assert ExitCode.OK is step.run(SYSTEM_ACCESSTOKEN="$(System.AccessToken)")
    assert "`SYSTEM_ACCESSTOKEN` is not set" in step.log
    assert "env: {SYSTEM_ACCESSTOKEN: $(System.AccessToken)}" in step.log


def test_azure__branch_policies_and_people_both_see_it(build: MakeBuild, make_case: MakeCase) -> None:
    case = make_case("azure")
    build().on(case.environ).run()

    on_pull_request = case.host.newest(pull_request=12)["dbt Cloud", JOB_NAME]
    on_commit = case.host.newest(commit=env.HEAD)["dbt Cloud", JOB_NAME]
    assert ("succeeded", 2) == (on_pull_request.state, on_pull_request.iteration)
    assert ("succeeded", None) == (on_commit.state, on_commit.iteration)


def test_azure__a_push_has_a_status_of_the_commit(build: MakeBuild, serve: Serve) -> None:
    host = serve(AzureDevOps())
    build().on(env.AZURE_PUSH, SYSTEM_COLLECTIONURI=host.url, SYSTEM_ACCESSTOKEN="azure-token").run()

    assert [("dbt Cloud", JOB_NAME)] == list(host.newest(commit=env.PUSHED))


def test_azure__without_iterations_the_whole_pull_request_has_the_status(build: MakeBuild, make_case: MakeCase) -> None:
    case = make_case("azure")
    case.host.faults.add(kind="status", path="/iterations", code=403, times=None)
    step = build().on(case.environ)
    step.run()

    assert case.host.newest(pull_request=12)["dbt Cloud", JOB_NAME].iteration is None
    assert "could not be posted" not in step.log


def test_azure__a_missing_permission_names_who_needs_it(build: MakeBuild, make_case: MakeCase) -> None:
    case = make_case("azure", read_only=True)
    step = build().on(case.environ)

    assert ExitCode.OK is step.run()
    assert 1 == step.log.count("TF401027")
    # The statuses of the commit are posted all the same; that of the pull request is tried once, as it is refused.
    assert [(env.HEAD, "pending"), (env.HEAD, "succeeded")] == [(one.commit, one.state) for one in case.host.statuses]
    assert 1 == len([request for request in case.host.requests if request.path.endswith("/pullRequests/12/statuses")])
    assert "Build Service" in step.log


def test_azure__the_iteration_is_read_again_after_a_transient_failure(make_case: MakeCase) -> None:
    case = make_case("azure")
    case.host.faults.add(kind="reset", path="/iterations", times=3)
    host = connected(case.environ, [])

    assert host.set_status(CommitState.PENDING, "Started", "") is False
    assert host.set_status(CommitState.SUCCESS, "Fine", "") is True
    assert 2 == case.host.newest(pull_request=12)["dbt Cloud", JOB_NAME].iteration


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
    assert expected == names(name)


def test_azure__a_comment_is_a_closed_thread(make_case: MakeCase) -> None:
    case = make_case("azure")
    connected(case.environ, []).comment("red", "marker")

    assert ["closed"] == [thread.status for thread in case.host.pull_requests[12].threads]


def test_azure__a_part_that_was_accepted_is_not_posted_again_with_the_part_that_failed(
    build: MakeBuild, make_case: MakeCase
) -> None:
    case = make_case("azure")
    case.host.faults.add(kind="status", code=500, method="POST", path="/commits/", times=None)
    build().on(case.environ).run()

    assert ["pending", "succeeded"] == [one.state for one in case.host.statuses if one.pull_request]
