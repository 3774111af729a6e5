"""README.md mentions every input, output and variable; its wording is not checked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import yaml

from dbt_action import cli_flags
from dbt_action.config.inputs import INPUTS
from dbt_action.report.outputs import OUTPUTS
from docs import tables

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MIGRATION = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")


def test_readme__mentions_every_input_once() -> None:
    for row in INPUTS:
        assert 1 <= README.count(f"`{row.name}`"), row.name
    listed = [name for _, names in cli_flags.GROUPS for name in names]
    assert {row.name for row in INPUTS} <= {*listed, *tables.USUAL}


def test_migration__mentions_every_name_of_every_input() -> None:
    for row in INPUTS:
        for name in (row.name, *row.aliases, row.variable, *row.environment):
            assert f"`{name}`" in MIGRATION, f"{name} of the input {row.name}"


def test_readme__is_read_in_one_sitting() -> None:
    assert 250 >= len(README.splitlines())
    assert "dbt Cloud (dbt platform)" in README


def test_readme__its_workflows_are_short_and_valid(tmp_path: Path) -> None:
    blocks = [block for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL) if "jobs:" in block]
    for number, block in enumerate(blocks):
        (tmp_path / f"{number}.yml").write_text(block, encoding="utf-8")
    files = sorted(map(str, tmp_path.glob("*.yml")))
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *files]
    done = subprocess.run(check, capture_output=True, text=True, check=False, timeout=60)

    assert 2 == len(blocks)
    assert all(16 >= len(block.splitlines()) for block in blocks)
    assert done.returncode == 0, done.stdout


def test_action_types__are_of_every_input_and_output() -> None:
    types, action = (yaml.safe_load((ROOT / name).read_text("utf-8")) for name in ("action-types.yml", "action.yml"))

    assert set(action["inputs"]) == set(types["inputs"])
    assert set(action["outputs"]) == set(types["outputs"])
    assert {"string", "boolean", "integer", "enum"} == {one["type"] for one in types["inputs"].values()}
    assert ["commit", "branch", "job"] == types["inputs"]["run-on"]["allowed-values"]


def test_readme__mentions_every_output() -> None:
    for output in OUTPUTS:
        assert f"`{output.name}`" in README, output.name


def test_readme__has_the_first_two_commands_on_its_first_screen() -> None:
    first_screen = "\n".join(README.splitlines()[:60])

    for command in ("make demo", "make test"):
        assert command in first_screen
