"""A mapping of environment variables becomes a Config, or every problem at once; no request is made here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dbt_action import errors, text
from dbt_action.config import input_types, inputs, parsers
from dbt_action.config.choices import CommentMode, CompiledSql, LogMode, OnRerun, RunOn, StopAction

Rows = Sequence[inputs.Input]

# dbt Cloud's own integration posts its status under this name.
NATIVE_CONTEXT = "dbt cloud"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What a run does differently from its job; None is "as the job says". Units as in dbt Cloud's API."""

    schema: str | None = None
    steps: tuple[str, ...] | None = None
    dbt_version: str | None = None
    target_name: str | None = None
    threads: int | None = None
    generate_docs: bool | None = None
    timeout_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the user asks for, checked. `pull_request` None is "from the event", 0 is `none`."""

    dbt_url: str
    dbt_token: str = field(repr=False)
    account_id: int
    job_id: int
    project_id: int | None = None
    cause: str = ""
    run_on: RunOn = RunOn.COMMIT
    branch: str = ""
    git_sha: str = ""
    pull_request: int | None = None
    # A host's key; "" is the host of this build's repository.
    pull_request_field: str = ""
    overrides: Overrides = Overrides()
    wait: bool = True
    # Seconds; None is `auto`.
    poll_interval: float | None = None
    timeout_seconds: float = 300 * 60.0
    on_cancel: StopAction = StopAction.CANCEL
    on_timeout: StopAction = StopAction.CANCEL
    fail_on_error: bool = True
    # "" is what the build's own variables say.
    code_host: str = ""
    repository: str = ""
    # Of the hosts, by the name of the input; "" is not given.
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    commit_status: bool = True
    status_context: str = ""
    artifacts: tuple[str, ...] = ()
    artifacts_path: str = "target"
    summary: bool = True
    annotations: bool = True
    artifacts_per_step: bool = False
    log: LogMode = LogMode.FAILED
    # None: as the job's environment says.
    project_directory: str | None = None
    compiled_sql: CompiledSql = CompiledSql.AUTO
    comment: CommentMode = CommentMode.NEVER
    results_path: str = ""
    junit_path: str = ""
    on_rerun: OnRerun = OnRerun.RESUME
    retry_failed: int = 0
    supersede: bool = False
    instance: str = ""


def secrets(environ: Mapping[str, str], rows: Rows) -> tuple[str, ...]:
    """Every secret value in `environ`, under whatever name; to be masked before anything is printed."""
    names = (name for row in rows if row.secret for name in row.variables())
    values = [value for name in names if (value := input_types.given_value(environ, name))]
    # `user:secret` is for basic authentication; the secret is one on its own too.
    parts = [secret for value in values if (secret := value.partition(":")[2])]
    return tuple(dict.fromkeys([*values, *parts]))


def read(
    environ: Mapping[str, str],
    rows: Rows = inputs.INPUTS,
    *,
    ci_job: str = "",
    missing_token: str = "",
    inputs_are_variables: bool = False,
    unknown: Callable[[RunOn], str] = lambda _run_on: "",
) -> Config:
    """The configuration in `environ`, as far as `rows` know it.

    `ci_job` is the name of the CI's job, which a status must not share; `missing_token` is the problem to report
    when there is no `dbt-token`, "" for the usual one; with `inputs_are_variables` each problem names the variable
    of its input; `unknown` says what is not known of what `run-on` asks for, "" if all is well. Raises ConfigError
    with all problems.
    """
    reader = _Reader(environ, rows)
    given = {row.name: reader.value(row) for row in rows}
    _apply_job_url(reader, given)
    _check_required(reader, given, missing_token or errors.missing_token())
    if given["branch"] and given["git-sha"]:
        reader.problem("branch", "and `git-sha` are both given, and dbt Cloud refuses both. Give one.")
    _check_context(reader, given["status-context"], ci_job)
    # A pipeline of dbt's guide leaves the version to the job unless it names a branch.
    guided = reader.source("job-id") == inputs.GUIDE_JOB_ID and not reader.given("run-on")
    run_on = RunOn.JOB if guided else given["run-on"]
    if run_on and not (reader.given("branch") or reader.given("git-sha")) and (problem := unknown(run_on)):
        reader.problems.append(problem)
    if reader.problems:
        told = _with_variables(reader.problems, rows) if inputs_are_variables else reader.problems
        raise errors.ConfigError(tuple(told))
    patterns: tuple[str, ...] = given["artifacts"] or ()
    if given["get_artifacts"]:
        patterns += ("manifest.json", "run_results.json")
    if given["fetch_catalog"]:
        patterns += ("catalog.json",)
    return Config(
        dbt_url=given["dbt-url"],
        dbt_token=given["dbt-token"],
        account_id=given["account-id"],
        job_id=given["job-id"],
        project_id=given["project-id"],
        cause=given["cause"] or "",
        run_on=run_on,
        branch=given["branch"] or "",
        git_sha=given["git-sha"] or "",
        pull_request=given["pull-request"],
        pull_request_field=given["pull-request-field"] or "",
        overrides=Overrides(
            schema=given["schema-override"],
            steps=given["steps-override"],
            dbt_version=given["dbt-version-override"],
            target_name=given["target-name-override"],
            threads=given["threads-override"],
            generate_docs=given["generate-docs-override"],
            timeout_seconds=given["timeout-seconds-override"],
        ),
        wait=given["wait"],
        poll_interval=given["poll-interval"],
        timeout_seconds=given["timeout-minutes"] * 60,
        on_cancel=given["on-cancel"],
        on_timeout=given["on-timeout"],
        fail_on_error=given["fail-on-error"],
        code_host=given.get("code-host") or "",
        repository=given.get("repository") or "",
        tokens={row.name: given[row.name] or "" for row in rows if row.secret and row.name != "dbt-token"},
        commit_status=given["commit-status"],
        status_context=given["status-context"] or "",
        artifacts=tuple(dict.fromkeys(patterns)),
        artifacts_path=given["artifacts-path"],
        summary=given["summary"],
        annotations=given["annotations"],
        artifacts_per_step=given["artifacts-per-step"],
        log=given["log"],
        project_directory=given["project-directory"],
        compiled_sql=given["compiled-sql"],
        comment=given["comment"],
        results_path=given["results-path"] or "",
        junit_path=given["junit-path"] or "",
        on_rerun=given["on-rerun"],
        retry_failed=given["retry-failed"],
        supersede=given["supersede"],
        instance=given["instance"] or "",
    )


class _Reader:
    """Looks inputs up, parses them, and collects what is wrong."""

    def __init__(self, environ: Mapping[str, str], rows: Rows) -> None:
        self.problems: list[str] = []
        self._found = {row.name: found for row in rows if (found := input_types.lookup(environ, row))}

    def given(self, name: str) -> bool:
        return name in self._found

    def source(self, name: str) -> str:
        """The variable that the input was read from, "" when it was not given."""
        return self._found.get(name, ("", ""))[0]

    def mentions(self, name: str) -> bool:
        """Whether a problem with this input, or with `job-url` in its place, is already listed."""
        return any(line.startswith((f"`{name}`", "`job-url`")) for line in self.problems)

    def problem(self, name: str, sentence: str) -> None:
        self.problems.append(f"`{name}` {sentence}")

    def value(self, row: inputs.Input) -> Any:  # noqa: ANN401 - one table for all kinds; Config has the types
        default = "" if row.default.startswith(("(", "$")) or "<" in row.default else row.default
        raw = self._found.get(row.name, ("", default))[1]
        if not raw:
            return None
        try:
            if row.input_type is inputs.InputType.CHOICE:
                chosen = parsers.choice(raw, row.allowed)
                return row.enum(chosen) if row.enum else chosen
            return _PARSERS[row.input_type](raw)
        except ValueError as error:
            shown = "" if row.secret else f" is {text.cut(text.one_line(raw), 200)!r}, which"
            self.problem(row.name, f"{shown.strip()} {error}".strip())
            return None


def _apply_job_url(reader: _Reader, given: dict[str, Any]) -> None:
    """The parts of `job-url` take their inputs' places; a part that is also given differently is a problem."""
    for name, from_page in (given["job-url"] or {}).items():
        if reader.given(name) and given[name] not in (None, from_page):
            reader.problem(name, f"is {given[name]}, but `job-url` says {from_page}. Give one of the two.")
        given[name] = from_page


