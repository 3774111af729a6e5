"""The flags of the command line: one for each input, in groups; reading them into environment variables."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

from dbt_action import app, ci, hosts
from dbt_action.config.datafold_inputs import DATAFOLD_INPUTS
from dbt_action.config.input_types import Input, InputType

if TYPE_CHECKING:
    import argparse


class UsageError(Exception):
    """The command line cannot be used; `command` is the one whose help says more, "" for that of all."""

    def __init__(self, message: str, command: str = "") -> None:
        """`message` has no secrets in it."""
        super().__init__(message)
        self.command = command


def _names(rows: Iterable[Input]) -> tuple[str, ...]:
    return tuple(row.name for row in rows)


# The flags in the help, by group; each input is in exactly one. Those of a CI or a host are where they are defined.
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "the job",
        (
            "mode",
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


def read(arguments: Sequence[str], environ: Mapping[str, str], *, command: str) -> dict[str, str]:
    """A copy of `environ` with the flags in it. Raises UsageError for unknown flags, and SystemExit for help."""
    given, unknown = parser(command).parse_known_args(arguments)
    if unknown:
        refuse_unknown(unknown, known=[flag(row) for row in app.ROWS], command=command)
    return overlaid(vars(given), environ)


def overlaid(given: Mapping[str, str | None], environ: Mapping[str, str]) -> dict[str, str]:
    """A copy of `environ` with the given flags, by the attributes of the parser, in place of all their variables."""
    found = dict(environ)
    for row in app.ROWS:
        value = given.get(_attribute(row))
        if value is None:
            continue
        # A flag wins over each variable of the same input, also when the flag is empty.
        for name in row.variables():
            found.pop(name, None)
        found[row.variable] = value
    return found


def refuse_unknown(arguments: Sequence[str], *, known: Sequence[str], command: str) -> NoReturn:
    """Raise UsageError with the nearest flag. Values are not shown: that of a misspelled flag may be a token."""
    names = [word.partition("=")[0] for word in arguments if word.startswith("-")]
    if names:
        nearest = difflib.get_close_matches(names[0], known, n=1)
        hint = f" Did you mean {nearest[0]}?" if nearest else ""
        raise UsageError(f"there is no flag {names[0]}.{hint}", command)
    words = "there is a word that belongs to no flag; it is not shown, because it may be a secret."
    raise UsageError(words, command)


def flag(row: Input) -> str:
    """The flag of an input."""
    return f"--{row.name.replace('_', '-')}"


def parser(command: str, *, usage: str = "", description: str = "") -> argparse.ArgumentParser:
    """The parser with the flags of all inputs, for a command."""
    import argparse  # noqa: PLC0415 - a step of a CI passes no arguments, and importing it takes time

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            # The usage is long, and would hide this message.
            raise UsageError(message, command)

    made = Parser(
        prog=f"dbt-cloud-run {command}",
        usage=usage or f"dbt-cloud-run {command} [--INPUT VALUE ...]",
        description=description or "Every input is a flag and an environment variable; a flag wins.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    rows = {row.name: row for row in app.ROWS}
    for title, names in GROUPS:
        group = made.add_argument_group(title)
        for name in names:
            _add(group, rows[name])
    return made


def _attribute(row: Input) -> str:
    return f"input_{row.name.replace('-', '_')}"


def _add(group: argparse._ArgumentGroup, row: Input) -> None:
    is_switch = row.input_type is InputType.BOOLEAN
    group.add_argument(
        flag(row),
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
