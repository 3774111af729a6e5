"""What Datafold's own client sends, and that it understands the emulated Datafold.

It has no description of the upload beside this client. The client waits five seconds between two looks at a CI run, so
only runs that are over at the first look are waited for here.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from dbt_action.config.choices import DatafoldRunType
from dbt_action.config.loader import Datafold as Settings
from dbt_action.integrations.datafold import DatafoldApi
from emulator import Datafold
from tests.support import datafold_client as client
from tests.support.clock import FakeClock
from tests.support.datafold_client import UploadRequest, needs_client, normalised, run_client, upload_request

SHA = "a" * 40
UPLOAD = ("--ci-config-id", "77", "--run-type", "pull_request", "--commit-sha", SHA)


@pytest.fixture
def datafold() -> Iterator[Datafold]:
    with Datafold() as server:
        yield server


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return client.write_artifacts(tmp_path / "target")


def send_by_hand(
    *,
    files: dict[str, bytes] | None = None,
    filename: str = "anything.zip",
    content_type: str = "",
    compression: int = zipfile.ZIP_DEFLATED,
    path: str = "77",
    fields: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> UploadRequest:
    """Upload the files with nothing but `requests`; what was recorded, normalised."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in sorted((files or dict(client.ARTIFACTS)).items()):
            archive.writestr(name, content)
    with Datafold() as datafold:
        requests.post(
            f"{datafold.url}/api/v1/dbt/submit_artifacts/{path}",
            headers={"Authorization": f"Key {datafold.api_key}"} | (headers or {}),
            data=fields or {"commit_sha": SHA, "run_type": "pull_request"},
            files={"artifacts": (filename, out.getvalue(), content_type)},
            timeout=5,
        )
        return normalised(upload_request(datafold))


@needs_client
def test_upload__as_datafolds_own_client_sends_it(datafold: Datafold, target: Path) -> None:
    client.write_artifacts(target, {"compiled/shop/orders.sql": b"select 1"})

    done = run_client(datafold, target, "dbt", "upload", *UPLOAD, "--target-folder", str(target))

    assert (0, "") == (done.returncode, done.stdout), done.stderr
    request = upload_request(datafold)
    assert ("POST", "/api/v1/dbt/submit_artifacts/77", {}) == (request.method, request.path, dict(request.query))
    assert f"Key {datafold.api_key}" == request.headers["Authorization"]
    assert request.headers["User-Agent"].startswith("datafold-sdk/0.4.1 python-requests/")
    (upload,) = datafold.uploads
    assert (77, SHA, "pull_request", None) == (upload.config_id, upload.commit_sha, upload.run_type, upload.run_id)
    assert ["commit_sha", "run_type", "artifacts"] == [part.name for part in upload.parts]
    assert [["Content-Disposition"]] * 3 == [[name for name, _ in part.headers] for part in upload.parts]
    assert {*client.ARTIFACTS, "compiled/shop/orders.sql"} == set(upload.files)


@needs_client
def test_upload__ours_is_the_same_request(datafold: Datafold, target: Path, tmp_path: Path) -> None:
    run_client(datafold, target, "dbt", "upload", *UPLOAD, "--target-folder", str(target))
    theirs = normalised(upload_request(datafold))

    with Datafold() as other:
        api = DatafoldApi(Settings(ci_config_id=77, api_key=other.api_key, url=other.url), clock=FakeClock())
        files = {name: target / name for name in client.ARTIFACTS}
        api.upload(files, commit=SHA, kind=DatafoldRunType.PULL_REQUEST, folder=tmp_path)

        assert theirs == normalised(upload_request(other))


def test_upload__of_a_large_manifest_is_not_held_in_memory(datafold: Datafold, tmp_path: Path) -> None:
    """A runner may have less memory than a manifest has bytes."""
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


@needs_client
def test_upload__a_few_lines_of_requests_send_the_same(datafold: Datafold, target: Path) -> None:
    run_client(datafold, target, "dbt", "upload", *UPLOAD, "--target-folder", str(target), "--run-id", "r1")
    fields = {"commit_sha": SHA, "run_type": "pull_request", "run_id": "r1"}

    assert normalised(upload_request(datafold)) == send_by_hand(fields=fields)