def _check_required(reader: _Reader, given: Mapping[str, Any], missing_token: str) -> None:
    if not reader.given("dbt-token"):
        reader.problems.append(missing_token)
    for name in ("account-id", "job-id"):
        if given[name] is None and not reader.mentions(name):
            reader.problem(name, "is missing. Give it, or give `job-url` instead.")


def _with_variables(problems: Sequence[str], rows: Rows) -> list[str]:
    """The problems, each with the variable of its input: who has a terminal or a pipeline looks for that."""
    variables = {f"`{row.name}`": row.variable for row in rows}
    names = [problem[: problem.find("`", 1) + 1] for problem in problems]
    return [
        problem.replace(name, f"{name} (`{variables[name]}`)", 1) if name in variables else problem
        for name, problem in zip(names, problems, strict=True)
    ]


def _check_context(reader: _Reader, context: str | None, ci_job: str) -> None:
    name = (context or "").casefold()
    if name == NATIVE_CONTEXT:
        reader.problem("status-context", f"is {context!r}, the name that dbt Cloud's own integration uses. Add to it.")
    elif name and name == ci_job.casefold():
        reader.problem(
            "status-context",
            f"is {context!r}, also the name of this job; a status and a check of one name hide each other "
            "in branch protection. Choose another.",
        )


_PARSERS: dict[inputs.InputType, Callable[[str], Any]] = {
    inputs.InputType.TEXT: parsers.text,
    inputs.InputType.SENTENCE: parsers.sentence,
    inputs.InputType.TOKEN: parsers.token,
    inputs.InputType.URL: parsers.origin,
    inputs.InputType.JOB_URL: parsers.job_page,
    inputs.InputType.ID: parsers.integer,
    inputs.InputType.COUNT: parsers.integer,
    inputs.InputType.SECONDS: parsers.seconds,
    inputs.InputType.BOOLEAN: parsers.boolean,
    inputs.InputType.COMMIT: parsers.commit,
    inputs.InputType.BRANCH: parsers.branch,
    inputs.InputType.PULL_REQUEST: parsers.pull_request,
    inputs.InputType.STEPS: parsers.steps,
    inputs.InputType.INTERVAL: parsers.interval,
    inputs.InputType.MINUTES: parsers.minutes,
    inputs.InputType.RETRIES: parsers.retries,
    inputs.InputType.PATTERNS: parsers.patterns,
    inputs.InputType.REPOSITORY: parsers.repository,
    inputs.InputType.PATH: parsers.text,
    inputs.InputType.FOLDER: parsers.folder,
}
