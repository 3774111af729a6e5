"""What `dbt-cloud-run --help` and `dbt-cloud-run help` say, and the scripts that complete words in a shell."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence

from dbt_action import app, cli_flags
from dbt_action.errors import ExitCode

WIDTH = 100
# The flags that most people use.
USUAL = ("job-url", "dbt-token", "run-on", "branch", "wait", "artifacts", "log", "dry-run")
EXIT_CODES: Mapping[ExitCode, str] = {
    ExitCode.OK: "the run succeeded; or it is not waited for (`--wait false`), or there was nothing to run",
    ExitCode.FAILED: "the run failed or was cancelled",
    ExitCode.CONFIG: "the inputs cannot be used, or the build may not be sent; nothing was started",
    ExitCode.CLOUD: "dbt Cloud cannot be reached, or contact with the run was lost",
    ExitCode.TIMED_OUT: "the run did not end within `--timeout-minutes`",
    ExitCode.BUG: "a bug",
    ExitCode.INTERRUPTED: "interrupted",
}
_EXAMPLES = """\
  export DBT_TOKEN=...          # better than a flag: other processes can see arguments
  dbt-cloud-run --job-url https://ab123.us1.dbt.com/deploy/1/projects/2/jobs/3
  dbt-cloud-run doctor https://ab123.us1.dbt.com/deploy/1/projects/2/jobs/3
  dbt-cloud-run --run-id latest --wait false --artifacts manifest.json"""


def short(commands: Mapping[str, str]) -> str:
    """The help without a command: at most a screen. `commands` are their sentences by name."""
    rows = {row.name: row for row in app.ROWS}
    usual = [(cli_flags.flag(rows[name]), _first_sentence(rows[name].help)) for name in USUAL]
    return "\n".join(
        [
            "usage: dbt-cloud-run [COMMAND] [--INPUT VALUE ...]",
            "",
            "Runs a dbt Cloud job, waits for it, and shows the result on the commit.",
            "",
            "commands:",
            *_table(list(commands.items())),
            "",
            "flags of `run` that most people use (all of them: dbt-cloud-run run --help):",
            *_table(usual),
            "",
            "examples:",
            _EXAMPLES,
            "",
        ]
    )


def inputs() -> str:
    """Every input in a line, by group."""
    rows = {row.name: row for row in app.ROWS}
    lines: list[str] = []
    for title, names in cli_flags.GROUPS:
        lines += [f"{title}:", *_table([(name, _first_sentence(rows[name].help)) for name in names]), ""]
    return "\n".join(lines)


def environment() -> str:
    """Every input with the variables that are read for it."""
    listed = [
        (row.name, ", ".join(name for name in row.variables() if not name.startswith("INPUT_"))) for row in app.ROWS
    ]
    note = "A variable that stands first wins over those after it. An input of a step of a CI wins over variables."
    return "\n".join(["variables of the inputs:", *_table(listed), "", note, ""])


def exit_codes() -> str:
    """The meaning of every exit code."""
    return "\n".join(["exit codes:", *_table([(str(int(code)), words) for code, words in EXIT_CODES.items()]), ""])


TOPICS: Mapping[str, Callable[[], str]] = {"inputs": inputs, "environment": environment, "exit-codes": exit_codes}


def _table(rows: Sequence[tuple[str, str]]) -> list[str]:
    width = max(len(name) for name, _ in rows) + 2
    lines = []
    for name, words in rows:
        first, *more = textwrap.wrap(words, WIDTH - width - 2) or [""]
        lines.append(f"  {name:{width}}{first}".rstrip())
        lines += [" " * (width + 2) + line for line in more]
    return lines


def _first_sentence(words: str) -> str:
    plain = words.replace("`", "")
    end = plain.find(". ")
    return plain[: end + 1] if end > 0 else plain


_BASH = """\
_dbt_cloud_run() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}"
  if [[ $COMP_CWORD -eq 1 && $word != -* ]]; then
    COMPREPLY=($(compgen -W "{commands}" -- "$word"))
  else
    COMPREPLY=($(compgen -W "{flags}" -- "$word"))
  fi
}}
complete -o default -F _dbt_cloud_run dbt-cloud-run
"""
_ZSH = "autoload -U +X bashcompinit && bashcompinit\n"
_FISH = """\
complete -c dbt-cloud-run -n __fish_use_subcommand -a "{commands}"
{flags}
"""


def completion(shell: str, commands: Sequence[str]) -> str:
    """The script for a shell: bash, zsh or fish."""
    flags = [cli_flags.flag(row) for row in app.ROWS]
    if shell == "fish":
        lines = "\n".join(f"complete -c dbt-cloud-run -l {name.removeprefix('--')}" for name in flags)
        return _FISH.format(commands=" ".join(commands), flags=lines)
    script = _BASH.format(commands=" ".join(commands), flags=" ".join(flags))
    return _ZSH + script if shell == "zsh" else script


SHELLS = ("bash", "zsh", "fish")
