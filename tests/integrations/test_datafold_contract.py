"""Our upload is the request of Datafold's own client, which is started here and knows nothing of the product."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from dbt_action.config.choices import DatafoldRunType
from dbt_action.config.loader import Datafold as Settings
from dbt_action.integrations.datafold import ARTIFACTS, DatafoldApi
from emulator import Datafold
from emulator.datafold import parts_of
from emulator.server import RecordedRequest
from tests.support.clock import FakeClock

COMMIT = "b" * 40
KEY = "datafold-key"
# The client does not install on other versions of Python, so there is nothing to compare with.
CLIENTS = [Path(sysconfig.get_path("scripts")) / "datafold"] if (3, 11) <= sys.version_info < (3, 14) else []


@pytest.fixture
def datafold() -> Iterator[Datafold]:
    with Datafold(api_key=KEY) as server:
        yield server


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A folder as dbt leaves it."""
    folder = tmp_path / "target"
    folder.mkdir()
    for name in ARTIFACTS:
        (folder / name).write_text(f'{{"name": "{name}", "text": "{"x" * 10_000}"}}', encoding="utf-8")
    return folder


def normalised(request: RecordedRequest) -> Mapping[str, Any]:
    """What counts of an upload: not the boundary, the name of the temporary file, and the order within the archive."""
    parts = parts_of(request.headers["Content-Type"], request.body)
    (archive,) = (part for part in parts if part.file_name is not None)
    with zipfile.ZipFile(BytesIO(archive.content)) as opened:
        files = {info.filename: (opened.read(info), info.compress_type, info.date_time) for info in opened.infolist()}
    return {
        "line": (request.method, request.path, dict(request.query)),
        "authorization": request.headers["Authorization"],
        "type": request.headers["Content-Type"].partition(";")[0],
        "parts": [
            (part.name, sorted(part.headers), None if part.file_name is not None else part.content) for part in parts
        ],
        "zip": (archive.file_name or "")[-4:],
        "files": files,
    }


def run_client(client: Path, url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(client), "dbt", "upload", "--ci-config-id", "77", "--run-type", "pull_request"]
    command += ["--target-folder", str(folder), "--commit-sha", COMMIT]
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder.parent),
        "DATAFOLD_API_KEY": KEY,
        "DATAFOLD_HOST": url,
        # After an upload the client asks the package index for a newer version of itself, without a time limit.
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1",
    }
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("client", CLIENTS)
def test_upload__is_the_same_request(datafold: Datafold, target: Path, tmp_path: Path, client: Path) -> None:
    done = run_client(client, datafold.url, target)
    assert 0 == done.returncode, done.stderr

    settings = Settings(ci_config_id=77, api_key=KEY, url=datafold.url)
    files = {name: target / name for name in ARTIFACTS}
    api = DatafoldApi(settings, clock=FakeClock())
    api.upload(files, commit=COMMIT, kind=DatafoldRunType.PULL_REQUEST, folder=tmp_path)

    theirs, ours = (request for request in datafold.requests if "submit_artifacts" in request.path)
    assert normalised(theirs) == normalised(ours)
    assert datafold.uploads[0] == datafold.uploads[1]


def test_upload__of_a_large_manifest_is_not_held_in_memory(datafold: Datafold, tmp_path: Path) -> None:
    """The process that uploads may have less memory than the manifest has bytes."""
    code = """
import sys, tracemalloc
from pathlib import Path
from dbt_action.clock import SystemClock
from dbt_action.config.choices import DatafoldRunType
from dbt_action.config.loader import Datafold
from dbt_action.integrations.datafold import DatafoldApi
url, folder = sys.argv[1], Path(sys.argv[2])
api = DatafoldApi(Datafold(ci_config_id=77, api_key="datafold-key", url=url), clock=SystemClock())
tracemalloc.start()
api.upload({"manifest.json": folder / "manifest.json"}, commit="b" * 40, kind=DatafoldRunType.PRODUCTION, folder=folder)
print(tracemalloc.get_traced_memory()[1])
"""
    size = 40_000_000
    # Random bytes, so that the archive is as large as the file.
    (tmp_path / "manifest.json").write_bytes(os.urandom(size))
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", code, datafold.url, str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=120)

    assert 0 == done.returncode, done.stderr
    assert int(done.stdout) < size / 20
    assert 1 == len(datafold.uploads)
