"""What is said to GitHub's runner: annotations, groups, outputs, summaries; decoded by rules written apart."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dbt_action import text
from dbt_action.ci.github_actions import GitHubActions
from dbt_action.ci.log import Log
from dbt_action.ci.terminal import Terminal
from tests.support.runner import Command, assignments, azure_commands, commands
from tests.test_text import ANY

SECRETS = ("dbtc_S3cret", "ghs_Oth3r%0A")


class Step:
    """A step on GitHub with files of its own."""

    def __init__(self, folder: Path, *, secrets: tuple[str, ...] = ()) -> None:
        self.out = io.StringIO()
        self.folder = folder
        names = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary", "GITHUB_STATE": "state"}
        environ = {variable: str(folder / name) for variable, name in names.items()}
        self.ci = GitHubActions(environ, Log(self.out))
        self.ci.mask(secrets)

    @property
    def log(self) -> str:
        lines = self.out.getvalue().splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith("::add-mask::"))

    def file(self, name: str) -> str:
        path = self.folder / name
        return path.read_bytes().decode("utf-8") if path.exists() else ""


@pytest.fixture
def step(tmp_path: Path) -> Step:
    return Step(tmp_path)


def spoken() -> Step:
    """A step that writes no files."""
    return Step(Path("/nonexistent"))


@given(ANY)
def test_info__is_never_a_command(message: str) -> None:
    step = spoken()
    step.ci.info(message)

    assert [] == commands(step.log)
    assert [] == azure_commands(step.log)


@given(ANY, ANY)
def test_foreign__is_one_group_and_nothing_else(title: str, body: str) -> None:
    step = spoken()
    step.ci.untrusted_block(f"Step 4: {title}", body)

    assert ["group", "endgroup"] == [command.name for command in commands(step.log)]
    assert [] == azure_commands(step.log)


@given(ANY, ANY)
@example("a::b,c=d%0A", "%0A::error::x")
def test_error__is_one_command_with_these_words(message: str, title: str) -> None:
    step = spoken()
    step.ci.error(message, title=title)

    (command,) = commands(step.log)
    assert "error" == command.name
    assert text.defuse(text.one_line(title)) == command.properties.get("title", "")
    assert set(command.properties) <= {"title"}
    assert text.cut("\n".join(text.log_lines(message)), 4096).strip() == command.data.strip()
    assert [] == azure_commands(step.log)


@given(ANY)
def test_warning__is_one_command(message: str) -> None:
    step = spoken()
    step.ci.warning(message)

    (command,) = commands(step.log)
    assert ("warning", {}) == (command.name, command.properties)


@given(ANY)
def test_annotation__inner_lines_are_no_commands_either(message: str) -> None:
    """The decoded words appear in the log view too."""
    step = spoken()
    step.ci.error(message)

    (command,) = commands(step.log)
    assert [] == commands(command.data)


def test_annotation__is_cut_before_the_runner_cuts_it() -> None:
    step = spoken()
    step.ci.error("x" * 10_000)

    (command,) = commands(step.log)
    assert 4096 == len(command.data)


def test_error__plain(step: Step) -> None:
    step.ci.error("two\nlines: 100%", title="a, b: c")

    assert "::error title=a%2C b%3A c::two%0Alines: 100%25" == step.log.splitlines()[-1]
    assert [Command("error", "two\nlines: 100%", {"title": "a, b: c"})] == commands(step.log)


NAMES = st.sampled_from(["run-id", "run-url", "status", "git-sha", "job-name"])
HOSTILE = ANY | st.sampled_from(
    ["ghadelimiter_x", "EOF", "run-id<<EOF\n1\nEOF", "a=b", "x\nghadelimiter_\ny", "=", "<<", "\n", "\r\n", ""]
)


@given(st.lists(st.dictionaries(NAMES, HOSTILE, max_size=5), max_size=4))
def test_output__any_values_come_back(written: list[dict[str, str]]) -> None:
    """Several writes, the last one wins; nothing can add a name or end a value early."""
    with TemporaryDirectory() as folder:
        step = Step(Path(folder))
        for values in written:
            step.ci.set_outputs(values)

        expected = {name: text.plain(value) for values in written for name, value in values.items()}
        assert expected == assignments(step.file("output"))


def test_output__delimiter_is_new_each_time(step: Step) -> None:
    step.ci.set_outputs({"a": "1", "b": "1"})
    step.ci.set_outputs({"a": "1"})

    delimiters = [line.partition("<<")[2] for line in step.file("output").split("\n") if "<<" in line]
    assert 3 == len(set(delimiters))


def test_output__lines_end_as_on_linux(step: Step) -> None:
    step.ci.set_outputs({"a": "x\r\ny"})

    assert "\r" not in step.file("output")
    assert "x\ny" == assignments(step.file("output"))["a"]


def test_output__appends_to_what_is_there(step: Step) -> None:
    (step.folder / "output").write_text("earlier<<x\n1\nx\n")
    step.ci.set_outputs({"a": "2"})

    assert {"earlier": "1", "a": "2"} == assignments(step.file("output"))


@given(st.lists(ANY | st.sampled_from(SECRETS), max_size=4).map("".join))
def test_secrets__pass_nowhere(message: str) -> None:
    with TemporaryDirectory() as folder:
        step = Step(Path(folder), secrets=SECRETS)
        step.ci.info(message)
        step.ci.warning(message)
        step.ci.error(message, title=message)
        step.ci.untrusted_block(message, message)
        step.ci.set_outputs({"job-name": message})
        step.ci.write_summary(message)
        everything = step.log + step.file("output") + step.file("summary")
        decoded = "".join(command.data + repr(command.properties) for command in commands(step.log))

    assert not [secret for secret in SECRETS if secret in everything + decoded]


@pytest.mark.parametrize("cut_by", ["\x1b[0m", "\u200b", "\x00", "\ufeff"])
def test_secrets__are_found_though_something_invisible_cuts_them(step: Step, cut_by: str) -> None:
    step.ci.mask(SECRETS)
    secret = SECRETS[0][:5] + cut_by + SECRETS[0][5:]
    for message in (secret, f"x {secret} y"):
        step.ci.info(message)
        step.ci.error(message)
        step.ci.set_outputs({"a": message})

    assert SECRETS[0] not in step.log + step.file("output")


@pytest.mark.parametrize("secret", ["100%", "a%0Ab", "x,y:z"])
def test_mask__is_escaped_like_any_data(step: Step, secret: str) -> None:
    step.ci.mask((secret,))

    assert [Command("add-mask", secret)] == commands(step.out.getvalue())


def test_summary__is_appended(step: Step) -> None:
    step.ci.write_summary("# one\n")
    step.ci.write_summary("# two\n")

    assert "# one\n# two\n" == step.file("summary")


@pytest.mark.parametrize("character", ["x", "é", "💥"])
def test_summary__stays_below_the_limit_and_readable(step: Step, character: str) -> None:
    """One byte too many and the runner drops the whole page."""
    step.ci.write_summary(character * 1_100_000)

    page = (step.folder / "summary").read_bytes()
    assert 1_000_000 < len(page) <= 1024 * 1024
    assert set(page.decode("utf-8")) <= {character, "…", "\n"}


def test_summary__lone_surrogates_are_no_error(step: Step) -> None:
    step.ci.write_summary("a\ud800b")

    assert step.file("summary").startswith("a")


@pytest.mark.parametrize("name", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
def test_file__that_cannot_be_written_is_a_warning(tmp_path: Path, name: str) -> None:
    out = io.StringIO()
    ci = GitHubActions({name: str(tmp_path)}, Log(out))
    ci.set_outputs({"a": "b"})
    ci.write_summary("x")

    (command,) = commands(out.getvalue())
    assert "warning" == command.name
    assert name in command.data


def test_file__that_is_not_named_is_nothing() -> None:
    out = io.StringIO()
    ci = GitHubActions({}, Log(out))
    ci.set_outputs({"a": "b"})
    ci.write_summary("x")

    assert "" == out.getvalue()


@given(ANY, ANY)
def test_terminal__speaks_in_plain_lines(message: str, title: str) -> None:
    out = io.StringIO()
    terminal = Terminal({}, Log(out))
    terminal.mask(SECRETS)
    terminal.info(message)
    terminal.warning(message)
    terminal.error(message, title=title)
    terminal.untrusted_block(title, message)

    assert [] == commands(out.getvalue())
    assert not set(out.getvalue()) & set("\x1b\r\x00\x07\x08")
