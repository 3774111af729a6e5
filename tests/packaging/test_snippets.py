"""What users copy from our pages and examples: no script contains text that whoever opens a pull request can choose.

The CI puts the value of an expression into a script before the shell reads it, so a name of a branch would be code.
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbt_action.config.inputs import INPUTS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
PIPELINES = [
    *(path for folder in ("examples", "templates") for path in (ROOT / folder).rglob("*.yml")),
    ROOT / "action.yml",
    ROOT / "composite" / "action.yml",
]
SCRIPTS = {"run", "script", "before_script", "after_script", "after-script", "bash", "pwsh", "powershell"}
# `${{ … }}` of GitHub and Azure; `$(step.output)` and `$(Build.SourceBranch)` of Azure, but not `$(command words)`.
# The parameter of an Azure template is what the author of the pipeline wrote, as the script itself.
EXPRESSION = re.compile(r"\$\{\{(?! parameters\.)|\$\([A-Za-z_]\w*(?:\.\w+)+\)")


def documents(path: Path) -> Iterator[Any]:
    """Every YAML document of the file; of a page those of its fenced blocks that are YAML."""
    content = path.read_text(encoding="utf-8")
    if path.suffix != ".md":
        yield from yaml.safe_load_all(content)
        return
    for block in re.finditer(r"^ *```\w*\n(.*?)^ *```$", content, re.MULTILINE | re.DOTALL):
        yield from yaml_of(textwrap.dedent(block[1]))


def yaml_of(block: str) -> list[Any]:
    try:
        return list(yaml.safe_load_all(block))
    except yaml.YAMLError:
        return []


def scripts(value: Any) -> Iterator[str]:  # noqa: ANN401 - YAML
    """Every script in the document, as the CI puts it together."""
    if isinstance(value, list):
        for item in value:
            yield from scripts(item)
    if isinstance(value, dict):
        for key, item in value.items():
            if key in SCRIPTS and isinstance(item, (str, list)):
                yield "\n".join(map(str, item)) if isinstance(item, list) else item
            else:
                yield from scripts(item)


def found_in(path: Path) -> list[str]:
    return [script for document in documents(path) for script in scripts(document)]


@pytest.mark.parametrize("path", [*PAGES, *PIPELINES], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_script__contains_no_expression(path: Path) -> None:
    assert [] == [script for script in found_in(path) if EXPRESSION.search(script)]


@pytest.mark.parametrize(
    "name", ["README.md", "docs/platforms.md", "examples/azure/on-merge.yml", "examples/gitlab/on-merge.yml"]
)
def test_scripts__are_found(name: str) -> None:
    assert found_in(ROOT / name)


@pytest.mark.parametrize(
    "page, is_bad",
    [
        ("```yaml\nsteps:\n  - run: echo ${{ steps.dbt.outputs.git-branch }}\n```\n", True),
        ("1. Text:\n\n   ```\n   - script: |\n       echo hello\n       echo $(dbtCloud.git_branch)\n   ```\n", True),
        ("```\nscript:\n  - echo\n  - echo ${{ x }}\n```\n", True),
        (
            "```yaml\nrun: echo $BRANCH $(git rev-parse HEAD)\nenv:\n  BRANCH: ${{ steps.dbt.outputs.x }}\n```\n",
            False,
        ),
    ],
)
def test_rule__finds_expressions_in_every_kind_of_script(tmp_path: Path, page: str, is_bad: bool) -> None:  # noqa: FBT001 - of a table
    path = tmp_path / "page.md"
    path.write_text(page, encoding="utf-8")

    assert is_bad == any(EXPRESSION.search(script) for script in found_in(path))


def test_first_example__is_the_safe_way() -> None:
    """A job of its own, without a checkout, with the least permissions and a schema for each pull request."""
    workflow = next(documents(ROOT / "README.md"))
    (job,) = workflow["jobs"].values()
    (step,) = job["steps"]

    # YAML 1.1 reads the key `on` as true.
    assert "pull_request" == workflow[True]
    assert "head.repo.full_name == github.repository" in job["if"]
    assert {} == workflow["permissions"]
    assert {"statuses": "write", "pull-requests": "write"} == job["permissions"]
    assert "auto" == step["with"]["schema-override"]
    assert "comment" in step["with"]


def yaml_blocks(page: Path) -> list[str]:
    """The blocks of a page that say they are YAML, without the indentation of a list."""
    found = re.findall(r"^( *)```ya?ml\n(.*?)^ *```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(body) for _, body in found]


@pytest.mark.parametrize("page", [page for page in PAGES if yaml_blocks(page)], ids=lambda page: page.name)
def test_block__is_yaml_and_its_inputs_exist(page: Path) -> None:
    names = {name for row in INPUTS for name in (row.name, *row.aliases)}
    for block in yaml_blocks(page):
        for document in yaml.safe_load_all(block):
            for step in uses_of(document):
                assert set(step.get("with", {})) <= names, step


def uses_of(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - YAML
    """Every step in the document that uses our action."""
    if isinstance(value, dict):
        if "dbt-cloud-run-action" in str(value.get("uses", "")):
            yield value
        for item in value.values():
            yield from uses_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from uses_of(item)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_block__that_is_a_whole_workflow_passes_the_schema(page: Path, tmp_path: Path) -> None:
    whole = [block for block in yaml_blocks(page) if re.search(r"^jobs:", block, re.MULTILINE) and "runs-on" in block]
    for number, block in enumerate(whole):
        (tmp_path / f"{number}.yml").write_text(block, encoding="utf-8")
    files = sorted(map(str, tmp_path.glob("*.yml")))
    if not files:
        return
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *files]
    done = subprocess.run(check, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stdout
