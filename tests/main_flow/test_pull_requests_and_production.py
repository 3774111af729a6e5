"""Unmerged code does not reach production by accident, and code of forks does not reach dbt Cloud at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dbt_action.errors import ExitCode
from tests.support import environments as env
from tests.support.events import (
    BASE_SHA,
    FORK,
    HEAD_SHA,
    in_pull_request,
    listed_pull,
    pull,
    variables,
    workflow_run,
)
from tests.support.platform_fixtures import Build
from tests.support.workflow_step import WorkflowStep

MAIN = "refs/heads/main"
IN_PRODUCTION = {"deployment_type": "production"}


@pytest.fixture
def production_step(workflow_step: WorkflowStep) -> WorkflowStep:
    """A step whose job builds into production."""
    workflow_step.cloud.change_job(workflow_step.cloud.job_id, **IN_PRODUCTION)
    return workflow_step


def of(event: str, payload: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    return variables(event, sha=BASE_SHA, ref=MAIN), payload


FORKED_RUN = workflow_run("pull_request", [])
FORKED_RUN["workflow_run"]["head_repository"] = FORK
COMMENTED = {"action": "created", "issue": {"number": 7, "pull_request": {"url": ""}}, "comment": {"body": "/dbt"}}

# Events of a pull request in the repository itself: id, variables and payload, inputs that give what it does not.
OWN: list[tuple[str, tuple[dict[str, str], dict[str, Any]], dict[str, str]]] = [
    ("pull_request", (in_pull_request(), {"number": 7, "pull_request": pull()}), {}),
    ("pull_request, branch", (in_pull_request(), {"number": 7, "pull_request": pull()}), {"run_on": "branch"}),
    ("merged", (in_pull_request(), {"action": "closed", "pull_request": pull(state="closed", merged=True)}), {}),
    ("pull_request_target", of("pull_request_target", {"number": 7, "pull_request": pull()}), {}),
    ("pull_request_review", of("pull_request_review", {"pull_request": pull()}), {}),
    ("workflow_run", of("workflow_run", workflow_run("pull_request", [listed_pull()])), {}),
    ("workflow_run, number not known", of("workflow_run", workflow_run("pull_request", [])), {}),
    ("workflow_run of a push to a pull request", of("workflow_run", workflow_run("push", [listed_pull()])), {}),
    (
        "check_suite",
        of(
            "check_suite",
            {"check_suite": {"head_sha": HEAD_SHA, "head_branch": "feature/a", "pull_requests": [listed_pull()]}},
        ),
        {},
    ),
    ("issue_comment, branch", of("issue_comment", COMMENTED), {"branch": "feature/a"}),
]
OWN_EVENTS = pytest.mark.parametrize("event, inputs", [pytest.param(*row[1:], id=row[0]) for row in OWN])


@OWN_EVENTS
def test_pull_request__on_a_deployment_job_starts_nothing(
    production_step: WorkflowStep, event: tuple[dict[str, str], dict[str, Any]], inputs: dict[str, str]
) -> None:
    environ, payload = event
    production_step.event(environ["GITHUB_EVENT_NAME"], payload, **environ)

    assert ExitCode.CONFIG == production_step.run(**inputs)

    assert [] == production_step.triggers
    (job_request,) = production_step.cloud.requests
    assert "include_related" in job_request.query
    (error,) = production_step.annotations("error")
    assert "into the schema of the environment 'Production'" in error
    assert "`schema-override: auto`" in error
    # A clean-up has nothing to do.
    assert "" == production_step.file("state")


@OWN_EVENTS
def test_pull_request__with_a_schema_of_its_own_is_built(
    production_step: WorkflowStep, event: tuple[dict[str, str], dict[str, Any]], inputs: dict[str, str]
) -> None:
    environ, payload = event
    production_step.event(environ["GITHUB_EVENT_NAME"], payload, **environ)

    assert ExitCode.OK == production_step.run(**inputs, schema_override="ci")

    assert "ci" == production_step.body["schema_override"]


@pytest.mark.parametrize(
    "inputs, job",
    [
        pytest.param({"schema_override": "auto"}, {}, id="a schema of its own"),
        pytest.param({"run_on": "job"}, {}, id="what the job is set to"),
        pytest.param({"branch": "main"}, {}, id="the target branch"),
        pytest.param({"allow_job_schema": "true"}, {}, id="allowed"),
        pytest.param({}, {"job_type": "ci"}, id="a CI job"),
        pytest.param({}, {"deployment_type": "staging"}, id="staging"),
    ],
)
def test_pull_request__that_stays_out_of_production_is_built(
    production_step: WorkflowStep, inputs: dict[str, str], job: dict[str, Any]
) -> None:
    production_step.cloud.change_job(production_step.cloud.job_id, **job)
    production_step.event("pull_request", {"number": 7, "pull_request": pull()}, **in_pull_request())

    assert ExitCode.OK == production_step.run(**inputs)

    # The number goes to dbt Cloud in each case.
    assert 7 == production_step.body["github_pull_request_id"]
    if "run_on" in inputs:
        assert not {"git_sha", "git_branch"} & set(production_step.body)


def test_pull_request__of_a_job_that_cannot_be_read_starts_nothing(production_step: WorkflowStep) -> None:
    production_step.cloud.faults.add(kind="status", code=503, path=r"/jobs/\d+/$", times=None)
    production_step.event("pull_request", {"number": 7, "pull_request": pull()}, **in_pull_request())

    assert ExitCode.CLOUD == production_step.run()
    assert [] == production_step.triggers

    assert ExitCode.OK == production_step.run(schema_override="ci")


def test_push__to_the_same_job_is_built(production_step: WorkflowStep) -> None:
    assert ExitCode.OK == production_step.run()
    assert [] == production_step.annotations("warning")


def test_schema__auto_without_a_number_starts_nothing(production_step: WorkflowStep) -> None:
    environ, payload = of("workflow_run", workflow_run("pull_request", []))
    production_step.event("workflow_run", payload, **environ)

    assert ExitCode.CONFIG == production_step.run(schema_override="auto")

    assert () == production_step.cloud.requests
    assert "needs the number of the pull request" in production_step.annotations("error")[-1]
    assert ExitCode.OK == production_step.run(schema_override="auto", pull_request="7")


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param(env.GITLAB_DETACHED, id="GitLab"),
        pytest.param(env.GITLAB_MERGED_RESULT, id="GitLab, merged result"),
        pytest.param(env.GITLAB_EXTERNAL, id="GitLab for GitHub"),
        pytest.param(env.AZURE_PULL_REQUEST, id="Azure"),
        pytest.param(env.AZURE_FOR_GITHUB, id="Azure for GitHub"),
        pytest.param(env.BITBUCKET_PULL_REQUEST, id="Bitbucket"),
    ],
)
def test_pull_request__on_every_ci(build: Callable[..., Build], environ: dict[str, str]) -> None:
    step = build().on(environ)
    step.cloud.change_job(step.cloud.job_id, **IN_PRODUCTION)

    assert ExitCode.CONFIG is step.run()
    assert () == step.cloud.runs
    assert "`DBT_SCHEMA_OVERRIDE=auto`" in step.log
    assert ExitCode.OK is step.run(DBT_BRANCH="main")
    assert ExitCode.OK is step.run(DBT_SCHEMA_OVERRIDE="auto")


# Builds that may have the code of a fork: id, variables and payload, inputs that give what the event does not.
FOREIGN: list[tuple[str, tuple[dict[str, str], dict[str, Any]], dict[str, str]]] = [
    ("pull_request with secrets", (in_pull_request(), {"pull_request": pull(repo=FORK)}), {}),
    ("pull_request_target", of("pull_request_target", {"number": 7, "pull_request": pull(repo=FORK)}), {}),
    ("pull_request_target, gone", of("pull_request_target", {"number": 7, "pull_request": pull(repo=None)}), {}),
    ("pull_request_target, no payload", of("pull_request_target", {}), {"git_sha": HEAD_SHA}),
    ("pull_request_review", of("pull_request_review", {"pull_request": pull(repo=FORK)}), {}),
    ("workflow_run", of("workflow_run", FORKED_RUN), {}),
    ("workflow_run, branch", of("workflow_run", FORKED_RUN), {"run_on": "branch"}),
    ("workflow_run, no repository", of("workflow_run", {"workflow_run": {"head_sha": HEAD_SHA}}), {}),
    ("issue_comment, commit by hash", of("issue_comment", COMMENTED), {"git_sha": HEAD_SHA}),
    ("check_suite", of("check_suite", {"check_suite": {"head_sha": HEAD_SHA, "head_branch": None}}), {}),
    ("check_run", of("check_run", {"check_run": {"head_sha": HEAD_SHA, "check_suite": {"head_branch": None}}}), {}),
    ("status", of("status", {"sha": HEAD_SHA, "branches": []}), {}),
    ("deployment", of("deployment", {"deployment": {"sha": HEAD_SHA, "ref": HEAD_SHA}}), {}),
    ("deployment of a pull request", of("deployment", {"deployment": {"sha": HEAD_SHA, "ref": "pull/7/head"}}), {}),
]


@pytest.mark.parametrize("event, inputs", [pytest.param(*row[1:], id=row[0]) for row in FOREIGN])
def test_fork__is_refused_before_anything_is_sent(
    workflow_step: WorkflowStep, event: tuple[dict[str, str], dict[str, Any]], inputs: dict[str, str]
) -> None:
    environ, payload = event
    workflow_step.event(environ["GITHUB_EVENT_NAME"], payload, **environ)

    assert ExitCode.CONFIG == workflow_step.run(**inputs, schema_override="ci")

    assert () == workflow_step.cloud.requests
    assert () == workflow_step.statuses
    assert "`allow-forks: true`" in workflow_step.annotations("error")[-1]
    assert ExitCode.OK == workflow_step.run(**inputs, schema_override="ci", allow_forks="true")


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param(env.GITLAB_FORK, id="GitLab"),
        pytest.param({**env.AZURE_PULL_REQUEST, "SYSTEM_PULLREQUEST_ISFORK": "True"}, id="Azure"),
    ],
)
def test_fork__is_refused_on_other_cis(build: Callable[..., Build], environ: dict[str, str]) -> None:
    step = build().on(environ)

    assert ExitCode.CONFIG is step.run(DBT_SCHEMA_OVERRIDE="ci")
    assert () == step.cloud.requests
    assert "`DBT_ALLOW_FORKS=true`" in step.log


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(of("workflow_run", workflow_run("push", branch="main")), id="workflow_run"),
        pytest.param(
            of("check_suite", {"check_suite": {"head_sha": HEAD_SHA, "head_branch": "main"}}), id="check_suite"
        ),
        pytest.param(of("status", {"sha": HEAD_SHA, "branches": [{"name": "main"}]}), id="status"),
        pytest.param(of("deployment", {"deployment": {"sha": HEAD_SHA, "ref": "main"}}), id="deployment"),
        pytest.param(of("repository_dispatch", {"client_payload": {}}), id="repository_dispatch"),
    ],
)
def test_own_commit__of_an_event_on_the_default_branch_is_built(
    production_step: WorkflowStep, event: tuple[dict[str, str], dict[str, Any]]
) -> None:
    environ, payload = event
    production_step.event(environ["GITHUB_EVENT_NAME"], payload, **environ)

    assert ExitCode.OK == production_step.run()


def test_default_branch__that_is_also_the_head_of_a_pull_request_is_built(production_step: WorkflowStep) -> None:
    """A pull request from `main` to a release branch does not make each push to `main` one of a pull request."""
    payload = workflow_run("push", [listed_pull()], branch="main") | {"repository": {"default_branch": "main"}}
    environ, _ = of("workflow_run", payload)
    production_step.event("workflow_run", payload, **environ)

    assert ExitCode.OK == production_step.run()
    assert "github_pull_request_id" not in production_step.body


def test_deactivated_job__is_an_error_before_any_trigger(workflow_step: WorkflowStep) -> None:
    workflow_step.cloud.change_job(workflow_step.cloud.job_id, deactivated=True)

    assert ExitCode.CLOUD == workflow_step.run()

    assert [] == workflow_step.triggers
    assert "is deactivated." in workflow_step.annotations("error")[-1]
    assert ["error"] == workflow_step.states


def test_environment__that_the_token_may_not_read_leaves_the_rest_of_the_job(workflow_step: WorkflowStep) -> None:
    """Which answer dbt Cloud gives then is not documented; a least-privilege token must be able to run jobs."""
    workflow_step.cloud.faults.add(kind="status", code=403, path=r"/jobs/\d+/$", times=1)

    assert ExitCode.OK == workflow_step.run()

    assert "Starting Production build" in workflow_step.log


def test_wait__that_is_shorter_than_the_job_usually_takes_is_one_warning(workflow_step: WorkflowStep) -> None:
    workflow_step.cloud.change_job(workflow_step.cloud.job_id, timeout_seconds=7200)

    assert ExitCode.OK == workflow_step.run(timeout_minutes="60")

    (warning,) = workflow_step.annotations("warning")
    assert "`timeout-minutes` ends the wait after 1h 00m, but dbt Cloud lets a run of this job take 2h 00m" in warning
