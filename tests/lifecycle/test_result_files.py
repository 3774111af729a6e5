"""Results as JSON, JUnit and outputs of a whole step."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep, Status
from tests.support.results import a_result, document
from tests.support.workflow_step import WorkflowStep

MakeStep = Callable[..., WorkflowStep]
TEST = a_result("test.shop.unique_orders_id.0123456789", "fail")
RED = Script(steps=(ScriptedStep(status=Status.ERROR, artifacts={"run_results.json": document(a_result(), TEST)}),))
WARNED = Script(steps=(ScriptedStep(artifacts={"run_results.json": document(a_result(status="warn"))}),))


def test_results_path__is_written_and_named(make_step: MakeStep, root: Path) -> None:
    workflow_step = make_step(RED)
    path = workflow_step.folder / "deep" / "results.json"

    workflow_step.run(results_path=str(path))

    schema = json.loads((root / "docs/results.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(json.loads(path.read_bytes()), schema)
    assert str(path) == workflow_step.outputs["results-path"]


def test_junit_path__is_written_and_named(make_step: MakeStep) -> None:
    workflow_step = make_step(RED)
    path = workflow_step.folder / "junit.xml"

    workflow_step.run(junit_path=str(path))

    root = ET.parse(path).getroot()  # noqa: S314 - our own
    assert ("2", "1") == (root.get("tests"), root.get("failures"))
    assert str(path) == workflow_step.outputs["junit-path"]


def test_files__are_written_without_results_too(make_step: MakeStep) -> None:
    """A later step that reads them finds an empty list instead of a missing file."""
    clone = ScriptedStep(name="Clone Git Repository", status=Status.ERROR, logs="fatal: no\n")
    workflow_step = make_step(Script(steps=(clone,), bare=True))

    workflow_step.run(results_path=str(workflow_step.folder / "r.json"), junit_path=str(workflow_step.folder / "j.xml"))

    assert [] == json.loads(workflow_step.file("r.json"))["nodes"]
    assert "<testsuites" in workflow_step.file("j.xml")


@pytest.mark.parametrize("name", ["results_path", "junit_path"])
def test_files__that_cannot_be_written_are_a_warning(make_step: MakeStep, name: str) -> None:
    workflow_step = make_step(WARNED)
    (workflow_step.folder / "file").write_text("no folder")

    assert ExitCode.OK == workflow_step.run(**{name: str(workflow_step.folder / "file" / "x")})

    assert name.replace("_", "-") not in workflow_step.outputs
    assert any("could not be written" in annotation for annotation in workflow_step.annotations("warning"))


def test_outputs__have_the_counts(make_step: MakeStep) -> None:
    workflow_step = make_step(RED)

    workflow_step.run()

    counts = [workflow_step.outputs[f"nodes-{word}"] for word in ("passed", "failed", "warned", "skipped")]
    assert ["1", "1", "0", "0"] == counts
