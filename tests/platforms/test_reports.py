"""JUnit XML and summaries of a whole step where each platform's reporter looks for them."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from dbt_action.errors import ExitCode
from tests.platforms import environments as env
from tests.platforms.conftest import Build
from tests.platforms.decoders import vso
from tests.support.scripts import RED

ROOT = Path(__file__).resolve().parents[2]
# As the examples say.
PATH = "test-results/TEST-dbt.xml"
# Bitbucket looks into these folders by itself, Azure's task for this pattern.
BITBUCKET_FOLDERS = ("test-results", "test-reports", "TestResults", "surefire-reports", "failsafe-reports")
AZURE_PATTERN = "**/TEST-*.xml"


@pytest.mark.parametrize(
    "environ",
    [env.GITLAB_PUSH, env.AZURE_PUSH, env.BITBUCKET, {"DBT_RUN_ON": "job"}],
    ids=["gitlab", "azure", "bitbucket", "terminal"],
)
def test_junit__is_where_the_reporter_looks(build: Callable[..., Build], environ: dict[str, str]) -> None:
    step = build(RED).on(environ, DBT_JUNIT_PATH=PATH)

    assert step.run() is ExitCode.FAILED
    cases = list(ET.fromstring(step.file(PATH)).iter("testcase"))  # noqa: S314 - our own file
    assert [case.get("name") for case in cases if case.find("failure") is not None]
    # GitLab names the suite by this.
    assert all(case.get("classname") for case in cases)


def test_junit__the_path_of_the_examples_suits_all_three() -> None:
    assert Path(PATH).parts[0] in BITBUCKET_FOLDERS
    assert fnmatch.fnmatch(f"x/{PATH}", AZURE_PATTERN)
    for path in (ROOT / "examples").rglob("on-*.yml"):
        assert f"DBT_JUNIT_PATH{'=' if path.parent.name == 'bitbucket' else ': '}{PATH}" in path.read_text("utf-8")
    assert f"junit: {PATH}" in (ROOT / "examples" / "gitlab" / "on-merge.yml").read_text("utf-8")


def test_summary__of_a_run_is_on_the_page_of_the_build(build: Callable[..., Build]) -> None:
    step = build(RED).on(env.AZURE_PUSH, AGENT_TEMPDIRECTORY="temp")
    step.run()

    (page,) = [one.message for one in vso(step.log) if one.name == "task.uploadsummary"]
    assert "not_null_orders_id" in Path(page).read_text(encoding="utf-8").replace("\\", "")


def test_annotation__of_a_failed_node_is_an_issue_in_azure(build: Callable[..., Build]) -> None:
    step = build(RED).on(env.AZURE_PUSH)
    step.run()

    issues = [one for one in vso(step.log) if one.name == "task.logissue"]
    assert any(one.properties["type"] == "error" and "not_null_orders_id" in one.message for one in issues)


def test_output__of_a_run_can_be_read_by_the_next_step(build: Callable[..., Build]) -> None:
    step = build(RED).on(env.AZURE_PUSH)
    step.run()

    found = {one.properties["variable"]: one.message for one in vso(step.log) if one.name == "task.setvariable"}
    assert (found["status"], found["run_id"]) == ("error", str(step.cloud.runs[0].id))
