"""May the code of this build be sent to dbt Cloud, and where would it be built? Decided before any trigger. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dbt_action import text
from dbt_action.config import input_types
from dbt_action.config.choices import RunOn
from dbt_action.config.context import CiContext, CommitOrigin
from dbt_action.config.loader import Config
from dbt_action.dbt_cloud.run_request import RunRequest
from dbt_action.dbt_cloud.runs import Job

# A branch by such a name is the head of a pull request, perhaps of a fork's.
_PULL_REF = re.compile(r"(?:refs/)?(?:pull|pull-requests|merge-requests)/")
_STATE_SELECTOR = re.compile(r"(?:^|[\s,+@])state:")

_ORIGINS = {
    CommitOrigin.OTHER: "comes from another repository, such as a fork",
    CommitOrigin.UNKNOWN: "may come from a fork: the event{event} does not say which repository it belongs to",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What the decisions are about: the inputs, the build, and the request that would be sent."""

    config: Config
    context: CiContext
    request: RunRequest

    @property
    def sends_unmerged_code(self) -> bool:
        """Whether a commit or branch of a pull request would be sent, also where its number is not known."""
        return self.context.of_pull_request and self._sends_version and not self._is_target_branch

    @property
    def needs_job(self) -> bool:
        """Whether only the job's definition shows that the run does not build into production."""
        allowed = self.config.allow_job_schema or self.request.overrides.schema
        return self.sends_unmerged_code and not allowed

    @property
    def sends_foreign_code(self) -> bool:
        """Whether a commit would be sent that is, or may be, another repository's."""
        origin, branch = self.context.origin, self.request.git_branch
        if origin is CommitOrigin.OWN or self._is_target_branch or not self._sends_version:
            return False
        # Where it is not known, a branch that the user has named is one of the repository that dbt Cloud clones.
        return origin is CommitOrigin.OTHER or not branch or _PULL_REF.match(branch) is not None

    @property
    def _sends_version(self) -> bool:
        return bool(self.request.git_sha or self.request.git_branch)

    @property
    def _is_target_branch(self) -> bool:
        """Whether the user has chosen the branch that the pull request is to be merged into."""
        pull_request = self.context.pull_request
        target = pull_request.target_branch if pull_request else ""
        return bool(target) and self.config.branch == target

    def setting(self, name: str, value: str) -> str:
        """How the user writes an input: as a variable where inputs are variables."""
        return (
            f"`{input_types.variable_of(name)}={value}`" if self.context.inputs_are_variables else f"`{name}: {value}`"
        )


def problems(build: Build) -> Iterator[str]:
    """Why the build is refused before anything is sent, as whole sentences."""
    config, context = build.config, build.context
    if build.sends_foreign_code and not config.allow_forks:
        event = f" `{context.event}`" if context.event else ""
        origin = _ORIGINS[context.origin].format(event=event)
        yield (
            f"The commit {origin}, and whoever wrote it would run code in dbt Cloud with the rights of this job. "
            "Skip this step for such builds with a condition, or run what is merged already: "
            f"{build.setting('run-on', RunOn.JOB.value)}{_target_choice(build)}. "
            f"{build.setting('allow-forks', 'true')} runs it all the same."
        )
    if config.overrides.schema == "auto" and context.of_pull_request and not build.request.overrides.schema:
        yield (
            f"{build.setting('schema-override', 'auto')} needs the number of the pull request, which "
            f"{f'the event `{context.event}`' if context.event else 'the environment'} does not give; without it "
            "the job's own schema would be used. Give `pull-request` or the name of a schema."
        )


def schema_problem(build: Build, job: Job) -> str:
    """Why `job` may not run unmerged code, "" if it may: it would build into the job's own schema."""
    if not build.needs_job or _builds_apart(build, job):
        return ""
    number = build.request.pull_request
    place = f"the schema of the environment {job.environment_name!r}" if job.environment_name else "its own schema"
    version = build.request.git_branch or build.request.git_sha[:8]
    auto = build.setting("schema-override", "auto")
    choices = [
        f"{auto} builds it in a schema of its own, `dbt_cloud_pr_{job.id}_{number}`."
        if number
        else f"{auto} together with the number of the pull request (`pull-request`) builds it in a schema of its own.",
        "A CI job of dbt Cloud (job type `ci`), or a job whose environment is for staging, may run it as it is.",
        f"{build.setting('run-on', RunOn.JOB.value)}{_target_choice(build)} runs what is merged already.",
        f"{build.setting('allow-job-schema', 'true')} builds it there all the same.",
    ]
    return (
        f"{_name(job)} would build {version}, which is not merged, into {place}, where production "
        "usually is. Choose what fits:" + "".join(f"\n  - {choice}" for choice in choices)
    )


