"""What holds on every CI: it is recognised, right about the build, harmless in its log, useful with its files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from dbt_action import ci
from dbt_action.app import ROWS
from dbt_action.ci.terminal import variable
from dbt_action.errors import ExitCode
from dbt_action.report import outputs
from tests.ci.conftest import Place, context, detected
from tests.support import environments as env
from tests.support import samples
from tests.support.decoders import dotenv, orders
from tests.support.platform_fixtures import Build
from tests.support.samples import CiSample, Known
from tests.support.scripts import ENDLESS, RED
from tests.support.workflow_step import CLOUD_TOKEN

MakeBuild = Callable[..., Build]
# Of the collection of recorded environments, and not ours.
STRANGERS = ("Jenkins", "CirclePullRequest", "not_detected")
# As the examples say.
JUNIT = "test-results/TEST-dbt.xml"
# What a dbt project might print.
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


# Which CI.


def test_detect__by_few_variables(key: str, sample: CiSample) -> None:
    assert [detected(sign) for sign in sample.signs] == [key] * len(sample.signs)
    assert detected(sample.push) == key


@pytest.mark.parametrize("choice", list(samples.CIS))
def test_detect__an_explicit_choice_beats_it(choice: str, sample: CiSample) -> None:
    assert detected({**sample.push, "DBT_CI": choice.upper()}) == choice


def test_detect__auto_and_unknown_words_leave_it_to_the_variables(key: str, sample: CiSample) -> None:
    assert detected({**sample.push, "DBT_CI": "auto"}) == key
    assert detected({**sample.push, "DBT_CI": "nowhere"}) == key


@pytest.mark.parametrize(
    "environ,expected",
    [
        pytest.param({"CI": "true"}, "none", id="CI alone means nothing"),
        pytest.param({"GITLAB_CI": ""}, "none", id="an empty variable"),
        pytest.param({"CI_COMMIT_SHA": "a", "CI_COMMIT_BRANCH": "b"}, "none", id="woodpecker's names"),
        pytest.param({"GITHUB_ACTIONS": "true", "GITLAB_CI": "true"}, "github", id="a variable of somebody else"),
        pytest.param({"TF_BUILD": "True", "GITLAB_CI": "true"}, "azure", id="azure before gitlab"),
    ],
)
def test_detect__doubtful_ones(environ: dict[str, str], expected: str) -> None:
    assert detected(environ) == expected


def test_detect__recorded_jobs_of_others_are_nobodys(recorded: dict[str, Any]) -> None:
    assert {detected(recorded[job]) for job in STRANGERS} == {"none"}


def test_known__are_the_choices_and_the_terminal_is_the_last() -> None:
    (row,) = [row for row in ci.INPUTS if row.name == "ci"]

    assert set(row.choices) == {"auto", *samples.CIS}
    assert {"github", "gitlab", "azure", "bitbucket", "none"} <= set(samples.CIS)
    assert ci.KNOWN[-1].key == "none"
    assert len({kind.name for kind in ci.KNOWN}) == len(ci.KNOWN)


# The build.


def test_context__of_each_event(sample: CiSample) -> None:
    expected = {name: known for name, (_, known) in sample.builds.items()}

    assert {name: Known.of(context(environ)) for name, (environ, _) in sample.builds.items()} == expected


def test_context__of_recorded_jobs(recorded: dict[str, Any], key: str, sample: CiSample) -> None:
    assert {job: Known.of(context(recorded[job])) for job in sample.recorded} == dict(sample.recorded)
    assert {detected(recorded[job]) for job in sample.recorded} <= {key}


def test_context__knows_forks(sample: CiSample) -> None:
    found = [context(environ) for environ in (*sample.own, *sample.forks)]

    assert [one.pull_request and one.pull_request.fork for one in found] == [
        *(False for _ in sample.own),
        *(True for _ in sample.forks),
    ]


def test_context__a_commit_has_its_page(sample: CiSample) -> None:
    found = context(sample.push)

    for page in (found.build_url, found.commit_url, found.file_url):
        assert page.startswith("https://") or not sample.push
        assert "@" not in page
    assert (found.sha in found.commit_url) or not sample.push


# Other people's text, and secrets.


def test_foreign_text__gives_no_orders_to_any_ci(place: Place) -> None:
    place.ci.info(HOSTILE)
    place.ci.untrusted_block(HOSTILE, HOSTILE)
    place.ci.error(HOSTILE, title=HOSTILE, file=HOSTILE)

    assert sorted(orders(place.log)) == sorted(place.sample.orders)


def test_foreign_text__sets_no_variable_of_another_name(place: Place, tmp_path: Path) -> None:
    place.ci.environ = {**place.ci.environ, "DBT_OUTPUT_FILE": str(tmp_path / "my.env")}
    place.ci.set_outputs({"job-name": "x\nPATH=/evil\r\n##vso[task.setvariable variable=PATH]/evil"})

    told = {order.partition(" ")[2] for order in orders(place.log)}
    assert told <= {"job_name"}
    if (tmp_path / "my.env").exists():
        assert set(dotenv((tmp_path / "my.env").read_text())) == {"DBT_RUN_JOB_NAME"}


def test_secrets__are_in_no_log_and_no_file(place: Place, tmp_path: Path) -> None:
    place.ci.mask(("s3cret",))
    begin = len(place.log)
    place.ci.environ = {**place.ci.environ, "DBT_OUTPUT_FILE": str(tmp_path / "out")}
    place.ci.info("s3cret")
    place.ci.error("s3cret", title="s3cret", file="s3cret")
    place.ci.untrusted_block("s3cret", "s3\x1b[31mcret")
    place.ci.set_outputs({"status": "s3cret"})
    place.ci.write_summary("s3cret")

    left = place.log[begin:] + "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "s3cret" not in left


# Outputs and files.


def test_output__no_variable_is_an_input_of_a_later_job() -> None:
    inputs = {name for row in ROWS for name in row.variables()}

    assert {variable(output.name) for output in outputs.OUTPUTS} & inputs == set()


@pytest.mark.parametrize("character", ["x", "é", "💥"])
def test_output__all_of_them_fit_into_a_dotenv_report(place: Place, tmp_path: Path, character: str) -> None:
    """GitLab takes no file of more than 5 KB and 20 variables; the decoder refuses it too."""
    path = tmp_path / "deep" / "my.env"
    place.ci.environ = {**place.ci.environ, "DBT_OUTPUT_FILE": str(path)}
    place.ci.set_outputs({output.name: character * 300 for output in outputs.OUTPUTS})

    assert dotenv(path.read_text(encoding="utf-8")) if place.ci.key != "github" else not path.exists()


def test_summary__a_folder_that_cannot_be_written_is_one_warning(place: Place, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = str(tmp_path / "file" / "page.md")
    place.ci.environ = {**place.ci.environ, "DBT_SUMMARY_FILE": path, "GITHUB_STEP_SUMMARY": path}
    place.ci.write_summary("# Page\n")
    if place.ci.key != "github":
        place.ci.write_summary("# Page\n")

    assert place.log.count("cannot be written") == 1


def test_junit__is_where_the_reporter_looks(build: MakeBuild, sample: CiSample) -> None:
    step = build(RED).on(sample.push, DBT_JUNIT_PATH=JUNIT, DBT_RUN_ON="job")

    assert step.run() is ExitCode.FAILED
    cases = list(ET.fromstring(step.file(JUNIT)).iter("testcase"))  # noqa: S314 - our own file
    assert [case.get("name") for case in cases if case.find("failure") is not None]
    # GitLab names the suite by this.
    assert all(case.get("classname") for case in cases)


def test_reason__of_a_failed_run_is_in_the_log(build: MakeBuild, sample: CiSample) -> None:
    step = build(RED).on(sample.push, DBT_RUN_ON="job")
    step.run()

    assert "not_null_orders_id" in step.log
    assert "Got 3 results" in step.log


# The clean-up after a killed process.


@pytest.fixture(params=[key for key, kind in samples.CIS.items() if kind.save_state is ci.CiPlatform.save_state])
def killed(request: pytest.FixtureRequest, build: MakeBuild, tmp_path: Path) -> tuple[Build, Path]:
    """A step that was killed while its run was going, where its state is in a file of its own."""
    sample = samples.of_ci(samples.CIS[request.param])
    step = build(ENDLESS).on(sample.push, sample.state_variables, DBT_RUN_ON="job")
    step.run_and_be_killed()
    return step, tmp_path / sample.state_file


def test_cancel__finds_the_run_by_the_state_file(killed: tuple[Build, Path]) -> None:
    step, file = killed
    assert json.loads(file.read_text())["run_id"] == step.cloud.runs[0].id

    assert step.cancel() is ExitCode.OK
    assert step.cloud.runs[0].cancelled_by_api
    assert len(step.cloud.runs) == 1
    assert CLOUD_TOKEN not in file.read_text()


def test_cancel__a_second_time_does_nothing(killed: tuple[Build, Path]) -> None:
    step, _ = killed
    step.cancel()
    before = len(step.cloud.requests)

    assert step.cancel() is ExitCode.OK
    assert len(step.cloud.requests) == before


def test_cancel__leaves_a_finished_run_alone(build: MakeBuild) -> None:
    step = build().on(env.GITLAB_PUSH)
    step.run()
    before = len(step.cloud.requests)

    assert step.cancel() is ExitCode.OK
    assert len(step.cloud.requests) == before
