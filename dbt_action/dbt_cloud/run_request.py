"""Builds the request for a run from Config and CiContext: version, pull request, overrides, cause. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from dbt_action.config import input_types
from dbt_action.config.choices import RunOn
from dbt_action.config.context import CiContext, PullRequest
from dbt_action.config.loader import Config, Overrides
from dbt_action.dbt_cloud import marker
from dbt_action.dbt_cloud.marker import Marker
from dbt_action.dbt_cloud.runs import NON_NATIVE, PULL_REQUEST_FIELDS
from dbt_action.errors import ConfigError
from dbt_action.text import cut, one_line, plural, redact

# Longest `cause` that dbt Cloud is known to accept (reported: the limit of Airflow's dbt provider).
MAX_CAUSE = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """One trigger of one job. `cause` ends in `marker`, which is unique to this request."""

    job_id: int
    cause: str
    marker: Marker
    git_sha: str = ""
    git_branch: str = ""
    pull_request: int | None = None
    pull_request_field: str = PULL_REQUEST_FIELDS["github"]
    overrides: Overrides

    def in_words(self) -> str:
        """What is sent, for the log: `4f1d…, pull request 7, schema dbt_cloud_pr_3_7`."""
        what = self.git_sha or self.git_branch or "what the job is set to"
        number = f"pull request {self.pull_request}" if self.pull_request else ""
        schema = f"schema {self.overrides.schema}" if self.overrides.schema else ""
        steps = plural(len(self.overrides.steps), "command") + " of its own" if self.overrides.steps else ""
        return ", ".join(part for part in (what, number, schema, steps) if part)

    def body(self) -> dict[str, Any]:
        """The JSON of the trigger (documented: OpenAPI `TriggerRunRequestRequest`), without keys that have no value.

        dbt Cloud refuses an empty string or a wrong type with 400, and ignores an unknown key without a word.
        """
        fields = {
            "cause": self.cause,
            "git_sha": self.git_sha or None,
            "git_branch": self.git_branch or None,
            self.pull_request_field: self.pull_request,
            "schema_override": self.overrides.schema,
            "dbt_version_override": self.overrides.dbt_version,
            "threads_override": self.overrides.threads,
            "target_name_override": self.overrides.target_name,
            "generate_docs_override": self.overrides.generate_docs,
            "timeout_seconds_override": self.overrides.timeout_seconds,
            "steps_override": list(self.overrides.steps) if self.overrides.steps else None,
        }
        return {name: value for name, value in fields.items() if value is not None}


def build(config: Config, context: CiContext, *, nonce: str, secrets: Iterable[str] = ()) -> RunRequest:
    """The request of this build. Raises ConfigError when the commit or branch that it needs is not known.

    `nonce` is 6 to 16 random hexadecimal digits; `secrets` are removed from the cause, which everybody with access
    to dbt Cloud can read.
    """
    git_sha, git_branch = _version(config, context)
    pull_request = _pull_request(config, context)
    mark = marker.make(config, context, nonce=nonce)
    return RunRequest(
        job_id=config.job_id,
        cause=_cause(redact(config.cause or _default_cause(context), secrets), str(mark)),
        marker=mark,
        git_sha=git_sha,
        git_branch=git_branch,
        pull_request=pull_request or None,
        pull_request_field=_field(config, context),
        overrides=_overrides(config, context),
    )


def status_sha(config: Config, context: CiContext) -> str:
    """The commit that gets the status.

    In a pull request always its head, also when another commit is run: as soon as the test merge commit has a status,
    GitHub evaluates that commit too.
    """
    if context.pull_request and context.pull_request.head_sha:
        return context.sha
    return config.git_sha or context.sha


def with_user_choices(config: Config, context: CiContext) -> CiContext:
    """`context` with what the inputs say about code host, repository and pull request."""
    host, repository = config.code_host or context.host, config.repository or context.repository
    if (host, repository.casefold()) != (context.host, context.repository.casefold()):
        # What the CI knows about the pull request and about pages belongs to its own repository, not to the one that
        # the user names. Whether that one is public is not known, so it is treated as if it were.
        context = replace(
            context,
            host=host,
            server=context.server if host == context.host else "",
            repository=repository,
            commit_message="",
            before_sha="",
            pull_request=None,
            commit_url="",
            file_url="",
            public=True,
        )
    if config.pull_request and not context.pull_request:
        # Only the number is known.
        context = replace(context, pull_request=PullRequest(number=config.pull_request))
    return context


def _version(config: Config, context: CiContext) -> tuple[str, str]:
    """(`git_sha`, `git_branch`), of which dbt Cloud takes at most one."""
    if config.git_sha or config.branch:
        return config.git_sha, config.branch
    if config.run_on is RunOn.JOB:
        return "", ""
    problem = missing_commit_or_branch(context, config.run_on)
    if problem:
        raise ConfigError((problem,))
    version = _commit_or_branch(context, config.run_on)
    return (version, "") if config.run_on is RunOn.COMMIT else ("", version)


def missing_commit_or_branch(context: CiContext, run_on: RunOn) -> str:
    """The message for a build whose commit or branch `run-on` needs and the CI does not name; "" if all is well."""
    if run_on is RunOn.JOB or _commit_or_branch(context, run_on):
        return ""
    where = f"the event `{context.event}`" if context.event else "the environment"
    other = "git-sha" if run_on is RunOn.COMMIT else "branch"
    # Where inputs are given as variables, people look for the variable's name.
    variable = f" (`{input_types.variable_of(other)}`)" if context.inputs_are_variables else ""
    return (
        f"`run-on` is `{run_on.value}`, but {where} does not name a {run_on.value}. "
        f"Give `{other}`{variable}, or `run-on: job` to run what the job is set to."
    )


def _commit_or_branch(context: CiContext, run_on: RunOn) -> str:
    return context.sha if run_on is RunOn.COMMIT else context.branch or context.tag


def _pull_request(config: Config, context: CiContext) -> int:
    if config.pull_request is not None:
        return config.pull_request
    return context.number


def _field(config: Config, context: CiContext) -> str:
    connection = config.pull_request_field or context.host or "github"
    return PULL_REQUEST_FIELDS.get(connection, PULL_REQUEST_FIELDS[NON_NATIVE])


def _overrides(config: Config, context: CiContext) -> Overrides:
    schema = config.overrides.schema
    if schema == "auto":
        number = config.pull_request or context.number
        schema = f"dbt_cloud_pr_{config.job_id}_{number}" if number else None
    return replace(config.overrides, schema=re.sub("[-/]", "_", schema) if schema else None)


def _default_cause(context: CiContext) -> str:
    """`GitHub Actions: Deploy (push), main, by octocat`."""
    pull_request = context.pull_request and f"pull request {context.pull_request.number}"
    event = f"({context.event})" if context.event else ""
    parts = (
        f"{context.workflow} {event}".strip(),
        pull_request or context.branch or context.tag,
        f"by {context.actor}" if context.actor else "",
    )
    description = ", ".join(part for part in parts if part)
    return f"{context.ci_name}: {description}" if description else f"Started from {context.ci_name}"


def _cause(description: str, ending: str) -> str:
    return f"{cut(one_line(description), MAX_CAUSE - len(ending) - 1)} {ending}"