def pull_request_problem(build: Build, job: Job) -> str:
    """The same for any build of a pull request that the inputs describe, before there is one: "" if all is well."""
    describes_one = build.context.of_pull_request or build.request.pull_request is not None
    allowed = build.config.allow_job_schema or build.request.overrides.schema
    if not describes_one or allowed or _builds_apart(build, job):
        return ""
    return (
        f"{_name(job)} builds in its own schema, where production usually is. Use a CI job, "
        f"{build.setting('schema-override', 'auto')}, or {build.setting('run-on', RunOn.JOB.value)} for pull requests."
    )


def _builds_apart(build: Build, job: Job) -> bool:
    """Whether the job's own settings keep a pull request out of production."""
    # dbt Cloud derives the schema of a CI job's run from the number (documented: CI jobs page).
    is_ci_run = job.is_ci and build.request.pull_request is not None
    return is_ci_run or job.deployment_type == "staging"


def _target_choice(build: Build) -> str:
    pull_request = build.context.pull_request
    target = pull_request.target_branch if pull_request else ""
    return f" or {build.setting('branch', target)}" if target else ""


def job_warnings(build: Build, job: Job) -> Iterator[str]:
    """What the job's settings will make of this run, and the user may not expect."""
    if build.request.pull_request and (words := double_builds(job)):
        yield words
    if words := missing_deferral(build, job):
        yield words
    if build.context.of_pull_request and job.job_type and not job.is_ci:
        yield (
            f"{_name(job)} is not a CI job (its type is `{text.one_line(job.job_type)}`), so the runs of pull requests "
            "wait for each other and for the other runs of this job. CI jobs run side by side."
        )
    if words := short_limit(build, job):
        yield words


def double_builds(job: Job) -> str:
    """The warning for a job that dbt Cloud itself starts for pull requests, "" for another."""
    if not job.triggered_by_pull_requests:
        return ""
    return (
        "dbt Cloud also starts this job by itself for pull requests, so each may be built twice. "
        "Switch that off in the job's settings (Triggered by pull requests), or use another job here."
    )


def missing_deferral(build: Build, job: Job) -> str:
    """The warning for commands that compare with nothing, "" when there is something or nothing to compare."""
    steps = build.request.overrides.steps or job.steps
    if job.defers or not any(_STATE_SELECTOR.search(step) for step in steps):
        return ""
    return (
        "The job's commands select by state (`state:…`), but the job defers to no environment, so dbt has nothing "
        "to compare with: it fails or builds everything. Set `Compare changes against` in the job's settings."
    )


def short_limit(build: Build, job: Job) -> str:
    """The warning for a wait that is shorter than dbt Cloud's own limit, "" if it is long enough."""
    override = build.request.overrides.timeout_seconds
    limit = job.timeout_seconds if override is None else override
    if not build.config.wait or limit <= build.config.timeout_seconds:
        return ""
    return _short_wait(build, f"dbt Cloud lets a run of this job take {text.duration(limit)}")


def duration_warning(build: Build, usual_seconds: float | None) -> str:
    """The warning for a wait that is shorter than the job usually takes, "" if it is long enough."""
    if usual_seconds is None or usual_seconds <= build.config.timeout_seconds:
        return ""
    return _short_wait(build, f"the job usually takes {text.duration(usual_seconds)}")


def _short_wait(build: Build, fact: str) -> str:
    waits = text.duration(build.config.timeout_seconds)
    return f"`timeout-minutes` ends the wait after {waits}, but {fact}. Make it longer, or the job faster."


def _name(job: Job) -> str:
    return f"The job {job.name!r}" if job.name else f"Job {job.id}"
