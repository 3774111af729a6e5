"""The command line: one flag for each input, and the commands `run` and `cancel`."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

from dbt_action import __version__, app, ci, hosts
from dbt_action.config.datafold_inputs import DATAFOLD_INPUTS
from dbt_action.config.input_types import Input, InputType

if TYPE_CHECKING:
    import argparse

_PLATFORMS = [platform.display_name for platform in ci.KNOWN]
_DESCRIPTION = f"""\
Runs a dbt Cloud job, waits for it, and shows the result on the commit.

Every input is a flag and an environment variable; a flag wins.
Runs in {", ".join(_PLATFORMS[:-1])} and {_PLATFORMS[-1]}."""
_COMMANDS = """\
run     start the job and wait for it (the default)
cancel  cancel a run that was left going when `run` was killed, found by its state file; never starts a run"""
_EPILOG = """\
exit codes:
  0    the run succeeded, or was started without waiting for it (`--wait false`)
  1    the run failed or was cancelled
  2    the inputs cannot be used, or the build may not be sent; nothing was started
  3    dbt Cloud cannot be reached, or contact with the run was lost
  4    the run did not end within `--timeout-minutes`
  70   a bug
  130  interrupted

example:
  DBT_TOKEN=... dbt-cloud-run --job-url https://ab123.us1.dbt.com/deploy/1/projects/2/jobs/3 --run-on job"""


def _names(rows: Iterable[Input]) -> tuple[str, ...]:
    return tuple(row.name for row in rows)


# The flags in the help, by group; each input is in exactly one. Those of a CI or a host are where they are defined.
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "the job",
        (
            "job-url",
            "dbt-url",
            "dbt-token",
            "account-id",
            "job-id",
            "job-name",
            "project-id",
            "environment-id",
            "cause",
            "run-id",
            "dry-run",
            "api_timeout",
        ),
    ),
    (
        "what to run",
        ("run-on", "branch", "git-sha", "pull-request", "pull-request-field", "allow-job-schema", "allow-forks"),
    ),
    ("reasons not to run", ("files-to-ignore", "require-label", "skip-drafts", "skip-commit-message")),
    ("overrides", _names(row for row in app.ROWS if row.name.endswith("-override"))),
    ("waiting", ("wait", "poll-interval", "timeout-minutes", "on-cancel", "on-timeout", "fail-on-error")),
    ("re-runs and retries", ("on-rerun", "retry-failed", "supersede", "instance")),
    ("the CI", _names(ci.INPUTS)),
    ("the commit", ("commit-status", "status-context", "comment", "github-token", *_names(hosts.INPUTS))),
    (
        "reports",
        (
            "log",
            "log-format",
            "summary",
            "summary-path",
            "changes",
            "mention-owners",
            "annotations",
            "compiled-sql",
            "project-directory",
            "results-path",
            "junit-path",
        ),
    ),
    (
        "artifacts",
        (
            "artifacts",
            "artifacts-path",
            "artifacts-max-size",
            "artifacts-per-step",
            "base-artifacts",
            "get_artifacts",
            "fetch_catalog",
        ),
    ),
    ("Datafold", _names(DATAFOLD_INPUTS)),
)

# What the help shows for a value, where it is not the name of the type; of a CHOICE, it is the choices.
_METAVARS = {
    InputType.BOOLEAN: "true|false",
    InputType.ID: "N",
    InputType.COUNT: "N",
    InputType.RETRIES: "N",
    InputType.PULL_REQUEST: "N|none",
    InputType.RUN_ID: "N|latest|for-commit",
    InputType.DBT_VERSION: "VERSION",
    InputType.INTERVAL: "SECONDS|auto",
    InputType.JOB_URL: "URL",
    InputType.SENTENCE: "TEXT",
    InputType.COMMIT: "SHA",
    InputType.SIZE: "SIZE",
    InputType.PATTERNS: "NAMES",
    InputType.IGNORE_PATTERNS: "PATTERNS",
    InputType.MINUTES_OR_NONE: "MINUTES",
    InputType.WORDS_OR_NONE: "TEXT|none",
}


def main() -> int:
    """The command; returns its exit code. Without arguments it is `app.main`, and argparse is not even imported."""
    arguments = sys.argv[1:]
    if not arguments:
        return app.main()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Not every console can show every character of the help.
        sys.stdout.reconfigure(errors="replace")
    command, environ = read(arguments, os.environ)
    return app.cancel(environ) if command == "cancel" else app.main(environ)


def read(arguments: Sequence[str], environ: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The command, and a copy of `environ` with the flags in it. Raises SystemExit for help and for unknown flags."""
    parser = _parser()
    given, unknown = parser.parse_known_args(arguments)
    if unknown or given.command not in ("run", "cancel"):
        # Only names are shown: the value of a misspelled flag may be a token.
        names = ", ".join(word.partition("=")[0] for word in unknown if word.startswith("-"))
        parser.error(
            f"unknown: {names}" if names else "the only commands are `run` and `cancel`, and one can be given."
        )
    overlaid = dict(environ)
    for row in app.ROWS:
        value = getattr(given, _attribute(row))
        if value is None:
            continue
        # A flag wins over each variable of the same input, also when the flag is empty.
        for name in row.variables():
            overlaid.pop(name, None)
        overlaid[row.variable] = value
    return given.command, overlaid


def _attribute(row: Input) -> str:
    return f"input_{row.name.replace('-', '_')}"


def _parser() -> argparse.ArgumentParser:
    import argparse  # noqa: PLC0415 - a step of a CI passes no arguments, and importing it takes time

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            # The usage has seventy lines, which would hide this message.
            self.exit(2, f"{self.prog}: {message}\nTry `{self.prog} --help`.\n")

    parser = Parser(
        prog="dbt-cloud-run",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        usage="dbt-cloud-run [run|cancel] [--INPUT VALUE ...]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"dbt-cloud-run {__version__}")
    commands = parser.add_argument_group("commands", _COMMANDS)
    commands.add_argument("command", nargs="?", default="run", help=argparse.SUPPRESS)
    rows = {row.name: row for row in app.ROWS}
    for title, names in GROUPS:
        group = parser.add_argument_group(title)
        for name in names:
            _add(group, rows[name])
    return parser


def _add(group: argparse._ArgumentGroup, row: Input) -> None:
    is_switch = row.input_type is InputType.BOOLEAN
    group.add_argument(
        f"--{row.name.replace('_', '-')}",
        dest=_attribute(row),
        metavar=_metavar(row),
        help=_help(row).replace("%", "%%"),
        nargs="?" if is_switch else None,
        const="true" if is_switch else None,
    )


def _metavar(row: Input) -> str:
    return "|".join(row.allowed) or _METAVARS.get(row.input_type, row.input_type.name)


def _help(row: Input) -> str:
    """The input's help and default, and the variables that can be set instead of the flag."""
    words = row.help.replace("`", "")
    if row.default and not row.default.startswith("${{"):
        default = row.default.strip("()").replace("`", "")
        words += f" Default: {default}."
    if row.secret:
        words += " Better passed as a variable: other processes can see the arguments of this one."
    return f"{words} [{', '.join(dict.fromkeys((row.variable, *row.environment)))}]"
