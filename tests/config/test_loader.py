"""An environment becomes a Config or all of its problems: lookups, aliases, defaults, and what contradicts itself."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action import errors
from dbt_action.config import inputs, loader
from dbt_action.config.choices import RunOn
from dbt_action.config.inputs import INPUTS
from dbt_action.config.loader import Config, Overrides
from dbt_action.errors import ConfigError
from tests.support.values import ENVIRON, TOKEN, a_config


def problems(environ: dict[str, str], **more: Any) -> tuple[str, ...]:  # noqa: ANN401
    with pytest.raises(ConfigError) as raised:
        loader.read(environ, **more)
    return raised.value.problems


def without(environ: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name not in names}


def test_defaults() -> None:
    read = a_config()

    assert {
        "dbt_url": "https://cloud.getdbt.com",
        "dbt_token": TOKEN,
        "account_id": 1,
        "job_id": 3,
        "project_id": None,
        "cause": "",
        "run_on": "commit",
        "branch": "",
        "git_sha": "",
        "pull_request": None,
        "overrides": Overrides(),
        "wait": True,
        "poll_interval": None,
        "timeout_seconds": 18_000.0,
        "on_cancel": "cancel",
        "on_timeout": "cancel",
        "fail_on_error": True,
        "tokens": {"github-token": ""},
        "commit_status": True,
        "status_context": "",
        "artifacts": (),
        "artifacts_path": "target",
        "summary": True,
        "annotations": True,
    } == {name: getattr(read, name) for name in FIRST_FIELDS}


FIRST_FIELDS = (
    "dbt_url dbt_token account_id job_id project_id cause run_on branch git_sha pull_request overrides wait "
    "poll_interval timeout_seconds on_cancel on_timeout fail_on_error tokens commit_status status_context "
    "artifacts artifacts_path summary annotations"
).split()

# Input, a value, the field of Config (or of its overrides) and what it becomes.
VALUES: list[tuple[str, str, str, object]] = [
    ("dbt-url", "ab123.us1.dbt.com/", "dbt_url", "https://ab123.us1.dbt.com"),
    ("dbt-token", " tok3n\n", "dbt_token", "tok3n"),
    ("account-id", "70403103922125", "account_id", 70403103922125),
    ("job-id", "70403103937390", "job_id", 70403103937390),
    ("project-id", "2", "project_id", 2),
    ("cause", "because\nof it", "cause", "because of it"),
    ("run-on", "Branch", "run_on", "branch"),
    ("branch", "refs/heads/x", "branch", "x"),
    ("git-sha", "A" * 40, "git_sha", "a" * 40),
    ("pull-request", "7", "pull_request", 7),
    ("pull-request", "none", "pull_request", 0),
    ("schema-override", "auto", "schema", "auto"),
    ("steps-override", "- dbt seed\n- dbt run", "steps", ("dbt seed", "dbt run")),
    ("dbt-version-override", "latest", "dbt_version", "latest"),
    ("target-name-override", "ci", "target_name", "ci"),
    ("threads-override", "8", "threads", 8),
    ("generate-docs-override", "false", "generate_docs", False),
    ("timeout-seconds-override", "600", "timeout_seconds", 600),
    ("wait", "false", "wait", False),
    ("poll-interval", "12.5", "poll_interval", 12.5),
    ("timeout-minutes", "0.5", "timeout_seconds", 30.0),
    ("on-cancel", "leave", "on_cancel", "leave"),
    ("on-timeout", "leave", "on_timeout", "leave"),
    ("fail-on-error", "false", "fail_on_error", False),
    ("github-token", "ghs_x", "tokens", {"github-token": "ghs_x"}),
    ("commit-status", "false", "commit_status", False),
    ("status-context", "warehouse", "status_context", "warehouse"),
    ("artifacts", "a.json, b/*\n*.sql", "artifacts", ("a.json", "b/*", "*.sql")),
    ("artifacts-path", "out/dbt", "artifacts_path", "out/dbt"),
    ("summary", "false", "summary", False),
    ("annotations", "false", "annotations", False),
]
TABLE = [pytest.param(*row, id=f"{row[0]}={row[1]!r}") for row in VALUES]


def valued(read: Config, field: str, name: str) -> object:
    overrides = read.overrides
    in_overrides = name.endswith("-override") and any(item.name == field for item in fields(overrides))
    return getattr(overrides if in_overrides else read, field)


@pytest.mark.parametrize("name, raw, field, expected", TABLE)
@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param(lambda name: f"INPUT_{name.upper()}", id="INPUT with hyphens"),
        pytest.param(lambda name: f"INPUT_{name.upper().replace('-', '_')}", id="INPUT with underscores"),
        pytest.param(
            lambda name: {"github-token": "GITHUB_TOKEN"}.get(
                name, f"DBT_{name.upper().replace('-', '_').removeprefix('DBT_')}"
            ),
            id="mapped",
        ),
    ],
)
def test_value__in_every_spelling(name: str, raw: str, field: str, expected: object, spelling: Any) -> None:  # noqa: ANN401
    environ = without(dict(ENVIRON), f"INPUT_{name.upper()}")

    read = loader.read({**environ, spelling(name): raw})

    assert expected == valued(read, field, name)


@pytest.mark.parametrize(
    "alias, name",
    [
        ("dbt_cloud_url", "dbt-url"),
        ("dbt_cloud_token", "dbt-token"),
        ("dbt_cloud_account_id", "account-id"),
        ("dbt_cloud_job_id", "job-id"),
        ("git_branch", "branch"),
        ("git_sha", "git-sha"),
        ("github_pull_request_id", "pull-request"),
        ("interval", "poll-interval"),
        ("wait_for_job", "wait"),
        ("failure_on_error", "fail-on-error"),
        ("schema_override", "schema-override"),
        ("dbt_version_override", "dbt-version-override"),
        ("threads_override", "threads-override"),
        ("target_name_override", "target-name-override"),
        ("generate_docs_override", "generate-docs-override"),
        ("timeout_seconds_override", "timeout-seconds-override"),
        ("steps_override", "steps-override"),
    ],
)
def test_alias__of_other_actions(alias: str, name: str) -> None:
    _, raw, field, expected = next(row for row in VALUES if row[0] == name)
    environ = without(dict(ENVIRON), f"INPUT_{name.upper()}")

    for spelling in (alias.upper(), alias.upper().replace("_", "-")):
        assert expected == valued(loader.read({**environ, f"INPUT_{spelling}": raw}), field, name)


@pytest.mark.parametrize(
    "switches, expected",
    [
        ({"get_artifacts": "true"}, ("manifest.json", "run_results.json")),
        ({"fetch_catalog": "true"}, ("catalog.json",)),
        ({"get_artifacts": "false", "fetch_catalog": "false"}, ()),
        ({"get_artifacts": "true", "artifacts": "manifest.json"}, ("manifest.json", "run_results.json")),
    ],
)
def test_switches_of_other_actions__add_artifacts(switches: dict[str, str], expected: tuple[str, ...]) -> None:
    given_ = {f"INPUT_{name.upper()}": value for name, value in switches.items()}

    assert expected == loader.read({**ENVIRON, **given_}).artifacts


def test_input_beats_mapped_beats_guide() -> None:
    environ = {**ENVIRON, "DBT_JOB_ID": "4", "DBT_PR_JOB_ID": "5"}

    assert 3 == loader.read(environ).job_id
    assert 4 == loader.read(without(environ, "INPUT_JOB-ID")).job_id
    assert 5 == loader.read(without(environ, "INPUT_JOB-ID", "DBT_JOB_ID")).job_id


@pytest.mark.parametrize("empty", ["", " ", "\n", "$(Nothing)", " $(NOTHING) "])
def test_empty__is_not_given(empty: str) -> None:
    """An empty input falls through to the weaker name; so does a macro that Azure could not resolve."""
    environ = {**ENVIRON, "INPUT_JOB-ID": empty, "DBT_JOB_ID": "4", "INPUT_BRANCH": empty}

    read = loader.read(environ)

    assert 4 == read.job_id
    assert "" == read.branch


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


def test_guide__its_names_are_understood() -> None:
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


def test_guide__leaves_the_version_to_the_job() -> None:
    assert RunOn.JOB is loader.read(GUIDE).run_on


def test_guide__run_on_can_be_given() -> None:
    assert RunOn.COMMIT is loader.read({**GUIDE, "INPUT_RUN-ON": "commit"}).run_on


def test_guide__job_id_of_our_own_name_means_our_own_default() -> None:
    assert RunOn.COMMIT is loader.read({**GUIDE, "DBT_JOB_ID": "3"}).run_on


def test_guide__unresolved_macros_are_not_given() -> None:
    """The guide's own script skips a branch that begins with `$(`."""
    read = loader.read({**GUIDE, "DBT_JOB_BRANCH": "$(System.PullRequest.SourceBranch)", "DBT_PROJECT_ID": "$(X)"})

    assert "" == read.branch
    assert read.project_id is None


