"""The command line: `run`, `cancel`, `doctor`, `init`, `help` and `completion`."""

from __future__ import annotations

import difflib
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dbt_action import __version__, app, cli_flags, cli_help
from dbt_action.cli_flags import UsageError
from dbt_action.errors import ExitCode

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
    "help": Command(f"more about {', '.join(cli_help.TOPICS)}", _help),
    "completion": Command("a script that completes words in bash, zsh or fish", _completion),
}
