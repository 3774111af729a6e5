"""The same step for every event of GitHub: which commit dbt Cloud runs, and which commit gets the statuses."""

from __future__ import annotations

from typing import Any

import pytest

from dbt_action.errors import ExitCode
from tests.support.events import (
    BASE_SHA,
    FORK,
    HEAD_SHA,
    OWN,
    QUEUE_SHA,
    in_pull_request,
    listed_pull,
    pull,
    variables,
    workflow_run,
)
from tests.support.workflow_step import CLOUD_TOKEN, WorkflowStep

MAIN = "refs/heads/main"
QUEUE = f"refs/heads/gh-readonly-queue/main/pr-7-{BASE_SHA}"

# id, variables, payload, `run-on`, the trigger's version and pull request, the commit of the statuses
EVENTS: list[tuple[str, dict[str, str], dict[str, Any], str, dict[str, Any], str]] = [
    (
        "push",
        variables("push", sha=HEAD_SHA, ref=MAIN),
        {"ref": MAIN, "after": HEAD_SHA, "deleted": False},
        "commit",
        {"git_sha": HEAD_SHA},
        HEAD_SHA,
    ),
    (
        "push, branch",
        variables("push", sha=HEAD_SHA, ref=MAIN),
        {"ref": MAIN, "after": HEAD_SHA, "deleted": False},
        "branch",
        {"git_branch": "main"},
        HEAD_SHA,
    ),
    (
        "push, job",
        variables("push", sha=HEAD_SHA, ref=MAIN),
        {"ref": MAIN, "after": HEAD_SHA, "deleted": False},
        "job",
        {},
        HEAD_SHA,
    ),
    (
        "tag, branch",
        variables("push", sha=HEAD_SHA, ref="refs/tags/v1.0"),
        {"ref": "refs/tags/v1.0", "deleted": False},
        "branch",
        {"git_branch": "v1.0"},
        HEAD_SHA,
    ),
    (
        "release",
        variables("release", sha=HEAD_SHA, ref="refs/tags/v1.0"),
        {"action": "published", "release": {"tag_name": "v1.0", "target_commitish": "main"}},
        "commit",
        {"git_sha": HEAD_SHA},
        HEAD_SHA,
    ),
    (
        "pull_request",
        in_pull_request(),
        {"number": 7, "pull_request": pull()},
        "commit",
        {"git_sha": HEAD_SHA, "github_pull_request_id": 7},
        HEAD_SHA,
    ),
    (
        "pull_request, branch",
        in_pull_request(),
        {"number": 7, "pull_request": pull()},
        "branch",
        {"git_branch": "feature/a", "github_pull_request_id": 7},
        HEAD_SHA,
    ),
    (
        "pull_request_target of a fork, job",
        variables("pull_request_target", sha=BASE_SHA, ref=MAIN),
        {"number": 7, "pull_request": pull(repo=FORK)},
        "job",
        {"github_pull_request_id": 7},
        HEAD_SHA,
    ),
    (
        "merge_group",
        variables("merge_group", sha=QUEUE_SHA, ref=QUEUE),
        {"merge_group": {"head_sha": QUEUE_SHA, "head_ref": QUEUE, "base_sha": BASE_SHA, "base_ref": MAIN}},
        "commit",
        {"git_sha": QUEUE_SHA},
        QUEUE_SHA,
    ),
    (
        "workflow_dispatch",
        variables("workflow_dispatch", sha=HEAD_SHA, ref="refs/heads/feature/a"),
        {"inputs": None, "ref": "refs/heads/feature/a"},
        "commit",
        {"git_sha": HEAD_SHA},
        HEAD_SHA,
    ),
    (
        "workflow_run of a pull request",
        variables("workflow_run", sha=BASE_SHA, ref=MAIN),
        workflow_run("pull_request", [listed_pull()]),
        "commit",
        {"git_sha": HEAD_SHA, "github_pull_request_id": 7},
        HEAD_SHA,
    ),
    (
        "workflow_run of a push, branch",
        variables("workflow_run", sha=BASE_SHA, ref=MAIN),
        workflow_run("push", branch="release"),
        "branch",
        {"git_branch": "release"},
        HEAD_SHA,
    ),
    (
        "schedule",
        variables("schedule", sha=BASE_SHA, ref=MAIN),
        {"schedule": "0 5 * * *"},
        "commit",
        {"git_sha": BASE_SHA},
        BASE_SHA,
    ),
]


