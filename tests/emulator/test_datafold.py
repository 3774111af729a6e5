"""The emulated Datafold: what it takes, refuses and keeps, for requests that were made by hand."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
import requests

from emulator import Datafold
from emulator.datafold_uploads import Part, ZippedFile
from emulator.server import LARGEST_RECORDED_BODY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Json: TypeAlias = Any
"""Whatever JSON or a keyword may hold."""

SHA = "a" * 40
OTHER = "b" * 40
BOUNDARY = "a0b1c2"


def zipped(**files: bytes) -> bytes:
    """A zip of files whose names have `__` for a slash and `_json` at the end for `.json`."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").removesuffix("_json") + ".json", content)
    return out.getvalue()


MANIFEST = zipped(manifest_json=b'{"nodes": {}}')
# The zip as such is in order: 43 bytes of header and name come before the compressed content.
DAMAGED = MANIFEST[:44] + b"\xff\xff" + MANIFEST[46:]


def text(name: str, value: str) -> bytes:
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()


def file(content: bytes, *, name: str = "artifacts", header: str = "") -> bytes:
    return f'Content-Disposition: form-data; name="{name}"; filename="x.zip"\r\n{header}\r\n'.encode() + content


def form(parts: Sequence[bytes], *, end: str = "--") -> bytes:
    """A form, written byte for byte, so that it can be wrong."""
    return b"".join(f"--{BOUNDARY}\r\n".encode() + part + b"\r\n" for part in parts) + f"--{BOUNDARY}{end}\r\n".encode()


@pytest.fixture
def datafold() -> Iterator[Datafold]:
    with Datafold() as server:
        yield server


def send(datafold: Datafold, method: str, path: str, *, key: str = "", **more: Json) -> requests.Response:
    headers = {"Authorization": f"Key {key or datafold.api_key}", **more.pop("headers", {})}
    return requests.request(method, f"{datafold.url}/{path}", headers=headers, timeout=5, **more)


def upload(datafold: Datafold, *parts: bytes, config_id: int = 77, **more: Json) -> requests.Response:
    path = f"api/v1/dbt/submit_artifacts/{config_id}"
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return send(datafold, "POST", path, data=form(parts), headers=headers, **more)


def list_ci_runs(datafold: Datafold, **query: Json) -> Json:
    return send(datafold, "GET", "api/v1/ci/77/runs", params=query).json()


@pytest.mark.parametrize("run_type", ["production", "pull_request"])
def test_upload__is_kept_without_its_content(datafold: Datafold, run_type: str) -> None:
    content = b'{"nodes": {"model.shop.orders": {}}}'
    archive = zipped(manifest_json=content, compiled__shop__a_json=b"")

    answer = upload(datafold, text("commit_sha", SHA), text("run_type", run_type), file(archive))

    assert 200 == answer.status_code
    (one,) = datafold.uploads
    assert (77, SHA, run_type, None) == (one.config_id, one.commit_sha, one.run_type, one.run_id)
    assert ["commit_sha", "run_type", "artifacts"] == [part.name for part in one.parts]
    disposition = 'form-data; name="artifacts"; filename="x.zip"'
    assert Part("artifacts", (("Content-Disposition", disposition),), "x.zip") == one.parts[-1]
    assert {"manifest.json", "compiled/shop/a.json"} == set(one.files)
    assert ZippedFile(len(content), hashlib.sha256(content).hexdigest()) == one.files["manifest.json"]


def test_upload__may_have_a_run_id_and_the_manifest_in_a_folder(datafold: Datafold) -> None:
    archive = file(zipped(target__manifest_json=b"{}"))

    upload(datafold, text("commit_sha", SHA), text("run_type", "production"), text("run_id", "r1"), archive)

    assert ["r1"] == [one.run_id for one in datafold.uploads]
    assert ["target/manifest.json"] == list(datafold.uploads[0].files)


def test_upload__headers_of_the_parts_are_kept(datafold: Datafold) -> None:
    archive = file(MANIFEST, header="Content-Type: application/zip\r\n")

    upload(datafold, text("commit_sha", SHA), text("run_type", "production"), archive)

    assert ("Content-Type", "application/zip") == datafold.uploads[0].parts[-1].headers[1]


def test_upload__a_large_one_is_read_and_not_recorded(datafold: Datafold) -> None:
    content = b"\r\n--" * LARGEST_RECORDED_BODY
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("manifest.json", content)

    answer = upload(datafold, text("commit_sha", SHA), text("run_type", "production"), file(out.getvalue()))

    assert 200 == answer.status_code
    assert hashlib.sha256(content).hexdigest() == datafold.uploads[0].files["manifest.json"].sha256
    (recorded,) = datafold.requests
    assert (b"", "POST") == (recorded.body, recorded.method)


