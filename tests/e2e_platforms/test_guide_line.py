"""The line that users of dbt's guide change: pip, uv, uvx and pipx install the archive of this checkout."""

from __future__ import annotations

import functools
import http.server
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from emulator import Emulator
from tests.platforms import test_guide as guide
from tests.support import environments as env
from tests.support.scripts import GREEN
from tests.support.workflow_step import CLOUD_TOKEN

ROOT = Path(__file__).resolve().parents[2]
# The Python that the line asks uvx for. uvx would download a missing one, which a test must not do.
WANTED = "3.13"

pytestmark = pytest.mark.e2e


def interpreter(version: str) -> Path | None:
    """Find a Python of this version on the PATH or in pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    folders = [*map(Path, os.environ["PATH"].split(os.pathsep)), *pyenv.glob(f"{version}.*/bin")]
    for path in (folder / f"python{version}" for folder in folders):
        if path.exists():
            code = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
            done = subprocess.run([str(path), "-c", code], capture_output=True, text=True, check=False)
            if done.stdout.strip() == version:
                return path
    return None


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an archive as GitHub makes it of a tag."""
    folder = tmp_path_factory.mktemp("archive")
    files = subprocess.run(["git", "stash", "create"], cwd=ROOT, check=True, capture_output=True, text=True)
    command = ["git", "archive", "--prefix=dbt-cloud-run-action-1/", "-o", str(folder / "v1.tar.gz")]
    subprocess.run([*command, files.stdout.strip() or "HEAD"], cwd=ROOT, check=True)
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1.tar.gz"
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        """Print nothing."""


class RealPipe(guide.GuideShell):
    """Runs the real commands; `python` has the version of the image that the guide uses."""

    commands: Mapping[str, str] = {}

    def __init__(self, cloud: Emulator, folder: Path, archive: str, python: Path) -> None:
        super().__init__(cloud, folder)
        self._archive = archive
        subprocess.run([str(python), "-m", "venv", str(folder / "python")], check=True, capture_output=True)
        wanted = interpreter(WANTED)
        assert wanted
        self._path = [folder / "python" / "bin", Path("/usr/bin"), Path("/bin"), wanted.parent]

    def pip(self, *packages: str) -> None:
        """Install what the machines of the CI have already."""
        command = [str(self._path[0] / "python"), "-m", "pip", "install", "--quiet", *packages]
        subprocess.run(command, check=True, capture_output=True, timeout=300)

    def run(self, script: str, environ: Mapping[str, str]) -> str:
        path = os.pathsep.join(map(str, self._path))
        return super().run(script.replace(guide.ARCHIVE, self._archive), {**os.environ, **environ, "PATH": path})


MakePipe = Callable[[str], RealPipe]


@pytest.fixture
def make_pipe(tmp_path: Path, archive: str) -> Iterator[MakePipe]:
    """`make_pipe(version)`: a pipeline with this Python."""
    with ExitStack() as stack:

        def made(version: str) -> RealPipe:
            python = interpreter(version)
            if python is None or interpreter(WANTED) is None:
                pytest.skip(f"no Python {version} or no Python {WANTED} on this machine")
            cloud = stack.enter_context(Emulator(GREEN, token=CLOUD_TOKEN))
            return RealPipe(cloud, tmp_path, archive, python)

        yield made


@pytest.fixture
def serve() -> Iterator[Callable[[Any], Any]]:
    with ExitStack() as stack:
        yield stack.enter_context


def test_gitlab(make_pipe: MakePipe, serve: Callable[[Any], Any]) -> None:
    guide.test_guide__gitlab(make_pipe("3.9"), serve, dict(env.GITLAB_PUSH))


def test_bitbucket(make_pipe: MakePipe, serve: Callable[[Any], Any]) -> None:
    guide.test_guide__bitbucket(make_pipe("3.11"), serve, env.BITBUCKET)


def test_azure_repos(make_pipe: MakePipe, serve: Callable[[Any], Any]) -> None:
    pipe = make_pipe("3.9")
    # Microsoft's agents have it; a Python of 3.7, which the block asks for, has nothing to do with it.
    pipe.pip("pipx")
    guide.test_guide__azure_repos(pipe, serve)
