"""README.md mentions every input, output and variable; its wording is not checked."""

from __future__ import annotations

from pathlib import Path

from dbt_action.config.inputs import INPUTS
from dbt_action.report.outputs import OUTPUTS

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def test_readme__mentions_every_input_with_its_aliases_and_variables() -> None:
    for row in INPUTS:
        for name in (row.name, *row.aliases, row.variable, *row.environment):
            assert f"`{name}`" in README, f"{name} of the input {row.name}"


def test_readme__mentions_every_output() -> None:
    for output in OUTPUTS:
        assert f"`{output.name}`" in README, output.name


def test_readme__has_the_first_two_commands_on_its_first_screen() -> None:
    first_screen = "\n".join(README.splitlines()[:60])

    for command in ("make demo", "make test"):
        assert command in first_screen