PAGE = "https://ab123.us1.dbt.com/deploy/1/projects/2/jobs/3"


def test_job_url__alone() -> None:
    read = loader.read({"INPUT_DBT-TOKEN": TOKEN, "INPUT_JOB-URL": PAGE})

    assert ("https://ab123.us1.dbt.com", 1, 2, 3) == (read.dbt_url, read.account_id, read.project_id, read.job_id)


def test_job_url__with_parts_that_agree() -> None:
    environ = {**ENVIRON, "INPUT_JOB-URL": PAGE, "INPUT_DBT-URL": "ab123.us1.dbt.com/", "INPUT_PROJECT-ID": "2"}

    assert 3 == loader.read(environ).job_id


@pytest.mark.parametrize(
    "name, value", [("account-id", "9"), ("job-id", "9"), ("project-id", "9"), ("dbt-url", "https://emea.dbt.com")]
)
def test_job_url__with_a_part_that_disagrees(name: str, value: str) -> None:
    (problem,) = problems({**ENVIRON, "INPUT_JOB-URL": PAGE, f"INPUT_{name.upper()}": value})

    assert problem.startswith(f"`{name}` ")
    assert value in problem
    assert "job-url" in problem


def test_job_url__that_is_bad_is_one_problem() -> None:
    """Account and job that nobody can read from it are not complained about on top."""
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


