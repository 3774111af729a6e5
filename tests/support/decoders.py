"""Readers of logs and files by the rules of Azure's agent, GitLab and dotenv, written without the product's code.

[azure-pipelines-agent: Command.cs; azure-pipelines-task-lib: taskcommand.js; GitLab: trace sections, dotenv service]
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tests.support import runner

MAX_DOTENV_BYTES = 5 * 1024
MAX_DOTENV_VARIABLES = 20
_SECTION = re.compile(r"section_(start|end):(\d+):([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?\r\x1b\[0K")


@dataclass(frozen=True)
class Vso:
    """One `##vso[area.event key=value;]message`."""

    name: str
    message: str = ""
    properties: dict[str, str] = field(default_factory=dict)


def vso(log: str) -> list[Vso]:
    """Every command that the agent finds: anywhere in a line, in upper or lower case."""
    found = []
    for line in re.split(r"\r\n|\n|\r", log):
        start = line.lower().find("##vso[")
        end = line.find("]", start)
        if start < 0 or end < 0:
            continue
        name, _, rest = line[start + len("##vso[") : end].partition(" ")
        pairs = (pair.partition("=") for pair in rest.split(";") if pair)
        properties = {key.strip().lower(): _decoded(value, is_property=True) for key, _, value in pairs}
        found.append(Vso(name.lower(), _decoded(line[end + 1 :]), properties))
    return found


def _decoded(value: str, *, is_property: bool = False) -> str:
    of_properties = [("%5D", "]"), ("%3B", ";")] if is_property else []
    codes = [("%0D", "\r"), ("%0A", "\n"), *of_properties, ("%AZP25", "%")]
    for code, character in codes:
        value = value.replace(code, character)
    return value


def sections(log: str) -> list[tuple[str, str]]:
    """(start or end, name) of every section that GitLab recognises."""
    return [(match[1], match[3]) for match in _SECTION.finditer(log)]


def dotenv(content: str) -> dict[str, str]:
    """The variables of a dotenv report; AssertionError where GitLab would refuse the file."""
    assert len(content.encode()) <= MAX_DOTENV_BYTES
    assert content.endswith("\n")
    found = {}
    for line in content.splitlines():
        name, equals, value = line.partition("=")
        assert equals, line
        assert re.fullmatch("[A-Za-z0-9_]+", name), line
        assert name not in found, "a second time"
        assert '"' not in value[:1] + value[-1:]
        found[name] = value
    assert len(found) <= MAX_DOTENV_VARIABLES
    return found


def all_commands(log: str) -> list[str]:
    """Every command that any of the CIs would find, by its name and what it is about, if anything.

    `error`, `task.setvariable run_id`, `section_start dbt_cloud_run_1`.
    """
    azure = [f"{one.name} {one.properties.get('variable', '')}".strip() for one in vso(log)]
    github = [command.name for command in runner.commands(log)]
    gitlab = [f"section_{event} {name}" for event, name in sections(log)]
    return [*azure, *github, *gitlab]
