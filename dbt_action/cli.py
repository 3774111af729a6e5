"""The command line: every input as a flag, `cancel` as a word; what the inputs are and do is told elsewhere."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

from dbt_action import __version__, app, ci
from dbt_action.config.input_types import Input, InputType

if TYPE_CHECKING:
    import argparse

_ABOUT = f"""\
Runs a dbt Cloud job, waits for it, and shows the result on the commit.

Every input is a flag and an environment variable; a flag wins.
At home in {", ".join(platform.display_name for platform in ci.KNOWN)}."""
_COMMAND = """\
run     start the job and wait for it (the default)
cancel  cancel the run that a killed `run` has left going, found by its state file; never starts anything"""
_EPILOG = """\
exit codes:
  0    the run succeeded, or has been started and nobody waits
  1    the run failed or was cancelled
  2    the inputs cannot be used; nothing was sent
  3    dbt Cloud cannot be reached, or the run was lost from sight
  4    the time of `timeout-minutes` is over
  70   a bug
  130  interrupted

example:
  DBT_TOKEN=... dbt-cloud-run --job-url https://ab123.us1.dbt.com/deploy/1/projects/2/jobs/3 --run-on job"""

_HOST_TOKENS = tuple(row.name for row in app.ROWS if row.input_type is InputType.TOKEN and row.name != "dbt-token")
# What belongs together in the help; whatever is in no group comes last.
_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("the job", ("job-url", "dbt-url", "dbt-token", "account-id", "job-id", "project-id", "cause")),
    ("what to run", ("run-on", "branch", "git-sha", "pull-request", "pull-request-field")),
    ("waiting", ("wait", "poll-interval", "timeout-minutes", "on-cancel", "on-timeout", "fail-on-error")),
    ("again", ("on-rerun", "retry-failed", "supersede", "instance")),
    ("this place", ("ci", "state-file", "output-file", "summary-file")),
    ("the commit", ("commit-status", "status-context", "comment", "code-host", "repository", *_HOST_TOKENS)),
)
_OVERRIDES = "-override"


def main() -> int:
    """The command; its exit code. Without arguments it is `app.main`, and argparse is not even imported."""
    arguments = sys.argv[1:]
    if not arguments:
        return app.main()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Not every console knows every character of the help.
        sys.stdout.reconfigure(errors="replace")
    command, environ = read(arguments, os.environ)
    return app.cancel(environ) if command == "cancel" else app.main(environ)


def read(arguments: Sequence[str], environ: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The command, and `environ` with the flags in it. Raises SystemExit for help and for unknown flags."""
    parser = _parser()
    given, unknown = parser.parse_known_args(arguments)
    if unknown or given.command not in ("run", "cancel"):
        # Only names: a token may have been put behind a misspelled flag.
        names = ", ".join(word.partition("=")[0] for word in unknown if word.startswith("-"))
        parser.error(f"unknown: {names}" if names else "only one command, `run` or `cancel`, is possible.")
    overlaid = dict(environ)
    for row in app.ROWS:
        value = getattr(given, _attribute(row))
        if value is None:
            continue
        # A flag beats every name that the environment may have for it, also when it is empty.
        for name in row.variables():
            overlaid.pop(name, None)
        overlaid[row.variable] = value
    return given.command, overlaid


def _attribute(row: Input) -> str:
    return f"input_{row.name.replace('-', '_')}"


def _parser() -> argparse.ArgumentParser:
    import argparse  # noqa: PLC0415 - a step of a CI has no arguments, and does not pay for them

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            # The usage has seventy lines, which hide the one that matters.
            self.exit(2, f"{self.prog}: {message}\nTry `{self.prog} --help`.\n")

    parser = Parser(
        prog="dbt-cloud-run",
        description=_ABOUT,
        epilog=_EPILOG,
        usage="dbt-cloud-run [run|cancel] [--INPUT VALUE ...]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"dbt-cloud-run {__version__}")
    commands = parser.add_argument_group("commands", _COMMAND)
    commands.add_argument("command", nargs="?", default="run", help=argparse.SUPPRESS)
    for title, rows in _grouped():
        group = parser.add_argument_group(title)
        for row in rows:
            _add(group, row)
    return parser


def _grouped() -> list[tuple[str, list[Input]]]:
    rows = {row.name: row for row in app.ROWS}
    groups = [(title, [rows.pop(name) for name in names if name in rows]) for title, names in _GROUPS]
    overrides = [rows.pop(name) for name in list(rows) if name.endswith(_OVERRIDES)]
    groups.insert(2, ("otherwise than the job", overrides))
    return [*groups, ("what is left behind", list(rows.values()))]


def _add(group: argparse._ArgumentGroup, row: Input) -> None:
    alone_is_true = row.input_type is InputType.BOOLEAN
    group.add_argument(
        f"--{row.name.replace('_', '-')}",
        dest=_attribute(row),
        metavar=_metavar(row),
        help=_help(row).replace("%", "%%"),
        nargs="?" if alone_is_true else None,
        const="true" if alone_is_true else None,
    )


def _metavar(row: Input) -> str:
    if row.allowed:
        return "|".join(row.allowed)
    return _METAVARS.get(row.input_type, row.input_type.name)


_METAVARS = {
    InputType.BOOLEAN: "true|false",
    InputType.ID: "N",
    InputType.COUNT: "N",
    InputType.RETRIES: "N",
    InputType.PULL_REQUEST: "N|none",
    InputType.INTERVAL: "SECONDS|auto",
    InputType.JOB_URL: "URL",
    InputType.SENTENCE: "TEXT",
    InputType.COMMIT: "SHA",
    InputType.PATTERNS: "NAMES",
}


def _help(row: Input) -> str:
    """The help of the table, and the variable that says the same."""
    told = row.help.replace("`", "")
    if row.default and not row.default.startswith("${{"):
        default = row.default.strip("()").replace("`", "")
        told += f" Default: {default}."
    if row.secret:
        told += " Better given as variable: other processes can see the arguments of this one."
    return f"{told} [{', '.join(dict.fromkeys((row.variable, *row.environment)))}]"