COMMIT, TYPE, FILE = text("commit_sha", SHA), text("run_type", "production"), file(MANIFEST)


@pytest.mark.parametrize(
    "parts, place",
    [
        pytest.param((), "commit_sha", id="nothing"),
        pytest.param((TYPE, FILE), "commit_sha", id="no commit"),
        pytest.param((COMMIT, FILE), "run_type", id="no type"),
        pytest.param((COMMIT, TYPE), "artifacts", id="no file"),
        pytest.param((text("commit_sha", ""), TYPE, FILE), "commit_sha", id="empty commit"),
        pytest.param((COMMIT, text("run_type", "staging"), FILE), "run_type", id="unknown type"),
        pytest.param((b"X: y\r\n\r\n" + COMMIT, TYPE, FILE), "", id="part without a disposition"),
        pytest.param((TYPE, COMMIT, FILE), "", id="other order"),
        pytest.param((COMMIT, TYPE, FILE, text("run_id", "r1")), "", id="run id behind the file"),
        pytest.param((COMMIT, COMMIT, TYPE, FILE), "", id="twice"),
        pytest.param((COMMIT, TYPE, text("branch", "main"), FILE), "", id="unknown part"),
        pytest.param((COMMIT, TYPE, text("artifacts", "abc")), "artifacts", id="no file name"),
        pytest.param((file(b"a", name="commit_sha"), TYPE, FILE), "commit_sha", id="a file as commit"),
        pytest.param((text("commit_sha", "a" * 2000), TYPE, FILE), "commit_sha", id="long commit"),
        pytest.param((COMMIT.replace(b"aaaa", b"\xff"), TYPE, FILE), "commit_sha", id="not UTF-8"),
        pytest.param((COMMIT, TYPE, file(b"{}")), "artifacts", id="no zip"),
        pytest.param((COMMIT, TYPE, file(MANIFEST[:-30])), "artifacts", id="half a zip"),
        pytest.param((COMMIT, TYPE, file(DAMAGED)), "artifacts", id="damaged zip"),
        pytest.param((COMMIT, TYPE, file(zipped(run_results_json=b"{}"))), "artifacts", id="no manifest"),
    ],
)
def test_upload__refused(datafold: Datafold, parts: tuple[bytes, ...], place: str) -> None:
    answer = upload(datafold, *parts)

    assert 422 == answer.status_code
    (problem,) = answer.json()["detail"]
    assert ["body", *filter(None, [place])] == problem["loc"]
    assert {"loc", "msg", "type"} == set(problem)
    assert () == datafold.uploads


@pytest.mark.parametrize(
    "content_type, body",
    [
        (f"multipart/form-data; boundary={BOUNDARY}", form([COMMIT, TYPE, FILE], end="")),
        (f"multipart/form-data; boundary={BOUNDARY}x", form([COMMIT, TYPE, FILE])),
        ("multipart/form-data", form([COMMIT, TYPE, FILE])),
        ("application/zip", MANIFEST),
        ("application/json", b"{}"),
    ],
)
def test_upload__what_is_no_form_is_refused(datafold: Datafold, content_type: str, body: bytes) -> None:
    path = "api/v1/dbt/submit_artifacts/77"

    answer = send(datafold, "POST", path, data=body, headers={"Content-Type": content_type})

    assert (422, ["body"]) == (answer.status_code, answer.json()["detail"][0]["loc"])


def test_key__wrong_one(datafold: Datafold) -> None:
    assert 401 == upload(datafold, COMMIT, TYPE, FILE, key="wrong").status_code
    answer = requests.get(
        f"{datafold.url}/api/v1/ci/77/runs", headers={"Authorization": f"Bearer {datafold.api_key}"}, timeout=5
    )

    assert 401 == answer.status_code
    assert () == datafold.uploads


@pytest.mark.parametrize("path", ["api/v1/dbt/submit_artifacts/78", "api/v1/ci/78/trigger", "api/v1/dbt/other/77"])
def test_path__unknown_config_or_endpoint(datafold: Datafold, path: str) -> None:
    assert 404 == send(datafold, "POST", path).status_code


def test_fault__lost_answer_of_an_upload_that_was_taken(datafold: Datafold) -> None:
    datafold.faults.add(kind="lose", path="submit_artifacts")

    with pytest.raises(requests.exceptions.ConnectionError):
        upload(datafold, COMMIT, TYPE, FILE)

    assert 1 == len(datafold.uploads)


def test_ci_runs__each_look_moves_one_status_forward(datafold: Datafold) -> None:
    added = datafold.add_ci_run(77, SHA, statuses=("waiting", "running", "failed"))

    seen = [list_ci_runs(datafold, pr_sha=SHA, limit=1) for _ in range(4)]

    assert ["waiting", "running", "failed", "failed"] == [run["status"] for (run,) in seen]
    fields = "base_branch base_sha id pr_branch pr_num pr_sha source status"
    assert fields == " ".join(sorted(seen[0][0]))
    assert (added.id, SHA, "6") == tuple(seen[0][0][name] for name in ("id", "pr_sha", "pr_num"))