@pytest.mark.parametrize("name, raw", BAD, ids=[name for name, _ in BAD])
def test_bad_value__one_problem_with_name_and_value(name: str, raw: str) -> None:
    (problem,) = problems({**ENVIRON, f"INPUT_{name.upper()}": raw})

    assert problem.startswith(f"`{name}` ")
    assert re.split("[\n\x07\x00\t]", raw)[0] in problem
    assert "\n" not in problem


@pytest.mark.parametrize("name", ["dbt-token", "github-token"])
@pytest.mark.parametrize("raw", ["two w0rds", "l1ne\n3nd", "t0k€n"])
def test_bad_secret__is_not_echoed(name: str, raw: str) -> None:
    (problem,) = problems({**ENVIRON, f"INPUT_{name.upper()}": raw})

    assert problem.startswith(f"`{name}` ")
    assert not [part for part in raw.split() if part in problem]


def test_all_problems_at_once() -> None:
    environ = {f"INPUT_{name.upper()}": raw for name, raw in BAD if name != "job-url"}

    told = problems(environ)

    named = [problem.split("`")[1] for problem in told]
    assert {name for name, _ in BAD if name != "job-url"} | {"dbt-token"} <= set(named)
    assert len(set(named)) == len(named)


@pytest.mark.parametrize("name", ["account-id", "job-id", "dbt-token"])
def test_missing(name: str) -> None:
    (problem,) = problems(without(dict(ENVIRON), f"INPUT_{name.upper()}"))

    assert problem.startswith(f"`{name}` is missing")


def test_missing_token__where_secrets_are_withheld() -> None:
    environ = without(dict(ENVIRON), "INPUT_DBT-TOKEN")

    fork = errors.missing_token(withheld="this is a pull request from a fork", withheld_hint="Skip it with an `if:`.")
    (problem,) = problems(environ, missing_token=fork)

    assert "this is a pull request from a fork" in problem
    assert "if:" in problem


def test_bad_token__is_not_called_missing() -> None:
    (problem,) = problems({**ENVIRON, "INPUT_DBT-TOKEN": "a b"})

    assert "missing" not in problem


def test_branch_and_commit() -> None:
    (problem,) = problems({**ENVIRON, "INPUT_BRANCH": "main", "INPUT_GIT-SHA": "a" * 40})

    assert "`git-sha`" in problem
    assert "`branch`" in problem


@pytest.mark.parametrize(
    "context, job",
    [("dbt Cloud", ""), ("DBT CLOUD", ""), ("dbt cloud", "x"), ("deploy", "deploy"), ("DEPLOY", "deploy")],
)
def test_status_context__that_is_taken(context: str, job: str) -> None:
    (problem,) = problems({**ENVIRON, "INPUT_STATUS-CONTEXT": context}, ci_job=job)

    assert problem.startswith("`status-context` ")
    assert context in problem


@pytest.mark.parametrize("context", ["dbt Cloud / nightly", "dbt Cloud 2", "deploy 2"])
def test_status_context__that_is_free(context: str) -> None:
    assert context == loader.read({**ENVIRON, "INPUT_STATUS-CONTEXT": context}, ci_job="deploy").status_context


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
def test_any_environment__is_a_config_or_problems_and_keeps_its_secrets(
    environ: dict[str, str],
    complete: bool,  # noqa: FBT001
) -> None:
    try:
        read = loader.read({**(ENVIRON if complete else {}), **environ})
    except ConfigError as error:
        told: tuple[str, ...] = error.problems
        said = "\n".join(told) + repr(error)
    else:
        told = ("`",)
        said = repr(read)
    assert told
    assert all(problem.startswith("`") for problem in told)
    assert SECRET not in said


@given(environs())
def test_secrets__are_all_found_before_anything_is_read(environ: dict[str, str]) -> None:
    found = loader.secrets(environ, inputs.INPUTS)

    for name in SECRET_VARIABLES & environ.keys():
        assert environ[name].strip() in found
    assert "" not in found
