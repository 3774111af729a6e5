"""Files and outputs: results as JSON and JUnit, written where the user wants them; seen from outside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep, Status
from tests.support.corridor import Corridor
from tests.support.results import a_result, document

Build = Callable[..., Corridor]
TEST = a_result("test.shop.unique_orders_id.0123456789", "fail")
RED = Script(steps=(ScriptedStep(status=Status.ERROR, artifacts={"run_results.json": document(a_result(), TEST)}),))
WARNED = Script(steps=(ScriptedStep(artifacts={"run_results.json": document(a_result(status="warn"))}),))


def test_results_path__is_written_and_named(build: Build, root: Path) -> None:
    corridor = build(RED)
    path = corridor.folder / "deep" / "results.json"

    corridor.run(results_path=str(path))

    schema = json.loads((root / "docs/results.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(json.loads(path.read_bytes()), schema)
    assert str(path) == corridor.outputs["results-path"]


def test_junit_path__is_written_and_named(build: Build) -> None:
    corridor = build(RED)
    path = corridor.folder / "junit.xml"

    corridor.run(junit_path=str(path))

    root = ET.parse(path).getroot()  # noqa: S314 - our own
    assert ("2", "1") == (root.get("tests"), root.get("failures"))
    assert str(path) == corridor.outputs["junit-path"]


def test_files__are_written_without_results_too(build: Build) -> None:
    """Whoever reads them afterwards finds an empty list, not a missing file."""
    clone = ScriptedStep(name="Clone Git Repository", status=Status.ERROR, logs="fatal: no\n")
    corridor = build(Script(steps=(clone,), bare=True))

    corridor.run(results_path=str(corridor.folder / "r.json"), junit_path=str(corridor.folder / "j.xml"))

    assert [] == json.loads(corridor.file("r.json"))["nodes"]
    assert "<testsuites" in corridor.file("j.xml")


@pytest.mark.parametrize("name", ["results_path", "junit_path"])
def test_files__that_cannot_be_written_are_a_warning(build: Build, name: str) -> None:
    corridor = build(WARNED)
    (corridor.folder / "file").write_text("in the way")

    assert ExitCode.OK == corridor.run(**{name: str(corridor.folder / "file" / "x")})

    assert name.replace("_", "-") not in corridor.outputs
    assert any("could not be written" in told for told in corridor.told("warning"))


def test_outputs__counts(build: Build) -> None:
    corridor = build(RED)

    corridor.run()

    counts = [corridor.outputs[f"nodes-{word}"] for word in ("passed", "failed", "warned", "skipped")]
    assert ["1", "1", "0", "0"] == counts
