"""A terminal, or a CI that is not known."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from hypothesis import given

from dbt_action.ci.log import Log
from dbt_action.ci.terminal import Terminal
from tests.ci import test_every_ci as every
from tests.ci.conftest import MakeStep
from tests.platforms import test_by_hand as by_hand
from tests.platforms import test_cancel, test_cli, test_pull_request_field
from tests.support.decoders import dotenv
from tests.support.runner import commands
from tests.support.samples import Cell, CiSample, Known, cell
from tests.test_text import ANY


def row() -> Mapping[str, Cell]:
    return {
        "Commit": cell(
            "`--git-sha`, `--branch` or `--run-on job`", test_cli.test_flags__are_read_as_the_environment_is
        ),
        "Pull request": cell(
            "`--pull-request` and `--pull-request-field`", test_pull_request_field.test_field__can_be_chosen
        ),
        "Status": cell("with `--code-host` and `--repository`", by_hand.test_status__is_posted_where_the_user_says),
        "Summary": cell("`--summary-file`", test_summary__is_a_file_if_the_user_wants_one),
        "Annotations": cell("marked lines", test_error__is_marked_lines),
        "Outputs": cell("`--output-file`", test_output__is_a_file_if_the_user_wants_one),
        "JUnit": cell("`--junit-path`", every.test_junit__is_where_the_reporter_looks),
        "Cancel": cell(
            "Ctrl-C; `--state-file` and `dbt-cloud-run cancel`",
            test_cancel.test_signal__cancels_the_run_within_seconds,
            every.test_cancel__finds_the_run_by_the_state_file,
        ),
        "Comment": cell("as the status, with `--pull-request`", by_hand.test_comment__is_written_where_the_user_says),
    }


SAMPLE = CiSample(
    push={},
    detected_by=({},),
    builds={"nothing": ({}, Known())},
    state_file="my.json",
    state_variables={"DBT_STATE_FILE": "my.json"},
    row=row,
)


def test_fold__is_a_heading(make_step: MakeStep) -> None:
    step = make_step("none")
    step.ci.untrusted_block("Log of step 4", "one")

    assert "Log of step 4\n│ one\n" == step.log


def test_error__is_marked_lines(make_step: MakeStep) -> None:
    step = make_step("none")
    step.ci.error("Got 3 results", title="test not_null", file="models/a.yml")
    step.ci.warning("careful")

    assert "Error: test not_null in models/a.yml\nError: Got 3 results\nWarning: careful\n" == step.log


@given(ANY, ANY)
def test_log__is_plain_lines_whatever_the_text(message: str, title: str) -> None:
    out = io.StringIO()
    terminal = Terminal({}, Log(out))
    terminal.mask(("s3cret",))
    terminal.info(message)
    terminal.warning(message)
    terminal.error(message, title=title)
    terminal.untrusted_block(title, message)

    assert [] == commands(out.getvalue())
    assert set() == set(out.getvalue()) & set("\x1b\r\x00\x07\x08")


def test_output__is_a_file_if_the_user_wants_one(make_step: MakeStep, tmp_path: Path) -> None:
    step = make_step("none", DBT_OUTPUT_FILE=str(tmp_path / "deep" / "my.env"))
    step.ci.set_outputs({"run-id": "7", "status": "started"})
    step.ci.set_outputs({"status": "success"})

    assert {"DBT_RUN_ID": "7", "DBT_RUN_STATUS": "success"} == dotenv((tmp_path / "deep" / "my.env").read_text())


def test_summary__is_a_file_if_the_user_wants_one(make_step: MakeStep, tmp_path: Path) -> None:
    step = make_step("none", DBT_SUMMARY_FILE="my.md")
    step.ci.write_summary("# Page\n")

    assert "# Page\n" == (tmp_path / "my.md").read_text()
    assert step.ci.has_summary


def test_files__are_none_unless_the_user_wants_some(make_step: MakeStep, tmp_path: Path) -> None:
    step = make_step("none", DBT_STATE_FILE="")
    step.ci.set_outputs({"run-id": "7"})
    step.ci.write_summary("# Page")

    assert [] == list(tmp_path.iterdir())
    assert not step.ci.has_summary
