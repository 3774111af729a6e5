"""The emulated Datafold refuses what the real client would never send."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

import pytest
import requests

from emulator import Datafold

COMMIT = "b" * 40
HEADERS = {"Authorization": "Key datafold-key"}


@pytest.fixture
def datafold() -> Iterator[Datafold]:
    with Datafold() as server:
        yield server


def an_archive(name: str = "manifest.json") -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as opened:
        opened.writestr(name, "{}")
    return content.getvalue()


def submit(
    datafold: Datafold,
    *,
    config_id: int = 77,
    archive: bytes | None = None,
    headers: dict[str, str] = HEADERS,
    **data: str,
) -> int:
    content = an_archive() if archive is None else archive
    fields = {"commit_sha": COMMIT, "run_type": "production", **data}
    url = f"{datafold.url}/api/v1/dbt/submit_artifacts/{config_id}"
    files = {"artifacts": ("tmp.zip", content)}
    return requests.post(url, data=fields, files=files, headers=headers, timeout=5).status_code


def test_submit__keeps_what_was_sent(datafold: Datafold) -> None:
    assert 200 == submit(datafold, archive=an_archive("target/manifest.json"))

    (upload,) = datafold.uploads
    assert (COMMIT, "production", {"target/manifest.json"}) == (upload.commit_sha, upload.run_type, set(upload.files))


def test_submit__refuses(datafold: Datafold) -> None:
    assert 401 == submit(datafold, headers={})
    assert 404 == submit(datafold, config_id=78)
    assert 422 == submit(datafold, run_type="other")
    assert 422 == submit(datafold, archive=b"no archive")
    assert 422 == submit(datafold, archive=an_archive("run_results.json"))
    assert 422 == submit(datafold, unknown="x")
    url = f"{datafold.url}/api/v1/dbt/submit_artifacts/77"
    assert 422 == requests.post(url, json={}, headers=HEADERS, timeout=5).status_code
    assert [] == datafold.uploads


def test_ci_run__goes_from_status_to_status(datafold: Datafold) -> None:
    url = f"{datafold.url}/api/v1/ci/77/runs"

    def looks(sha: str) -> list[str]:
        answer = requests.get(url, params={"limit": "1", "pr_sha": sha}, headers=HEADERS, timeout=5)
        return [run["status"] for run in answer.json()]

    datafold.add_ci_run(COMMIT, "running", "done")
    assert [["running"], ["done"], ["done"], []] == [looks(COMMIT), looks(COMMIT), looks(COMMIT), looks("c" * 40)]


def test_trigger__makes_a_run(datafold: Datafold) -> None:
    url = f"{datafold.url}/api/v1/ci/77/trigger"
    answer = requests.post(url, json={"pr_number": 6, "pr_sha": COMMIT}, headers=HEADERS, timeout=5)

    assert {"ci_run_id": 1, "run_id": 1} == answer.json()
