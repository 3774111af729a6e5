"""GitHub Actions: annotations, groups, masks, outputs, saved state, summary; read by a decoder of our own.

What it knows about the build is in `test_github_actions_context.py`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dbt_action import text
from dbt_action.ci.github_actions import GitHubActions
from dbt_action.ci.log import Log
from tests.ci import test_every_ci as every
from tests.ci import test_github_actions_context
from tests.e2e import test_clean_up
from tests.hosts import test_every_host, test_github
from tests.lifecycle import test_publish
from tests.main_flow import test_outcomes, test_signal_at_each_stage
from tests.support import environments as env
from tests.support.runner import Command, assignments, azure_commands, commands
from tests.support.samples import Cell, CiSample, Known, cell
from tests.test_text import ANY

SECRETS = ("dbtc_S3cret", "ghs_Oth3r%0A")


def row() -> Mapping[str, Cell]:
    return {
        "Commit": cell("head of the pull request", test_github_actions_context.test_event__never_the_test_merge_commit),
        "Pull request": cell(
            "`github_pull_request_id`", test_outcomes.test_pull_request__status_on_the_head_and_number_in_the_trigger
        ),
        "Status": cell("commit status", test_outcomes.test_green__statuses_share_context_link_and_commit),
        "Summary": cell(
            "job summary", test_summary__is_appended, test_publish.test_summary__links_the_file_at_the_commit
        ),
        "Annotations": cell("annotations", test_publish.test_annotation__on_the_file_with_dbt_s_own_message),
        "Outputs": cell("step outputs", test_output__every_value_comes_back),
        "JUnit": cell("a file, for a reporter of your choice", every.test_junit__is_where_the_reporter_looks),
        "Cancel": cell(
            "the step itself, and its post step",
            test_signal_at_each_stage.test_signal__between_two_polls,
            test_clean_up.test_container__killed_outright_is_tidied_up_by_the_post_container,
        ),
        "Comment": cell(
            "issue comment",
            test_every_host.test_comment__of_a_run,
            test_github.test_comment__is_written_once_and_then_changed,
        ),
    }


SAMPLE = CiSample(
    push=env.GITHUB_PUSH,
    detected_by=({"GITHUB_ACTIONS": "true"},),
    builds={"push": (env.GITHUB_PUSH, Known("github", env.PUSHED, "main"))},
    commands=("group", "endgroup", "error"),
    row=row,
)


class GitHubStep:
    """A step whose command files are in `folder`; `log` is without the masks."""

    def __init__(self, folder: Path, *, secrets: tuple[str, ...] = ()) -> None:
        self.out = io.StringIO()
        self.folder = folder
        names = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary", "GITHUB_STATE": "state"}
        self.ci = GitHubActions({variable: str(folder / name) for variable, name in names.items()}, Log(self.out))
        self.ci.mask(secrets)

    @property
    def log(self) -> str:
        lines = self.out.getvalue().splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith("::add-mask::"))

    def file(self, name: str) -> str:
        path = self.folder / name
        return path.read_bytes().decode("utf-8") if path.exists() else ""


@pytest.fixture
def step(tmp_path: Path) -> GitHubStep:
    return GitHubStep(tmp_path)


def without_files() -> GitHubStep:
    """A step for tests that only read its log."""
    return GitHubStep(Path("/nonexistent"))


@given(ANY)
def test_info__is_never_a_command(message: str) -> None:
    step = without_files()
    step.ci.info(message)

    assert [] == commands(step.log)
    assert [] == azure_commands(step.log)


@given(ANY, ANY)
def test_untrusted_block__is_one_group_and_no_other_command(title: str, body: str) -> None:
    step = without_files()
    step.ci.untrusted_block(f"Step 4: {title}", body)

    assert ["group", "endgroup"] == [command.name for command in commands(step.log)]
    assert [] == azure_commands(step.log)


@given(ANY, ANY)
@example("a::b,c=d%0A", "%0A::error::x")
def test_error__is_one_command_with_title_and_message(message: str, title: str) -> None:
    step = without_files()
    step.ci.error(message, title=title)

    (command,) = commands(step.log)
    assert "error" == command.name
    assert text.defuse(text.one_line(title)) == command.properties.get("title", "")
    assert set(command.properties) <= {"title"}
    assert text.cut("\n".join(text.log_lines(message)), 4096).strip() == command.data.strip()
    assert [] == azure_commands(step.log)


@given(ANY)
def test_warning__is_one_command(message: str) -> None:
    step = without_files()
    step.ci.warning(message)

    (command,) = commands(step.log)
    assert ("warning", {}) == (command.name, command.properties)


@given(ANY)
def test_annotation__the_lines_of_its_message_are_no_commands(message: str) -> None:
    """The log shows the decoded message too."""
    step = without_files()
    step.ci.error(message)

    (command,) = commands(step.log)
    assert [] == commands(command.data)


def test_annotation__is_cut_before_the_runner_cuts_it() -> None:
    step = without_files()
    step.ci.error("x" * 10_000)

    (command,) = commands(step.log)
    assert 4096 == len(command.data)


def test_error__has_its_characters_escaped_and_its_file(step: GitHubStep) -> None:
    step.ci.error("two\nlines: 100%", title="a, b: c")
    assert ["a, b: c", "::error title=a%2C b%3A c::two%0Alines: 100%25"] == step.log.splitlines()
    assert [Command("error", "two\nlines: 100%", {"title": "a, b: c"})] == commands(step.log)

    step.ci.error("Got 3 results", title="test not_null", file="models/a.yml")
    assert "test not_null in models/a.yml" == step.log.splitlines()[-2]
    properties = {"file": "models/a.yml", "title": "test not_null"}
    assert Command("error", "Got 3 results", properties) == commands(step.log)[-1]


NAMES = st.sampled_from(["run-id", "run-url", "status", "git-sha", "job-name"])
HOSTILE_VALUES = ANY | st.sampled_from(
    ["ghadelimiter_x", "EOF", "run-id<<EOF\n1\nEOF", "a=b", "x\nghadelimiter_\ny", "=", "<<", "\n", "\r\n", ""]
)


@given(st.lists(st.dictionaries(NAMES, HOSTILE_VALUES, max_size=5), max_size=4))
def test_output__every_value_comes_back(written: list[dict[str, str]]) -> None:
    """The last value of a name counts; no value can add another name or end early."""
    with TemporaryDirectory() as folder:
        step = GitHubStep(Path(folder))
        for values in written:
            step.ci.set_outputs(values)

        expected = {name: text.plain(value) for values in written for name, value in values.items()}
        assert expected == assignments(step.file("output"))


def test_output__has_a_new_delimiter_each_time(step: GitHubStep) -> None:
    step.ci.set_outputs({"a": "1", "b": "1"})
    step.ci.set_outputs({"a": "1"})

    delimiters = [line.partition("<<")[2] for line in step.file("output").split("\n") if "<<" in line]
    assert 3 == len(set(delimiters))


def test_output__lines_end_as_on_linux(step: GitHubStep) -> None:
    step.ci.set_outputs({"a": "x\r\ny"})

    assert "\r" not in step.file("output")
    assert "x\ny" == assignments(step.file("output"))["a"]


def test_output__is_appended_to_the_file(step: GitHubStep) -> None:
    (step.folder / "output").write_text("earlier<<x\n1\nx\n")
    step.ci.set_outputs({"a": "2"})

    assert {"earlier": "1", "a": "2"} == assignments(step.file("output"))


@given(st.lists(ANY | st.sampled_from(SECRETS), max_size=4).map("".join))
def test_secrets__are_in_no_line_and_no_file(message: str) -> None:
    with TemporaryDirectory() as folder:
        step = GitHubStep(Path(folder), secrets=SECRETS)
        step.ci.info(message)
        step.ci.warning(message)
        step.ci.error(message, title=message)
        step.ci.untrusted_block(message, message)
        step.ci.set_outputs({"job-name": message})
        step.ci.write_summary(message)
        everything = step.log + step.file("output") + step.file("summary")
        decoded = "".join(command.data + repr(command.properties) for command in commands(step.log))

    assert not [secret for secret in SECRETS if secret in everything + decoded]


@pytest.mark.parametrize("invisible", ["\x1b[0m", "\u200b", "\x00", "\ufeff"])
def test_secrets__are_found_with_an_invisible_character_inside(step: GitHubStep, invisible: str) -> None:
    step.ci.mask(SECRETS)
    secret = SECRETS[0][:5] + invisible + SECRETS[0][5:]
    for message in (secret, f"x {secret} y"):
        step.ci.info(message)
        step.ci.error(message)
        step.ci.set_outputs({"a": message})

    assert SECRETS[0] not in step.log + step.file("output")


@pytest.mark.parametrize("secret", ["100%", "a%0Ab", "x,y:z"])
def test_mask__has_the_runner_mask_each_secret_escaped_like_any_data(step: GitHubStep, secret: str) -> None:
    step.ci.mask((secret,))

    assert [Command("add-mask", secret)] == commands(step.out.getvalue())


def test_summary__is_appended(step: GitHubStep) -> None:
    step.ci.write_summary("# one\n")
    step.ci.write_summary("# two\n")

    assert "# one\n# two\n" == step.file("summary")


@pytest.mark.parametrize("character", ["x", "é", "💥"])
def test_summary__stays_below_the_limit_and_readable(step: GitHubStep, character: str) -> None:
    """The runner drops a page that is one byte too long."""
    step.ci.write_summary(character * 1_100_000)

    page = (step.folder / "summary").read_bytes()
    assert 1_000_000 < len(page) <= 1024 * 1024
    assert set(page.decode("utf-8")) <= {character, "…", "\n"}


def test_summary__a_lone_surrogate_is_no_error(step: GitHubStep) -> None:
    step.ci.write_summary("a\ud800b")

    assert step.file("summary").startswith("a")


def test_state__is_for_the_post_step_and_an_output_of_the_composite_action(step: GitHubStep) -> None:
    step.ci.save_state("a line", closed=True)

    assert {"run": "a line", "closed": "true"} == assignments(step.file("state"))
    assert assignments(step.file("state")) == assignments(step.file("output"))
    assert "a line" == GitHubActions({"STATE_run": "a line"}, Log(io.StringIO())).load_state()
    assert "" == step.ci.load_state()


@pytest.mark.parametrize("name", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
def test_file__that_cannot_be_written_is_a_warning_that_names_its_variable(tmp_path: Path, name: str) -> None:
    out = io.StringIO()
    ci = GitHubActions({name: str(tmp_path)}, Log(out))
    ci.set_outputs({"a": "b"})
    ci.write_summary("x")

    (command,) = commands(out.getvalue())
    assert "warning" == command.name
    assert name in command.data


def test_file__whose_variable_is_missing_is_not_written() -> None:
    out = io.StringIO()
    ci = GitHubActions({}, Log(out))
    ci.set_outputs({"a": "b"})
    ci.save_state("a line", closed=False)
    ci.write_summary("x")

    assert "" == out.getvalue()
