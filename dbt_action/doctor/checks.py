"""What the findings about a set-up mean: one check for each thing that has been seen to go wrong. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from dbt_action import text
from dbt_action.checkout import Checkout, parse_remote
from dbt_action.dbt_cloud.projects import CONNECTIONS, Project
from dbt_action.dbt_cloud.runs import PULL_REQUEST_FIELDS, Job, Run
from dbt_action.errors import CloudError, NotFound, Unauthorized
from dbt_action.lifecycle import build_checks
from dbt_action.lifecycle.build_checks import Build

# A queue of so many seconds is worth a word.
_LONG_QUEUE = 300.0


class Mark(Enum):
    """How a check has ended."""

    GOOD = "✓"
    # Works, but otherwise than wanted.
    WARNING = "!"
    # Cannot work, or builds where it must not.
    BAD = "✗"
    # The token may not know, or nobody has asked.
    UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report, and what to do about it."""

    mark: Mark
    title: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFindings:
    """What the code host has answered; a text is why it did not, "" that it did, None that it was not asked."""

    # Where the code lives, in words, "" when nothing says so.
    name: str = ""
    has_token: bool = False
    # The commit that was asked for, and the answer.
    sha: str = ""
    commit: str | None = None
    files: str | None = None
    labels: str | None = None
    # Whether the token may post statuses; None: not known.
    may_post: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Everything that was found out. An error stands for what could not be read; None: not asked."""

    build: Build
    host_name: str
    account: CloudError | None = None
    job: Job | CloudError | None = None
    project: Project | CloudError | None = None
    runs: tuple[Run, ...] = ()
    checkout: Checkout | None = None
    # Whether the newest run's commit is in the checkout; None: not known.
    newest_commit_is_here: bool | None = None
    # Whether a project file is in the checkout; None: there is no checkout.
    has_project_file: bool | None = None
    may_trigger: bool | None = None
    probed: bool = False
    host: HostFindings = HostFindings()


def of_problems(problems: tuple[str, ...]) -> list[Check]:
    """The checks when the inputs cannot be used."""
    return [Check(Mark.BAD, "Inputs", problem) for problem in problems]


def of(findings: Findings) -> list[Check]:
    """All checks, in the order in which a person would look."""
    checks = [Check(Mark.GOOD, "Inputs"), *_account(findings)]
    job = findings.job
    if isinstance(job, Job):
        for check in _JOB_CHECKS:
            checks += check(findings, job)
    elif job is not None:
        mark = Mark.UNKNOWN if job.transient else Mark.BAD
        title = "The job does not exist" if isinstance(job, NotFound) else "The job cannot be read"
        checks.append(Check(mark, title, job.explanation))
    return [*checks, *_host(findings)]


def _account(findings: Findings) -> Iterator[Check]:
    error, name = findings.account, f"dbt Cloud at {findings.host_name}"
    if error is None:
        yield Check(Mark.GOOD, f"{name}, token and account {findings.build.config.account_id}")
    elif error.transient:
        yield Check(Mark.UNKNOWN, f"{name} cannot be reached", error.explanation)
    elif isinstance(error, Unauthorized):
        yield Check(
            Mark.BAD, f"{name} does not accept the token, or is not the host of your account", error.explanation
        )
    else:
        yield Check(Mark.BAD, f"{name} does not let the token into the account", error.explanation)


def _type(_findings: Findings, job: Job) -> Iterator[Check]:
    place = f", environment {job.environment_name!r}" if job.environment_name else ""
    kind = f" ({job.deployment_type})" if job.deployment_type else ""
    yield Check(Mark.GOOD, f"The job {job.name!r} exists: type {job.job_type or 'not known'}{place}{kind}")


def _active(_findings: Findings, job: Job) -> Iterator[Check]:
    if job.deactivated:
        reason = f": {job.deactivation_reason}" if job.deactivation_reason else ""
        yield Check(
            Mark.BAD,
            f"The job is deactivated{reason}",
            "dbt Cloud does that after many failed runs in a row. Repair what makes them fail, and switch it on in its "
            "settings.",
        )


def _same_project(findings: Findings, job: Job) -> Iterator[Check]:
    wanted = findings.build.config.project_id
    if wanted and job.project_id and wanted != job.project_id:
        yield Check(
            Mark.WARNING,
            f"The job belongs to project {job.project_id}, not to {wanted}",
            "Compare `job-url` or `project-id` with the address of the job's page.",
        )


def _schema(findings: Findings, job: Job) -> Iterator[Check]:
    if problem := build_checks.pull_request_problem(findings.build, job):
        yield Check(Mark.BAD, "Pull requests would be built into production", problem)


def _settings(findings: Findings, job: Job) -> Iterator[Check]:
    """What the job's settings make of a run, as the command itself warns of it."""
    build = findings.build
    titles = {
        build_checks.double_builds(job): "dbt Cloud builds pull requests with this job, too",
        build_checks.missing_deferral(build, job): "The job selects by state, but defers to nothing",
        build_checks.short_limit(build, job): "The wait is shorter than the job's own limit",
        build_checks.duration_warning(
            build, _usual_seconds(findings)
        ): "The wait is shorter than the job usually takes",
    }
    for words, title in titles.items():
        if words:
            yield Check(Mark.WARNING, title, words)


