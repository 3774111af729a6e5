"""What may be sent to dbt Cloud: code of forks, unmerged code in the job's own schema; and warnings about the job."""

from __future__ import annotations

from typing import Any

import pytest

from dbt_action.config.context import CommitOrigin, PullRequest
from dbt_action.dbt_cloud import run_request, runs
from dbt_action.dbt_cloud.runs import Job
from dbt_action.lifecycle import build_checks
from tests.support.values import a_config, a_context

HEAD = "b" * 40
PULL = PullRequest(number=7, head_sha=HEAD, head_branch="feature/a", target_branch="main")
OF_PULL_REQUEST = {"event": "pull_request", "sha": HEAD, "branch": "feature/a", "of_pull_request": True}
IN_PULL_REQUEST = {**OF_PULL_REQUEST, "pull_request": PULL}
PUSHED = {"event": "push", "sha": HEAD, "branch": "main"}


def a_job(**fields: Any) -> Job:  # noqa: ANN401 - JSON
    """A deployment job in production, with these fields of its JSON instead."""
    environment = {"name": "Production", "deployment_type": "production"}
    return runs.read_job({"id": 3, "name": "Nightly", "job_type": "scheduled", "environment": environment, **fields})


def a_build(context: dict[str, Any], **inputs: str) -> build_checks.Build:
    config, build = a_config(**inputs), a_context(**context)
    build = run_request.with_user_choices(config, build)
    return build_checks.Build(config=config, context=build, request=run_request.build(config, build, nonce="abcdef"))


# id, build, inputs, fields of the job, whether it is refused
SCHEMAS: list[tuple[str, dict[str, Any], dict[str, str], dict[str, Any], bool]] = [
    ("a pull request on a deployment job", IN_PULL_REQUEST, {}, {}, True),
    ("its branch", IN_PULL_REQUEST, {"run_on": "branch"}, {}, True),
    ("a branch by name", IN_PULL_REQUEST, {"branch": "feature/b"}, {}, True),
    ("a commit by hash", IN_PULL_REQUEST, {"git_sha": "c" * 40}, {}, True),
    ("a pull request whose number is not known", OF_PULL_REQUEST, {}, {}, True),
    ("an environment without a type", IN_PULL_REQUEST, {}, {"environment": {"name": "x"}}, True),
    ("an environment that may not be read", IN_PULL_REQUEST, {}, {"environment": None}, True),
    ("a merge job", IN_PULL_REQUEST, {}, {"job_type": "merge"}, True),
    ("a CI job without the number", IN_PULL_REQUEST, {"pull_request": "none"}, {"job_type": "ci"}, True),
    ("another repository", IN_PULL_REQUEST, {"repository": "acme/other", "code_host": "gitlab"}, {}, True),
    ("a target branch that only has the name of the head", {**IN_PULL_REQUEST, "branch": "main"}, {}, {}, True),
    ("a schema", IN_PULL_REQUEST, {"schema_override": "ci"}, {}, False),
    ("a schema of its own", IN_PULL_REQUEST, {"schema_override": "auto"}, {}, False),
    ("a CI job", IN_PULL_REQUEST, {}, {"job_type": "ci"}, False),
    ("staging", IN_PULL_REQUEST, {}, {"environment": {"deployment_type": "staging"}}, False),
    ("the user allows it", IN_PULL_REQUEST, {"allow_job_schema": "true"}, {}, False),
    ("what the job is set to", IN_PULL_REQUEST, {"run_on": "job"}, {}, False),
    ("the target branch", IN_PULL_REQUEST, {"branch": "main"}, {}, False),
    ("a push", PUSHED, {}, {}, False),
    ("a push with a number", PUSHED, {"pull_request": "7"}, {}, False),
    ("a merge group", {**PUSHED, "event": "merge_group"}, {}, {}, False),
]


