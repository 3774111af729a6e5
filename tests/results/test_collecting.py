"""What is fetched after a run, how often, how patiently; seen from both ends of the corridor, on a virtual clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep, Status
from tests.support.corridor import Corridor
from tests.support.results import a_result, defined, document, manifest_document
from tests.support.scripts import GREEN

Build = Callable[..., Corridor]
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


def step(command: str, *entries: Json, status: int = Status.SUCCESS, **more: bytes) -> ScriptedStep:
    """A step that leaves these results, and other files with `__` for the dot."""
    artifacts = {name.replace("__", "."): content for name, content in more.items()}
    if entries:
        artifacts["run_results.json"] = document(*entries)
    return ScriptedStep(command=command, status=status, artifacts=artifacts)


def asked(corridor: Corridor, name: str) -> list[str]:
    """The queries of all requests for an artifact."""
    return [str(request.query.get("step", "")) for request in corridor.requests("GET", f"/artifacts/{name}")]


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


def test_steps__are_merged_though_docs_came_last(build: Build) -> None:
    """By default the API gives the last step's results, where everything has compiled."""
    script = Script(
        steps=(
            step("dbt seed", a_result("seed.shop.raw")),
            step("dbt run", a_result(), a_result("model.shop.late", "warn")),
            step("dbt test --select tag:nightly", a_result(TEST, "pass")),
            step("dbt docs generate", a_result(), a_result("model.shop.late"), a_result(TEST), manifest__json=MANIFEST),
        )
    )
    corridor = build(script)

    assert ExitCode.OK == corridor.run()

    assert {"nodes-passed": "3", "nodes-failed": "0", "nodes-warned": "1", "nodes-skipped": "0"} == {
        name: value for name, value in corridor.outputs.items() if name.startswith("nodes-")
    }
    assert ["4", "5", "6"] == asked(corridor, "run_results.json")


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
def test_steps_that_only_look__change_nothing_and_cost_no_time(build: Build, command: str) -> None:
    """They list tests as successful, or leave nothing behind."""
    compiled = [a_result(TEST, "success")] if command == "dbt compile" else []
    later = step(command, *compiled, manifest__json=MANIFEST)
    corridor = build(Script(steps=(step("dbt build", a_result(TEST, "warn"), manifest__json=MANIFEST), later)))

    assert ExitCode.OK == corridor.run()

    assert "1" == corridor.outputs["nodes-warned"]
    assert 5.0 > corridor.clock.passed


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
def test_steps_that_work__have_results(build: Build, command: str) -> None:
    corridor = build(Script(steps=(step(command, a_result()), ScriptedStep(command="dbt docs generate"))))

    corridor.run()

    assert "1" == corridor.outputs["nodes-passed"]


def test_all_failed_steps__are_looked_at(build: Build) -> None:
    """A failed source freshness check does not end the run; a later failure does."""
    freshness = ScriptedStep(command="dbt source freshness", status=Status.ERROR, logs="stale\n")
    corridor = build(Script(steps=(freshness, *RED.steps)))

    assert ExitCode.FAILED == corridor.run()

    assert "1" == corridor.outputs["nodes-failed"]
    assert "unique_orders_id" in corridor.summary


def test_late__is_waited_for_and_the_verdict_has_counts(build: Build) -> None:
    corridor = build(replace(RED, artifact_seconds=25.0))

    assert ExitCode.FAILED == corridor.run()

    assert "1 passed, 1 failed" in str(corridor.statuses[-1].description)
    assert 45.0 > corridor.clock.passed


def test_never__is_half_a_minute_and_no_more(build: Build) -> None:
    steps = tuple(ScriptedStep(command=command) for command in ("dbt seed", "dbt run", "dbt test"))
    corridor = build(Script(steps=steps))

    assert ExitCode.OK == corridor.run()

    assert 40.0 > corridor.clock.passed
    assert ["pending", "success"] == corridor.states
    assert "nodes-passed" not in corridor.outputs


@pytest.mark.parametrize("content", [b"", b"{", b"<html>", b'{"results": 3}', b"[]", b"\x00\xff"])
def test_damaged_results__never_decide(build: Build, content: bytes) -> None:
    corridor = build(Script(steps=(ScriptedStep(artifacts={"run_results.json": content}),)))

    assert ExitCode.OK == corridor.run()
    assert ["pending", "success"] == corridor.states