def _usual_seconds(findings: Findings) -> float | None:
    durations = sorted(run.duration for run in findings.runs if run.duration)
    return durations[len(durations) // 2] if durations else None


def _duration(findings: Findings, _job: Job) -> Iterator[Check]:
    usual = _usual_seconds(findings)
    if usual is None:
        yield Check(Mark.UNKNOWN, "The job has no successful run yet, so its duration is not known")
        return
    queues = sorted(run.queued for run in findings.runs if run.queued is not None)
    queue = queues[len(queues) // 2] if queues else 0.0
    words = f"The job usually takes {text.duration(usual)}, {text.duration(queue)} of it in the queue"
    if queue > _LONG_QUEUE:
        yield Check(
            Mark.WARNING,
            words,
            "Runs wait for a free run slot, or for the run of the same job before them. CI jobs wait for neither.",
        )
    else:
        yield Check(Mark.GOOD, words)


def _folder(findings: Findings, job: Job) -> Iterator[Check]:
    given, of_job = findings.build.config.project_directory, job.project_folder
    if given is not None and given != of_job:
        yield Check(
            Mark.WARNING,
            f"`project-directory` is {given or 'the root'!r}, but the job's project is in {of_job or 'the root'!r}",
            "Leave `project-directory` out; it is only for environments whose folder dbt Cloud does not say.",
        )
    elif findings.has_project_file is False:
        yield Check(
            Mark.WARNING,
            f"There is no dbt_project.yml in {of_job or 'the root'!r} of this checkout",
            "Files in annotations and links are looked for there. Is this the repository of the job's project?",
        )


def _repository(findings: Findings, _job: Job) -> Iterator[Check]:
    project, ours = findings.project, findings.build.context.repository
    if isinstance(project, Project) and ours and (project.repository or project.remote_url):
        theirs = project.repository or parse_remote(project.remote_url)[1]
        if theirs.casefold() == ours.casefold():
            yield Check(Mark.GOOD, f"The job's project is that of this repository, {ours}")
        else:
            yield Check(
                Mark.BAD,
                f"The job's project is of the repository {theirs}, but this is {ours}",
                "dbt Cloud could not check out a commit of this repository. Choose a job of the right project.",
            )
    elif findings.newest_commit_is_here:
        yield Check(Mark.GOOD, "The commit of the job's newest run is in this checkout")
    else:
        reason = project.explanation if isinstance(project, CloudError) else ""
        yield Check(Mark.UNKNOWN, "Whether the job's project is of this repository is not known", reason)


def _connection(findings: Findings, _job: Job) -> Iterator[Check]:
    project = findings.project
    if not isinstance(project, Project) or project.clone_strategy not in CONNECTIONS:
        return
    connection = CONNECTIONS[project.clone_strategy]
    field = findings.build.request.pull_request_field
    if PULL_REQUEST_FIELDS[connection] == field:
        yield Check(Mark.GOOD, f"dbt Cloud is connected to the repository by {project.clone_strategy}")
    else:
        yield Check(
            Mark.WARNING,
            f"dbt Cloud is connected by {project.clone_strategy}, but the number of a pull request is sent as {field}",
            f"Give {findings.build.setting('pull-request-field', connection)}.",
        )


def _trigger(findings: Findings, _job: Job) -> Iterator[Check]:
    if findings.may_trigger is None:
        hint = "`--probe` asks dbt Cloud by a trigger that it refuses." if not findings.probed else ""
        yield Check(Mark.UNKNOWN, "Whether the token may start runs is not known", hint)
    elif findings.may_trigger:
        yield Check(Mark.GOOD, "The token may start runs")
    else:
        yield Check(
            Mark.BAD,
            "The token may not start runs of this job",
            "It needs the permission Job Runner, Job Admin or more, in this project and environment.",
        )


_JOB_CHECKS: tuple[Callable[[Findings, Job], Iterator[Check]], ...] = (
    _type,
    _active,
    _same_project,
    _schema,
    _settings,
    _duration,
    _folder,
    _repository,
    _connection,
    _trigger,
)


def _host(findings: Findings) -> Iterator[Check]:
    host = findings.host
    if not host.name:
        yield Check(
            Mark.WARNING,
            "It is not known where the code lives, so no commit status is posted",
            "Give `code-host` and `repository`, or `commit-status: false`.",
        )
        return
    if not host.has_token:
        yield Check(Mark.WARNING, f"There is no token for {host.name}, so no commit status is posted")
    elif host.commit is not None:
        if host.commit:
            yield Check(
                Mark.WARNING, f"The commit {host.sha[:7]} is not shown to the token by {host.name}", host.commit
            )
        else:
            yield Check(Mark.GOOD, f"The commit {host.sha[:7]} is known to {host.name}")
    if findings.checkout is not None and not findings.checkout.pushed:
        yield Check(
            Mark.WARNING,
            f"The commit {findings.checkout.sha[:7]} is on no branch of a remote",
            "dbt Cloud cannot run it. Push it first.",
        )
    for what, answer in (("changed files", host.files), ("labels", host.labels)):
        if answer:
            yield Check(
                Mark.WARNING, f"The {what} that a gate asks for cannot be read, so every build would run", answer
            )
        elif answer is not None:
            yield Check(Mark.GOOD, f"The {what} that a gate asks for can be read")
    if host.has_token:
        yield from _statuses(findings)


def _statuses(findings: Findings) -> Iterator[Check]:
    may_post, name = findings.host.may_post, findings.host.name
    if may_post is None:
        hint = "" if findings.probed else "`--probe` asks, by a status on a commit that cannot exist."
        yield Check(Mark.UNKNOWN, f"Whether the token may post statuses to {name} is not known", hint)
    elif may_post:
        yield Check(Mark.GOOD, f"The token may post statuses to {name}")
    else:
        yield Check(
            Mark.WARNING,
            f"The token may not post statuses to {name}",
            "In a workflow of GitHub the job needs `permissions: statuses: write`.",
        )
