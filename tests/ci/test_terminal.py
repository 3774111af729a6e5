"""A terminal, or a CI that is not known."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given

from dbt_action.ci.log import Log
from dbt_action.ci.terminal import Terminal
from dbt_action.config.choices import RunOn
from dbt_action.config.context import CiContext
from tests.ci import test_every_ci as every
from tests.ci.conftest import MakeStep
from tests.platforms import test_by_hand as by_hand
from tests.platforms import test_cancel, test_cli, test_pull_request_field
from tests.support import git
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
        "Summary": cell("`--summary-path`", test_summary__is_a_file_if_the_user_wants_one),
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


class Screen(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_redraw__is_one_line_that_the_next_one_replaces() -> None:
    screen = Screen()
    terminal = Terminal({}, Log(screen))
    terminal.mask(("s3cret",))

    terminal.redraw("Running \x1b[31mwith s3cret\n")
    terminal.redraw("x" * 500)
    terminal.info("Done")

    clear = "\r\x1b[2K"
    assert f"{clear}Running with ***{clear}{'x' * 78}…{clear}Done\n" == screen.getvalue()


def test_redraw__is_nothing_where_lines_cannot_be_replaced() -> None:
    out = io.StringIO()
    Terminal({}, Log(out)).redraw("Running")
    as_json = Screen()
    Terminal({"DBT_LOG_FORMAT": "json"}, Log(as_json)).redraw("Running")

    assert ("", "") == (out.getvalue(), as_json.getvalue())


def test_json__is_one_object_on_each_line() -> None:
    out = io.StringIO()
    terminal = Terminal({"DBT_LOG_FORMAT": "JSON"}, Log(out))
    terminal.mask(("s3cret",))

    terminal.info("Started s3cret\nand more")
    terminal.warning("Look", title="Title", file="models/a.sql")
    terminal.error("Bad")
    terminal.untrusted_block("Log of step 4", "::error::one\ntwo")

    assert [
        {"level": "info", "message": "Started ***\nand more"},
        {"level": "warning", "title": "Title", "file": "models/a.sql", "message": "Look"},
        {"level": "error", "message": "Bad"},
        {"level": "log", "title": "Log of step 4", "message": "::error::one\ntwo"},
    ] == [json.loads(line) for line in out.getvalue().splitlines()]


def test_error__in_a_terminal_is_a_red_headline_and_plain_lines() -> None:
    screen, plain = Screen(), Screen()
    Terminal({}, Log(screen)).error("One.\nTwo.", title="Bad", file="a.sql")
    Terminal({"NO_COLOR": "1"}, Log(plain)).error("One.", title="Bad")

    assert "\x1b[1;31mBad in a.sql\x1b[0m\nOne.\nTwo.\n" == screen.getvalue()
    assert "Error: Bad\nError: One.\n" == plain.getvalue()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with one commit that was pushed to GitHub."""
    git.init(tmp_path)
    git.push(tmp_path, "git@github.com:acme/shop.git")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def context(**environ: str) -> CiContext:
    return Terminal(environ, Log(io.StringIO())).context()


def test_context__is_that_of_the_checkout(checkout: Path) -> None:
    found = context()

    assert (git.head(checkout), "main", "github", "acme/shop") == (
        found.sha,
        found.branch,
        found.host,
        found.repository,
    )
    assert RunOn.COMMIT is found.default_run_on


def test_context__a_commit_that_was_not_pushed_is_not_run(checkout: Path) -> None:
    git.commit(checkout)

    found = context()

    assert RunOn.JOB is found.default_run_on
    assert "is on no branch of a remote" in found.default_reason


def test_context__without_a_checkout_the_job_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    found = context()

    assert ("", RunOn.JOB) == (found.sha, found.default_run_on)
    assert "No git checkout was found here." in found.default_reason


def test_context__of_an_unknown_host_has_no_repository(checkout: Path) -> None:
    git.run(checkout, "remote", "set-url", "origin", "https://git.acme.example/acme/shop.git")

    assert ("", "") == (context().host, context().repository)


@pytest.mark.parametrize("name", ["DBT_GIT_SHA", "DBT_BRANCH", "DBT_RUN_ON", "DBT_WATCH_RUN_ID"])
def test_context__is_not_read_when_the_user_says_what_to_run(checkout: Path, name: str) -> None:
    assert checkout.is_dir()

    assert "" == context(**{name: "x"}).sha
