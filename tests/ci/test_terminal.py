"""A terminal, or a CI that we do not know."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.ci import test_every_ci as every
from tests.ci.conftest import MakePlace
from tests.platforms import test_by_hand as by_hand
from tests.platforms import test_cancel, test_cli, test_pull_request_field
from tests.support.decoders import dotenv
from tests.support.samples import Cell, CiSample, Known, cell


def row() -> Mapping[str, Cell]:
    return {
        "Commit": cell(
            "`--git-sha`, `--branch` or `--run-on job`", test_cli.test_flags__are_read_as_the_environment_is
        ),
        "Pull request": cell(
            "`--pull-request` and `--pull-request-field`", test_pull_request_field.test_field__can_be_chosen
        ),
        "Status": cell("with `--code-host` and `--repository`", by_hand.test_status__is_posted_where_the_user_says),
        "Summary": cell("`--summary-file`", test_summary__terminal_has_a_file_if_the_user_wants_one),
        "Annotations": cell("marked lines", test_annotation__terminal_has_marked_lines),
        "Outputs": cell("`--output-file`", test_output__goes_to_a_file_of_the_users_choice),
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
    signs=({},),
    builds={"nothing": ({}, Known())},
    state_file="my.json",
    state_variables={"DBT_STATE_FILE": "my.json"},
    row=row,
)


def test_fold__terminal_has_a_heading(make_place: MakePlace) -> None:
    plain = make_place("none")
    plain.ci.untrusted_block("Log of step 4", "one")

    assert plain.log == "Log of step 4\n│ one\n"


def test_annotation__terminal_has_marked_lines(make_place: MakePlace) -> None:
    plain = make_place("none")
    plain.ci.error("Got 3 results", title="test not_null", file="models/a.yml")

    assert plain.log == "Error: test not_null in models/a.yml\nError: Got 3 results\n"


def test_output__goes_to_a_file_of_the_users_choice(make_place: MakePlace, tmp_path: Path) -> None:
    place = make_place("none", DBT_OUTPUT_FILE=str(tmp_path / "deep" / "my.env"))
    place.ci.set_outputs({"run-id": "7", "status": "started"})
    place.ci.set_outputs({"status": "success"})

    assert dotenv((tmp_path / "deep" / "my.env").read_text()) == {"DBT_RUN_ID": "7", "DBT_RUN_STATUS": "success"}


def test_summary__terminal_has_a_file_if_the_user_wants_one(make_place: MakePlace, tmp_path: Path) -> None:
    make_place("none", DBT_SUMMARY_FILE="my.md").ci.write_summary("# Page\n")

    assert (tmp_path / "my.md").read_text() == "# Page\n"


def test_output__terminal_leaves_no_files(make_place: MakePlace, tmp_path: Path) -> None:
    terminal = make_place("none", DBT_STATE_FILE="")
    terminal.ci.set_outputs({"run-id": "7"})
    terminal.ci.write_summary("# Page")

    assert list(tmp_path.iterdir()) == []
