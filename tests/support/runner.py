"""Reads a log and a command file as GitHub's runner does, without the product's code.

[actions/runner: ActionCommand.cs, OutputManager.cs, FileCommandManager.cs]
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

LINE_END = re.compile("\r\n|\n|\r")


@dataclass(frozen=True)
class Command:
    """One workflow command, decoded."""

    name: str
    data: str = ""
    properties: dict[str, str] = field(default_factory=dict)


def lines(log: str) -> list[str]:
    """The lines of a log; for the runner a lone carriage return ends a line too."""
    return LINE_END.split(log)


def commands(log: str) -> list[Command]:
    """Every workflow command in a log that GitHub's runner would carry out, of any name."""
    return [found for line in lines(log) for found in (_second_form(line) or _first_form(line),) if found]


def azure_commands(log: str) -> list[str]:
    """The lines that an agent of Azure Pipelines would carry out as commands."""
    return [line for line in lines(log) if re.search(r"##vso\[[^\]]*\]", line, re.IGNORECASE)]


def _second_form(line: str) -> Command | None:
    """`::name key=value,key=value::data` after white space."""
    stripped = line.lstrip()
    if not stripped.startswith("::"):
        return None
    head, separator, data = stripped[2:].partition("::")
    if not separator:
        return None
    name, _, rest = head.partition(" ")
    properties = {}
    for pair in rest.strip().split(","):
        key, equals, value = pair.partition("=")
        if equals and value:
            properties[key.strip()] = _decoded(value, properties=True)
    return Command(name.lower(), _decoded(data), properties)


def _first_form(line: str) -> Command | None:
    """`##[name key=value;key=value]data` anywhere in the line."""
    begin = line.find("##[")
    end = line.find("]", begin)
    if begin < 0 or end < 0:
        return None
    return Command(line[begin + 3 : end].partition(" ")[0].lower(), line[end + 1 :])


def _decoded(value: str, *, properties: bool = False) -> str:
    escapes = [("%0D", "\r"), ("%0A", "\n"), *([("%3A", ":"), ("%2C", ",")] if properties else []), ("%25", "%")]
    for code, character in escapes:
        value = value.replace(code, character)
    return value


def assignments(content: str) -> dict[str, str]:
    """The name-value pairs of a command file; AssertionError where the runner would fail the step."""
    found: dict[str, str] = {}
    rest = content
    while rest:
        head, newline, rest = rest.partition("\n")
        assert newline, f"no line end after {head!r}"
        if not head:
            continue
        name, heredoc, delimiter = head.partition("<<")
        # The runner takes whichever of `=` and `<<` comes first.
        assert heredoc, f"not a heredoc: {head!r}"
        assert "=" not in name, f"not a heredoc: {head!r}"
        assert name, "an empty name"
        assert delimiter, "an empty delimiter"
        body: list[str] = []
        while True:
            assert rest, f"no end of {name}"
            line, newline, rest = rest.partition("\n")
            if line == delimiter:
                break
            assert newline, f"no end of {name}"
            body.append(line)
        found[name] = "\n".join(body)
    return found
