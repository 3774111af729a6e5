"""Artifacts on disk: which, where, when they come late; and that they never decide anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep
from tests.support.corridor import Corridor
from tests.support.scripts import GREEN, PASSED, RED, run_results

Build = Callable[..., Corridor]


def saved(corridor: Corridor) -> set[str]:
    folder = corridor.folder / "target"
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
def test_wanted(corridor: Corridor, wanted: str, expected: set[str]) -> None:
    assert ExitCode.OK == corridor.run(artifacts=wanted)

    assert expected == saved(corridor)
    assert (str(corridor.folder / "target") if expected else None) == corridor.outputs.get("artifacts-path")


def test_contents__are_whole(corridor: Corridor) -> None:
    corridor.run(artifacts="*.sql")

    assert b"select 1" == (corridor.folder / "target/compiled/shop/models/orders.sql").read_bytes()


def test_switches_of_other_actions(corridor: Corridor) -> None:
    assert ExitCode.OK == corridor.run(get_artifacts="true", fetch_catalog="true")

    assert {"manifest.json", "run_results.json"} == saved(corridor)
    assert ["catalog.json"] == [name for name in ("catalog.json",) if any(name in t for t in corridor.told("warning"))]


def test_failed_run__has_artifacts_too(build: Build) -> None:
    corridor = build(RED)

    assert ExitCode.FAILED == corridor.run(artifacts="*")
    assert {"run_results.json"} == saved(corridor)


def test_nothing_matches__one_warning_and_green(corridor: Corridor) -> None:
    assert ExitCode.OK == corridor.run(artifacts="nothing-*.json")

    (told,) = corridor.told("warning")
    assert "nothing-*.json" in told


def test_run_without_artifacts__one_warning_and_green(build: Build) -> None:
    corridor = build(Script(steps=(ScriptedStep(command="dbt parse"),)))

    assert ExitCode.OK == corridor.run(artifacts="*")

    assert 1 == len(corridor.told("warning"))
    assert corridor.clock.passed <= 90.0


def test_late__are_waited_for(build: Build) -> None:
    corridor = build(replace(GREEN, artifact_seconds=20.0))

    assert ExitCode.OK == corridor.run(artifacts="manifest.json")

    assert {"manifest.json"} == saved(corridor)
    assert "1 passed" in corridor.statuses[-1].description  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["reset", "truncate", "html", "status", "empty"])
def test_server_trouble__never_decides(corridor: Corridor, kind: str) -> None:
    corridor.cloud.faults.add(kind=kind, method="GET", path="/artifacts/", times=None)

    assert ExitCode.OK == corridor.run(artifacts="*")
    assert ["pending", "success"] == corridor.states


def test_trouble_once__is_got_over(corridor: Corridor) -> None:
    corridor.cloud.faults.add(kind="truncate", method="GET", path=r"/artifacts/manifest\.json$")

    assert ExitCode.OK == corridor.run(artifacts="manifest.json")

    assert b'{"nodes": {}}' == (corridor.folder / "target/manifest.json").read_bytes()


def test_cut_off__leaves_no_half_file(corridor: Corridor) -> None:
    corridor.cloud.faults.add(kind="truncate", method="GET", path=r"/artifacts/manifest\.json$", times=None)

    assert ExitCode.OK == corridor.run(artifacts="manifest.json")

    assert set() == saved(corridor)
    assert any("manifest.json" in told for told in corridor.told("warning"))


@pytest.mark.parametrize(
    "name", ["../evil.txt", "/etc/evil.txt", "a/../../evil.txt", "..\\evil.txt", "C:evil.txt", "a//b", "nul\0"]
)
def test_hostile_name__is_not_written(build: Build, name: str) -> None:
    artifacts = {name: b"evil", "fine.json": b"{}", "run_results.json": run_results(PASSED)}
    corridor = build(Script(steps=(ScriptedStep(artifacts=artifacts),)))
    before = {path for path in corridor.folder.parent.rglob("*") if path.is_file()}

    assert ExitCode.OK == corridor.run(artifacts="*")

    new = {path for path in corridor.folder.parent.rglob("*") if path.is_file()} - before
    assert {"fine.json", "run_results.json"} == saved(corridor)
    assert all("evil" not in path.name for path in new)


def test_folder_cannot_be_made__is_a_warning(corridor: Corridor, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("a file is in the way")

    assert ExitCode.OK == corridor.run(artifacts="manifest.json")

    assert "artifacts-path" not in corridor.outputs
    assert any("manifest.json" in told for told in corridor.told("warning"))


def test_name_in_the_way__one_file_is_missing_and_the_rest_is_there(build: Build) -> None:
    """`a` and `a/b` cannot both be files."""
    artifacts = {"a": b"1", "a/b": b"2", "c": b"3", "run_results.json": run_results(PASSED)}
    corridor = build(Script(steps=(ScriptedStep(artifacts=artifacts),)))

    assert ExitCode.OK == corridor.run(artifacts="*")

    assert {"a", "c", "run_results.json"} <= saved(corridor)
    assert 1 == len(corridor.told("warning"))
