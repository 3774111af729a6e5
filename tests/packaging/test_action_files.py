"""That action.yml, composite/action.yml and the table of inputs say the same; nothing is run here."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbt_action.config import inputs
from dbt_action.report import outputs
from docs import tables

ROOT = Path(__file__).resolve().parents[2]
DOCKER: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
COMPOSITE: dict[str, Any] = yaml.safe_load((ROOT / "composite" / "action.yml").read_text(encoding="utf-8"))
ACTIONS = pytest.mark.parametrize("action", [DOCKER, COMPOSITE], ids=["docker", "composite"])
ROWS = pytest.mark.parametrize("row", inputs.INPUTS, ids=lambda row: row.name)

STEP, CLEAN_UP = COMPOSITE["runs"]["steps"]
# The variables that are not inputs.
OURS = {"DBT_CLOUD_RUN_PROGRAM", "STATE_run"}


def _inputs_of(step: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in step["env"].items() if name not in OURS}


MAPPINGS = {"docker": DOCKER["runs"]["env"], "composite": _inputs_of(STEP), "clean-up": _inputs_of(CLEAN_UP)}


@ACTIONS
def test_inputs__are_those_of_the_table_and_their_aliases(action: dict[str, Any]) -> None:
    expected = {name for row in inputs.INPUTS for name in (row.name, *row.aliases)}

    assert set(action["inputs"]) == expected


def test_inputs__are_the_same_in_both() -> None:
    assert DOCKER["inputs"] == COMPOSITE["inputs"]


@ACTIONS
def test_inputs__have_only_defaults_that_nothing_but_an_expression_can_give(action: dict[str, Any]) -> None:
    defaults = {name: entry["default"] for name, entry in action["inputs"].items() if "default" in entry}

    assert defaults["github-token"] == "${{ github.token }}"
    assert defaults == {row.name: row.default for row in inputs.INPUTS if row.default.startswith("${{")}


@ACTIONS
@ROWS
def test_description__says_help_and_default(action: dict[str, Any], row: inputs.Input) -> None:
    description = action["inputs"][row.name]["description"]

    assert row.help in description
    if row.default and not row.default.startswith(tables.EXPRESSION):
        assert row.default.strip("()") in description.removeprefix(row.help)
    assert "${{" not in description  # the runner refuses the whole file


@ACTIONS
def test_descriptions__of_aliases_lead_to_the_input(action: dict[str, Any]) -> None:
    names = {row.name for row in inputs.INPUTS}
    aliases = {alias: row.name for row in inputs.INPUTS for alias in row.aliases if alias not in names}

    assert aliases
    for alias, name in aliases.items():
        assert f"`{name}`" in action["inputs"][alias]["description"]


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS)
def test_environment__has_a_variable_for_every_input(mapping: dict[str, str]) -> None:
    assert set(mapping) == {row.variable for row in inputs.INPUTS}


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS)
@ROWS
def test_environment__carries_the_input_under_each_of_its_names(mapping: dict[str, str], row: inputs.Input) -> None:
    for name in (row.name, *row.aliases):
        assert _evaluate(mapping[row.variable], {f"inputs.{name}": "given"}) == "given"
    for alias in row.aliases:
        both = {f"inputs.{row.name}": "by name", f"inputs.{alias}": "by alias"}
        assert _evaluate(mapping[row.variable], both) == "by name"


@ROWS
def test_environment__of_the_composite_keeps_what_the_workflow_has_set(row: inputs.Input) -> None:
    expression = STEP["env"][row.variable]

    assert _evaluate(expression, {f"env.{row.variable}": "of the workflow"}) == "of the workflow"
    of_both = {f"env.{row.variable}": "of the workflow", f"inputs.{row.name}": "of the step"}
    assert _evaluate(expression, of_both) == "of the step"


@ROWS
def test_lookups__find_what_the_mapping_carries(row: inputs.Input) -> None:
    assert row.variable in row.variables()
    assert f"INPUT_{row.name.upper()}" in row.variables()


@ACTIONS
def test_outputs__are_those_of_the_table(action: dict[str, Any]) -> None:
    assert {name: entry["description"] for name, entry in action["outputs"].items()} == {
        output.name: output.help for output in outputs.OUTPUTS
    }


def test_outputs__of_the_composite_come_from_its_step() -> None:
    values = {name: entry["value"] for name, entry in COMPOSITE["outputs"].items()}

    assert values == {name: f"${{{{ steps.{STEP['id']}.outputs.{name} }}}}" for name in values}


def test_docker__runs_the_entrypoint_of_the_image_and_passes_nothing_by_arguments() -> None:
    runs = DOCKER["runs"]
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")

    assert (runs["using"], runs["image"]) == ("docker", "Dockerfile")
    assert f'ENTRYPOINT ["{runs["entrypoint"]}"]' in dockerfile
    assert "args" not in runs


def test_clean_up__runs_after_everything_that_left_something_open() -> None:
    assert DOCKER["runs"]["post-entrypoint"] == "/app/post.py"
    assert CLEAN_UP["if"] == f"${{{{ always() && steps.{STEP['id']}.outputs.closed == 'false' }}}}"
    assert CLEAN_UP["env"]["STATE_run"] == f"${{{{ steps.{STEP['id']}.outputs.run }}}}"
    assert (CLEAN_UP["shell"], CLEAN_UP["run"]) == (STEP["shell"], STEP["run"])
    programs = [step["env"]["DBT_CLOUD_RUN_PROGRAM"] for step in (STEP, CLEAN_UP)]
    assert programs == ["entrypoint.py", "post.py"]


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no executable bit")
@pytest.mark.parametrize("name", ["entrypoint.py", "post.py"])
def test_program__can_be_executed_as_it_is(name: str) -> None:
    entrypoint = ROOT / name

    assert entrypoint.stat().st_mode & stat.S_IXUSR
    first_line = entrypoint.read_text(encoding="utf-8").splitlines()[0]
    # -E and -s: nothing of the workflow decides what is imported. -u: the log appears as it is written.
    assert first_line == "#!/usr/bin/env -S python3 -Esu"


def test_composite__ends_as_python_so_that_signals_arrive() -> None:
    script = (ROOT / "composite" / "run.sh").read_text(encoding="utf-8").splitlines()

    assert STEP["shell"] == "bash"
    assert STEP["run"] == '. "$GITHUB_ACTION_PATH/run.sh"'
    assert re.fullmatch(r'exec "\$\(python_of .*\)" -Esu "\$root/\$DBT_CLOUD_RUN_PROGRAM"', script[-1])


def test_names__differ() -> None:
    assert DOCKER["name"] != COMPOSITE["name"]
    assert DOCKER["branding"] == COMPOSITE["branding"]


def _evaluate(expression: str, values: dict[str, str]) -> str:
    """What the runner makes of `${{ a || b }}`: the first that is not empty."""
    inside = re.fullmatch(r"\$\{\{ (.+) \}\}", expression)
    assert inside
    return next(filter(None, (values.get(term, "") for term in inside[1].split(" || "))), "")
