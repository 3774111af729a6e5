"""What users copy from our pages and examples: no script contains text that whoever opens a pull request can choose.

The CI puts the value of an expression into a script before the shell reads it, so a name of a branch would be code.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

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
