"""The line that users of dbt's guide change: pip, pipx and uv install a Python, the lock, and our wheel."""

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
from release import facts
from tests.platforms import test_guide as guide
from tests.support import environments as env
from tests.support.released import requirements_of
from tests.support.scripts import GREEN
from tests.support.workflow_step import CLOUD_TOKEN

ROOT = Path(__file__).resolve().parents[2]
# The Python that the line asks uv for. uv would download a missing one, which a test must not do.
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
def requirements(wheel: Path) -> Iterator[str]:
    """The URL of the file of a release that names the lock and our wheel."""
    handler = functools.partial(Quiet, directory=str(wheel.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        released = wheel.parent / "released.txt"
        released.write_text(requirements_of(wheel, f"dbt-cloud-run @ {url}/{wheel.name}"), encoding="utf-8")
        yield f"{url}/{released.name}"
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        """Print nothing."""


class RealPipe(guide.GuideShell):
    """Runs the real commands; `python` has the version of the image that the guide uses."""

    commands: Mapping[str, str] = {}

    def __init__(self, cloud: Emulator, folder: Path, requirements: str, python: Path) -> None:
        super().__init__(cloud, folder)
        self._requirements = requirements
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
        return super().run(
            script.replace(facts.REQUIREMENTS, self._requirements), {**os.environ, **environ, "PATH": path}
        )


MakePipe = Callable[[str], RealPipe]


@pytest.fixture
def make_pipe(tmp_path: Path, requirements: str) -> Iterator[MakePipe]:
    """`make_pipe(version)`: a pipeline with this Python."""
    with ExitStack() as stack:

        def made(version: str) -> RealPipe:
            python = interpreter(version)
            if python is None or interpreter(WANTED) is None:
                pytest.skip(f"no Python {version} or no Python {WANTED} on this machine")
            cloud = stack.enter_context(Emulator(GREEN, token=CLOUD_TOKEN))
            return RealPipe(cloud, tmp_path, requirements, python)

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