@pytest.mark.parametrize("context, inputs, fields, refused", [pytest.param(*row[1:], id=row[0]) for row in SCHEMAS])
def test_unmerged_code__is_not_built_in_the_schema_of_a_deployment_job(
    context: dict[str, Any],
    inputs: dict[str, str],
    fields: dict[str, Any],
    refused: bool,  # noqa: FBT001
) -> None:
    problem = build_checks.schema_problem(a_build(context, **inputs), a_job(**fields))

    assert refused is bool(problem), problem


def test_unmerged_code__the_message_says_what_would_happen_and_what_to_do() -> None:
    problem = build_checks.schema_problem(a_build(IN_PULL_REQUEST), a_job())

    assert "The job 'Nightly' would build bbbbbbbb, which is not merged, into the schema of the environment" in problem
    for choice in ("auto", "dbt_cloud_pr_3_7", "job type `ci`", "`run-on: job`", "`branch: main`", "allow-job-schema"):
        assert choice in problem
    # Where inputs are variables, these are named.
    problem = build_checks.schema_problem(a_build({**IN_PULL_REQUEST, "inputs_are_variables": True}), a_job())
    assert "`DBT_SCHEMA_OVERRIDE=auto`" in problem


@pytest.mark.parametrize(
    "context, inputs, needed",
    [
        (IN_PULL_REQUEST, {}, True),
        (IN_PULL_REQUEST, {"schema_override": "ci"}, False),
        (IN_PULL_REQUEST, {"allow_job_schema": "true"}, False),
        (IN_PULL_REQUEST, {"run_on": "job"}, False),
        (PUSHED, {}, False),
    ],
)
def test_job__has_to_be_known_only_where_it_decides(
    context: dict[str, Any],
    inputs: dict[str, str],
    needed: bool,  # noqa: FBT001
) -> None:
    assert needed is a_build(context, **inputs).needs_job


FORKED = {**IN_PULL_REQUEST, "origin": CommitOrigin.OTHER}
UNCLEAR = {**OF_PULL_REQUEST, "event": "issue_comment", "sha": "", "branch": "", "origin": CommitOrigin.UNKNOWN}
AUTO = {"schema_override": "ci"}
# id, build, inputs, whether it is refused
FORKS: list[tuple[str, dict[str, Any], dict[str, str], bool]] = [
    ("a fork's commit", FORKED, AUTO, True),
    ("a fork's commit by hash", FORKED, {**AUTO, "git_sha": HEAD}, True),
    ("a fork's branch", FORKED, {**AUTO, "run_on": "branch"}, True),
    ("a branch that the fork names", FORKED, {**AUTO, "branch": "feature/a"}, True),
    ("nothing of the fork's", FORKED, {"run_on": "job"}, False),
    ("the target branch", FORKED, {"branch": "main"}, False),
    ("the user allows it", FORKED, {**AUTO, "allow_forks": "true"}, False),
    ("a commit of nobody knows whom", UNCLEAR, {**AUTO, "git_sha": HEAD}, True),
    ("a pull request's head by name", UNCLEAR, {**AUTO, "branch": "refs/pull/7/head"}, True),
    ("the same, shorter", UNCLEAR, {**AUTO, "branch": "pull/7/head"}, True),
    ("a branch of the repository", UNCLEAR, {**AUTO, "branch": "feature/b"}, False),
    ("the job's own version", UNCLEAR, {"run_on": "job"}, False),
    ("the user allows both", UNCLEAR, {**AUTO, "git_sha": HEAD, "allow_forks": "true"}, False),
    ("its own commit", IN_PULL_REQUEST, AUTO, False),
]


@pytest.mark.parametrize("context, inputs, refused", [pytest.param(*row[1:], id=row[0]) for row in FORKS])
def test_foreign_code__is_refused(context: dict[str, Any], inputs: dict[str, str], refused: bool) -> None:  # noqa: FBT001
    problems = list(build_checks.problems(a_build(context, **inputs)))

    assert refused is bool(problems), problems


