"""What a release needs besides the engine: a registry, a package server, and a checkout whose owner is named."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dbt_action import __version__
from tests.e2e.conftest import base, checkout, engine, github, image
from tests.e2e.runner import Checkout
from tests.support import repository

# The fixtures of the end-to-end tests are used here too.
__all__ = ["base", "checkout", "engine", "github", "image"]

OWNER = "acme"
NAME = f"{OWNER}/dbt-cloud-run-action"
REGISTRY = """\
version: 0.1
storage:
  filesystem:
    rootdirectory: {folder}
http:
  addr: 127.0.0.1:{port}
"""


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry for images on this machine: `127.0.0.1:<port>`, which Docker trusts without a certificate."""
    if shutil.which("docker-registry") is None:
        pytest.exit("The rehearsal needs `docker-registry` (a package of Debian and Ubuntu).", returncode=1)
    folder, port = tmp_path_factory.mktemp("registry"), _free_port()
    config = folder / "config.yml"
    config.write_text(REGISTRY.format(folder=folder / "data", port=port), encoding="utf-8")
    with _server(["docker-registry", "serve", str(config)], f"http://127.0.0.1:{port}/v2/"):
        yield f"127.0.0.1:{port}"


@pytest.fixture(scope="session")
def package_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty package index on this machine."""
    folder, port = tmp_path_factory.mktemp("packages"), _free_port()
    command = [sys.executable, "-m", "pypiserver", "run", "--port", str(port), "--interface", "127.0.0.1"]
    command += ["--authenticate", ".", "--passwords", ".", "--disable-fallback", str(folder)]
    with _server(command, f"http://127.0.0.1:{port}/simple/"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _server(command: list[str], url: str) -> Iterator[None]:
    """A server that answers at `url` with any status below 500."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 30
            while not _answers(url):
                assert process.poll() is None, f"{command[0]} has ended"
                assert time.monotonic() < deadline, f"{command[0]} does not answer"
                time.sleep(0.1)
            yield
        finally:
            process.kill()


def _answers(url: str) -> bool:
    try:
        with closing(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2)):
            return True
    except OSError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Released:
    """A release: the checkout that it was made from, its packages, its image in the registry, and its tree."""

    source: Path
    wheel: Path
    sdist: Path
    image: str
    digest: str
    tree: Path


@pytest.fixture(scope="session")
def source(checkout: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, committed, with the owner's name in every file."""
    folder = tmp_path_factory.mktemp("source") / "repository"
    repository.git(checkout.folder, "clone", "--quiet", str(checkout.folder), str(folder))
    run(folder, "release", "rename", OWNER)
    repository.git(folder, "commit", "--quiet", "--all", "--message", "The owner")
    return folder


@pytest.fixture(scope="session")
def released(source: Path, image: str, registry: str, tmp_path_factory: pytest.TempPathFactory) -> Released:
    """Everything that the workflow of a release does before it publishes."""
    wheel, sdist = build(source, tmp_path_factory.mktemp("dist"))
    name = f"{registry}/{NAME}"
    docker("tag", image, f"{name}:v{__version__}")
    pushed = docker("push", f"{name}:v{__version__}")
    found = re.search(r"digest: (sha256:[0-9a-f]{64})", pushed)
    assert found, pushed
    # The engine must not have it under this name, or nothing would be pulled.
    docker("rmi", f"{name}:v{__version__}")
    tree = tmp_path_factory.mktemp("release") / "tree"
    options = ["--version", __version__, "--image", name, "--digest", found[1]]
    run(source, "release", "render", *options, "--wheel", str(wheel), "--out", str(tree))
    return Released(source, wheel, sdist, name, found[1], tree)


def run(folder: Path, module: str, *arguments: str) -> str:
    """Run a module of the checkout in `folder`; what it printed."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(source: Path, folder: Path) -> tuple[Path, Path]:
    """Build wheel and sdist as the workflow does, with the time of the commit in them."""
    seconds = repository.git(source, "log", "-1", "--format=%ct")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    environ = {"PATH": "/usr/bin:/bin", "SOURCE_DATE_EPOCH": seconds}
    subprocess.run(command, cwd=source, env=environ, check=True, capture_output=True, timeout=300)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def docker(*arguments: str) -> str:
    """Run the client of the engine; what it printed."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