def test_ci_runs__are_filtered(datafold: Datafold) -> None:
    first, second, third = (
        datafold.add_ci_run(77, sha, pr_num=num) for sha, num in ((SHA, "6"), (OTHER, "6"), (SHA, "7"))
    )

    def ids(**query: Json) -> list[int]:
        return [run["id"] for run in list_ci_runs(datafold, **query)]

    assert [third.id, second.id, first.id] == ids()
    assert [third.id, first.id] == ids(pr_sha=SHA)
    assert [second.id, first.id] == ids(pr_num="6")
    assert [second.id] == ids(limit=1, offset=1)
    assert [] == ids(pr_sha="c" * 40)


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"offset": -1}])
def test_ci_runs__wrong_numbers(datafold: Datafold, query: dict[str, Json]) -> None:
    answer = send(datafold, "GET", "api/v1/ci/77/runs", params=query)

    assert (422, ["query", *query]) == (answer.status_code, answer.json()["detail"][0]["loc"])


TRIGGER = {"pr_number": 6, "base_branch": "main", "base_sha": OTHER, "pr_sha": SHA, "pr_branch": "feat"}
DIFFS = [{"prod": "P.S.T", "pr": "P.PR.T", "pk": ["ID"], "include_columns": [], "exclude_columns": []}]


def test_trigger__makes_the_ci_run_to_which_diffs_are_attached(datafold: Datafold) -> None:
    nothing = send(datafold, "POST", "api/v1/ci/77/6", json=DIFFS).json()

    made = send(datafold, "POST", "api/v1/ci/77/trigger", json=TRIGGER).json()
    attached = send(datafold, "POST", "api/v1/ci/77/6", json=DIFFS).json()

    (run,) = datafold.ci_runs
    assert {"ci_run_id": None, "run_id": None} == nothing
    assert run.id == made["ci_run_id"] == attached["run_id"]
    assert ("6", SHA, "feat", "main", OTHER) == (run.pr_num, run.pr_sha, run.pr_branch, run.base_branch, run.base_sha)


@pytest.mark.parametrize(
    "path, body, place",
    [
        ("trigger", {**TRIGGER, "pr_number": "6"}, ["pr_number"]),
        ("trigger", {"pr_number": 6}, ["base_branch"]),
        ("trigger", [], []),
        ("6", {}, []),
        ("6", [{"prod": "P.S.T", "pk": None}], [0, "pr"]),
    ],
)
def test_trigger_and_diffs__refused(datafold: Datafold, path: str, body: Json, place: list[Json]) -> None:
    answer = send(datafold, "POST", f"api/v1/ci/77/{path}", json=body)

    assert (422, ["body", *place]) == (answer.status_code, answer.json()["detail"][0]["loc"])


@pytest.mark.parametrize(
    "commit, run_type, expected",
    [(SHA, "production", "ok"), (SHA, "pull_request", "missing"), (OTHER, "production", "missing")],
)
def test_check__says_whether_there_was_such_an_upload(
    datafold: Datafold, commit: str, run_type: str, expected: str
) -> None:
    upload(datafold, COMMIT, TYPE, FILE)
    fields = {"commit_sha": commit, "run_type": run_type, "branch": "main"}

    answer = send(datafold, "POST", "api/v1/dbt/post_upload_check_artifacts/77", data=fields)

    assert {"status": expected} == answer.json()


def test_check__needs_each_field(datafold: Datafold) -> None:
    answer = send(datafold, "POST", "api/v1/dbt/post_upload_check_artifacts/77", data={"commit_sha": SHA})

    assert ["body", "run_type"] == answer.json()["detail"][0]["loc"]


def test_manifest__its_models_are_named(datafold: Datafold) -> None:
    model = {
        "resource_type": "model",
        "database": "shop",
        "schema": "main",
        "alias": "orders",
        "fqn": ["shop", "orders"],
        "original_file_path": "models/orders.sql",
    }
    manifest = {"nodes": {"model.shop.orders": model, "test.shop.x": {"resource_type": "test"}}}
    path = "api/internal/ci/77/check_pks_in_dbt_manifest"

    (named,) = send(datafold, "POST", path, json=manifest).json()

    assert ("none", ["shop", "main", "orders"]) == (named["source"], named["sql_table"])
    assert 422 == send(datafold, "POST", path, data=b"[]").status_code


def test_log__is_taken_from_anybody(datafold: Datafold) -> None:
    answer = requests.post(f"{datafold.url}/api/internal/sdk/log", json={"logs": []}, timeout=5)

    assert (200, {}) == (answer.status_code, answer.json())
