"""Artifacts on disk: which are saved and where, also when they come late; they never change the outcome."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep
from tests.support.results import defined, manifest_document
from tests.support.scripts import FAILED, GREEN, PASSED, RED, run_results
from tests.support.workflow_step import WorkflowStep

MakeStep = Callable[..., WorkflowStep]


def saved(workflow_step: WorkflowStep) -> set[str]:
    folder = workflow_step.folder / "target"
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "wanted, expected",
    [
        pytest.param("*", {"manifest.json", "run_results.json", "compiled/shop/models/orders.sql"}, id="all"),
        pytest.param("manifest.json", {"manifest.json"}, id="a name"),
        pytest.param("manifest.json, run_results.json", {"manifest.json", "run_results.json"}, id="with a comma"),
        pytest.param("manifest.json\nrun_results.json\n", {"manifest.json", "run_results.json"}, id="on lines"),
        pytest.param("*.sql", {"compiled/shop/models/orders.sql"}, id="a glob across folders"),
        pytest.param("compiled/*", {"compiled/shop/models/orders.sql"}, id="a folder"),
        pytest.param("", set(), id="none"),
    ],
)
def test_artifacts__are_saved_as_the_input_says(workflow_step: WorkflowStep, wanted: str, expected: set[str]) -> None:
    assert ExitCode.OK == workflow_step.run(artifacts=wanted)

    assert expected == saved(workflow_step)
    assert (str(workflow_step.folder / "target") if expected else None) == workflow_step.outputs.get("artifacts-path")


def test_artifacts__have_their_whole_content(workflow_step: WorkflowStep) -> None:
    workflow_step.run(artifacts="*.sql")

    assert b"select 1" == (workflow_step.folder / "target/compiled/shop/models/orders.sql").read_bytes()


def test_artifacts__chosen_with_inputs_of_other_actions(workflow_step: WorkflowStep) -> None:
    assert ExitCode.OK == workflow_step.run(get_artifacts="true", fetch_catalog="true")

    assert {"manifest.json", "run_results.json"} == saved(workflow_step)
    assert ["catalog.json"] == [
        name for name in ("catalog.json",) if any(name in t for t in workflow_step.annotations("warning"))
    ]


def test_artifacts__of_a_failed_run_are_saved_too(make_step: MakeStep) -> None:
    workflow_step = make_step(RED)

    assert ExitCode.FAILED == workflow_step.run(artifacts="*")
    assert {"run_results.json"} == saved(workflow_step)


def test_artifacts__that_do_not_exist_are_one_warning(workflow_step: WorkflowStep) -> None:
    assert ExitCode.OK == workflow_step.run(artifacts="nothing-*.json")

    (annotation,) = workflow_step.annotations("warning")
    assert "nothing-*.json" in annotation


def test_artifacts__of_a_run_that_has_none_are_one_warning(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(steps=(ScriptedStep(command="dbt parse"),)))

    assert ExitCode.OK == workflow_step.run(artifacts="*")

    assert 1 == len(workflow_step.annotations("warning"))
    assert 90.0 >= workflow_step.clock.passed


def test_late_artifacts__are_waited_for(make_step: MakeStep) -> None:
    workflow_step = make_step(replace(GREEN, artifact_seconds=20.0))

    assert ExitCode.OK == workflow_step.run(artifacts="manifest.json")

    assert {"manifest.json"} == saved(workflow_step)
    assert "1 passed" in workflow_step.statuses[-1].description  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["reset", "truncate", "html", "status", "empty"])
def test_failing_server__does_not_change_the_outcome(workflow_step: WorkflowStep, kind: str) -> None:
    workflow_step.cloud.faults.add(kind=kind, method="GET", path="/artifacts/", times=None)

    assert ExitCode.OK == workflow_step.run(artifacts="*")
    assert ["pending", "success"] == workflow_step.states


def test_failed_download__is_repeated(workflow_step: WorkflowStep) -> None:
    workflow_step.cloud.faults.add(kind="truncate", method="GET", path=r"/artifacts/manifest\.json$")

    assert ExitCode.OK == workflow_step.run(artifacts="manifest.json")

    assert b'{"nodes": {}}' == (workflow_step.folder / "target/manifest.json").read_bytes()


def test_truncated_download__leaves_no_partial_file(workflow_step: WorkflowStep) -> None:
    workflow_step.cloud.faults.add(kind="truncate", method="GET", path=r"/artifacts/manifest\.json$", times=None)

    assert ExitCode.OK == workflow_step.run(artifacts="manifest.json")

    assert set() == saved(workflow_step)
    assert any("manifest.json" in annotation for annotation in workflow_step.annotations("warning"))


@pytest.mark.parametrize(
    "name", ["../evil.txt", "/etc/evil.txt", "a/../../evil.txt", "..\\evil.txt", "C:evil.txt", "a//b", "nul\0"]
)
def test_unsafe_name__is_not_written(make_step: MakeStep, name: str) -> None:
    artifacts = {name: b"evil", "fine.json": b"{}", "run_results.json": run_results(PASSED)}
    workflow_step = make_step(Script(steps=(ScriptedStep(artifacts=artifacts),)))
    before = {path for path in workflow_step.folder.parent.rglob("*") if path.is_file()}

    assert ExitCode.OK == workflow_step.run(artifacts="*")

    new = {path for path in workflow_step.folder.parent.rglob("*") if path.is_file()} - before
    assert {"fine.json", "run_results.json"} == saved(workflow_step)
    assert all("evil" not in path.name for path in new)


def test_folder_that_cannot_be_made__is_a_warning(workflow_step: WorkflowStep, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("a file is in the way")

    assert ExitCode.OK == workflow_step.run(artifacts="manifest.json")

    assert "artifacts-path" not in workflow_step.outputs
    assert any("manifest.json" in annotation for annotation in workflow_step.annotations("warning"))


def test_file_that_cannot_be_written__does_not_keep_others_from_being_saved(make_step: MakeStep) -> None:
    """`a` and `a/b` cannot both be files."""
    artifacts = {"a": b"1", "a/b": b"2", "c": b"3", "run_results.json": run_results(PASSED)}
    workflow_step = make_step(Script(steps=(ScriptedStep(artifacts=artifacts),)))

    assert ExitCode.OK == workflow_step.run(artifacts="*")

    assert {"a", "c", "run_results.json"} <= saved(workflow_step)
    assert 1 == len(workflow_step.annotations("warning"))


# The size of all of them together.


def test_size__beyond_the_limit_is_one_warning_and_no_more_requests(workflow_step: WorkflowStep) -> None:
    assert ExitCode.OK == workflow_step.run(artifacts="*", artifacts_max_size="10B")

    (warning,) = workflow_step.annotations("warning")
    assert "larger than 10 B, the limit of `artifacts-max-size`" in warning
    # The first is smaller than the limit, the second larger, and nothing is asked for after that.
    assert {"compiled/shop/models/orders.sql"} == saved(workflow_step)
    assert [workflow_step.folder / "target" / "compiled"] == list((workflow_step.folder / "target").iterdir())
    asked = [request for request in workflow_step.cloud.requests if "/artifacts/" in request.path]
    # Without a step: an artifact that is to be saved.
    saving = [request.path.rpartition("/artifacts/")[2] for request in asked if not request.query]
    assert ["", "compiled/shop/models/orders.sql", "manifest.json"] == saving


def test_size__of_exactly_the_limit_is_saved(workflow_step: WorkflowStep) -> None:
    size = len(b"select 1")

    assert ExitCode.OK == workflow_step.run(artifacts="*.sql", artifacts_max_size=f"{size}B")
    assert {"compiled/shop/models/orders.sql"} == saved(workflow_step)


def test_size__counts_what_is_unpacked(make_step: MakeStep) -> None:
    """A small answer of many zeros may fill a disk."""
    content = bytes(5_000_000)
    workflow_step = make_step(Script(steps=(ScriptedStep(artifacts={"zeros.bin": content}),)))
    workflow_step.cloud.faults.add(
        kind="status",
        code=200,
        path="/artifacts/zeros.bin",
        body=gzip.compress(content),
        times=None,
        headers={"Content-Encoding": "gzip", "Content-Type": "application/octet-stream"},
    )

    assert ExitCode.OK == workflow_step.run(artifacts="*", artifacts_max_size="1MiB")
    assert set() == saved(workflow_step)
    assert "larger than 1 MiB" in workflow_step.annotations("warning")[-1]

    assert ExitCode.OK == workflow_step.run(artifacts="*", artifacts_max_size="5MiB")
    assert {"zeros.bin"} == saved(workflow_step)


def test_size__a_manifest_that_is_too_large_to_save_is_read_for_the_report_all_the_same(make_step: MakeStep) -> None:
    manifest = manifest_document({"nodes": {FAILED[0]: defined("models/orders.yml")}})
    step = RED.steps[0]
    workflow_step = make_step(Script(steps=(replace(step, artifacts={**step.artifacts, "manifest.json": manifest}),)))

    assert ExitCode.FAILED == workflow_step.run(artifacts="manifest.json", artifacts_max_size="1B")

    assert set() == saved(workflow_step)
    assert "models/orders.yml" in {command.properties.get("file") for command in workflow_step.commands}
    asked = [request for request in workflow_step.cloud.requests if request.path.endswith("manifest.json")]
    assert 1 == len(asked)
