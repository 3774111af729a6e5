"""`loader.read`: names and aliases of inputs, defaults, values that contradict each other, and secrets."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from enum import Enum
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action import errors
from dbt_action.app import ROWS
from dbt_action.config import loader
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
from dbt_action.config.input_types import InputType
from dbt_action.config.inputs import ARTIFACT_SWITCHES, INPUTS
from dbt_action.config.loader import Config, Datafold, Overrides
from dbt_action.errors import ConfigError
from tests.support.values import ENVIRON, TOKEN, a_config


def problems(environ: dict[str, str], **options: Any) -> tuple[str, ...]:  # noqa: ANN401 - of `loader.read`
    with pytest.raises(ConfigError) as raised:
        loader.read(environ, **options)
    return raised.value.problems


def without(environ: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name not in names}


def test_read__defaults() -> None:
    expected = Config(
        dbt_url="https://ab123.us1.dbt.com",
        dbt_token=TOKEN,
        account_id=1,
        job_id=3,
        project_id=None,
        cause="",
        run_on=RunOn.COMMIT,
        branch="",
        git_sha="",
        pull_request=None,
        pull_request_field="",
        overrides=Overrides(),
        files_to_ignore=(),
        require_label="",
        skip_drafts=False,
        skip_commit_message="[skip dbt]",
        wait=True,
        poll_interval=None,
        timeout_seconds=18_000.0,
        on_cancel=StopAction.CANCEL,
        on_timeout=StopAction.CANCEL,
        fail_on_error=True,
        code_host="",
        repository="",
        tokens={"github-token": ""},
        commit_status=StatusMode.POST,
        status_context="",
        artifacts=(),
        artifacts_path="target",
        summary=True,
        annotations=True,
        artifacts_per_step=False,
        log=LogMode.FAILED,
        project_directory=None,
        compiled_sql=CompiledSql.AUTO,
        comment=CommentMode.NEVER,
        results_path="",
        junit_path="",
        on_rerun=OnRerun.RESUME,
        retry_failed=0,
        supersede=False,
        instance="",
        datafold=Datafold(
            ci_config_id=None,
            api_key="",
            url="https://app.datafold.com",
            run_type=DatafoldRunType.AUTO,
            wait_seconds=0.0,
        ),
    )

    assert expected == a_config()


def test_config__its_defaults_are_those_of_the_table() -> None:
    """Code that makes a Config without the table, such as a test, gets the same defaults."""
    required = {"dbt_url", "dbt_token", "account_id", "job_id"}
    of_the_class = {item.name for item in fields(Config)} - required - {"tokens"}
    read, made = a_config(), Config(dbt_url="https://cloud.getdbt.com", dbt_token=TOKEN, account_id=1, job_id=3)

    for name in of_the_class:
        assert getattr(made, name) == getattr(read, name), name


# Input, a value, the field of Config (or of its overrides) and the value of that field.
VALUES: list[tuple[str, str, str, object]] = [
    ("mode", "doctor", "mode", Mode.DOCTOR),
    ("dbt-url", "ab123.us1.dbt.com/", "dbt_url", "https://ab123.us1.dbt.com"),
    ("dbt-token", " tok3n\n", "dbt_token", "tok3n"),
    ("account-id", "70403103922125", "account_id", 70403103922125),
    ("job-id", "70403103937390", "job_id", 70403103937390),
    ("project-id", "2", "project_id", 2),
    ("job-name", "Nightly\nbuild", "job_name", "Nightly build"),
    ("environment-id", "5", "environment_id", 5),
    ("run-id", "For-Commit", "run_id", "for-commit"),
    ("run-id", "70403110257794", "run_id", "70403110257794"),
    ("dry-run", "true", "dry_run", True),
    ("cause", "because\nof it", "cause", "because of it"),
    ("run-on", "Branch", "run_on", RunOn.BRANCH),
    ("branch", "refs/heads/x", "branch", "x"),
    ("git-sha", "A" * 40, "git_sha", "a" * 40),
    ("pull-request", "7", "pull_request", 7),
    ("pull-request", "none", "pull_request", 0),
    ("pull-request-field", "non-native", "pull_request_field", "non-native"),
    ("schema-override", "auto", "overrides.schema", "auto"),
    ("allow-job-schema", "true", "allow_job_schema", True),
    ("allow-forks", "true", "allow_forks", True),
    ("steps-override", "- dbt seed\n- dbt run", "overrides.steps", ("dbt seed", "dbt run")),
    ("dbt-version-override", "Versionless", "overrides.dbt_version", "latest"),
    ("dbt-version-override", "latest", "overrides.dbt_version", "latest"),
    ("target-name-override", "ci", "overrides.target_name", "ci"),
    ("threads-override", "8", "overrides.threads", 8),
    ("generate-docs-override", "false", "overrides.generate_docs", False),
    ("timeout-seconds-override", "600", "overrides.timeout_seconds", 600),
    ("files-to-ignore", "*\n\n# models\n !dbt/* \n", "files_to_ignore", ("*", "!dbt/*")),
    ("require-label", "run dbt", "require_label", "run dbt"),
    ("skip-drafts", "true", "skip_drafts", True),
    ("skip-commit-message", "None", "skip_commit_message", ""),
    ("wait", "false", "wait", False),
    ("poll-interval", "12.5", "poll_interval", 12.5),
    ("timeout-minutes", "0.5", "timeout_seconds", 30.0),
    ("on-cancel", "leave", "on_cancel", StopAction.LEAVE),
    ("on-timeout", "leave", "on_timeout", StopAction.LEAVE),
    ("fail-on-error", "false", "fail_on_error", False),
    ("github-token", "ghs_x", "tokens", {"github-token": "ghs_x"}),
    ("commit-status", "false", "commit_status", StatusMode.NONE),
    ("status-context", "warehouse", "status_context", "warehouse"),
    ("artifacts", "a.json, b/*\n*.sql", "artifacts", ("a.json", "b/*", "*.sql")),
    ("base-artifacts", "manifest.json", "base_artifacts", ("manifest.json",)),
    ("artifacts-path", "out/dbt", "artifacts_path", "out/dbt"),
    ("artifacts-max-size", "500MiB", "artifacts_max_bytes", 500 * 1024**2),
    ("summary", "false", "summary", False),
    ("annotations", "false", "annotations", False),
    ("artifacts-per-step", "true", "artifacts_per_step", True),
    ("log", "live", "log", LogMode.LIVE),
    ("project-directory", "./dbt/", "project_directory", "dbt"),
    ("compiled-sql", "never", "compiled_sql", CompiledSql.NEVER),
    ("comment", "on-failure", "comment", CommentMode.ON_FAILURE),
    ("changes", "never", "changes", ChangesMode.NEVER),
    ("mention-owners", "true", "mention_owners", True),
    ("log-format", "json", "log_format", LogFormat.JSON),
    ("results-path", "out/results.json", "results_path", "out/results.json"),
    ("junit-path", "out/junit.xml", "junit_path", "out/junit.xml"),
    ("on-rerun", "new", "on_rerun", OnRerun.NEW),
    ("retry-failed", "2", "retry_failed", 2),
    ("supersede", "true", "supersede", True),
    ("instance", "1", "instance", "1"),
    ("datafold-ci-config-id", "77", "datafold.ci_config_id", 77),
    ("datafold-api-key", "k3y", "datafold.api_key", "k3y"),
    ("datafold-host", "eu.datafold.com/", "datafold.url", "https://eu.datafold.com"),
    ("datafold-run-type", "pull_request", "datafold.run_type", DatafoldRunType.PULL_REQUEST),
    ("datafold-wait-minutes", "2", "datafold.wait_seconds", 120.0),
]
# Without a key the configuration of Datafold is refused.
KEY = {"DATAFOLD_APIKEY": "k3y"}


def field_of(config: Config, field: str) -> object:
    """The value of a field of Config, or of one of its parts: `overrides.schema`."""
    owner, _, name = field.rpartition(".")
    return getattr(getattr(config, owner) if owner else config, name)


def declared_type(field: str) -> Any:  # noqa: ANN401 - a type or a generic alias
    owner, _, name = field.rpartition(".")
    return get_type_hints({"": Config, "overrides": Overrides, "datafold": Datafold}[owner]).get(name)


def by_variable(name: str) -> str:
    return {"github-token": "GITHUB_TOKEN", "run-id": "DBT_WATCH_RUN_ID"}.get(
        name, f"DBT_{name.upper().replace('-', '_').removeprefix('DBT_')}"
    )


SPELLINGS: tuple[Callable[[str], str], ...] = (
    lambda name: f"INPUT_{name.upper()}",
    lambda name: f"INPUT_{name.upper().replace('-', '_')}",
    by_variable,
)


def test_read__every_input_under_each_of_its_names_fills_its_field() -> None:
    for name, raw, field, expected in VALUES:
        environ = without(dict(ENVIRON), f"INPUT_{name.upper()}")
        if name == "job-name":
            environ = {**without(environ, "INPUT_JOB-ID"), "INPUT_PROJECT-ID": "2"}
        for spelling in SPELLINGS:
            variable = spelling(name)

            assert expected == field_of(loader.read({**KEY, **environ, variable: raw}), field), variable


def test_values__are_of_every_input_that_fills_a_field() -> None:
    assert {row.name for row in INPUTS} - {"job-url", "summary-path", "api_timeout", *ARTIFACT_SWITCHES} == {
        name for name, *_ in VALUES
    }


def test_table__fields_of_the_rows_exist() -> None:
    """An input with a misspelled field would be read and then ignored."""
    known = {
        *(item.name for item in fields(Config)),
        *(f"overrides.{item.name}" for item in fields(Overrides)),
        *(f"datafold.{item.name}" for item in fields(Datafold)),
    }
    without_field = {row.name for row in ROWS if row.config_field not in known and not row.is_host_token}
    # `job-url` and the switches fill the fields of other inputs; the rest is read by the CI.
    of_a_ci = {"ci", "state-file", "output-file", "summary-path", "output-variables"}

    assert {"job-url", "api_timeout", *ARTIFACT_SWITCHES, *of_a_ci} == without_field


def test_table__a_choice_has_the_enum_of_its_field() -> None:
    for row in ROWS:
        declared = declared_type(row.config_field)
        is_enum = isinstance(declared, type) and issubclass(declared, Enum)

        assert row.enum is (declared if is_enum else None), row.name


def test_table__a_value_has_the_type_of_its_field() -> None:
    """The loader fills the fields in a loop, which the type checker cannot follow."""
    rows = {row.name: row for row in INPUTS}
    for name, raw, field, _ in VALUES:
        if not rows[name].is_host_token:
            by_name = name == "job-name"
            environ = {**without(dict(ENVIRON), *(["INPUT_JOB-ID"] if by_name else [])), **KEY, by_variable(name): raw}
            environ |= {"INPUT_PROJECT-ID": "2"} if by_name else {}

            assert is_of_type(field_of(loader.read(environ), field), declared_type(field)), name


def is_of_type(value: object, declared: Any) -> bool:  # noqa: ANN401 - a type or a generic alias
    if get_origin(declared) is UnionType:
        return any(is_of_type(value, part) for part in get_args(declared))
    if get_origin(declared) is tuple:
        return isinstance(value, tuple) and all(type(item) is get_args(declared)[0] for item in value)
    return type(value) is declared


def test_table__tokens_are_secret_and_nothing_else_is() -> None:
    for row in ROWS:
        assert (row.input_type is InputType.TOKEN) == row.secret, row.name


def test_table__no_environment_variable_means_two_inputs() -> None:
    found = [variable for row in INPUTS for variable in row.variables()]

    assert len(set(found)) == len(found)


# Names of inputs in other actions.
ALIASES = {
    "dbt_cloud_url": "dbt-url",
    "dbt_cloud_token": "dbt-token",
    "dbt_cloud_account_id": "account-id",
    "dbt_cloud_job_id": "job-id",
    "git_branch": "branch",
    "git_sha": "git-sha",
    "github_pull_request_id": "pull-request",
    "interval": "poll-interval",
    "wait_for_job": "wait",
    "failure_on_error": "fail-on-error",
    "schema_override": "schema-override",
    "dbt_version_override": "dbt-version-override",
    "threads_override": "threads-override",
    "target_name_override": "target-name-override",
    "generate_docs_override": "generate-docs-override",
    "timeout_seconds_override": "timeout-seconds-override",
    "steps_override": "steps-override",
}


def test_read__understands_the_names_of_other_actions() -> None:
    for alias, name in ALIASES.items():
        _, raw, field, expected = next(row for row in VALUES if row[0] == name)
        environ = without(dict(ENVIRON), f"INPUT_{name.upper()}")

        for spelling in (alias.upper(), alias.upper().replace("_", "-")):
            read = loader.read({**environ, f"INPUT_{spelling}": raw})
            assert expected == field_of(read, field), spelling


@pytest.mark.parametrize(
    "switches, expected",
    [
        ({"get_artifacts": "true"}, ("manifest.json", "run_results.json")),
        ({"fetch_catalog": "true"}, ("catalog.json",)),
        ({"get_artifacts": "false", "fetch_catalog": "false"}, ()),
        ({"get_artifacts": "true", "artifacts": "manifest.json"}, ("manifest.json", "run_results.json")),
    ],
)
def test_read__switches_of_other_actions_add_to_artifacts(switches: dict[str, str], expected: tuple[str, ...]) -> None:
    environ = {f"INPUT_{name.upper()}": value for name, value in switches.items()}

    assert expected == loader.read({**ENVIRON, **environ}).artifacts


def test_read__a_step_input_wins_over_its_variable_and_that_over_the_name_in_dbts_guide() -> None:
    environ = {**ENVIRON, "DBT_JOB_ID": "4", "DBT_PR_JOB_ID": "5"}

    assert 3 == loader.read(environ).job_id
    assert 4 == loader.read(without(environ, "INPUT_JOB-ID")).job_id
    assert 5 == loader.read(without(environ, "INPUT_JOB-ID", "DBT_JOB_ID")).job_id


def test_read__an_empty_value_is_not_given() -> None:
    """The next name of the input is looked up; the same for a macro of Azure that was left unexpanded."""
    for empty in ("", " ", "\n", "$(Nothing)", " $(NOTHING) "):
        read = loader.read({**ENVIRON, "INPUT_JOB-ID": empty, "DBT_JOB_ID": "4", "INPUT_BRANCH": empty})

        assert 4 == read.job_id, repr(empty)
        assert "" == read.branch, repr(empty)


# The variables of a pipeline that was made from dbt's own CI guide.
GUIDE = {
    "DBT_URL": "https://ab123.us1.dbt.com/",
    "DBT_API_KEY": TOKEN,
    "DBT_ACCOUNT_ID": "1",
    "DBT_PROJECT_ID": "2",
    "DBT_PR_JOB_ID": "3",
    "DBT_JOB_CAUSE": "API-triggered job",
    "DBT_JOB_BRANCH": "refs/heads/feature-x",
    "DBT_JOB_SCHEMA_OVERRIDE": "DBT_CLOUD_PR_shop_7",
}


def test_read__understands_the_variables_of_dbts_guide() -> None:
    read = loader.read(GUIDE)

    assert ("https://ab123.us1.dbt.com", TOKEN, 1, 2, 3) == (
        read.dbt_url,
        read.dbt_token,
        read.account_id,
        read.project_id,
        read.job_id,
    )
    assert ("API-triggered job", "feature-x", "DBT_CLOUD_PR_shop_7") == (
        read.cause,
        read.branch,
        read.overrides.schema,
    )


def test_read__a_pipeline_of_dbts_guide_leaves_the_version_to_the_job() -> None:
    assert RunOn.JOB is loader.read(GUIDE).run_on


def test_read__a_pipeline_of_dbts_guide_may_give_run_on() -> None:
    assert RunOn.COMMIT is loader.read({**GUIDE, "INPUT_RUN-ON": "commit"}).run_on


def test_read__a_pipeline_with_our_job_id_is_not_of_dbts_guide() -> None:
    assert RunOn.COMMIT is loader.read({**GUIDE, "DBT_JOB_ID": "3"}).run_on


def test_read__unexpanded_macros_of_dbts_guide_are_not_given() -> None:
    """The script of the guide also ignores a branch that begins with `$(`."""
    read = loader.read({**GUIDE, "DBT_JOB_BRANCH": "$(System.PullRequest.SourceBranch)", "DBT_PROJECT_ID": "$(X)"})

    assert "" == read.branch
    assert read.project_id is None


PAGE = "https://ab123.us1.dbt.com/deploy/1/projects/2/jobs/3"


def test_job_url__fills_address_account_project_and_job() -> None:
    read = loader.read({"INPUT_DBT-TOKEN": TOKEN, "INPUT_JOB-URL": PAGE})

    assert ("https://ab123.us1.dbt.com", 1, 2, 3) == (read.dbt_url, read.account_id, read.project_id, read.job_id)


def test_job_url__may_be_given_with_equal_parts() -> None:
    environ = {**ENVIRON, "INPUT_JOB-URL": PAGE, "INPUT_DBT-URL": "ab123.us1.dbt.com/", "INPUT_PROJECT-ID": "2"}

    assert 3 == loader.read(environ).job_id


def test_job_url__a_part_with_another_value_is_a_problem() -> None:
    others = {"account-id": "9", "job-id": "9", "project-id": "9", "dbt-url": "https://emea.dbt.com"}
    for name, value in others.items():
        (problem,) = problems({**ENVIRON, "INPUT_JOB-URL": PAGE, f"INPUT_{name.upper()}": value})

        assert problem.startswith(f"`{name}` ")
        assert value in problem
        assert "job-url" in problem


def test_job_url__a_bad_one_is_one_problem() -> None:
    """Account and job, which would have been read from it, are not reported as missing too."""
    (problem,) = problems({"INPUT_DBT-TOKEN": TOKEN, "INPUT_JOB-URL": "https://ab123.us1.dbt.com/"})

    assert problem.startswith("`job-url` ")


BAD: list[tuple[str, str]] = [
    ("job-url", "nowhere"),
    ("dbt-url", "http://cloud.getdbt.com"),
    ("account-id", "one"),
    ("job-id", "-3"),
    ("project-id", "0"),
    ("run-on", "tag"),
    ("branch", "a b"),
    ("git-sha", "abc"),
    ("pull-request", "x"),
    ("schema-override", "a\x07b"),
    ("steps-override", "[1]"),
    ("dbt-version-override", "a\tb"),
    ("target-name-override", "a\x00b"),
    ("threads-override", "four"),
    ("generate-docs-override", "maybe"),
    ("timeout-seconds-override", "1.5"),
    ("wait", "yes"),
    ("poll-interval", "0"),
    ("timeout-minutes", "-1"),
    ("on-cancel", "x"),
    ("on-timeout", "x"),
    ("fail-on-error", "x"),
    ("commit-status", "x"),
    ("status-context", "dbt Cloud"),
    ("artifacts-path", "a\nb"),
    ("summary", "x"),
    ("annotations", "x"),
    ("get_artifacts", "x"),
    ("fetch_catalog", "x"),
]


def test_read__a_bad_value_is_one_problem_with_its_name_and_value() -> None:
    for name, raw in BAD:
        (problem,) = problems({**ENVIRON, f"INPUT_{name.upper()}": raw})

        assert problem.startswith(f"`{name}` is "), name
        assert re.split("[\n\x07\x00\t]", raw)[0] in problem, name
        assert "\n" not in problem, name


def test_read__a_bad_secret_is_not_shown() -> None:
    for name in ("dbt-token", "github-token"):
        for raw in ("two w0rds", "l1ne\n3nd", "t0k€n"):
            (problem,) = problems({**ENVIRON, f"INPUT_{name.upper()}": raw})

            assert problem.startswith(f"`{name}` ")
            assert [] == [part for part in raw.split() if part in problem]


def test_read__reports_all_problems_at_once() -> None:
    bad = {name: raw for name, raw in BAD if name != "job-url"}

    found = problems({f"INPUT_{name.upper()}": raw for name, raw in bad.items()})

    named = [problem.split("`")[1] for problem in found]
    assert {*bad, "dbt-token"} <= set(named)
    assert len(set(named)) == len(named)


@pytest.mark.parametrize("name", ["account-id", "job-id", "dbt-token"])
def test_read__a_required_input_is_missing(name: str) -> None:
    (problem,) = problems(without(dict(ENVIRON), f"INPUT_{name.upper()}"))

    assert problem.startswith(f"`{name}` is missing")


def test_read__a_token_is_missing_because_secrets_are_withheld() -> None:
    environ = without(dict(ENVIRON), "INPUT_DBT-TOKEN")

    fork = errors.missing_token(withheld="this is a pull request from a fork", withheld_hint="Skip it with an `if:`.")
    (problem,) = problems(environ, missing_token=fork)

    assert "this is a pull request from a fork" in problem
    assert "if:" in problem


def test_read__a_bad_token_is_not_called_missing() -> None:
    (problem,) = problems({**ENVIRON, "INPUT_DBT-TOKEN": "a b"})

    assert "missing" not in problem


def test_read__branch_and_commit_together_are_a_problem() -> None:
    (problem,) = problems({**ENVIRON, "INPUT_BRANCH": "main", "INPUT_GIT-SHA": "a" * 40})

    assert "`git-sha`" in problem
    assert "`branch`" in problem


def test_status_context__another_status_or_check_has_that_name() -> None:
    taken = [("dbt Cloud", ""), ("DBT CLOUD", ""), ("dbt cloud", "x"), ("deploy", "deploy"), ("DEPLOY", "deploy")]
    for context, job in taken:
        (problem,) = problems({**ENVIRON, "INPUT_STATUS-CONTEXT": context}, ci_job=job)

        assert problem.startswith("`status-context` ")
        assert context in problem


def test_status_context__only_equal_names_are_refused() -> None:
    for context in ("dbt Cloud / nightly", "dbt Cloud 2", "deploy 2"):
        assert context == loader.read({**ENVIRON, "INPUT_STATUS-CONTEXT": context}, ci_job="deploy").status_context


def test_run_on__a_version_that_is_not_known_is_a_problem() -> None:
    asked: list[RunOn] = []

    def unknown(run_on: RunOn) -> str:
        asked.append(run_on)
        return "`run-on` cannot be done."

    assert ("`run-on` cannot be done.",) == problems({**ENVIRON, "INPUT_RUN-ON": "branch"}, unknown=unknown)
    assert [RunOn.BRANCH] == asked


def test_run_on__does_not_matter_when_a_branch_or_commit_is_given() -> None:
    for name, value in (("BRANCH", "main"), ("GIT-SHA", "a" * 40)):
        assert 3 == loader.read({**ENVIRON, f"INPUT_{name}": value}, unknown=lambda _: "`run-on` is bad.").job_id


def test_read__names_the_variables_where_inputs_are_variables() -> None:
    missing = errors.missing_token(secrets_hint="Set it as a masked variable.")

    found = problems({"DBT_JOB_ID": "three", "DBT_ACCOUNT_ID": "1"}, missing_token=missing, inputs_are_variables=True)

    assert found[0].startswith("`job-id` (`DBT_JOB_ID`) is 'three', which must be")
    assert found[1].startswith("`dbt-token` (`DBT_TOKEN`) is missing.")
    assert found[1].endswith("Set it as a masked variable.")


VARIABLES = sorted({variable for row in INPUTS for variable in row.variables()})
SECRET_VARIABLES = {variable for row in INPUTS if row.secret for variable in row.variables()}
SECRET = "dbtc_V3ryS3cretValu3"
SECRET_TEXTS = st.sampled_from([SECRET, f"{SECRET} x", f"{SECRET}\n", f"\t{SECRET}\u2028y"])
TEXTS = st.text(max_size=60) | st.sampled_from(
    ["true", "false", "1", "7", "auto", "none", "job", "cancel", PAGE, "a" * 40, "[x]", "- dbt run", "*"]
)


@st.composite
def environs(draw: st.DrawFn) -> dict[str, str]:
    names = draw(st.lists(st.sampled_from(VARIABLES), unique=True, max_size=12))
    return {name: draw(SECRET_TEXTS if name in SECRET_VARIABLES else TEXTS) for name in names}


@given(environs(), st.booleans())
def test_read__any_environment_is_a_config_or_problems_without_secrets(
    environ: dict[str, str],
    complete: bool,  # noqa: FBT001
) -> None:
    try:
        read = loader.read({**(ENVIRON if complete else {}), **environ})
    except ConfigError as error:
        found = error.problems
        shown = "\n".join(found) + repr(error)
    else:
        found = ("`no problem`",)
        shown = repr(read)
    assert found
    assert all(problem.startswith("`") for problem in found)
    assert SECRET not in shown


@given(environs())
def test_secrets__finds_every_secret_of_the_environment(environ: dict[str, str]) -> None:
    found = loader.secrets(environ, INPUTS)

    for name in SECRET_VARIABLES & environ.keys():
        assert environ[name].strip() in found
    assert "" not in found


def test_datafold__a_configuration_needs_a_key() -> None:
    (problem,) = problems({**ENVIRON, "DATAFOLD_CI_CONFIG_ID": "77"})

    assert "`datafold-api-key` is missing" in problem


def test_datafold__a_key_alone_is_of_another_step() -> None:
    assert loader.read({**ENVIRON, **KEY}).datafold.ci_config_id is None


def test_datafold__its_key_is_not_shown() -> None:
    assert "k3y" not in repr(loader.read({**ENVIRON, **KEY}))
    assert loader.secrets(KEY, ROWS) == ("k3y",)


@pytest.mark.parametrize("raw", ["#", "!", "\\"])
def test_files_to_ignore__what_is_no_pattern_is_refused(raw: str) -> None:
    (problem,) = problems({**ENVIRON, "DBT_FILES_TO_IGNORE": raw})

    assert "`files-to-ignore`" in problem


OF_GUIDE = {"DBT_ACCOUNT_ID": "1", "DBT_PR_JOB_ID": "3", "DBT_API_KEY": "t"}


@pytest.mark.parametrize(
    "environ",
    [
        OF_GUIDE,
        {"DBT_ACCOUNT_ID": "1", "DBT_PR_JOB_ID": "3", "DBT_TOKEN": "t"},
        {"DBT_ACCOUNT_ID": "1", "DBT_JOB_ID": "3", "DBT_API_KEY": "t"},
    ],
)
def test_dbt_url__of_a_pipeline_made_from_the_guide_is_the_old_one_with_a_warning(environ: dict[str, str]) -> None:
    config = loader.read(environ)

    assert "https://cloud.getdbt.com" == config.dbt_url
    (warning,) = config.warnings
    assert "Account settings → Account information" in warning


def test_dbt_url__has_no_default() -> None:
    environ = {"DBT_ACCOUNT_ID": "1", "DBT_JOB_ID": "3", "DBT_TOKEN": "t"}

    assert ("`dbt-url` is missing. Give it, or give `job-url` instead.",) == problems(environ)


@pytest.mark.parametrize("name", ["DBT_HOST", "DBT_CLOUD_HOST_URL", "DBT_CLOUD_HOST"])
def test_dbt_url__has_the_names_of_other_tools(name: str) -> None:
    config = loader.read({**OF_GUIDE, name: "ab123.us1.dbt.com"})

    assert ("https://ab123.us1.dbt.com", ()) == (config.dbt_url, config.warnings)


def test_dbt_version__versionless_is_replaced_with_a_warning() -> None:
    config = a_config(dbt_version_override="versionless")

    assert "latest" == config.overrides.dbt_version
    assert "`latest` is sent instead" in config.warnings[0]


def test_api_timeout__is_understood_and_has_no_effect() -> None:
    assert a_config() == a_config(api_timeout="5000")


@pytest.mark.parametrize(
    "inputs, expected",
    [
        ({}, RunOn.JOB),
        ({"run_on": "commit"}, RunOn.COMMIT),
        ({"branch": "x"}, RunOn.COMMIT),
        ({"git_sha": "a" * 40}, RunOn.COMMIT),
    ],
)
def test_run_on__has_the_default_of_the_build(inputs: dict[str, str], expected: RunOn) -> None:
    given = {f"INPUT_{name.upper().replace('_', '-')}": value for name, value in inputs.items()}
    config = loader.read({**ENVIRON, **given}, default_run_on=(RunOn.JOB, "Because."))

    assert (expected, ("Because.",) if expected is RunOn.JOB else ()) == (config.run_on, config.notes)
