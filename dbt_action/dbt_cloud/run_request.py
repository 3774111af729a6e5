"""What to ask dbt Cloud for: Config and CiContext become a RunRequest with its marker; nothing is sent here."""

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
from dbt_action.text import cut, one_line, redact

# Longest `cause` that is known to be kept (reported: the limit of Airflow's dbt provider).
MAX_CAUSE = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """One trigger of one job. `marker` is unique to this request and ends `cause`."""

    job_id: int
    cause: str
    marker: Marker
    git_sha: str = ""
    git_branch: str = ""
    pull_request: int | None = None
    pull_request_field: str = PULL_REQUEST_FIELDS["github"]
    overrides: Overrides

    def body(self) -> dict[str, Any]:
        """The JSON of the trigger (documented: OpenAPI `TriggerRunRequestRequest`); absent keys are left out.

        An empty string or a wrong type is refused with 400, an unknown key is ignored in silence.
        """
        wanted = {
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
        return {name: value for name, value in wanted.items() if value is not None}


def request(config: Config, context: CiContext, *, nonce: str, secrets: Iterable[str] = ()) -> RunRequest:
    """What this build asks for. Raises ConfigError when the commit or branch that it needs is unknown.

    `nonce` is a few random hexadecimal digits; `secrets` are kept out of the cause.
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

    In pull requests always the head: a status on the test merge commit changes what GitHub evaluates.
    """
    if context.pull_request and context.pull_request.head_sha:
        return context.sha
    return config.git_sha or context.sha


def told(config: Config, context: CiContext) -> CiContext:
    """`context` with what the user says by hand about where the code lives and about the pull request."""
    host, repository = config.code_host or context.host, config.repository or context.repository
    if (host, repository.casefold()) != (context.host, context.repository.casefold()):
        # Pull request and pages are those of the other repository; whether this one is public is not known.
        context = replace(
            context,
            host=host,
            server=context.server if host == context.host else "",
            repository=repository,
            pull_request=None,
            commit_url="",
            file_url="",
            public=True,
        )
    if config.pull_request and not context.pull_request:
        # Its commit is known as little as anything else of it.
        context = replace(context, pull_request=PullRequest(number=config.pull_request))
    return context


def _version(config: Config, context: CiContext) -> tuple[str, str]:
    """(`git_sha`, `git_branch`), of which dbt Cloud takes at most one."""
    if config.git_sha or config.branch:
        return config.git_sha, config.branch
    if config.run_on is RunOn.JOB:
        return "", ""
    problem = unknown(context, config.run_on)
    if problem:
        raise ConfigError((problem,))
    wanted = _wanted(context, config.run_on)
    return (wanted, "") if config.run_on is RunOn.COMMIT else ("", wanted)


def unknown(context: CiContext, run_on: RunOn) -> str:
    """What is not known here of what `run-on` asks for, and what to do about it; "" if all is well."""
    if run_on is RunOn.JOB or _wanted(context, run_on):
        return ""
    where = f"the event `{context.event}`" if context.event else "this place"
    other = "git-sha" if run_on is RunOn.COMMIT else "branch"
    # Where inputs are variables people look for those.
    variable = f" (`{input_types.variable_of(other)}`)" if context.inputs_are_variables else ""
    return (
        f"`run-on` is `{run_on.value}`, but {where} does not tell a {run_on.value}. "
        f"Give `{other}`{variable}, or `run-on: job` to run what the job is set to."
    )


def _wanted(context: CiContext, run_on: RunOn) -> str:
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
    story = ", ".join(part for part in parts if part)
    return f"{context.ci_name}: {story}" if story else f"Started from {context.ci_name}"


def _cause(words: str, ending: str) -> str:
    return f"{cut(one_line(words), MAX_CAUSE - len(ending) - 1)} {ending}"
