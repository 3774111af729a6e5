"""examples/datafold and examples/recipes: valid files, with inputs and outputs that exist; `make e2e` runs them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbt_action.config.inputs import INPUTS
from dbt_action.report.outputs import OUTPUTS

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(
    path for folder in ("datafold", "recipes", "github") for path in (ROOT / "examples" / folder).glob("*.yml")
)
GITLAB = [path for path in FILES if path.name.startswith("gitlab-")]
GITHUB = [path for path in FILES if path not in GITLAB]
ACTION = "org/dbt-cloud-run-action@v1"
EACH = pytest.mark.parametrize("path", GITHUB, ids=lambda path: path.stem)


def test_files__pass_the_vendors_schemas() -> None:
    for schema, paths in {"vendor.github-workflows": GITHUB, "vendor.gitlab-ci": GITLAB}.items():
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

        assert paths
        assert done.returncode == 0, done.stdout


def steps(path: Path) -> list[dict[str, Any]]:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@EACH
def test_workflow__uses_inputs_and_outputs_that_exist(path: Path) -> None:
    names = {name for row in INPUTS for name in (row.name, *row.aliases)}
    (step,) = (step for step in steps(path) if step.get("uses") == ACTION)
    text = path.read_text(encoding="utf-8")

    assert set(step["with"]) <= names
    assert set(re.findall(r"steps\.dbt\.outputs\.([\w-]+)", text)) <= {output.name for output in OUTPUTS}


@EACH
def test_workflow__gives_no_rights_that_are_not_asked_for(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))

    assert workflow["permissions"] == {}
    others = [step["uses"] for step in steps(path) if "uses" in step and step["uses"] != ACTION]
    assert all(re.fullmatch(r"actions/checkout@[0-9a-f]{40}", name) for name in others)
    for job in workflow["jobs"].values():
        assert "timeout-minutes" in job


@EACH
def test_workflow__of_pull_requests_leaves_out_those_without_secrets(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    # YAML 1.1 reads the key `on` as true.
    if "pull_request" in workflow[True]:
        for job in workflow["jobs"].values():
            assert "head.repo.full_name == github.repository" in job["if"]


@EACH
def test_workflow__installs_nothing_while_it_has_a_secret(path: Path) -> None:
    for step in steps(path):
        if "pip" in step.get("run", ""):
            assert "secrets." not in str(step)
            assert re.search(r"==\d", step["run"])


def test_workflows__pass_zizmor(tmp_path: Path) -> None:
    """Our own action is named by its version, as users of it do; everything else has to be right."""
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    for path in GITHUB:
        text = path.read_text(encoding="utf-8").replace("@v1", f"@{'a' * 40} # v1")
        (folder / f"{path.parent.name}-{path.name}").write_text(text, encoding="utf-8")

    program = str(Path(sys.executable).with_name("zizmor"))
    check = [program, "--offline", "--no-progress", "--quiet", str(tmp_path)]
    done = subprocess.run(check, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 0, done.stdout


def test_comment__is_only_obeyed_when_a_member_writes_it() -> None:
    workflow = yaml.safe_load((ROOT / "examples/recipes/retry-by-comment.yml").read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()

    assert 'fromJSON(\'["OWNER", "MEMBER", "COLLABORATOR"]\'), github.event.comment.author_association' in job["if"]
    assert any("head.repo.full_name" in step.get("run", "") for step in job["steps"])
