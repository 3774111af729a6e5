"""The command line: a flag for every input, its help, what it refuses, and the command `cancel`."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dbt_action import cli, cli_flags, cli_help
from dbt_action.app import ROWS
from dbt_action.config.input_types import Input
from dbt_action.config.loader import read
from dbt_action.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]
REQUIRED = {"DBT_URL": "https://ab123.us1.dbt.com", "DBT_TOKEN": "dbtc_token", "DBT_ACCOUNT_ID": "1", "DBT_JOB_ID": "3"}


def flag(row: Input) -> str:
    return f"--{row.name.replace('_', '-')}"


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    code = "import sys; from dbt_action import cli; sys.exit(cli.main())"
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **variables}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        encoding="utf-8",
    )


def test_flag__of_every_input_wins_over_all_its_variables() -> None:
    for row in ROWS:
        environ = dict.fromkeys(row.variables(), "of the environment")
        overlaid = cli_flags.read([flag(row), "of the flag"], {**environ, "OTHER": "1"}, command="run")

        assert {row.variable: "of the flag", "OTHER": "1"} == overlaid, row.name


def test_flags__are_read_as_the_environment_is() -> None:
    arguments = ["--dbt-token", "t", "--account-id=5", "--job-id", "6", "--supersede", "--wait", "false"]
    environ = {"DBT_URL": "https://x.example", "DBT_JOB_ID": "9", "DBT_WAIT": "true", "DBT_API_KEY": "old"}
    overlaid = cli_flags.read(arguments, environ, command="run")
    config = read(overlaid)

    assert ("t", 5, 6) == (config.dbt_token, config.account_id, config.job_id)
    assert (True, False) == (config.supersede, config.wait)


def test_flags__an_empty_one_removes_the_value_of_the_environment() -> None:
    overlaid = cli_flags.read(["--branch", ""], {**REQUIRED, "DBT_JOB_BRANCH": "main"}, command="run")

    assert "" == read(overlaid).branch


def test_help__of_run_lists_every_flag_with_its_variables() -> None:
    shown = run("run", "--help", COLUMNS="100").stdout
    words = " ".join(shown.split())

    for row in ROWS:
        assert re.search(rf"^  {flag(row)}[ \n]", shown, re.MULTILINE), row.name
        for name in (row.variable, *row.environment):
            assert name in words
    assert "${{" not in shown
    assert max(len(line) for line in shown.splitlines()) <= 110


def test_help__of_run_has_the_groups_of_the_table() -> None:
    titles = re.findall(r"^([A-Za-z -]+):$", run("run", "--help").stdout, re.MULTILINE)

    assert ["options", *(title for title, _ in cli_flags.GROUPS)] == titles


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("help",)])
def test_help__fits_on_a_screen_and_has_commands_usual_flags_and_examples(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    lines = done.stdout.splitlines()

    assert 0 == done.returncode
    assert 40 >= len(lines)
    assert cli_help.WIDTH >= max(len(line) for line in lines)
    assert all(re.search(rf"^  {name} ", done.stdout, re.MULTILINE) for name in cli.COMMANDS)
    assert 8 == len(cli_help.USUAL) == len(re.findall(r"^  --", done.stdout, re.MULTILINE))
    assert 3 <= done.stdout.count("\n  dbt-cloud-run ")


def test_help__on_its_topics() -> None:
    inputs, environment, codes = (run("help", topic).stdout for topic in ("inputs", "environment", "exit-codes"))

    for row in ROWS:
        assert re.search(rf"^  {row.name} ", inputs, re.MULTILINE), row.name
        assert re.search(rf"^  {row.name} .*{row.variable}", environment, re.MULTILINE), row.name
    for code in ExitCode:
        assert re.search(rf"^  {int(code)} ", codes, re.MULTILINE), code


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("rnu",), "Did you mean `run`?"),
        (("cancle",), "Did you mean `cancel`?"),
        (("xyz",), "There are run, cancel"),
        (("--dbt-tokn", "x"), "there is no flag --dbt-tokn. Did you mean --dbt-token?"),
        (("run", "--xyz"), "there is no flag --xyz.\n"),
        (("help", "xyz"), "there is help on inputs, environment, exit-codes"),
        (("completion", "tcsh"), "`completion` needs one of bash, zsh, fish"),
        (("completion",), "`completion` needs one of bash, zsh, fish"),
        (("run", "--job-url"), "expected one argument"),
    ],
)
def test_mistyped__names_what_was_meant(arguments: tuple[str, ...], words: str) -> None:
    done = run(*arguments)

    assert (ExitCode.CONFIG, "") == (done.returncode, done.stdout)
    assert words in done.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="a script for bash")
@pytest.mark.parametrize(
    "words, expected",
    [
        (["dbt-cloud-run", "ca"], {"cancel"}),
        (["dbt-cloud-run", "--dbt-to"], {"--dbt-token"}),
        (["dbt-cloud-run", "run", "--job-"], {"--job-id", "--job-name", "--job-url"}),
    ],
)
def test_completion__works_in_bash(words: list[str], expected: set[str]) -> None:
    script = run("completion", "bash").stdout
    line = " ".join(f"'{word}'" for word in words)
    program = f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _dbt_cloud_run; echo ${{COMPREPLY[@]}}"

    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True, timeout=30)

    assert expected == set(done.stdout.split())


def test_completion__for_the_other_shells_has_every_flag() -> None:
    zsh, fish = (run("completion", shell).stdout for shell in ("zsh", "fish"))

    assert zsh.startswith("autoload -U +X bashcompinit")
    for row in ROWS:
        assert flag(row) in zsh
        assert f" -l {flag(row).removeprefix('--')}\n" in fish


def test_groups__contain_each_input_once() -> None:
    names = [name for _, group in cli_flags.GROUPS for name in group]

    assert sorted(row.name for row in ROWS) == sorted(names)


def test_version__is_printed() -> None:
    assert re.fullmatch(r"dbt-cloud-run \d+\.\d+\S*\n", run("--version").stdout)


@pytest.mark.parametrize(
    "arguments",
    [("--dbt-tokn", "s3cret"), ("--dbt-tokn=s3cret",), ("run", "s3cret"), ("s3cret",), ("cancel", "s3cret")],
)
def test_unknown_arguments__are_refused_without_showing_values_that_may_be_secrets(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)

    assert ExitCode.CONFIG == done.returncode
    assert "s3cret" not in done.stdout + done.stderr
    assert "--help" in done.stderr


def test_flags__are_not_abbreviated() -> None:
    assert ExitCode.CONFIG == run("--job", "3").returncode


def test_problems__of_flags_are_reported_together_with_those_of_the_environment() -> None:
    done = run("--job-id", "three", "--wait", "maybe", "--ci", "nowhere", DBT_ACCOUNT_ID="one")

    assert ExitCode.CONFIG == done.returncode
    for name in ("dbt-token", "job-id", "wait", "ci", "account-id"):
        assert f"`{name}`" in done.stdout


def test_entrypoint__accepts_arguments() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "entrypoint.py"), "--version"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.stdout.startswith("dbt-cloud-run ")


def test_entrypoint__without_arguments_does_not_import_argparse() -> None:
    code = "import sys, runpy; sys.argv = ['x']; "
    code += f"\ntry: runpy.run_path({str(ROOT / 'entrypoint.py')!r}, run_name='__main__')\nexcept SystemExit: pass\n"
    code += "print('argparse' in sys.modules, 'dbt_action.cli' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert "False False" == done.stdout.splitlines()[-1]


def test_cancel__without_a_state_file_says_so(tmp_path: Path) -> None:
    done = run("cancel", "--state-file", str(tmp_path / "none.json"), **REQUIRED)

    assert ExitCode.OK == done.returncode
    assert "There is nothing to cancel: no state file was found" in done.stdout


def test_module__is_the_same_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["dbt_action", "--version"])

    with pytest.raises(SystemExit) as ended:
        runpy.run_module("dbt_action", run_name="__main__")

    assert 0 == ended.value.code
    assert capsys.readouterr().out.startswith("dbt-cloud-run ")


# In this process.


@pytest.fixture
def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Call the command with arguments, in an empty folder; its exit code and what it prints."""
    monkeypatch.chdir(tmp_path)
    for row in ROWS:
        for name in row.variables():
            monkeypatch.delenv(name, raising=False)

    def called(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dbt-cloud-run", *arguments])
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        try:
            code = cli.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
                signal.signal(number, handler)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return called


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (("--help",), 0, "usage: dbt-cloud-run [COMMAND]"),
        (("help",), 0, "usage: dbt-cloud-run [COMMAND]"),
        (("--version",), 0, "dbt-cloud-run "),
        (("help", "inputs"), 0, "the job:"),
        (("help", "environment"), 0, "variables of the inputs:"),
        (("help", "exit-codes"), 0, "exit codes:"),
        (("run", "--help"), 0, "usage: dbt-cloud-run run"),
        (("doctor", "--help"), 0, "usage: dbt-cloud-run doctor [JOB_URL]"),
        (("init", "--help"), 0, "usage: dbt-cloud-run init"),
        (("completion", "bash"), 0, "complete -o default"),
        (("completion", "zsh"), 0, "bashcompinit"),
        (("completion", "fish"), 0, "complete -c dbt-cloud-run"),
        (("run", "--job-id", "three"), 2, "`job-id`"),
        (("--job-id=three",), 2, "`job-id`"),
        (("doctor", "--job-id", "three"), 2, "✗ Inputs"),
        (("cancel", "--state-file", "none.json"), 0, "There is nothing to cancel"),
        (("init",), 2, "--platform is missing"),
    ],
)
def test_command__of_every_kind(
    call: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], code: int, words: str
) -> None:
    found, out, _ = call(*arguments)

    assert (code, True) == (found, words in out), out


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("rnu",), "Did you mean `run`?"),
        (("xyz",), "There are run, cancel"),
        (("--dbt-tokn", "x"), "Did you mean --dbt-token?"),
        (("run", "--xyz"), "there is no flag --xyz."),
        (("run", "s3cret"), "there is a word that belongs to no flag"),
        (("help", "xyz"), "there is help on"),
        (("completion",), "`completion` needs one of"),
        (("run", "--job-url"), "expected one argument"),
        (("doctor", "--jsn"), "Did you mean --json?"),
        (("init", "--forc"), "Did you mean --force?"),
        (("init", "--platform", "x"), "invalid choice"),
    ],
)
def test_command__that_cannot_be_understood(
    call: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], words: str
) -> None:
    code, out, err = call(*arguments)

    assert (ExitCode.CONFIG, "") == (code, out)
    assert words in err
    assert "s3cret" not in err


def test_doctor__takes_the_address_of_the_job(call: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = call(
        "doctor", "https://127.0.0.1:9/deploy/1/projects/2/jobs/3", "--dbt-token", "s3cret-token", "--json"
    )

    assert ExitCode.CLOUD == code
    found = [[check["result"], check["title"]] for check in json.loads(out)["checks"]]
    assert [["good", "Inputs"], ["unknown", "dbt Cloud at 127.0.0.1:9 cannot be reached"]] == found[:2]


def test_init__writes_in_the_working_directory(call: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    code, out, _ = call("init", "https://ab123.us1.dbt.com/deploy/1/projects/2/jobs/3", "--platform", "github", "--yes")

    assert ExitCode.OK == code
    assert "Wrote .github/workflows/dbt-cloud-deploy.yml" in out
    assert (tmp_path / ".github" / "workflows" / "dbt-cloud-deploy.yml").exists()
