"""What a whole step downloads after a run: which files, how often, and for how long it waits for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep, Status
from tests.support.results import a_result, defined, document, manifest_document
from tests.support.scripts import GREEN
from tests.support.workflow_step import WorkflowStep

MakeStep = Callable[..., WorkflowStep]
Json = Any
TEST = "test.shop.unique_orders_id.0123456789"
MANIFEST = manifest_document(
    {
        "nodes": {
            "model.shop.orders": defined("models/orders.sql"),
            TEST: defined("models/orders.yml", "model.shop.orders"),
        }
    }
)


def step(command: str, *entries: Json, status: int = Status.SUCCESS, **others: bytes) -> ScriptedStep:
    """A step with these results; `others` are its other artifacts, with `__` for the dot in their names."""
    artifacts = {name.replace("__", "."): content for name, content in others.items()}
    if entries:
        artifacts["run_results.json"] = document(*entries)
    return ScriptedStep(command=command, status=status, artifacts=artifacts)


def requested_steps(workflow_step: WorkflowStep, name: str) -> list[str]:
    """The parameter `step` of every request for an artifact, "" where there is none."""
    return [str(request.query.get("step", "")) for request in workflow_step.requests("GET", f"/artifacts/{name}")]


RED = Script(
    steps=(
        step(
            "dbt build",
            a_result(),
            a_result(TEST, "fail", failures=1),
            status=Status.ERROR,
            manifest__json=MANIFEST,
        ),
    )
)


def test_results__of_all_steps_are_merged(make_step: MakeStep) -> None:
    """Without a step the API gives the results of the last one, here of `dbt docs generate`: all successful."""
    script = Script(
        steps=(
            step("dbt seed", a_result("seed.shop.raw")),
            step("dbt run", a_result(), a_result("model.shop.late", "warn")),
            step("dbt test --select tag:nightly", a_result(TEST, "pass")),
            step("dbt docs generate", a_result(), a_result("model.shop.late"), a_result(TEST), manifest__json=MANIFEST),
        )
    )
    workflow_step = make_step(script)

    assert ExitCode.OK == workflow_step.run()

    assert {
        "nodes-passed": "3",
        "nodes-failed": "0",
        "nodes-warned": "1",
        "nodes-skipped": "0",
        "nodes-reused": "0",
    } == {name: value for name, value in workflow_step.outputs.items() if name.startswith("nodes-")}
    assert ["4", "5", "6"] == requested_steps(workflow_step, "run_results.json")


@pytest.mark.parametrize(
    "command",
    [
        "dbt compile",
        "dbt docs generate --select tag:run",
        "dbt ls --resource-type test",
        "dbt source freshness --select source:test",
        "dbt parse",
        "dbt --quiet docs generate",
    ],
)
def test_steps_that_run_no_nodes__change_no_counts_and_cost_no_time(make_step: MakeStep, command: str) -> None:
    """Their run_results.json lists tests as successful, or there is none."""
    compiled = [a_result(TEST, "success")] if command == "dbt compile" else []
    later = step(command, *compiled, manifest__json=MANIFEST)
    workflow_step = make_step(Script(steps=(step("dbt build", a_result(TEST, "warn"), manifest__json=MANIFEST), later)))

    assert ExitCode.OK == workflow_step.run()

    assert "1" == workflow_step.outputs["nodes-warned"]
    assert 5.0 > workflow_step.clock.passed


@pytest.mark.parametrize(
    "command",
    [
        "dbt build",
        "dbt --no-use-colors run",
        "dbt -d --target prod run --full-refresh",
        "dbt test",
        "dbt seed",
        "dbt snapshot",
        "dbt retry",
        "dbt clone",
        "dbt run-operation grant",
    ],
)
def test_steps_that_run_nodes__have_results(make_step: MakeStep, command: str) -> None:
    workflow_step = make_step(Script(steps=(step(command, a_result()), ScriptedStep(command="dbt docs generate"))))

    workflow_step.run()

    assert "1" == workflow_step.outputs["nodes-passed"]


def test_results__after_a_failed_source_freshness_are_those_of_the_failed_build(make_step: MakeStep) -> None:
    """A failed source freshness check does not end the run; a later failure does."""
    freshness = ScriptedStep(command="dbt source freshness", status=Status.ERROR, logs="stale\n")
    workflow_step = make_step(Script(steps=(freshness, *RED.steps)))

    assert ExitCode.FAILED == workflow_step.run()

    assert "1" == workflow_step.outputs["nodes-failed"]
    assert "unique_orders_id" in workflow_step.summary


def test_late_results__are_waited_for_and_counted_in_the_status(make_step: MakeStep) -> None:
    workflow_step = make_step(replace(RED, artifact_seconds=25.0))

    assert ExitCode.FAILED == workflow_step.run()

    assert "unique_orders_id failed" == workflow_step.statuses[-1].description
    assert 45.0 > workflow_step.clock.passed


def test_missing_results__are_waited_for_half_a_minute_only(make_step: MakeStep) -> None:
    steps = tuple(ScriptedStep(command=command) for command in ("dbt seed", "dbt run", "dbt test"))
    workflow_step = make_step(Script(steps=steps))

    assert ExitCode.OK == workflow_step.run()

    assert 40.0 > workflow_step.clock.passed
    assert ["pending", "success"] == workflow_step.states
    assert "nodes-passed" not in workflow_step.outputs


@pytest.mark.parametrize("content", [b"", b"{", b"<html>", b'{"results": 3}', b"[]", b"\x00\xff"])
def test_damaged_results__do_not_change_the_outcome(make_step: MakeStep, content: bytes) -> None:
    workflow_step = make_step(Script(steps=(ScriptedStep(artifacts={"run_results.json": content}),)))

    assert ExitCode.OK == workflow_step.run()
    assert ["pending", "success"] == workflow_step.states


@pytest.mark.parametrize("content", [b"", b"{", b"<html>", b"[]"])
def test_damaged_manifest__leaves_out_the_locations_only(make_step: MakeStep, content: bytes) -> None:
    script = Script(steps=(step("dbt build", a_result(status="error"), status=Status.ERROR, manifest__json=content),))
    workflow_step = make_step(script)

    assert ExitCode.FAILED == workflow_step.run()
    assert "**orders** (model)" in workflow_step.summary


def test_manifest__is_not_fetched_when_nothing_failed(workflow_step: WorkflowStep) -> None:
    workflow_step.run()

    assert [] == requested_steps(workflow_step, "manifest.json")


def test_manifest__is_fetched_once_for_a_failure(make_step: MakeStep) -> None:
    workflow_step = make_step(RED)

    workflow_step.run()

    assert 1 == len(requested_steps(workflow_step, "manifest.json"))
    assert "models/orders.yml" in workflow_step.summary


def test_manifest__is_fetched_once_when_it_is_an_artifact_too(make_step: MakeStep) -> None:
    workflow_step = make_step(RED)

    workflow_step.run(artifacts="manifest.json", results_path=str(workflow_step.folder / "r.json"), junit_path="")

    assert [""] == requested_steps(workflow_step, "manifest.json")
    assert MANIFEST == (workflow_step.folder / "target/manifest.json").read_bytes()
    document_ = json.loads((workflow_step.folder / "r.json").read_text())
    assert {"models/orders.sql", "models/orders.yml"} == {node["file"] for node in document_["nodes"]}


def test_manifest__is_read_also_when_it_could_not_be_saved(make_step: MakeStep) -> None:
    """The file cannot be written, and the locations in it are needed."""
    workflow_step = make_step(RED)
    (workflow_step.folder / "target").write_text("no folder")

    workflow_step.run(artifacts="manifest.json")

    assert "models/orders.yml" in workflow_step.summary


def test_artifacts_per_step__have_a_folder_for_each_step(make_step: MakeStep) -> None:
    script = Script(
        steps=(
            step("dbt run", a_result(), manifest__json=b'{"nodes": {}}'),
            step("dbt test", a_result(TEST, "pass"), manifest__json=MANIFEST),
        )
    )
    workflow_step = make_step(script)

    workflow_step.run(artifacts="run_results.json, manifest.json", artifacts_per_step="true")

    folder = workflow_step.folder / "target"
    assert {
        "manifest.json",
        "run_results.json",
        "step-4/manifest.json",
        "step-4/run_results.json",
        "step-5/manifest.json",
        "step-5/run_results.json",
    } == {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert document(a_result()) == (folder / "step-4/run_results.json").read_bytes()
    assert MANIFEST == (folder / "step-5/manifest.json").read_bytes() == (folder / "manifest.json").read_bytes()


def test_artifacts__have_their_size_in_the_log(workflow_step: WorkflowStep) -> None:
    workflow_step.run(artifacts="*.sql")

    assert "Saved 1 artifact (8 bytes)" in workflow_step.log


def test_large_artifact__has_its_progress_in_the_log(make_step: MakeStep) -> None:
    large = b"x" * 120 * 1024 * 1024
    workflow_step = make_step(
        Script(steps=(ScriptedStep(artifacts={"large.bin": large, "run_results.json": document()}),))
    )

    workflow_step.run(artifacts="large.bin")

    lines = [line for line in workflow_step.log.splitlines() if line.startswith("Fetching large.bin")]
    assert 2 == len(lines)
    assert len(large) == (workflow_step.folder / "target/large.bin").stat().st_size


def test_artifacts__are_given_up_after_three_failures_in_a_row(make_step: MakeStep) -> None:
    """A run may have thousands of artifacts, and each would be tried for half a minute."""
    names = {f"compiled/{number}.sql": b"select 1" for number in range(50)}
    workflow_step = make_step(Script(steps=(ScriptedStep(artifacts={"run_results.json": document(), **names}),)))
    workflow_step.cloud.faults.add(kind="reset", method="GET", path=r"/artifacts/compiled/", times=None)

    assert ExitCode.OK == workflow_step.run(artifacts="compiled/*")

    assert 3 == len(workflow_step.annotations("warning"))
    assert "No more are fetched" in workflow_step.annotations("warning")[-1]
    assert 150.0 > workflow_step.clock.passed


def test_failed_download__leaves_an_older_file(make_step: MakeStep) -> None:
    """Half of a new file would be worse than an old one."""
    workflow_step = make_step(GREEN)
    target = workflow_step.folder / "target"
    target.mkdir()
    (target / "manifest.json").write_bytes(b"old")
    workflow_step.cloud.faults.add(kind="truncate", method="GET", path=r"/artifacts/manifest\.json$", times=None)

    workflow_step.run(artifacts="manifest.json")

    assert [("manifest.json", b"old")] == [(path.name, path.read_bytes()) for path in target.iterdir()]


def test_download__replaces_an_older_file(make_step: MakeStep) -> None:
    workflow_step = make_step(GREEN)
    target = workflow_step.folder / "target"
    target.mkdir()
    (target / "manifest.json").write_bytes(b"old and longer than the new one")

    workflow_step.run(artifacts="manifest.json")

    assert b'{"nodes": {}}' == (target / "manifest.json").read_bytes()
    assert ["manifest.json"] == [path.name for path in target.iterdir()]
