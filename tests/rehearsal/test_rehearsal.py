"""A release without the internet: registry and package index are on this machine, everything else is as it will be."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dbt_action import __version__
from emulator import Emulator, GitHub, Script, ScriptedStep, Status
from tests.e2e.runner import REPOSITORY, Checkout, Finished
from tests.rehearsal.conftest import Released, build, docker, run
from tests.support.scripts import GREEN, PASSED, run_results

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
CANCELLED = Script(
    # With results: the step would wait for late ones.
    steps=(ScriptedStep(status=Status.CANCELLED, artifacts={"run_results.json": run_results(PASSED)}),),
    status=Status.CANCELLED,
)


def test_plan__says_what_is_released(source: Path) -> None:
    printed = run(source, "release", "plan")

    assert f"tag        v{__version__}\n" in printed
    assert "bump       first\n" in printed


def test_packages__are_the_same_when_they_are_built_again(released: Released, tmp_path: Path) -> None:
    wheel, sdist = build(released.source, tmp_path)

    assert wheel.read_bytes() == released.wheel.read_bytes()
    assert sdist.read_bytes() == released.sdist.read_bytes()


def test_packages__have_what_an_index_asks_for(released: Released) -> None:
    run(ROOT, "twine", "check", "--strict", str(released.wheel), str(released.sdist))
    run(ROOT, "check_wheel_contents", str(released.wheel))


def test_tree__has_nothing_that_is_off(released: Released) -> None:
    printed = run(released.source, "release", "verify", str(released.tree), "--tag", f"v{__version__}")

    assert "nothing is off" in printed


def test_tree__with_another_digest_is_refused(released: Released, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(released.tree, tree)
    facts = json.loads((tree / "release.json").read_text(encoding="utf-8"))
    (tree / "release.json").write_text(json.dumps({**facts, "digest": f"sha256:{'9' * 64}"}), encoding="utf-8")
    command = [sys.executable, "-m", "release", "verify", str(tree)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "- action.yml: the image is docker://" in done.stderr


@pytest.fixture(scope="module")
def tree(released: Released) -> Checkout:
    """The rendered tree as a repository, as the release branch will be."""
    return Checkout.create(released.tree)


def run_action(tree: Checkout, base: str, github: GitHub, cloud: Emulator, *, outcome: str, status: str) -> Finished:
    repository = {"full_name": REPOSITORY, "name": "shop", "owner": {"login": "acme"}, "default_branch": "main"}
    payload: dict[str, Any] = {"ref": "refs/heads/main", "after": tree.sha, "repository": repository}
    return tree.run_workflow(
        "docker",
        event="push",
        payload=payload,
        image=base,
        variables={
            "DBT_URL": cloud.url,
            "ACCOUNT_ID": str(cloud.account_id),
            "JOB_ID": str(cloud.job_id),
            "OUTCOME": outcome,
            "STATUS": status,
        },
        secrets={"DBT_TOKEN": cloud.token, "GITHUB_TOKEN": github.token},
        environ={"GITHUB_API_URL": github.url},
    )


def assert_pulled_and_not_built(finished: Finished, released: Released) -> None:
    assert f"{released.image}@{released.digest}" in finished.log
    assert "docker build" not in finished.log
    assert "Building image" not in finished.log


def test_action__runs_from_the_image_by_its_digest(
    released: Released, tree: Checkout, base: str, github: GitHub
) -> None:
    with Emulator(GREEN) as cloud:
        finished = run_action(tree, base, github, cloud, outcome="success", status="success")

    assert finished.succeeded, finished.log
    assert_pulled_and_not_built(finished, released)
    assert "The outputs are right" in finished.log
    assert ["pending", "success"] == [status.state for status in github.statuses]


def test_action__cleans_up_from_the_same_image(released: Released, tree: Checkout, base: str, github: GitHub) -> None:
    with Emulator(CANCELLED) as cloud:
        finished = run_action(tree, base, github, cloud, outcome="failure", status="cancelled")

    assert not finished.succeeded
    assert_pulled_and_not_built(finished, released)
    assert "Post ./" in finished.log
    assert "error" == github.statuses[-1].state


def test_image__is_what_the_registry_has(released: Released) -> None:
    pinned = f"{released.image}@{released.digest}"
    docker("pull", "--quiet", pinned)
    printed = docker("run", "--rm", "--network", "none", pinned, "--version")

    assert f"dbt-cloud-run {__version__}\n" == printed


def test_packages__are_uploaded_and_installed_from_an_index(
    released: Released, package_server: str, tmp_path: Path
) -> None:
    options = ["--non-interactive", "--username", "x", "--password", "x", "--repository-url", package_server]
    run(ROOT, "twine", "upload", "--disable-progress-bar", *options, str(released.wheel), str(released.sdist))

    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
    lock = released.tree / "requirements.txt"
    subprocess.run([*pip, "--require-hashes", "-r", str(lock)], check=True, timeout=300)
    index = ["--isolated", "--no-deps", "--index-url", f"{package_server}/simple/"]
    install = [*pip, *index, f"dbt-cloud-run=={__version__}"]
    # Nothing of this machine says where packages come from.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    subprocess.run(install, check=True, timeout=120, env=environ)

    for command in ([str(python.parent / "dbt-cloud-run")], [str(python), "-m", "dbt_action"]):
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True, cwd=tmp_path)
        assert f"dbt-cloud-run {__version__}\n" == done.stdout


def test_lock__has_wheels_for_arm64(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    platforms = ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64")
    command += [option for name in platforms for option in ("--platform", name)]
    command += ["--python-version", "3.13", "--only-binary", ":all:", "--dest", str(tmp_path)]
    subprocess.run([*command, "-r", str(ROOT / "requirements.txt")], check=True, timeout=300)

    assert len(list(tmp_path.glob("*.whl"))) > 5
