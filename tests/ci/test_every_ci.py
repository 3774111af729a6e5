"""Rules that hold for every CI: detection, context, untrusted text, secrets, outputs, summary, clean-up."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from dbt_action import ci, errors
from dbt_action.app import ROWS
from dbt_action.ci.files import PlatformWithFiles, output_variable
from dbt_action.config.context import CommitOrigin
from dbt_action.errors import ExitCode
from dbt_action.report import outputs
from tests.ci.conftest import MakeStep, context, detected
from tests.support import environments as env
from tests.support import samples
from tests.support.decoders import all_commands, dotenv
from tests.support.platform_fixtures import Build
from tests.support.samples import CiSample, Known
from tests.support.scripts import ENDLESS, RED
from tests.support.workflow_step import CLOUD_TOKEN

MakeBuild = Callable[..., Build]
# Recorded environments of CIs that are not known.
OTHER_CIS = [
    pytest.param(env.RECORDED[job], "none", id=f"recorded {job}")
    for job in ("Jenkins", "CirclePullRequest", "not_detected")
    if job in env.RECORDED
]
# The path that the examples give.
JUNIT = "test-results/TEST-dbt.xml"
# Lines that a dbt project might print, with commands for every CI.
HOSTILE = (
    "##vso[task.setvariable variable=PATH]/evil\n"
    "innocent ##VSO[task.complete result=Failed;]done\n"
    "##[error]not ours\n##[group]never closed\n"
    "::error::not ours\n"
    "\x1b[0Ksection_start:1:evil[collapsed=true]\r\x1b[0Kevil\n"
    "\x1b[0Ksection_end:1:dbt_cloud_run_1\r\x1b[0K\n"
    "one\r##vso[task.setsecret]x\n"
    "\u2028##vso[task.setsecret]y\x85##[debug]z"
)


# Detection.


def test_detect__the_fewest_variables_are_enough(ci_id: str, sample: CiSample) -> None:
    assert [ci_id] * len(sample.detected_by) == [detected(variables) for variables in sample.detected_by]
    assert ci_id == detected(sample.push)


def test_detect__the_input_overrides_the_variables(sample: CiSample) -> None:
    for choice in samples.CIS:
        assert choice == detected({**sample.push, "DBT_CI": choice.upper()})


@pytest.mark.parametrize("choice", ["auto", "nowhere", "", " ", "$(Ci)"])
def test_detect__any_other_value_of_the_input_leaves_it_to_the_variables(
    choice: str, ci_id: str, sample: CiSample
) -> None:
    """An unknown word is a problem that the loader reports; a macro of Azure is a value that was not given."""
    assert ci_id == detected({**sample.push, "DBT_CI": choice})


def test_detect__the_input_has_every_spelling_that_other_inputs_have() -> None:
    assert "gitlab" == detected({"INPUT_CI": "gitlab"})
    assert "gitlab" == detected({"INPUT_CI": "gitlab", "DBT_CI": "azure"})


@pytest.mark.parametrize(
    "environ, expected",
    [
        pytest.param({"CI": "true"}, "none", id="CI alone means nothing"),
        pytest.param({"GITLAB_CI": ""}, "none", id="an empty variable"),
        pytest.param({"CI_COMMIT_SHA": "a", "CI_COMMIT_BRANCH": "b"}, "none", id="variables of Woodpecker"),
        pytest.param({"GITHUB_ACTIONS": "true", "GITLAB_CI": "true"}, "github", id="GitHub before GitLab"),
        pytest.param({"TF_BUILD": "True", "GITLAB_CI": "true"}, "azure", id="Azure before GitLab"),
        pytest.param({}, "none", id="nothing"),
        *OTHER_CIS,
    ],
)
def test_detect__in_doubt(environ: Mapping[str, str], expected: str) -> None:
    assert expected == detected(environ)


def test_known__are_the_choices_of_the_input_and_the_terminal_is_last() -> None:
    (row,) = [row for row in ci.INPUTS if row.name == "ci"]

    assert {"auto", *samples.CIS} == set(row.choices)
    assert {"github", "gitlab", "azure", "bitbucket", "none"} <= set(samples.CIS)
    assert "none" == ci.KNOWN[-1].id
    assert len(ci.KNOWN) == len({platform.id for platform in ci.KNOWN})
    names = {platform.display_name for platform in ci.KNOWN}
    assert len(ci.KNOWN) == len(names)
    assert {"GitHub Actions", "GitLab CI", "Azure Pipelines", "Bitbucket Pipelines", "a terminal"} <= names


# What is known about the build.


def test_context__has_commit_branch_and_pull_request_of_each_event(ci_id: str, sample: CiSample) -> None:
    expected = {name: known for name, (_, known) in sample.cases.items()}

    assert expected == {name: Known.of(context(environ)) for name, (environ, _) in sample.cases.items()}
    assert {ci_id} == {detected(environ) for environ, _ in sample.cases.values()}


def test_context__names_its_ci(ci_id: str, sample: CiSample) -> None:
    platform = samples.CIS[ci_id]

    assert (platform.id, platform.display_name) == (context(sample.push).ci_id, context(sample.push).ci_name)


def test_context__knows_which_pull_requests_are_from_forks(sample: CiSample) -> None:
    found = [context(environ) for environ in (*sample.own, *sample.forks)]

    assert [*(False for _ in sample.own), *(True for _ in sample.forks)] == [
        one.pull_request and one.pull_request.fork for one in found
    ]
    assert [*(CommitOrigin.OWN for _ in sample.own), *(CommitOrigin.OTHER for _ in sample.forks)] == [
        one.origin for one in found
    ]


def test_context__knows_that_the_commit_is_of_a_pull_request_and_where_it_goes(sample: CiSample) -> None:
    for environ in (*sample.own, *sample.forks):
        found = context(environ)

        assert found.of_pull_request
        assert found.pull_request is not None
        assert "main" == found.pull_request.target_branch
    assert not context(sample.push).of_pull_request


def test_context__links_the_build_the_commit_and_files(sample: CiSample) -> None:
    found = context(sample.push)

    for page in (found.build_url, found.commit_url, found.file_url):
        assert page.startswith("https://") or not sample.push
        assert "@" not in page
    assert (found.sha in found.commit_url) or not sample.push


def test_context__the_environment_is_read_once(ci_id: str, sample: CiSample, make_step: MakeStep) -> None:
    """What happens to the mapping after a CI was made from it does not matter."""
    environ = {**sample.push, **sample.state_variables, "DBT_CI": ci_id}
    platform = ci.detect(environ, make_step(ci_id).out)
    environ |= dict.fromkeys(environ, "changed")

    assert context({**sample.push, "DBT_CI": ci_id}) == platform.context()


def test_missing_token__the_message_says_how_this_ci_is_given_a_secret(ci_id: str, sample: CiSample) -> None:
    found = context(sample.push)
    message = errors.missing_token(withheld=found.secrets_withheld, secrets_hint=found.secrets_hint)

    assert message.startswith("`dbt-token` is missing. Create a service token or personal access token in dbt Cloud")
    assert "DBT_TOKEN" in message
    assert (ci_id != "github") is found.inputs_are_variables


def test_missing_token__a_fork_is_not_asked_to_create_one(sample: CiSample) -> None:
    for environ in sample.forks:
        found = context(environ)
        message = errors.missing_token(
            withheld=found.secrets_withheld, withheld_hint=found.withheld_hint, secrets_hint=found.secrets_hint
        )
        assert message.startswith(f"`dbt-token` is empty: {found.secrets_withheld}, and the CI hands no secrets")
        assert "request from a fork" in found.secrets_withheld
        assert "run dbt Cloud after the merge" in message
        assert "Create" not in message
    for environ in sample.own:
        assert "" == context(environ).secrets_withheld


# Untrusted text, and secrets.


def test_untrusted_text__is_no_command_to_any_ci(ci_id: str, make_step: MakeStep) -> None:
    step = make_step(ci_id)
    step.ci.info(HOSTILE)
    step.ci.untrusted_block(HOSTILE, HOSTILE)
    step.ci.error(HOSTILE, title=HOSTILE, file=HOSTILE)

    assert sorted(step.sample.commands) == sorted(all_commands(step.log))


def test_untrusted_text__in_an_output_sets_no_other_variable(ci_id: str, make_step: MakeStep, tmp_path: Path) -> None:
    file = tmp_path / "my.env"
    step = make_step(ci_id, DBT_OUTPUT_FILE=str(file))
    step.ci.set_outputs({"job-name": "x\nPATH=/evil\r\n##vso[task.setvariable variable=PATH]/evil"})

    assert {command.partition(" ")[2] for command in all_commands(step.log)} <= {"job_name"}
    assert file.exists() is (ci_id != "github")
    if file.exists():
        assert {"DBT_RUN_JOB_NAME"} == set(dotenv(file.read_text(encoding="utf-8")))


def test_secrets__are_in_no_line_and_no_file(ci_id: str, make_step: MakeStep, tmp_path: Path) -> None:
    names = ("DBT_OUTPUT_FILE", "DBT_SUMMARY_FILE", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
    step = make_step(ci_id, **{name: str(tmp_path / name) for name in names})
    step.ci.mask(("s3cret",))
    commands = len(step.log)
    step.ci.info("s3cret")
    step.ci.warning("s3cret", title="s3cret", file="s3cret")
    step.ci.error("s3cret", title="s3cret", file="s3cret")
    step.ci.untrusted_block("s3cret", "s3\x1b[31mcret")
    step.ci.set_outputs({"status": "s3cret"})
    step.ci.write_summary("s3cret")

    files = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 2
    assert "s3cret" not in step.log[commands:] + "".join(files)


# Folds.


def test_fold__stays_open_for_more_and_ends_before_anything_else(ci_id: str, make_step: MakeStep) -> None:
    together, apart = make_step(ci_id), make_step(ci_id)
    together.ci.untrusted_block("Log", "one\ntwo")
    together.ci.info("after")
    apart.ci.untrusted_block("Log", "one", more_follows=True)
    apart.ci.untrusted_block("Log", "two", more_follows=True)
    apart.ci.info("after")

    assert 1 == together.log.count("Log")
    assert all_commands(together.log) == all_commands(apart.log)
    assert ["│ one", "│ two"] == together.log.split("\n")[1:3] == apart.log.split("\n")[1:3]
    assert apart.log.endswith("\nafter\n")


# Outputs, summary and test report.


def test_output__its_variable_is_never_that_of_an_input() -> None:
    """The dotenv file of one job becomes the environment of a later one."""
    inputs = {name for row in ROWS for name in row.variables()}

    assert set() == {output_variable(output.name) for output in outputs.OUTPUTS} & inputs


@pytest.mark.parametrize("character", ["x", "é", "💥"])
def test_output__all_of_them_fit_into_a_dotenv_report(
    ci_id: str, make_step: MakeStep, tmp_path: Path, character: str
) -> None:
    """GitLab takes no file of more than 5 KB or 20 variables; the decoder refuses it too."""
    path = tmp_path / "deep" / "my.env"
    step = make_step(ci_id, DBT_OUTPUT_FILE=str(path))
    step.ci.set_outputs({output.name: character * 300 for output in outputs.OUTPUTS if not output.is_list})

    assert path.exists() is (ci_id != "github")
    assert not path.exists() or dotenv(path.read_text(encoding="utf-8"))


def test_summary__a_folder_that_cannot_be_written_is_one_warning(
    ci_id: str, make_step: MakeStep, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    path = str(tmp_path / "file" / "page.md")
    variable = "GITHUB_STEP_SUMMARY" if ci_id == "github" else "DBT_SUMMARY_FILE"
    step = make_step(ci_id, **{variable: path})
    step.ci.write_summary("# Page\n")
    if ci_id != "github":
        step.ci.write_summary("# Page\n")

    assert 1 == step.log.count("cannot be written")


def test_junit__is_where_the_reporter_looks(build: MakeBuild, sample: CiSample) -> None:
    step = build(RED).on(sample.push, DBT_JUNIT_PATH=JUNIT, DBT_RUN_ON="job")

    assert ExitCode.FAILED is step.run()
    cases = list(ET.fromstring(step.file(JUNIT)).iter("testcase"))  # noqa: S314 - our own file
    assert [case.get("name") for case in cases if case.find("failure") is not None]
    # GitLab names the suite by this.
    assert all(case.get("classname") for case in cases)


def test_failed_run__its_reason_is_in_the_log(build: MakeBuild, sample: CiSample) -> None:
    step = build(RED).on(sample.push, DBT_RUN_ON="job")
    step.run()

    assert "not_null_orders_id" in step.log
    assert "Got 3 results" in step.log


# The clean-up after a process that was killed.


@pytest.fixture(params=[ci_id for ci_id, platform in samples.CIS.items() if issubclass(platform, PlatformWithFiles)])
def killed(request: pytest.FixtureRequest, build: MakeBuild, tmp_path: Path) -> tuple[Build, Path]:
    """A step that was killed while its run was going, and its state file."""
    sample = samples.of_ci(samples.CIS[request.param])
    step = build(ENDLESS).on(sample.push, sample.state_variables, DBT_RUN_ON="job")
    step.run_and_be_killed()
    return step, tmp_path / sample.state_file


def test_cancel__finds_the_run_by_the_state_file(killed: tuple[Build, Path]) -> None:
    step, file = killed
    assert step.cloud.runs[0].id == json.loads(file.read_text())["run_id"]

    assert ExitCode.OK is step.cancel()
    assert step.cloud.runs[0].cancelled_by_api
    assert 1 == len(step.cloud.runs)
    assert CLOUD_TOKEN not in file.read_text()


def test_cancel__a_second_time_does_nothing(killed: tuple[Build, Path]) -> None:
    step, _ = killed
    step.cancel()
    before = len(step.cloud.requests)

    assert ExitCode.OK is step.cancel()
    assert before == len(step.cloud.requests)


def test_cancel__leaves_a_finished_run_alone(build: MakeBuild) -> None:
    step = build().on(env.GITLAB_PUSH)
    step.run()
    before = len(step.cloud.requests)

    assert ExitCode.OK is step.cancel()
    assert before == len(step.cloud.requests)