def test_foreign_code__the_message_says_why_and_what_to_do() -> None:
    (problem,) = build_checks.problems(a_build(FORKED, **AUTO))
    assert "comes from another repository, such as a fork" in problem
    assert "`run-on: job` or `branch: main`" in problem
    assert "`allow-forks: true`" in problem
    (problem,) = build_checks.problems(a_build(UNCLEAR, **AUTO, git_sha=HEAD))
    assert "the event `issue_comment` does not say which repository" in problem


@pytest.mark.parametrize(
    "context, refused",
    [(OF_PULL_REQUEST, True), (IN_PULL_REQUEST, False), (PUSHED, False)],
    ids=["number not known", "number known", "no pull request"],
)
def test_schema__auto_needs_the_number(context: dict[str, Any], refused: bool) -> None:  # noqa: FBT001
    problems = list(build_checks.problems(a_build(context, schema_override="auto")))

    assert refused is any("needs the number of the pull request" in problem for problem in problems)


# id, build, inputs, fields of the job, what the only warning contains
WARNINGS: list[tuple[str, dict[str, Any], dict[str, str], dict[str, Any], str]] = [
    ("usual", PUSHED, {}, {"execute_steps": ["dbt build"], "execution": {"timeout_seconds": 0}}, ""),
    ("state selector", PUSHED, {}, {"execute_steps": ["dbt build -s state:modified+"]}, "`state:…`"),
    ("state with an operator", PUSHED, {}, {"execute_steps": ["dbt build -s +state:new,tag:x"]}, "`state:…`"),
    ("state by override", PUSHED, {"steps_override": "dbt ls -s state:modified"}, {}, "`state:…`"),
    ("no state by override", PUSHED, {"steps_override": "dbt ls"}, {"execute_steps": ["dbt ls -s state:new"]}, ""),
    ("not a selector", PUSHED, {}, {"execute_steps": ["dbt build -s upstate:x"]}, ""),
    ("deferral", PUSHED, {}, {"execute_steps": ["dbt ls -s state:new"], "deferring_environment_id": 4}, ""),
    ("deferral to a job", PUSHED, {}, {"execute_steps": ["dbt ls -s state:new"], "deferring_job_definition_id": 4}, ""),
    ("not a CI job", IN_PULL_REQUEST, {}, {"job_type": "other"}, "is not a CI job"),
    ("a CI job", IN_PULL_REQUEST, {}, {"job_type": "ci"}, ""),
    ("type not known", IN_PULL_REQUEST, {}, {"job_type": None}, ""),
    ("both start it", IN_PULL_REQUEST, {}, {"job_type": "ci", "triggers": {"github_webhook": True}}, "twice"),
    ("a push", PUSHED, {}, {"triggers": {"github_webhook": True}}, ""),
    ("long limit", PUSHED, {"timeout_minutes": "60"}, {"execution": {"timeout_seconds": 7200}}, "take 2h 00m"),
    ("limit by override", PUSHED, {"timeout_minutes": "60", "timeout_seconds_override": "7200"}, {}, "take 2h 00m"),
    ("short limit", PUSHED, {"timeout_minutes": "60"}, {"execution": {"timeout_seconds": 3600}}, ""),
    ("no wait", PUSHED, {"timeout_minutes": "60", "wait": "false"}, {"execution": {"timeout_seconds": 7200}}, ""),
]


@pytest.mark.parametrize("context, inputs, fields, part", [pytest.param(*row[1:], id=row[0]) for row in WARNINGS])
def test_job__that_will_surprise_is_a_warning(
    context: dict[str, Any], inputs: dict[str, str], fields: dict[str, Any], part: str
) -> None:
    warnings = list(build_checks.job_warnings(a_build(context, **inputs), a_job(**fields)))

    assert (1 if part else 0) == len(warnings), warnings
    assert all(part in warning for warning in warnings)


@pytest.mark.parametrize("usual, warned", [(None, False), (3600.0, False), (3601.0, True)])
def test_wait__shorter_than_usual_is_a_warning(usual: float | None, warned: bool) -> None:  # noqa: FBT001
    build = a_build(PUSHED, timeout_minutes="60")

    assert warned is ("usually takes 1h 00m" in build_checks.duration_warning(build, usual))
