"""Reads the Config from environment variables, or raises one error with all problems; sends no request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from dbt_action import errors, text
from dbt_action.config import input_types, inputs, parsers
from dbt_action.config.choices import (
    ChangesMode,
    CommentMode,
    CompiledSql,
    DatafoldRunType,
    LogFormat,
    LogMode,
    Mode,
    OnRerun,
    RunOn,
    StatusMode,
    StopAction,
)
from dbt_action.config.input_types import Input, InputType

Rows = Sequence[Input]

# dbt Cloud's own integration posts its status under this name.
NATIVE_CONTEXT = "dbt cloud"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What a run does differently from its job. None: as the job is set up. Units are those of dbt Cloud's API."""

    schema: str | None = None
    steps: tuple[str, ...] | None = None
    dbt_version: str | None = None
    target_name: str | None = None
    threads: int | None = None
    generate_docs: bool | None = None
    timeout_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Datafold:
    """Where the artifacts of a run are uploaded; without `ci_config_id` they are not."""

    ci_config_id: int | None = None
    api_key: str = field(default="", repr=False)
    url: str = "https://app.datafold.com"
    run_type: DatafoldRunType = DatafoldRunType.AUTO
    # How long to wait for Datafold's own run.
    wait_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The validated inputs; each row of the table of inputs names its field (`Input.config_field`)."""

    dbt_url: str
    dbt_token: str = field(repr=False)
    account_id: int
    mode: Mode = Mode.RUN
    # 0 as long as only the name is known.
    job_id: int = 0
    job_name: str = ""
    project_id: int | None = None
    environment_id: int | None = None
    # A number, `latest` or `for-commit`; "" to start a run.
    run_id: str = ""
    dry_run: bool = False
    # What is worth telling the user about the inputs, as sentences.
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cause: str = ""
    run_on: RunOn = RunOn.COMMIT
    branch: str = ""
    git_sha: str = ""
    # None: from the event; 0: `none`.
    pull_request: int | None = None
    # The key of a host, "" for the host of this build's repository.
    pull_request_field: str = ""
    overrides: Overrides = Overrides()
    allow_job_schema: bool = False
    allow_forks: bool = False
    # What decides that there is nothing to run; empty where it was not given.
    files_to_ignore: tuple[str, ...] = ()
    require_label: str = ""
    skip_drafts: bool = False
    skip_commit_message: str = "[skip dbt]"
    wait: bool = True
    # Seconds. None: `auto`.
    poll_interval: float | None = None
    timeout_seconds: float = 300 * 60.0
    on_cancel: StopAction = StopAction.CANCEL
    on_timeout: StopAction = StopAction.CANCEL
    fail_on_error: bool = True
    # These two are "" unless they differ from what the variables of this build say.
    code_host: str = ""
    repository: str = ""
    # Tokens of the code hosts by the name of their input, "" where none is given.
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    commit_status: StatusMode = StatusMode.POST
    status_context: str = ""
    artifacts: tuple[str, ...] = ()
    base_artifacts: tuple[str, ...] = ()
    artifacts_path: str = "target"
    artifacts_max_bytes: int = 2 * 1024**3
    summary: bool = True
    annotations: bool = True
    artifacts_per_step: bool = False
    log: LogMode = LogMode.FAILED
    # None: the one of the job's environment.
    project_directory: str | None = None
    compiled_sql: CompiledSql = CompiledSql.AUTO
    comment: CommentMode = CommentMode.NEVER
    changes: ChangesMode = ChangesMode.AUTO
    mention_owners: bool = False
    log_format: LogFormat = LogFormat.TEXT
    results_path: str = ""
    junit_path: str = ""
    on_rerun: OnRerun = OnRerun.RESUME
    retry_failed: int = 0
    supersede: bool = False
    instance: str = ""
    datafold: Datafold = Datafold()


def secrets(environ: Mapping[str, str], rows: Rows) -> tuple[str, ...]:
    """Every secret value in `environ`, under any of its names; to be masked before anything is printed."""
    names = (name for row in rows if row.secret for name in row.variables())
    values = [value for name in names if (value := input_types.given_value(environ, name))]
    # `user:secret` is meant for basic authentication, where the secret may also be printed alone.
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
    default_run_on: tuple[RunOn, str] = (RunOn.COMMIT, ""),
) -> Config:
    """The configuration in `environ`; only the inputs of `rows` are read.

    `ci_job` is the name of the CI's job, which a commit status must not share; `missing_token` is the problem to report
    when there is no `dbt-token`; with `inputs_are_variables` each problem names the variable of its input; `unknown`
    returns the problem when the commit or branch that `run-on` asks for is not known, "" otherwise;
    `default_run_on` is what it is when it is not given, and a sentence why.

    Raises ConfigError with all problems.
    """
    reader = _Reader(environ, rows)
    _apply_job_url(reader)
    _apply_old_host(reader)
    _check_required(reader, missing_token or errors.missing_token())
    _check_one_version(reader)
    _check_status_context(reader, ci_job)
    _check_datafold(reader)
    _apply_run_id(reader)
    _apply_default_run_on(reader, *default_run_on)
    _apply_run_on(reader, unknown)
    if reader.problems:
        problems = _with_variables(reader.problems, rows) if inputs_are_variables else reader.problems
        raise errors.ConfigError(tuple(problems))
    _apply_artifact_switches(reader)
    return replace(_build(rows, reader.values), warnings=tuple(reader.warnings), notes=tuple(reader.notes))


class _Reader:
    """Looks the inputs up and parses them; `problems` collects what is wrong, a sentence or two each."""

    def __init__(self, environ: Mapping[str, str], rows: Rows) -> None:
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.notes: list[str] = []
        self._found = {row.name: found for row in rows if (found := input_types.lookup(environ, row))}
        # By input name. None: not given and without a default, or not valid (then there is a problem, too).
        self.values: dict[str, Any] = {row.name: self._parse(row) for row in rows}

    def is_given(self, name: str) -> bool:
        """Whether the environment has a value for the input."""
        return name in self._found

    def variable_of(self, name: str) -> str:
        """The variable that the input was read from, "" when it is not given."""
        return self._found[name].variable if name in self._found else ""

    def add_problem(self, name: str, sentence: str) -> None:
        self.problems.append(f"`{name}` {sentence}")

    def has_problem_with(self, *names: str) -> bool:
        return any(problem.startswith(f"`{name}`") for problem in self.problems for name in names)

    def _parse(self, row: Input) -> Any:  # noqa: ANN401 - the inputs have many types; Config declares them
        raw = self._found[row.name].value if row.name in self._found else row.default_value
        if not raw:
            return None
        try:
            if row.input_type is InputType.CHOICE:
                chosen = parsers.choice(raw, row.allowed)
                return row.enum(chosen) if row.enum else chosen
            if row.input_type is InputType.DBT_VERSION and raw.casefold() == parsers.VERSIONLESS:
                self.warnings.append(f"`{row.name}` is `{raw}`, which dbt Cloud refuses now; `latest` is sent instead.")
            return _PARSERS[row.input_type](raw)
        except ValueError as error:
            shown = "" if row.secret else f"is {text.cut(text.one_line(raw), 200)!r}, which "
            self.add_problem(row.name, f"{shown}{error}")
            return None


def _apply_job_url(reader: _Reader) -> None:
    """Fill other inputs from the parts of `job-url`; a part that is also given with another value is a problem."""
    page: parsers.JobPage | None = reader.values["job-url"]
    if page is None:
        return
    parts = {
        "dbt-url": page.dbt_url,
        "account-id": page.account_id,
        "project-id": page.project_id,
        "job-id": page.job_id,
    }
    for name, of_page in parts.items():
        if of_page is None:
            continue
        if reader.is_given(name) and reader.values[name] not in (None, of_page):
            reader.add_problem(name, f"is {reader.values[name]}, but `job-url` says {of_page}. Give one of the two.")
        reader.values[name] = of_page


def _apply_old_host(reader: _Reader) -> None:
    """The default address of dbt's CI guide, for pipelines that were made from it."""
    if reader.values["dbt-url"] is not None or reader.has_problem_with("dbt-url", "job-url"):
        return
    if {reader.variable_of("job-id"), reader.variable_of("dbt-token")} & {inputs.GUIDE_JOB_ID, inputs.GUIDE_TOKEN}:
        reader.values["dbt-url"] = inputs.GUIDE_URL
        reader.warnings.append(
            f"`dbt-url` (`DBT_URL`) is not given, so {inputs.GUIDE_URL} is used, the default of dbt's CI guide. That "
            "address has ended on 2026-11-01. The access URL of your account stands in dbt Cloud under Account "
            "settings → Account information."
        )


