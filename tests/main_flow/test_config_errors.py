"""Inputs that cannot be used: exit code 2, one message with all problems, and no request to dbt Cloud or GitHub."""

from __future__ import annotations

import pytest

from dbt_action.errors import ExitCode
from tests.support.workflow_step import CLOUD_TOKEN, HEAD_SHA, SHA, WorkflowStep


@pytest.mark.parametrize(
    "name, value",
    [
        pytest.param("job-url", "https://ab123.us1.dbt.com/settings", id="job-url of another page"),
        pytest.param("job-url", "nonsense", id="job-url no address"),
        pytest.param("dbt-url", "http://cloud.getdbt.com", id="dbt-url without encryption"),
        pytest.param("dbt-url", "ftp://cloud.getdbt.com", id="dbt-url of another scheme"),
        pytest.param("dbt-url", "https://", id="dbt-url without a host"),
        pytest.param("account-id", "abc", id="account-id of letters"),
        pytest.param("account-id", "0", id="account-id 0"),
        pytest.param("job-id", "-5", id="job-id negative"),
        pytest.param("job-id", "9223372036854775808", id="job-id beyond 64 bits"),
        pytest.param("job-id", "\uff11\uff12", id="job-id in other digits"),
        pytest.param("job-id", "1.0", id="job-id with decimals"),
        pytest.param("project-id", "shop", id="project-id of letters"),
        pytest.param("run-on", "tag", id="run-on no choice"),
        pytest.param("branch", "my branch", id="branch with a blank"),
        pytest.param("git-sha", "abc123", id="git-sha short"),
        pytest.param("git-sha", "g" * 40, id="git-sha of other letters"),
        pytest.param("pull-request", "seven", id="pull-request a word"),
        pytest.param("pull-request", "0", id="pull-request 0"),
        pytest.param("steps-override", '["dbt run", 5]', id="steps-override with a number"),
        pytest.param("steps-override", "[]", id="steps-override empty list"),
        pytest.param("steps-override", "[dbt run", id="steps-override broken list"),
        pytest.param("steps-override", "# nothing", id="steps-override only a comment"),
        pytest.param("schema-override", "a\nb", id="schema-override two lines"),
        pytest.param("threads-override", "4.5", id="threads-override decimals"),
        pytest.param("threads-override", "0", id="threads-override 0"),
        pytest.param("generate-docs-override", "maybe", id="generate-docs-override no boolean"),
        pytest.param("timeout-seconds-override", "-1", id="timeout-seconds-override negative"),
        pytest.param("wait", "yes", id="wait no boolean"),
        pytest.param("wait", "1", id="wait a number"),
        pytest.param("poll-interval", "0", id="poll-interval 0"),
        pytest.param("poll-interval", "NaN", id="poll-interval NaN"),
        pytest.param("poll-interval", "fast", id="poll-interval a word"),
        pytest.param("timeout-minutes", "0", id="timeout-minutes 0"),
        pytest.param("timeout-minutes", "inf", id="timeout-minutes inf"),
        pytest.param("timeout-minutes", "1e3", id="timeout-minutes exponent"),
        pytest.param("on-cancel", "stop", id="on-cancel no choice"),
        pytest.param("on-timeout", "kill", id="on-timeout no choice"),
        pytest.param("fail-on-error", "no", id="fail-on-error no boolean"),
        pytest.param("commit-status", "on", id="commit-status no boolean"),
        pytest.param("status-context", "dbt Cloud", id="status-context of dbt itself"),
        pytest.param("status-context", "DBT CLOUD", id="status-context of dbt itself, in capitals"),
        pytest.param("status-context", "Deploy", id="status-context of the CI's job"),
        pytest.param("summary", "2", id="summary no boolean"),
        pytest.param("annotations", "truee", id="annotations no boolean"),
    ],
)
def test_bad_value__is_named_and_shown_and_nothing_is_sent(workflow_step: WorkflowStep, name: str, value: str) -> None:
    workflow_step.environ["GITHUB_JOB"] = "deploy"

    assert ExitCode.CONFIG == workflow_step.run(**{name: value})

    assert () == workflow_step.cloud.requests
    assert () == workflow_step.github.requests
    (annotation,) = workflow_step.annotations("error")
    assert f"`{name}`" in annotation
    assert value.partition("\n")[0] in annotation


