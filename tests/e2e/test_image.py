"""What the image contains and how it starts. Workflows with it are in `test_workflows`."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import zlib
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]


def run_in(image: str, *command: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    entrypoint, *arguments = command
    docker = ["docker", "run", "--rm", "--network", "none", *options, "--entrypoint", entrypoint, image, *arguments]
    return subprocess.run(docker, capture_output=True, text=True, check=False)


def test_image__has_the_package_and_no_other_files_of_the_repository(image: str) -> None:
    found = run_in(image, "find", "/app", "-type", "f", "-not", "-name", "*.pyc").stdout.split()

    package = ROOT / "dbt_action"
    paths = [path for pattern in ("*.py", "init/templates/*/*.yml") for path in package.rglob(pattern)]
    files = {path.relative_to(ROOT).as_posix() for path in paths}
    expected = {"entrypoint.py", "post.py", "requirements.txt", "dbt_action/py.typed", *files}
    assert {f"/app/{name}" for name in expected} == set(found)


def test_image__has_the_locked_packages_and_no_others_for_development(image: str) -> None:
    listing = run_in(image, "python", "-m", "pip", "list", "--format", "json").stdout
    names = {package["name"].lower() for package in json.loads(listing)}

    assert {"requests", "pygithub", "pyyaml"} <= names
    assert names & {"pytest", "flask", "dbt-core", "duckdb", "mypy", "ruff", "hatchling"} == set()


def test_image__has_everything_compiled(image: str) -> None:
    sources = run_in(image, "find", "/app", "-name", "*.py").stdout.split()
    compiled = run_in(image, "find", "/app", "-name", "*.pyc").stdout.split()

    assert sources
    assert len(compiled) == len(sources)


def test_image__adds_at_most_15_megabytes_to_what_a_runner_downloads(image: str, base: str, tmp_path: Path) -> None:
    inspect = ["docker", "image", "inspect", "--format", "{{json .RootFS.Layers}}", base]
    of_base = json.loads(subprocess.run(inspect, check=True, capture_output=True, text=True).stdout)
    archive = tmp_path / "image.tar"
    subprocess.run(["docker", "save", "--output", str(archive), image], check=True)
    with tarfile.open(archive) as opened:
        manifest = json.load(opened.extractfile("manifest.json") or io.BytesIO())
        added = manifest[0]["Layers"][len(of_base) :]
        sizes = [len(zlib.compress((opened.extractfile(name) or io.BytesIO()).read(), 6)) for name in added]

    assert 3 == len(sizes)
    assert 5_000_000 < sum(sizes) <= 15_000_000


def test_image__has_no_tools_for_building_and_no_caches_that_its_base_has_not(image: str, base: str) -> None:
    # The base has those of the standard library.
    files = "-path /proc -prune -o -name '*.whl' -print -o -name .cache -print -o -path '*-packages/*/tests' -print"
    search = f"command -v gcc cc make git; find / -xdev {files}"
    found = [set(run_in(name, "sh", "-c", search).stdout.split()) for name in (image, base)]

    assert set() == found[0] - found[1]


def test_start__works_with_a_read_only_file_system_and_without_any_capability(image: str) -> None:
    ended = run_in(image, "/app/entrypoint.py", "--help", options=("--read-only", "--cap-drop", "ALL"))

    assert ended.returncode == 0, ended.stderr
    assert "--job-url" in ended.stdout


def test_entrypoint__is_that_of_the_action_file(image: str) -> None:
    inspect = ["docker", "image", "inspect", "--format", "{{json .Config}}", image]
    config = json.loads(subprocess.run(inspect, capture_output=True, text=True, check=True).stdout)
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))

    assert config["Entrypoint"] == [action["runs"]["entrypoint"]]
    assert not config.get("Cmd")
    assert not config.get("User")


@pytest.mark.parametrize("command", ["/app/entrypoint.py", "dbt-cloud-run"])
def test_start__needs_no_home_no_working_directory_and_nothing_of_the_workflow(image: str, command: str) -> None:
    # HOME and working directory are those of GitHub's runner; the variables would break a Python that reads them.
    options: tuple[str, ...] = (
        "--workdir",
        "/github/workspace",
        "--env",
        "HOME=/github/home",
        "--env",
        "PYTHONPATH=.:/nowhere",
    )
    options += ("--env", "PYTHONHOME=/nowhere", "--env", "PYTHONWARNINGS=error")

    ended = run_in(image, command, options=options)

    assert ended.returncode == 2
    assert "dbt-token" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr


def test_start__sees_inputs_with_hyphens(image: str) -> None:
    options = ("--env", "INPUT_JOB-ID=not-a-number", "--env", "INPUT_DBT-TOKEN=made-up", "--env", "INPUT_ACCOUNT-ID=1")

    ended = run_in(image, "/app/entrypoint.py", options=options)

    assert ended.returncode == 2
    assert "not-a-number" in ended.stdout + ended.stderr