def _apply_run_id(reader: _Reader) -> None:
    """A run that others have started is watched: nothing is sent, and it is not cancelled unless that is asked for."""
    if not reader.is_given("run-id"):
        return
    for name in ("retry-failed", "supersede", "dry-run"):
        if reader.values[name]:
            reader.add_problem(name, "cannot be used with `run-id`: nothing is started for a run that exists.")
    for name in ("on-cancel", "on-timeout"):
        if not reader.is_given(name):
            reader.values[name] = StopAction.LEAVE
    reader.values["run-on"] = RunOn.JOB


def _check_required(reader: _Reader, missing_token: str) -> None:
    if not reader.is_given("dbt-token"):
        reader.problems.append(missing_token)
    by_name = reader.is_given("job-name")
    for name in ("dbt-url", "account-id") if by_name else ("dbt-url", "account-id", "job-id"):
        if reader.values[name] is None and not reader.has_problem_with(name, "job-url"):
            reader.add_problem(name, "is missing. Give it, or give `job-url` instead.")
    if by_name and reader.values["job-id"] is not None:
        reader.add_problem("job-name", "and `job-id` (or `job-url`) are both given. Give one.")
    elif by_name and reader.values["project-id"] is None and reader.values["environment-id"] is None:
        reader.add_problem(
            "job-name", "needs `project-id` or `environment-id`: jobs of several projects may have one name."
        )


