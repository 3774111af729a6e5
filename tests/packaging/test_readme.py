"""That the README speaks of everything a user can set and read; its wording is not judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbt_action.config import inputs
from dbt_action.report import outputs

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted({name for row in inputs.INPUTS for name in (row.name, *row.aliases)})


@pytest.fixture(scope="module")
def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_readme__mentions_input(readme: str, name: str) -> None:
    assert f"`{name}`" in readme


@pytest.mark.parametrize("output", outputs.OUTPUTS, ids=lambda output: output.name)
def test_readme__mentions_output(readme: str, output: outputs.Output) -> None:
    assert f"`{output.name}`" in readme


@pytest.mark.parametrize("row", inputs.INPUTS, ids=lambda row: row.name)
def test_readme__mentions_environment_variables(readme: str, row: inputs.Input) -> None:
    for variable in (row.variable, *row.environment):
        assert f"`{variable}`" in readme


@pytest.mark.parametrize("verb", ["make demo", "make test"])
def test_readme__tells_the_two_commands_on_its_first_screen(readme: str, verb: str) -> None:
    assert verb in "\n".join(readme.splitlines()[:60])
