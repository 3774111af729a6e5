"""The examples for Bitbucket, run by bitbucket-pipeline-runner in containers against the emulator.

They need a Docker engine with a bridge network, and the base image to build the other images from.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from emulator import Emulator, Script
from emulator.hosts import Bitbucket
from tests.support import repository
from tests.support.released import requirements_of
from tests.support.scripts import GREEN, RED_WITH_MANIFEST
from tests.support.workflow_step import CLOUD_TOKEN, JOB_NAME

ROOT = Path(__file__).resolve().parents[2]
IMAGE_FILES = Path(__file__).parent / "bitbucket"
PROVIDER = ROOT.parent / "shared" / "tools" / "container-engine"
RUNNER = "bitbucket-pipeline-runner==0.6.3"
PAUSE = "k8s-docker.packages.atlassian.com/pause:3.8"
# The images that the examples and the runner use.
NAMES = ("python:3.13", "alpine:latest", "alpine/git:latest")

pytestmark = pytest.mark.e2e


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True, timeout=600)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    """Free ports for dbt Cloud and Bitbucket, the same in the containers: HTTP is allowed for the loopback only."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory, ports: tuple[int, int]) -> Iterator[None]:
    """Images of ours under the names of the real ones; images that exist already are not replaced."""
    if shutil.which("docker") is None:
        pytest.skip("no Docker engine")
    if "DOCKER_HOST" not in os.environ and PROVIDER.exists():
        os.environ["DOCKER_HOST"] = subprocess.run(
            [str(PROVIDER), "start"], check=True, capture_output=True, text=True
        ).stdout.strip()
    try:
        docker("network", "inspect", "bridge")
    except subprocess.CalledProcessError:
        pytest.skip("no Docker engine with a bridge network")
    named = re.search(r"^FROM ([^@\s]+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert named
    if not docker("images", "--quiet", named[1]):
        pytest.skip(f"no image {named[1]} to build the others from")
    folder = tmp_path_factory.mktemp("images")
    shutil.copytree(IMAGE_FILES, folder, dirs_exist_ok=True)
    shutil.copy2(ROOT / "requirements.txt", folder)
    ours = [name for name in (*NAMES, PAUSE) if not docker("images", "--quiet", name)]
    docker("build", "--quiet", "--network", "host", "--build-arg", f"BASE={named[1]}", "--tag", "bb-step", str(folder))
    command = f'CMD ["python", "/relay.py", "{ports[0]}", "{ports[1]}"]'
    (folder / "Dockerfile").write_text(f"FROM bb-step\n{command}\n")
    docker("build", "--quiet", "--tag", "bb-pause", str(folder))
    for name in ours:
        docker("tag", "bb-pause" if name == PAUSE else "bb-step", name)
    yield
    docker("rmi", *ours, "bb-pause", "bb-step")


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("runner")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    subprocess.run(
        [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", RUNNER], check=True, capture_output=True
    )
    return str(folder / "bin" / "pipeline-runner")


@dataclass
class Run:
    """What a run of the pipeline leaves behind."""

    code: int
    log: str
    host: Bitbucket
    sha: str


MakeRun = Callable[..., Run]


@pytest.fixture
def pipeline(tmp_path: Path, images: None, ports: tuple[int, int], runner: str, wheel: Path) -> Iterator[MakeRun]:  # noqa: ARG001
    servers = ExitStack()

    def run(example: str, name: str, script: Script, **variables: str) -> Run:
        # The same name in every test: the runner keeps the containers of a project apart by it.
        folder = tmp_path / "shop"
        folder.mkdir()
        cloud = servers.enter_context(Emulator(script, token=CLOUD_TOKEN, host="0.0.0.0", port=ports[0]))  # noqa: S104
        host = servers.enter_context(Bitbucket(repository="shop/shop", host="0.0.0.0", port=ports[1]))  # noqa: S104
        text = (ROOT / "examples" / "bitbucket" / example).read_text(encoding="utf-8")
        for old, new in (
            ("https://ab123.us1.dbt.com", f"http://127.0.0.1:{ports[0]}"),
            ("DBT_ACCOUNT_ID=1", f"DBT_ACCOUNT_ID={cloud.account_id}"),
            ("DBT_JOB_ID=3", f"DBT_JOB_ID={cloud.job_id}"),
        ):
            text = text.replace(old, new)
        (folder / "bitbucket-pipelines.yml").write_text(text)
        shutil.copy2(wheel, folder)
        (folder / "released.txt").write_text(requirements_of(wheel, f"./{wheel.name}"), encoding="utf-8")
        sha = _commit(folder)
        given = {
            "BITBUCKET_ACCESS_TOKEN": "bitbucket-token",
            "BITBUCKET_API_URL": f"http://127.0.0.1:{ports[1]}/2.0",
            "DBT_CLOUD_RUN": "released.txt",
            "DBT_TOKEN": CLOUD_TOKEN,
            **variables,
        }
        (tmp_path / "variables").write_text("".join(f"{key}={value}\n" for key, value in given.items()))
        done = subprocess.run(
            [runner, "run", "--no-color", "-r", str(folder), "-e", str(tmp_path / "variables"), name],
            cwd=folder,
            env={**os.environ, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        log = done.stdout + done.stderr
        # The runner itself always ends with 0.
        ended = re.search(r"Step 'dbt Cloud' executed in \S+ with exit code: (\d+)", log)
        assert ended, log
        return Run(int(ended[1]), log, host, sha)

    with servers:
        yield run


def _commit(folder: Path) -> str:
    git = partial(repository.git, folder)

    git("init", "--quiet", "--initial-branch", "main")
    git("add", "--all")
    git("commit", "--quiet", "-m", "All of it")
    return git("rev-parse", "HEAD")


@pytest.mark.parametrize(
    "script,code,end", [(GREEN, 0, "SUCCESSFUL"), (RED_WITH_MANIFEST, 1, "FAILED")], ids=["green", "red"]
)
def test_on_merge(pipeline: MakeRun, script: Script, code: int, end: str) -> None:
    run = pipeline("on-merge.yml", "branches.main", script)

    assert run.code == code, run.log
    assert [(one.commit, one.name, one.state) for one in run.host.history] == [
        (run.sha, f"dbt Cloud / {JOB_NAME}", state) for state in ("INPROGRESS", end)
    ]


def test_on_pull_request__completes_the_commit_in_the_container(pipeline: MakeRun) -> None:
    """The runner knows nothing of pull requests, so their variables are given."""
    run = pipeline("on-pull-request.yml", "pull_requests.**", GREEN, BITBUCKET_PR_ID="2", DBT_COMMENT="always")

    assert run.code == 0, run.log
    assert run.host.history[-1].commit == run.sha
    assert len(run.host.comments[2]) == 1
