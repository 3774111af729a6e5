"""The type of an input: names, variables, default, how it is parsed. The inputs themselves are in `inputs`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

# Azure Pipelines leaves `$(Name)` as it is when the pipeline has no variable of that name.
_MACRO = re.compile(r"\$\([^)]*\)")


class InputType(Enum):
    """The form of a value; `loader` has one parser for each."""

    TEXT = "text"
    SENTENCE = "sentence"
    TOKEN = "token"  # noqa: S105 - a type of input, not a token
    URL = "URL"
    JOB_URL = "URL of a job's page"
    ID = "integer"
    COUNT = "positive integer"
    SECONDS = "seconds"
    BOOLEAN = "true or false"
    CHOICE = "choice"
    COMMIT = "commit hash"
    BRANCH = "branch"
    PULL_REQUEST = "number or none"
    RUN_ID = "number, latest or for-commit"
    STEPS = "commands"
    INTERVAL = "seconds or auto"
    MINUTES = "minutes"
    MINUTES_OR_NONE = "minutes, 0 for none"
    RETRIES = "number from 0 to 10"
    SIZE = "size in bytes"
    PATTERNS = "names or globs"
    IGNORE_PATTERNS = "gitignore patterns"
    WORDS_OR_NONE = "text or none"
    DBT_VERSION = "dbt version"
    REPOSITORY = "owner/name"
    PATH = "path"
    FOLDER = "folder in the repository"


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One input of the action.

    `default` is the value that gives the default behaviour, or a description in parentheses where no
    single value does; "" means that there is none. `aliases` are input names of other actions,
    `environment` the variable names of dbt's own CI guide and of other dbt Cloud command-line tools.
    `variable_name` is the variable where it does not follow from the name.
    """

    name: str
    input_type: InputType
    help: str
    default: str = ""
    # The values of a CHOICE; `choices` where they are only known at run time.
    enum: type[Enum] | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False
    aliases: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    variable_name: str = ""
    # The field of Config that the value fills, where it is not called like the input; `overrides.<field>` is one of
    # Overrides, `datafold.<field>` one of Datafold.
    field: str = ""

    @property
    def allowed(self) -> tuple[str, ...]:
        """The values of a CHOICE, as users write them."""
        return tuple(member.value for member in self.enum) if self.enum else self.choices

    @property
    def default_value(self) -> str:
        """`default` if it is a value; "" if it is a description, an expression of a workflow, or a pattern."""
        return "" if self.default.startswith(("(", "${{")) or "<" in self.default else self.default

    @property
    def config_field(self) -> str:
        """The field of Config that the value fills; a few inputs are used elsewhere and have none of that name."""
        return self.field or self.name.replace("-", "_")

    @property
    def is_host_token(self) -> bool:
        """Whether this is the token of a code host, as every token but dbt Cloud's is."""
        return self.name.endswith("-token") and self.name != "dbt-token"

    @property
    def variable(self) -> str:
        """The input's environment variable: `DBT_` + the name, `dbt-` not doubled."""
        return self.variable_name or variable_of(self.name)

    def variables(self) -> tuple[str, ...]:
        """Every environment variable that may carry this input; an earlier one wins over a later one.

        `INPUT_*` is what a CI sets for a step's own inputs, so it comes before variables that may
        have been set for a whole workflow. GitHub's runner keeps hyphens (`INPUT_JOB-ID`); other tools
        turn them into underscores.
        """
        names = (self.name, *self.aliases)
        from_step = [f"INPUT_{form}" for name in names for form in _spellings(name.upper())]
        mapped = [self.variable, *(variable_of(name) for name in self.aliases)]
        return tuple(dict.fromkeys([*from_step, *mapped, *self.environment]))


def _spellings(name: str) -> tuple[str, str]:
    return name.replace("_", "-"), name.replace("-", "_")


def variable_of(name: str) -> str:
    """The environment variable of an input without a `variable_name`."""
    plain = name.upper().replace("-", "_")
    return plain if plain.startswith("DBT_") else f"DBT_{plain}"


class Given(NamedTuple):
    """A value that was given for an input, and the environment variable that it came from."""

    variable: str
    value: str


def lookup(environ: Mapping[str, str], row: Input) -> Given | None:
    """The value that `environ` has for the input, under the first of its names that is set; None if none is."""
    return next((Given(name, value) for name in row.variables() if (value := given_value(environ, name))), None)


def given_value(environ: Mapping[str, str], variable: str) -> str:
    """The value of `variable` without white space around it, "" if nothing was given."""
    value = environ.get(variable, "").strip()
    return "" if _MACRO.fullmatch(value) else value
