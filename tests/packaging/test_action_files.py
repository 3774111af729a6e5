"""action.yml and composite/action.yml agree with the table of inputs; neither action is run here."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbt_action.config.inputs import INPUTS
from dbt_action.report.outputs import OUTPUTS
from docs import tables

ROOT = Path(__file__).resolve().parents[2]
DOCKER: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
COMPOSITE: dict[str, Any] = yaml.safe_load((ROOT / "composite" / "action.yml").read_text(encoding="utf-8"))
ACTIONS = pytest.mark.parametrize("action", [DOCKER, COMPOSITE], ids=["docker", "composite"])

STEP, CLEAN_UP = COMPOSITE["runs"]["steps"]
# Variables of the composite action's steps that are not inputs.
NOT_INPUTS = {"DBT_CLOUD_RUN_PROGRAM", "STATE_run"}


def _inputs_of(step: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in step["env"].items() if name not in NOT_INPUTS}


MAPPINGS = {"docker": DOCKER["runs"]["env"], "composite": _inputs_of(STEP), "clean-up": _inputs_of(CLEAN_UP)}


@ACTIONS
def test_inputs__are_those_of_the_table_and_their_aliases(action: dict[str, Any]) -> None:
    assert {name for row in INPUTS for name in (row.name, *row.aliases)} == set(action["inputs"])


def test_inputs__are_the_same_in_both_actions() -> None:
    assert DOCKER["inputs"] == COMPOSITE["inputs"]


@ACTIONS
def test_inputs__only_an_expression_is_a_default(action: dict[str, Any]) -> None:
    defaults = {name: entry["default"] for name, entry in action["inputs"].items() if "default" in entry}

    assert "${{ github.token }}" == defaults["github-token"]
    assert {row.name: row.default for row in INPUTS if row.default.startswith("${{")} == defaults


@ACTIONS
def test_description__has_help_and_default(action: dict[str, Any]) -> None:
    for row in INPUTS:
        description = action["inputs"][row.name]["description"]

        assert row.help in description, row.name
        if row.default and not row.default.startswith(tables.EXPRESSION):
            assert row.default.strip("()") in description.removeprefix(row.help), row.name
        # The runner would refuse the whole file.
        assert "${{" not in description, row.name


@ACTIONS
def test_description__of_an_alias_names_the_input(action: dict[str, Any]) -> None:
    names = {row.name for row in INPUTS}
    aliases = {alias: row.name for row in INPUTS for alias in row.aliases if alias not in names}

    assert aliases
    for alias, name in aliases.items():
        assert f"`{name}`" in action["inputs"][alias]["description"], alias


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS)
def test_environment__has_a_variable_for_every_input(mapping: dict[str, str]) -> None:
    assert {row.variable for row in INPUTS} == set(mapping)


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS)
def test_environment__a_variable_gets_the_input_from_its_name_before_its_aliases(mapping: dict[str, str]) -> None:
    for row in INPUTS:
        expression = mapping[row.variable]
        for name in (row.name, *row.aliases):
            assert "given" == _evaluate(expression, {f"inputs.{name}": "given"}), name
        for alias in row.aliases:
            both = {f"inputs.{row.name}": "by name", f"inputs.{alias}": "by alias"}
            assert "by name" == _evaluate(expression, both), alias


def test_environment__an_input_of_the_composite_wins_over_a_variable_of_the_workflow() -> None:
    for row in INPUTS:
        for step in (STEP, CLEAN_UP):
            expression = step["env"][row.variable]
            of_workflow = {f"env.{row.variable}": "of the workflow"}

            assert "of the workflow" == _evaluate(expression, of_workflow), row.name
            assert "of the step" == _evaluate(expression, {**of_workflow, f"inputs.{row.name}": "of the step"}), (
                row.name
            )


def test_variables__include_those_that_the_actions_and_the_runner_set() -> None:
    for row in INPUTS:
        assert {row.variable, f"INPUT_{row.name.upper()}"} <= set(row.variables()), row.name


@ACTIONS
def test_outputs__are_those_of_the_table(action: dict[str, Any]) -> None:
    descriptions = {name: entry["description"] for name, entry in action["outputs"].items()}

    assert {output.name: output.help for output in OUTPUTS} == descriptions


def test_outputs__of_the_composite_come_from_its_step() -> None:
    values = {name: entry["value"] for name, entry in COMPOSITE["outputs"].items()}

    assert {name: f"${{{{ steps.{STEP['id']}.outputs.{name} }}}}" for name in values} == values


def test_docker__runs_the_entrypoint_of_the_image_without_arguments() -> None:
    runs = DOCKER["runs"]
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")

    assert ("docker", "Dockerfile") == (runs["using"], runs["image"])
    assert f'ENTRYPOINT ["{runs["entrypoint"]}"]' in dockerfile
    assert "args" not in runs


def test_clean_up__runs_after_a_step_that_left_the_run_open() -> None:
    assert "/app/post.py" == DOCKER["runs"]["post-entrypoint"]
    assert f"${{{{ always() && steps.{STEP['id']}.outputs.closed == 'false' }}}}" == CLEAN_UP["if"]
    assert f"${{{{ steps.{STEP['id']}.outputs.run }}}}" == CLEAN_UP["env"]["STATE_run"]
    assert (STEP["shell"], STEP["run"]) == (CLEAN_UP["shell"], CLEAN_UP["run"])
    assert ["entrypoint.py", "post.py"] == [step["env"]["DBT_CLOUD_RUN_PROGRAM"] for step in (STEP, CLEAN_UP)]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no executable bit")
@pytest.mark.parametrize("name", ["entrypoint.py", "post.py"])
def test_program__is_an_executable_script(name: str) -> None:
    program = ROOT / name

    assert program.stat().st_mode & stat.S_IXUSR
    # -E and -s: variables of the workflow cannot change what is imported. -u: the log is not buffered.
    assert "#!/usr/bin/env -S python3 -Esu" == program.read_text(encoding="utf-8").splitlines()[0]


def test_composite__its_script_becomes_python_so_that_signals_arrive() -> None:
    script = (ROOT / "composite" / "run.sh").read_text(encoding="utf-8").splitlines()

    assert ("bash", '. "$GITHUB_ACTION_PATH/run.sh"') == (STEP["shell"], STEP["run"])
    assert re.fullmatch(r'exec "\$python" -ISu "\$here/start.py" "\$packages" "\$DBT_CLOUD_RUN_PROGRAM"', script[-1])


def test_names__differ_between_the_actions() -> None:
    assert DOCKER["name"] != COMPOSITE["name"]
    assert DOCKER["branding"] == COMPOSITE["branding"]


def _evaluate(expression: str, values: dict[str, str]) -> str:
    """What the runner evaluates `${{ a || b }}` to: the first that is not empty."""
    inside = re.fullmatch(r"\$\{\{ (.+) \}\}", expression)
    assert inside
    return next(filter(None, (values.get(term, "") for term in inside[1].split(" || "))), "")