@needs_client
def test_upload__a_refusal_fails_the_client(datafold: Datafold, target: Path) -> None:
    done = run_client(datafold, target, "dbt", "upload", *UPLOAD, "--target-folder", ".", api_key="wrong")

    assert 1 == done.returncode
    assert "Error: " in done.stderr
    assert () == datafold.uploads


@needs_client
@pytest.mark.parametrize("status, code, words", [("done", 0, "PR 6: done"), ("failed", 1, "The CI job failed")])
def test_upload_and_wait__ends_with_the_ci_run(
    datafold: Datafold, target: Path, status: str, code: int, words: str
) -> None:
    datafold.add_ci_run(77, SHA, statuses=(status,))

    done = run_client(datafold, target, "dbt", "upload-and-wait", *UPLOAD, "--target-folder", ".")

    assert code == done.returncode, done.stderr
    assert words in done.stderr
    (look,) = [request for request in datafold.requests if request.path == "/api/v1/ci/77/runs"]
    assert {"limit": "1", "pr_sha": SHA} == dict(look.query)


@needs_client
@pytest.mark.parametrize(
    "arguments, words",
    [
        (
            "ci trigger --pr-num 6 --base-branch main --base-sha b --pr-branch feat --pr-sha a",
            "triggered the CI run: 9002",
        ),
        ("ci submit --pr-num 6 --diffs diffs.json", "started a diff under Run ID 9001"),
        ("dbt check-post-upload-dbt-artifacts --run-type production --branch main --commit-sha a", "Cannot find"),
        ("dbt check-primary-keys target/manifest.json", "none  shop.orders    models/orders.sql"),
    ],
    ids=["ci trigger", "ci submit", "dbt check-post-upload", "dbt check-primary-keys"],
)
def test_other_commands__understand_the_emulated_datafold(
    datafold: Datafold, target: Path, arguments: str, words: str
) -> None:
    datafold.add_ci_run(77, SHA)
    place = {"database": "db", "schema": "main", "alias": "orders", "fqn": ["shop", "orders"]}
    model = {"resource_type": "model", "original_file_path": "models/orders.sql", **place}
    diff = {"prod": "db.main.orders", "pr": "db.pr_6.orders", "pk": ["id"]}
    client.write_artifacts(
        target.parent,
        {
            "target/manifest.json": json.dumps({"nodes": {"model.shop.orders": model}}).encode(),
            "diffs.json": json.dumps([diff]).encode(),
        },
    )
    group, command, *more = arguments.split()

    done = run_client(datafold, target.parent, group, command, "--ci-config-id", "77", *more)

    assert 0 == done.returncode, done.stderr
    assert words in done.stdout + done.stderr


def test_normalised__does_not_see_names_of_temporary_files_and_senders() -> None:
    usual = send_by_hand()

    assert usual == send_by_hand(filename="tmp123.zip", headers={"User-Agent": "ours/1.0", "Accept": "text/html"})


@pytest.mark.parametrize(
    "different",
    [
        {"content_type": "application/zip"},
        {"filename": "x.json"},
        {"compression": zipfile.ZIP_STORED},
        {"files": {"manifest.json": b"{}"}},
        {"files": {**client.ARTIFACTS, "target/manifest.json": b"{}"}},
        {"path": "78"},
        {"path": "77?x=1"},
        {"fields": {"run_type": "pull_request", "commit_sha": SHA}},
        {"fields": {"commit_sha": SHA, "run_type": "production"}},
        {"fields": {"commit_sha": SHA, "run_type": "pull_request", "run_id": ""}},
        {"headers": {"Authorization": "Bearer x"}},
        {"headers": {"X-Other": "x"}},
    ],
    ids=str,
)
def test_normalised__sees_everything_else(different: dict[str, Any]) -> None:
    assert send_by_hand() != send_by_hand(**different)
