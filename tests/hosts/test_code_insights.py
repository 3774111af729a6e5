"""Code Insights reports on Bitbucket: through the proxy of a pipeline without a token, elsewhere with the token."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dbt_action.errors import ExitCode
from dbt_action.hosts import code_insights
from emulator.hosts import Bitbucket
from emulator.hosts.bitbucket import Report
from tests.lifecycle import test_publish as test_telling
from tests.support import environments as env
from tests.support.host_cases import NAME
from tests.support.platform_fixtures import Build, Serve
from tests.support.scripts import GREEN, RED

MakeBuild = Callable[..., Build]


@pytest.fixture
def host(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Bitbucket:
    """A Bitbucket that is also the proxy of the pipeline."""
    server: Bitbucket = serve(Bitbucket(commits=(env.HEAD, env.PUSHED)))
    monkeypatch.setattr(code_insights, "PROXY", server.root)
    return server


def report(host: Bitbucket) -> Report:
    ((commit, _), found) = next(iter(host.reports.items()))
    assert env.HEAD == commit
    assert 1 == len(host.reports)
    return found


def test_report__of_a_red_run_needs_no_token(build: MakeBuild, host: Bitbucket) -> None:
    step = build(test_telling.RED).on(env.BITBUCKET_PULL_REQUEST, BITBUCKET_API_URL=host.url)

    assert ExitCode.FAILED is step.run()
    found = report(host)
    assert (NAME, "FAILED", "TEST") == (found.fields["title"], found.fields["result"], found.fields["report_type"])
    assert found.fields["link"].endswith(f"/runs/{step.cloud.runs[0].id}/")
    assert {"title": "failed", "type": "NUMBER", "value": 1} in found.fields["data"]
    (annotation,) = found.annotations.values()
    assert ("models/orders.yml", "FAILED") == (annotation["path"], annotation["result"])
    assert annotation["summary"].startswith("unique_orders_id (test): Got 3 results")
    assert [] == host.history
    assert 1 == step.log.count("No commit status: `BITBUCKET_ACCESS_TOKEN` is not set")


def test_report__is_replaced_by_the_next_build_of_the_commit(build: MakeBuild, host: Bitbucket) -> None:
    for script in (RED, GREEN):
        build(script).on(env.BITBUCKET_PULL_REQUEST, BITBUCKET_API_URL=host.url).run()

    assert "PASSED" == report(host).fields["result"]
    assert {} == report(host).annotations


def test_report__beside_the_status_does_not_use_the_token(build: MakeBuild, host: Bitbucket) -> None:
    environ = {"BITBUCKET_API_URL": host.url, "BITBUCKET_ACCESS_TOKEN": "bitbucket-token"}
    build(RED).on(env.BITBUCKET_PULL_REQUEST, environ).run()

    assert ["INPROGRESS", "FAILED"] == [status.state for status in host.history]
    assert "FAILED" == report(host).fields["result"]
    assert {False} == {bool(asked.headers.get("Authorization")) for asked in host.requests if "/reports/" in asked.path}


def test_report__elsewhere_is_by_the_token(build: MakeBuild, host: Bitbucket) -> None:
    environ = {**env.AZURE_PULL_REQUEST, "BUILD_REPOSITORY_PROVIDER": "Bitbucket", "BUILD_REPOSITORY_NAME": "acme/shop"}
    more = {"BITBUCKET_API_URL": host.url, "BITBUCKET_ACCESS_TOKEN": "bitbucket-token"}
    build(RED).on(environ, more).run()

    assert "FAILED" == report(host).fields["result"]


def test_report__is_not_wanted_without_annotations(build: MakeBuild, host: Bitbucket) -> None:
    build(RED).on(env.BITBUCKET_PULL_REQUEST, BITBUCKET_API_URL=host.url, DBT_ANNOTATIONS="false").run()

    assert {} == host.reports


@pytest.mark.parametrize("fault", ["reset", "html", "truncate"])
def test_report__trouble_is_one_line_and_no_warning(build: MakeBuild, host: Bitbucket, fault: str) -> None:
    host.faults.add(kind=fault, path="/reports/", times=None)
    step = build().on(env.BITBUCKET, BITBUCKET_API_URL=host.url)

    assert ExitCode.OK is step.run()
    assert 1 == step.log.count("No Code Insights report on Bitbucket")
    assert "Warning" not in step.log


def test_report__has_no_secrets(build: MakeBuild, host: Bitbucket) -> None:
    step = build(RED).on(env.BITBUCKET_PULL_REQUEST, BITBUCKET_API_URL=host.url, GITLAB_TOKEN="not_null_orders_id")
    step.run()

    assert "not_null_orders_id" not in str(report(host))
