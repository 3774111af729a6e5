"""Datafold: uploads the artifacts of a run, and reads its own CI run of the same commit.

No page documents the upload; it is the request of Datafold's own client (datafold-sdk 0.4.1), and a test compares the
two.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

from urllib3.fields import RequestField
from urllib3.filepost import encode_multipart_formdata

from dbt_action import text, timeouts
from dbt_action.clock import Clock
from dbt_action.config.choices import DatafoldRunType
from dbt_action.config.context import CiContext
from dbt_action.config.loader import Datafold
from dbt_action.hosts.transport import HostError, JsonApi

MANIFEST = "manifest.json"
# Datafold's client sends the whole folder; these are what dbt leaves there by these names.
ARTIFACTS = (MANIFEST, "run_results.json", "catalog.json")
# Words of a CI run that is over; every other one means that it goes on (read in the client).
_OVER = frozenset({"done", "failed", "cancelled"})
_HINTS = {
    401: "`datafold-api-key` is wrong or expired, or belongs to another address (`datafold-host`).",
    403: "`datafold-api-key` may not upload to this CI configuration.",
    404: "`datafold-ci-config-id` is not the number of a CI configuration there; its page shows it.",
    422: "Datafold does not accept what was sent: check that the CI configuration is one for dbt Core.",
}
# Stands for the archive while the body around it is made.
_PLACE = b"(archive)"


def run_type(chosen: DatafoldRunType, build: CiContext) -> DatafoldRunType | None:
    """What the artifacts of this build are to Datafold; None for nothing, in a merge queue: its commit may vanish."""
    if chosen is not DatafoldRunType.AUTO:
        return chosen
    if build.of_merge_queue:
        return None
    return DatafoldRunType.PULL_REQUEST if build.of_pull_request else DatafoldRunType.PRODUCTION


class DatafoldApi:
    """Datafold's API with one key and one CI configuration."""

    def __init__(self, settings: Datafold, *, clock: Clock) -> None:
        """Nothing is sent here."""
        self._config_id, self._clock = settings.ci_config_id, clock
        self._api = JsonApi(
            f"{settings.url}/api",
            {"Authorization": f"Key {settings.api_key}"},
            time_limit=timeouts.DATAFOLD_REQUEST_SECONDS,
            clock=clock,
        )

    def upload(self, files: Mapping[str, Path], *, commit: str, kind: DatafoldRunType, folder: Path) -> int:
        """Upload `files`, by their name in the archive, which is made in `folder`; its size in bytes.

        It is repeated after transient errors: the later upload of a commit counts. Raises HostError, and OSError.
        """
        archive = folder / "artifacts.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as opened:
            for name, file_path in files.items():
                opened.write(file_path, name)
        before, after, content_type = _multipart(commit, kind, archive.name)
        body_file = folder / "body"
        # On disk, since a manifest of hundreds of megabytes is still tens of megabytes in the archive.
        with body_file.open("wb") as file, archive.open("rb") as content:
            file.write(before)
            shutil.copyfileobj(content, file)
            file.write(after)
        path = f"v1/dbt/submit_artifacts/{self._config_id}"
        self._api.upload(path, body_file, content_type, seconds=timeouts.DATAFOLD_UPLOAD_SECONDS)
        return archive.stat().st_size

    def wait_for_ci_run(self, commit: str, seconds: float) -> str:
        """Wait for Datafold's run of a pull request's commit: what became of it, as a clause. Raises HostError."""
        started = self._clock.now()
        status = ""
        while True:
            answer = self._api.get(f"v1/ci/{self._config_id}/runs", limit=1, pr_sha=commit)
            found = next(iter(answer.objects()), None)
            status = text.one_line(str(found.get("status", ""))) if found else ""
            waited = self._clock.now() - started
            if status in _OVER:
                return f"its CI run {found.get('id') if found else ''} is {status}"
            if not status and waited >= min(seconds, timeouts.DATAFOLD_RUN_APPEARS_SECONDS):
                return f"it has no CI run of this commit after {text.duration(waited)}"
            if waited >= seconds:
                return f"its CI run is not over after {text.duration(waited)} (`{text.cut(status, 40)}`)"
            self._clock.sleep(timeouts.DATAFOLD_POLL_SECONDS)


def hint(error: HostError) -> str:
    """What a failure usually means, and what to do; "" when nothing is known."""
    return _HINTS.get(error.status, "")


def _multipart(commit: str, kind: DatafoldRunType, file_name: str) -> tuple[bytes, bytes, str]:
    """What comes before and after the archive, and the content type; the parts in the order of Datafold's client."""
    artifacts = RequestField("artifacts", _PLACE, filename=file_name)
    # Without a content type, as the client sends it.
    artifacts.make_multipart()
    body, content_type = encode_multipart_formdata([("commit_sha", commit), ("run_type", kind.value), artifacts])
    before, after = body.split(_PLACE)
    return before, after, content_type
