"""Rules for all workflows and action files of this repository; `make lint` checks their syntax."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FILES = [*WORKFLOWS, ROOT / "action.yml", ROOT / "composite" / "action.yml"]
EACH_FILE = pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
EACH_WORKFLOW = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def read(path: Path) -> dict[Any, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def steps(content: dict[Any, Any]) -> Iterator[dict[str, Any]]:
    for job in content.get("jobs", {}).values():
        yield from job.get("steps", [])
    yield from content.get("runs", {}).get("steps", [])


def test_workflows__exist() -> None:
    assert WORKFLOWS


@EACH_FILE
def test_uses__is_local_or_pinned_to_a_commit_with_its_version(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"\s*-? *uses: (.+)", line):
            assert re.fullmatch(r"\./\S*|[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", match[1]), line


@EACH_FILE
def test_run__has_no_expressions(path: Path) -> None:
    for step in steps(read(path)):
        assert "${{" not in step.get("run", ""), step


@EACH_FILE
def test_pip__installs_only_what_was_locked(path: Path) -> None:
    for step in steps(read(path)):
        for line in step.get("run", "").splitlines():
            if re.search(r"\b(pip|pipx|uvx?)\b.*\b(install|run)\b", line):
                # Our own wheel, from this run, is the exception.
                locked = r" --require-hashes .*-r requirements[\w-]*\.txt$| --no-deps --no-index dist/\*\.whl$"
                assert re.search(locked, line), line


@EACH_WORKFLOW
def test_workflow__gives_no_permissions_by_default(path: Path) -> None:
    assert {} == read(path)["permissions"]


@EACH_WORKFLOW
def test_job__has_a_time_limit_and_its_own_permissions(path: Path) -> None:
    for name, job in read(path)["jobs"].items():
        # A workflow that is called has limits of its own.
        assert "uses" in job or job["timeout-minutes"] <= 60, name
        assert "permissions" in job, name


@EACH_WORKFLOW
def test_checkout__leaves_no_credentials(path: Path) -> None:
    for step in steps(read(path)):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert False is step["with"]["persist-credentials"]


def test_gate__needs_every_other_job() -> None:
    jobs = read(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]

    assert set(jobs) - {"gate"} == set(jobs["gate"]["needs"])


def test_dependabot__updates_everything_that_is_pinned_after_a_cool_down() -> None:
    updates = read(ROOT / ".github" / "dependabot.yml")["updates"]

    assert {"github-actions", "docker", "pip"} == {update["package-ecosystem"] for update in updates}
    assert all(update["cooldown"]["default-days"] >= 7 for update in updates)