def test_problems__are_reported_together(workflow_step: WorkflowStep) -> None:
    del workflow_step.environ["INPUT_DBT-TOKEN"]

    code = workflow_step.run(job_id="x", wait="perhaps", poll_interval="-1", on_cancel="?", branch="a b")

    assert ExitCode.CONFIG == code
    (annotation,) = workflow_step.annotations("error")
    assert [True] * 6 == [
        f"`{name}`" in annotation for name in ("dbt-token", "job-id", "wait", "poll-interval", "on-cancel", "branch")
    ]
    assert () == workflow_step.cloud.requests


@pytest.mark.parametrize("value", ["s3cr3t w0rds", "s3cr3t\n3nd", "übert0k3n", "s3cr3t\0"])
def test_bad_token__is_named_but_never_shown(workflow_step: WorkflowStep, value: str) -> None:
    assert ExitCode.CONFIG == workflow_step.run(**{"dbt-token": value})

    (annotation,) = workflow_step.annotations("error")
    assert "`dbt-token`" in annotation
    for part in value.split():
        assert part not in workflow_step.log
    assert () == workflow_step.cloud.requests


@pytest.mark.parametrize("missing", ["account-id", "job-id"])
def test_missing_input__is_named(workflow_step: WorkflowStep, missing: str) -> None:
    assert ExitCode.CONFIG == workflow_step.run(**{missing: ""})

    (annotation,) = workflow_step.annotations("error")
    assert f"`{missing}` is missing" in annotation
    assert "job-url" in annotation


def test_branch_and_git_sha__exclude_each_other(workflow_step: WorkflowStep) -> None:
    assert ExitCode.CONFIG == workflow_step.run(branch="main", git_sha=SHA)

    (annotation,) = workflow_step.annotations("error")
    assert "`branch`" in annotation
    assert "`git-sha`" in annotation
    assert () == workflow_step.cloud.requests


def test_job_url_and_job_id__of_different_jobs_are_an_error(workflow_step: WorkflowStep) -> None:
    page = f"{workflow_step.cloud.url}/deploy/{workflow_step.cloud.account_id}/projects/2/jobs/99"

    assert ExitCode.CONFIG == workflow_step.run(job_url=page)

    (annotation,) = workflow_step.annotations("error")
    assert "99" in annotation
    assert str(workflow_step.cloud.job_id) in annotation


def test_job_url__is_enough(workflow_step: WorkflowStep) -> None:
    cloud = workflow_step.cloud
    page = f"{cloud.url}/deploy/{cloud.account_id}/projects/{cloud.project_id}/jobs/{cloud.job_id}"

    assert ExitCode.OK == workflow_step.run(job_url=page, dbt_url="", account_id="", job_id="")
    assert 1 == len(cloud.runs)


PULL = {
    "number": 7,
    "user": {"login": "someone"},
    "head": {"sha": HEAD_SHA, "ref": "x", "repo": {"full_name": "stranger/shop"}},
    "base": {"ref": "main"},
}


def test_missing_token__in_a_pull_request_from_a_fork(workflow_step: WorkflowStep) -> None:
    workflow_step.event("pull_request", {"pull_request": PULL})

    assert ExitCode.CONFIG == workflow_step.run(**{"dbt-token": ""})

    (annotation,) = workflow_step.annotations("error")
    assert "fork" in annotation
    assert "if:" in annotation
    assert () == workflow_step.cloud.requests


def test_missing_token__for_dependabot(workflow_step: WorkflowStep) -> None:
    workflow_step.environ["GITHUB_ACTOR"] = "dependabot[bot]"

    assert ExitCode.CONFIG == workflow_step.run(**{"dbt-token": ""})
    assert "Dependabot" in workflow_step.annotations("error")[0]


def test_missing_token__outside_of_a_pull_request_names_the_secret(workflow_step: WorkflowStep) -> None:
    assert ExitCode.CONFIG == workflow_step.run(**{"dbt-token": ""})

    (annotation,) = workflow_step.annotations("error")
    assert "fork" not in annotation
    assert "secrets." in annotation


def test_event_without_a_commit__names_the_inputs_that_help(workflow_step: WorkflowStep) -> None:
    workflow_step.event("issue_comment", {"issue": {"number": 7, "pull_request": {}}, "comment": {"body": "/dbt"}})

    assert ExitCode.CONFIG == workflow_step.run()

    (annotation,) = workflow_step.annotations("error")
    assert "git-sha" in annotation
    assert "run-on: job" in annotation
    assert () == workflow_step.cloud.requests


def test_token_in_another_input__is_not_shown(workflow_step: WorkflowStep) -> None:
    assert ExitCode.CONFIG == workflow_step.run(job_id=CLOUD_TOKEN, wait=CLOUD_TOKEN)
    assert CLOUD_TOKEN not in workflow_step.log