@pytest.mark.parametrize(
    "environ, payload, run_on, version, sha", [pytest.param(*row[1:], id=row[0]) for row in EVENTS]
)
def test_event__decides_what_is_run_and_which_commit_gets_the_status(
    workflow_step: WorkflowStep,
    environ: dict[str, str],
    payload: dict[str, Any],
    run_on: str,
    version: dict[str, Any],
    sha: str,
) -> None:
    workflow_step.event(environ["GITHUB_EVENT_NAME"], payload, **environ)

    assert ExitCode.OK == workflow_step.run(run_on=run_on)

    assert version == {name: value for name, value in workflow_step.body.items() if name != "cause"}
    assert [("pending", sha), ("success", sha)] == [(status.state, status.sha) for status in workflow_step.statuses]
    assert {workflow_step.outputs["run-url"]} == {status.target_url for status in workflow_step.statuses}


@pytest.mark.parametrize("repo", [FORK, None], ids=["a fork", "a fork that is gone"])
def test_fork__without_a_token_gets_a_message_about_forks(workflow_step: WorkflowStep, repo: object) -> None:
    workflow_step.event("pull_request", {"pull_request": pull(repo=repo)}, **in_pull_request())  # type: ignore[arg-type]

    assert ExitCode.CONFIG == workflow_step.run(**{"dbt-token": ""})

    assert "fork" in workflow_step.annotations("error")[-1]
    assert () == workflow_step.cloud.requests


def test_same_repository__without_a_token_gets_no_message_about_forks(workflow_step: WorkflowStep) -> None:
    workflow_step.event("pull_request", {"pull_request": pull(repo=OWN)}, **in_pull_request())

    assert ExitCode.CONFIG == workflow_step.run(**{"dbt-token": ""})
    assert "`dbt-token` is missing" in workflow_step.annotations("error")[-1]


def test_guide__its_environment_is_enough(workflow_step: WorkflowStep) -> None:
    """A pipeline of dbt's own guide, on a CI that the action does not know."""
    cloud = workflow_step.cloud
    workflow_step.environ = {
        "DBT_URL": f"{cloud.url}/",
        "DBT_API_KEY": CLOUD_TOKEN,
        "DBT_ACCOUNT_ID": str(cloud.account_id),
        "DBT_PROJECT_ID": str(cloud.project_id),
        "DBT_PR_JOB_ID": str(cloud.job_id),
        "DBT_JOB_CAUSE": "API-triggered job",
        "DBT_JOB_BRANCH": "refs/heads/feature/a",
        "DBT_JOB_SCHEMA_OVERRIDE": "DBT_CLOUD_PR_shop-7",
    }

    assert ExitCode.OK == workflow_step.run()

    cause = workflow_step.body["cause"]
    assert cause.startswith("API-triggered job [")
    assert {
        "cause": cause,
        "git_branch": "feature/a",
        "schema_override": "DBT_CLOUD_PR_shop_7",
    } == workflow_step.body


def test_guide__without_a_branch_the_job_decides(workflow_step: WorkflowStep) -> None:
    """The guide's own block for GitHub leaves the branch empty on `push`."""
    others = {name: value for name, value in workflow_step.environ.items() if not name.startswith("INPUT_")}
    cloud = workflow_step.cloud
    workflow_step.environ = {
        **others,
        "DBT_URL": cloud.url,
        "DBT_API_KEY": CLOUD_TOKEN,
        "DBT_ACCOUNT_ID": str(cloud.account_id),
        "DBT_PR_JOB_ID": str(cloud.job_id),
        "DBT_JOB_BRANCH": "",
    }

    assert ExitCode.OK == workflow_step.run()
    assert {"cause"} == set(workflow_step.body)