def _check_one_version(reader: _Reader) -> None:
    if reader.values["branch"] and reader.values["git-sha"]:
        reader.add_problem("branch", "and `git-sha` are both given, and dbt Cloud refuses both. Give one.")


def _check_status_context(reader: _Reader, ci_job: str) -> None:
    context: str = reader.values["status-context"] or ""
    name = context.casefold()
    if name == NATIVE_CONTEXT:
        reader.add_problem(
            "status-context", f"is {context!r}, the name that dbt Cloud's own integration uses. Add to it."
        )
    elif name and name == ci_job.casefold():
        reader.add_problem(
            "status-context",
            f"is {context!r}, also the name of this job; a status and a check of one name hide each other "
            "in branch protection. Choose another.",
        )


def _check_datafold(reader: _Reader) -> None:
    if reader.is_given("datafold-ci-config-id") and not reader.is_given("datafold-api-key"):
        reader.add_problem(
            "datafold-api-key", "is missing, and `datafold-ci-config-id` is given. Create one in Datafold."
        )


def _apply_default_run_on(reader: _Reader, run_on: RunOn, reason: str) -> None:
    if any(reader.is_given(name) for name in ("run-on", "branch", "git-sha", "run-id")):
        return
    reader.values["run-on"] = run_on
    if reason:
        reader.notes.append(reason)


def _apply_run_on(reader: _Reader, unknown: Callable[[RunOn], str]) -> None:
    # A pipeline made from dbt's guide leaves the version to the job unless it names a branch.
    if reader.variable_of("job-id") == inputs.GUIDE_JOB_ID and not reader.is_given("run-on"):
        reader.values["run-on"] = RunOn.JOB
    run_on: RunOn | None = reader.values["run-on"]
    if run_on is None or run_on is RunOn.JOB or reader.is_given("branch") or reader.is_given("git-sha"):
        return
    if problem := unknown(run_on):
        reader.problems.append(problem)


def _apply_artifact_switches(reader: _Reader) -> None:
    """Add the files of another action's switches to `artifacts`."""
    names: list[str] = [*(reader.values["artifacts"] or ())]
    for switch, files in inputs.ARTIFACT_SWITCHES.items():
        if reader.values[switch]:
            names += files
    reader.values["artifacts"] = tuple(dict.fromkeys(names))


def _with_variables(problems: Sequence[str], rows: Rows) -> list[str]:
    """The problems, each with the variable of its input, which is what a pipeline or a terminal sets."""
    variables = {f"`{row.name}`": row.variable for row in rows}
    names = [problem[: problem.find("`", 1) + 1] for problem in problems]
    return [
        problem.replace(name, f"{name} (`{variables[name]}`)", 1) if name in variables else problem
        for name, problem in zip(names, problems, strict=True)
    ]


def _build(rows: Rows, values: Mapping[str, Any]) -> Config:
    """The Config whose fields are named by `rows`; a field without a value keeps its default."""
    # By the part of Config that has the field, "" for Config itself. The types of the values are those of the parsers,
    # and checked by the tests.
    parts: dict[str, dict[str, Any]] = {"": {}, "overrides": {}, "datafold": {}}
    tokens: dict[str, str] = {}
    for row in rows:
        value = values[row.name]
        owner, _, name = row.config_field.rpartition(".")
        if row.is_host_token:
            tokens[row.name] = value or ""
        elif value is not None and (owner or name in _CONFIG_FIELDS):
            parts[owner][name] = value
    return Config(
        **parts[""], overrides=Overrides(**parts["overrides"]), datafold=Datafold(**parts["datafold"]), tokens=tokens
    )


# The rows of a CI or of `job-url` have values that are used elsewhere and fill no field.
_CONFIG_FIELDS = frozenset(item.name for item in fields(Config))

_PARSERS: dict[InputType, Callable[[str], Any]] = {
    InputType.TEXT: parsers.text,
    InputType.SENTENCE: parsers.sentence,
    InputType.TOKEN: parsers.token,
    InputType.URL: parsers.origin,
    InputType.JOB_URL: parsers.job_page,
    InputType.ID: parsers.integer,
    InputType.COUNT: parsers.integer,
    InputType.SECONDS: parsers.seconds,
    InputType.BOOLEAN: parsers.boolean,
    InputType.COMMIT: parsers.commit,
    InputType.BRANCH: parsers.branch,
    InputType.PULL_REQUEST: parsers.pull_request,
    InputType.STEPS: parsers.steps,
    InputType.INTERVAL: parsers.interval,
    InputType.MINUTES: parsers.minutes,
    InputType.MINUTES_OR_NONE: parsers.minutes_or_none,
    InputType.RETRIES: parsers.retries,
    InputType.SIZE: parsers.size,
    InputType.PATTERNS: parsers.patterns,
    InputType.RUN_ID: parsers.run_id,
    InputType.DBT_VERSION: parsers.dbt_version,
    InputType.IGNORE_PATTERNS: parsers.ignore_patterns,
    InputType.WORDS_OR_NONE: parsers.words_or_none,
    InputType.REPOSITORY: parsers.repository,
    InputType.PATH: parsers.text,
    InputType.FOLDER: parsers.folder,
}
