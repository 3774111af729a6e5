"""The command line: `run`, `cancel`, `doctor`, `init`, `help` and `completion`."""

from __future__ import annotations

import difflib
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from dbt_action import __version__, app, cli_flags, cli_help
from dbt_action.cli_flags import UsageError
from dbt_action.clock import SystemClock
from dbt_action.errors import ExitCode
from dbt_action.timeouts import DEFAULT_HTTP_TIMEOUTS

Arguments = Sequence[str]
Environ = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Command:
    """One command; `run` gets the arguments after its name and the environment, and returns the exit code."""

    help: str
    run: Callable[[Arguments, Environ], int]


def main() -> int:
    """The command; returns its exit code. Without arguments it is `app.main`, and argparse is not even imported."""
    arguments = sys.argv[1:]
    if not arguments:
        return app.main()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Not every console can show every character of the help.
        sys.stdout.reconfigure(errors="replace")
    if arguments[0] in ("-h", "--help"):
        return _print(cli_help.short({name: command.help for name, command in COMMANDS.items()}))
    if arguments[0] == "--version":
        return _print(f"dbt-cloud-run {__version__}\n")
    try:
        return _called(arguments)
    except UsageError as error:
        more = " ".join(part for part in ("dbt-cloud-run", error.command, "--help") if part)
        sys.stderr.write(f"dbt-cloud-run: {error}\nTry `{more}`.\n")
        return int(ExitCode.CONFIG)


def _called(arguments: Arguments) -> int:
    name, rest = ("run", arguments) if arguments[0].startswith("-") else (arguments[0], arguments[1:])
    if name not in COMMANDS:
        nearest = difflib.get_close_matches(name, COMMANDS, n=1)
        # An unknown word may be a secret, so it is only shown when it is almost a command.
        hint = f" Did you mean `{nearest[0]}`?" if nearest else f" There are {', '.join(COMMANDS)}."
        raise UsageError(f"there is no such command.{hint}")
    return COMMANDS[name].run(rest, os.environ)


def _run(arguments: Arguments, environ: Environ) -> int:
    return app.main(cli_flags.read(arguments, environ, command="run"))


def _cancel(arguments: Arguments, environ: Environ) -> int:
    return app.cancel(cli_flags.read(arguments, environ, command="cancel"))


def _doctor(arguments: Arguments, environ: Environ) -> int:
    usage = "dbt-cloud-run doctor [JOB_URL] [--probe] [--json] [--INPUT VALUE ...]"
    words = "Looks whether a run could work, and says what to do about what it finds. Starts nothing."
    parser = cli_flags.parser("doctor", usage=usage, description=words)
    parser.add_argument("job_page", nargs="?", metavar="JOB_URL", help="address of the job's page in dbt Cloud")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    parser.add_argument(
        "--probe",
        action="store_true",
        help="also send a trigger and a status that are refused in any case, to learn whether the tokens may do that",
    )
    given, unknown = parser.parse_known_args(arguments)
    if unknown:
        known = ["--json", "--probe", *map(cli_flags.flag, app.ROWS)]
        cli_flags.refuse_unknown(unknown, known=known, command="doctor")
    overlaid = cli_flags.overlaid(vars(given), environ)
    if given.job_page:
        overlaid["DBT_JOB_URL"] = given.job_page
    return app.doctor(overlaid, probe=given.probe, as_json=given.json)


def _init(arguments: Arguments, environ: Environ) -> int:
    import argparse  # noqa: PLC0415 - a step of a CI passes no arguments, and importing it takes time

    from dbt_action.init import command  # noqa: PLC0415 - the same

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise UsageError(message, "init")

    def ask(question: str) -> str:
        try:
            return input(f"{question} ")
        except (EOFError, KeyboardInterrupt):
            sys.stdout.write("\n")
            message = "the question has no answer."
            raise command.InitError(message) from None

    parser = Parser(
        prog="dbt-cloud-run init",
        description="Writes the files of a pipeline for this checkout, and says what comes next. Asks in a terminal.",
        allow_abbrev=False,
    )
    parser.add_argument("job_url", nargs="?", default="", metavar="JOB_URL", help="address of the job's page")
    parser.add_argument("--platform", default="", choices=("", *command.PLATFORMS), help="the CI, if it is not found")
    parser.add_argument("--branch", default="", help="the branch that is deployed, if it is not the remote's first")
    parser.add_argument(
        "--pull-requests", default=None, action=argparse.BooleanOptionalAction, help="also for pull requests, or not"
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument("--force", action="store_true", help="replace its files of before, never a whole pipeline")
    given, unknown = parser.parse_known_args(arguments)
    if unknown:
        known = ["--platform", "--branch", "--pull-requests", "--no-pull-requests", "--yes", "--force"]
        cli_flags.refuse_unknown(unknown, known=known, command="init")
    options = command.Options(
        job_url=given.job_url,
        token=environ.get("DBT_TOKEN", "").strip(),
        platform=given.platform,
        pull_requests=given.pull_requests,
        branch=given.branch,
        force=given.force,
    )
    around = command.Surroundings(
        folder=Path.cwd(),
        say=print,
        ask=ask if sys.stdin.isatty() and not given.yes else None,
        clock=SystemClock(),
        http_timeouts=DEFAULT_HTTP_TIMEOUTS,
    )
    return int(command.run(options, around))


def _help(arguments: Arguments, _environ: Environ) -> int:
    topic = arguments[0] if arguments else ""
    if not topic:
        return _print(cli_help.short({name: command.help for name, command in COMMANDS.items()}))
    if topic not in cli_help.TOPICS:
        raise UsageError(f"there is help on {', '.join(cli_help.TOPICS)}.")
    return _print(cli_help.TOPICS[topic]())


def _completion(arguments: Arguments, _environ: Environ) -> int:
    if len(arguments) != 1 or arguments[0] not in cli_help.SHELLS:
        raise UsageError(f"`completion` needs one of {', '.join(cli_help.SHELLS)}.")
    return _print(cli_help.completion(arguments[0], list(COMMANDS)))


def _print(words: str) -> int:
    sys.stdout.write(words)
    return int(ExitCode.OK)


COMMANDS: Mapping[str, Command] = {
    "run": Command("start the job and wait for it (the default)", _run),
    "cancel": Command("cancel a run that was left going when `run` was killed, found by its state file", _cancel),
    "doctor": Command("look whether a run could work, and say what to do; starts nothing", _doctor),
    "init": Command("write the files of a pipeline for this checkout", _init),
    "help": Command(f"more about {', '.join(cli_help.TOPICS)}", _help),
    "completion": Command("a script that completes words in bash, zsh or fish", _completion),
}
