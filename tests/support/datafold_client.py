"""Datafold's own command line client as a process, and the request of an upload in a form that can be compared."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from emulator import Datafold, RecordedRequest

TestFunction = TypeVar("TestFunction", bound=Callable[..., Any])

# It needs Python 3.11 to 3.13. On Windows it opens its temporary file twice, which is not allowed there.
_RUNS = importlib.util.find_spec("datafold_sdk") is not None and os.name != "nt"

# What its script `datafold` does. The script itself may have been made for another place of the environment.
PROGRAM = "import sys; from datafold_sdk.cli import manager; sys.exit(manager(prog_name='datafold'))"
# Between two programs that send the same upload these may differ.
OF_THE_SENDER = frozenset({"Accept", "Accept-Encoding", "Connection", "Host", "User-Agent"})
ARTIFACTS: Mapping[str, bytes] = {
    "manifest.json": b'{"metadata": {"dbt_version": "1.11.2"}, "nodes": {}}',
    "run_results.json": b'{"results": [], "elapsed_time": 1.5}',
    "catalog.json": b'{"nodes": {}, "sources": {}}',
}


def needs_client(test: TestFunction) -> TestFunction:
    """Mark a test that runs the client; it is skipped where the client does not run."""
    skipped = pytest.mark.skipif(not _RUNS, reason="Datafold's client does not run on this Python or system")
    marked: TestFunction = pytest.mark.datafold(skipped(test))
    return marked


def write_artifacts(folder: Path, files: Mapping[str, bytes] = ARTIFACTS) -> Path:
    """Write dbt's files to `folder`, which is made."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def run_client(
    datafold: Datafold, folder: Path, *arguments: str, api_key: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `datafold <arguments>` in `folder`, with nothing of this environment."""
    environ = {
        "DATAFOLD_API_KEY": api_key or datafold.api_key,
        "DATAFOLD_HOST": datafold.url,
        # It asks the package index for its newest version, without a time limit; here nobody listens.
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1",
    }
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=60)


def upload_request(datafold: Datafold) -> RecordedRequest:
    """The one upload that was sent."""
    (found,) = [request for request in datafold.requests if "/submit_artifacts/" in request.path]
    return found


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """What an upload says, whoever sends it. A part is its headers and its text, or the files of its zip."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    parts: tuple[tuple[str, str | tuple[ZippedFile, ...]], ...]


@dataclass(frozen=True, slots=True, order=True)
class ZippedFile:
    name: str
    compression: int
    size: int
    sha256: str


def normalised(request: RecordedRequest) -> UploadRequest:
    """Leave out the boundary, the temporary file's name, and what tells one sending program or machine from another.

    The latter are `OF_THE_SENDER`, and in the zip times, modes and the order of files. The length follows from these,
    so it only has to be there.
    """
    headers = {name: value for name, value in request.headers.items() if name not in OF_THE_SENDER}
    content_type, found, boundary = headers["Content-Type"].partition("; boundary=")
    assert found, content_type
    assert str(len(request.body)) == headers["Content-Length"]
    headers |= {"Content-Type": content_type, "Content-Length": "any"}
    first, *parts, last = request.body.split(f"--{boundary}".encode())
    assert (b"", b"--\r\n") == (first, last)
    return UploadRequest(request.method, request.path, request.query, headers, tuple(map(_part, parts)))


def _part(part: bytes) -> tuple[str, str | tuple[ZippedFile, ...]]:
    head, _, content = part.removeprefix(b"\r\n").removesuffix(b"\r\n").partition(b"\r\n\r\n")
    words = re.sub(r'filename="[^"/]+\.zip"', 'filename="any.zip"', head.decode())
    return words, _zipped(content) if "filename=" in words else content.decode()


def _zipped(content: bytes) -> tuple[ZippedFile, ...]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        found = [
            ZippedFile(
                info.filename, info.compress_type, info.file_size, hashlib.sha256(archive.read(info)).hexdigest()
            )
            for info in archive.infolist()
        ]
    return tuple(sorted(found))