@pytest.mark.parametrize("content", [b"", b"{", b"<html>", b"[]"])
def test_damaged_manifest__costs_only_the_places(build: Build, content: bytes) -> None:
    script = Script(steps=(step("dbt build", a_result(status="error"), status=Status.ERROR, manifest__json=content),))
    corridor = build(script)

    assert ExitCode.FAILED == corridor.run()
    assert "**orders** (model)" in corridor.summary


def test_manifest__is_left_alone_when_nobody_needs_it(corridor: Corridor) -> None:
    corridor.run()

    assert [] == asked(corridor, "manifest.json")


def test_manifest__is_fetched_once_for_a_failure(build: Build) -> None:
    corridor = build(RED)

    corridor.run()

    assert 1 == len(asked(corridor, "manifest.json"))
    assert "models/orders.yml" in corridor.summary


def test_manifest__is_fetched_once_when_it_is_an_artifact_too(build: Build) -> None:
    corridor = build(RED)

    corridor.run(artifacts="manifest.json", results_path=str(corridor.folder / "r.json"), junit_path="")

    assert [""] == asked(corridor, "manifest.json")
    assert MANIFEST == (corridor.folder / "target/manifest.json").read_bytes()
    document_ = json.loads((corridor.folder / "r.json").read_text())
    assert {"models/orders.sql", "models/orders.yml"} == {node["file"] for node in document_["nodes"]}


def test_manifest__is_streamed_when_its_download_failed(build: Build) -> None:
    """The file may not be written; the places are wanted all the same."""
    corridor = build(RED)
    (corridor.folder / "target").write_text("in the way")

    corridor.run(artifacts="manifest.json")

    assert "models/orders.yml" in corridor.summary


def test_per_step__each_step_has_its_folder(build: Build) -> None:
    script = Script(
        steps=(
            step("dbt run", a_result(), manifest__json=b'{"nodes": {}}'),
            step("dbt test", a_result(TEST, "pass"), manifest__json=MANIFEST),
        )
    )
    corridor = build(script)

    corridor.run(artifacts="run_results.json, manifest.json", artifacts_per_step="true")

    folder = corridor.folder / "target"
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


def test_sizes__are_logged(corridor: Corridor) -> None:
    corridor.run(artifacts="*.sql")

    assert "Saved 1 artifact (8 bytes)" in corridor.log


def test_large__says_how_far_it_is(build: Build) -> None:
    large = b"x" * 120 * 1024 * 1024
    corridor = build(Script(steps=(ScriptedStep(artifacts={"large.bin": large, "run_results.json": document()}),)))

    corridor.run(artifacts="large.bin")

    lines = [line for line in corridor.log.splitlines() if line.startswith("Fetching large.bin")]
    assert 2 == len(lines)
    assert len(large) == (corridor.folder / "target/large.bin").stat().st_size


def test_three_failures_in_a_row__end_it(build: Build) -> None:
    """A run may have thousands of artifacts, and each would be tried for half a minute."""
    names = {f"compiled/{number}.sql": b"select 1" for number in range(50)}
    corridor = build(Script(steps=(ScriptedStep(artifacts={"run_results.json": document(), **names}),)))
    corridor.cloud.faults.add(kind="reset", method="GET", path=r"/artifacts/compiled/", times=None)

    assert ExitCode.OK == corridor.run(artifacts="compiled/*")

    assert 3 == len(corridor.told("warning"))
    assert "No more are fetched" in corridor.told("warning")[-1]
    assert 150.0 > corridor.clock.passed


def test_failed_download__leaves_what_was_there(build: Build) -> None:
    """An earlier step of the workflow has put a file there; half a new one would be worse than an old one."""
    corridor = build(GREEN)
    target = corridor.folder / "target"
    target.mkdir()
    (target / "manifest.json").write_bytes(b"old")
    corridor.cloud.faults.add(kind="truncate", method="GET", path=r"/artifacts/manifest\.json$", times=None)

    corridor.run(artifacts="manifest.json")

    assert [("manifest.json", b"old")] == [(path.name, path.read_bytes()) for path in target.iterdir()]


def test_new_download__takes_the_place_of_what_was_there(build: Build) -> None:
    corridor = build(GREEN)
    target = corridor.folder / "target"
    target.mkdir()
    (target / "manifest.json").write_bytes(b"old and longer than the new one")

    corridor.run(artifacts="manifest.json")

    assert b'{"nodes": {}}' == (target / "manifest.json").read_bytes()
    assert ["manifest.json"] == [path.name for path in target.iterdir()]
