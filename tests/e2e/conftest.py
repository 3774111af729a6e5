"""What the end-to-end tests share: Docker engine, image, a repository with the action, and servers."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator import Emulator, GitHub, Script, ScriptedStep
from tests.e2e.processes import SHA
from tests.e2e.runner import REPOSITORY, Checkout

ROOT = Path(__file__).resolve().parents[2]
# A machine without a Docker engine and a registry may have this program beside the checkout, which provides both.
PROVIDER = ROOT.parent / "shared" / "tools" / "container-engine"
IMAGE = "dbt-cloud-run-action:e2e"
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}")


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """A Docker engine. Without one the tests end with an error: no test must not look like success."""
    if _succeeds("docker", "version"):
        return
    if not PROVIDER.exists():
        pytest.exit(
            "The end-to-end tests need a Docker engine, and none answers (`docker version`). "
            "Start one or set DOCKER_HOST. `make test` needs none.",
            returncode=1,
        )
    os.environ["DOCKER_HOST"] = _output(str(PROVIDER), "start")


@pytest.fixture(scope="session")
def base(engine: None) -> str:  # noqa: ARG001 - the engine has to run
    """The tag of the Dockerfile's base image. Images that do not come from a registry have no digest."""
    named = re.search(r"^FROM (\S+)@", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert named
    tag = named[1]
    if not _succeeds("docker", "image", "inspect", tag) and not _succeeds("docker", "pull", tag):
        if not PROVIDER.exists():
            pytest.exit(f"The end-to-end tests need the image {tag}, and it cannot be pulled.", returncode=1)
        _output(str(PROVIDER), "base", tag)
    return tag


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A repository with the files of this one, without its workflows and the digest in the Dockerfile."""
    folder = tmp_path_factory.mktemp("checkout")
    listing = _output("git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listing.split("\0")):
        source = ROOT / name
        if source.is_file() and not name.startswith(".github/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    dockerfile = folder / "Dockerfile"
    text, count = DIGEST.subn("", dockerfile.read_text(encoding="utf-8"))
    assert count == 1
    dockerfile.write_text(text, encoding="utf-8")
    return Checkout.create(folder)


@pytest.fixture(scope="session")
def image(base: str, checkout: Checkout) -> str:  # noqa: ARG001 - the base has to be there
    """The image that the Dockerfile describes, apart from the digest."""
    build = ["docker", "build", "--quiet", "--network", "host", "--tag", IMAGE, str(checkout.folder)]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    return IMAGE


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub(repository=REPOSITORY, token="github-e2e-token") as server:
        yield server


@pytest.fixture
def endless() -> Iterator[Emulator]:
    """A dbt Cloud whose runs go on until they are cancelled."""
    with Emulator(Script(steps=(ScriptedStep(seconds=math.inf),))) as cloud:
        yield cloud


@pytest.fixture
def variables(tmp_path: Path, endless: Emulator, github: GitHub) -> dict[str, str]:
    """The variables of a step after a push, under the names that both actions map their inputs to."""
    for name in ("output", "summary", "state"):
        (tmp_path / name).touch()
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": github.url,
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_REF_NAME": "main",
        "GITHUB_REF_TYPE": "branch",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_SHA": SHA,
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "GITHUB_STATE": str(tmp_path / "state"),
        "GITHUB_TOKEN": github.token,
        "DBT_URL": endless.url,
        "DBT_TOKEN": endless.token,
        "DBT_ACCOUNT_ID": str(endless.account_id),
        "DBT_JOB_ID": str(endless.job_id),
    }


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _output(*command: str) -> str:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()
