"""Writes artifacts and reports to files; a failure is a warning of the CI and raises nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from dbt_action import safe_files, text, timeouts
from dbt_action.ci import CiPlatform
from dbt_action.clock import Clock
from dbt_action.config.loader import Config
from dbt_action.dbt_cloud import backoff
from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.errors import CloudError, NotFound
from dbt_action.results import artifacts

# Failures in a row after which the rest of the artifacts is not tried: a run may have thousands.
_MAX_FAILURES = 3
# A download of this size is worth a line in the log while it goes on.
_LARGE_BYTES = 50 * 1024 * 1024

# Reads an artifact while it is written: (name, step, chunks).
ReadAlong = Callable[[str, int | None, Iterator[bytes]], None]


class _TooLargeError(Exception):
    """The artifacts have reached the size that the user allows."""


class ArtifactFiles:
    """Saves artifacts of one run below `artifacts-path`."""

    def __init__(self, cloud: DbtCloud, run_id: int, config: Config, *, ci: CiPlatform, clock: Clock) -> None:
        """Nothing is sent here."""
        self._cloud, self._run_id, self._config, self._ci, self._clock = cloud, run_id, config, ci, clock
        # The files of artifacts of the whole run, by the name of the artifact.
        self.saved: dict[str, Path] = {}
        self._failures = 0
        self._bytes_left = config.artifacts_max_bytes
        # An artifact would have gone beyond that.
        self._full = False

    def save(self, names: Iterable[str], *, steps: Iterable[int], read_along: ReadAlong) -> str:
        """Save those of `names` that `artifacts` names; the folder when anything was saved, else "".

        `steps` are the indexes of the steps with results, for `artifacts-per-step`.
        """
        available, folder = tuple(names), Path(self._config.artifacts_path)
        for pattern in artifacts.unmatched(available, self._config.artifacts):
            count = text.plural(len(available), "artifact")
            self._ci.warning(f"No artifact of the run matches {pattern!r}. It has {count}.")
        sizes = {
            file_name: size
            for name, file_name, step in self._wanted(available, steps)
            if (size := self._save_one(name, folder, file_name, step, read_along)) is not None
        }
        if not sizes:
            return ""
        each = ", ".join(f"{file_name} {text.size(size)}" for file_name, size in sizes.items())
        total = f"{text.plural(len(sizes), 'artifact')} ({text.size(sum(sizes.values()))})"
        self._ci.info(f"Saved {total} in {folder}: {text.cut(each, 300)}")
        return str(folder)

    def _wanted(self, names: Iterable[str], steps: Iterable[int]) -> Iterator[tuple[str, str, int | None]]:
        """(artifact, name of its file, step) of everything to save."""
        chosen = artifacts.chosen(names, self._config.artifacts)
        yield from ((name, name, None) for name in chosen)
        for step in steps if self._config.artifacts_per_step else ():
            # The API knows only files of the target folder itself by step.
            yield from ((name, f"step-{step}/{name}", step) for name in chosen if "/" not in name)

    def _save_one(self, name: str, folder: Path, file_name: str, step: int | None, read_along: ReadAlong) -> int | None:
        """The size of the saved file in bytes, None when it was not saved."""
        if self._failures >= _MAX_FAILURES or self._full:
            return None
        path = artifacts.safe_path(file_name)
        if path is None:
            self._ci.warning(f"Artifact {name!r} is not saved: its name leads out of the folder or is not portable.")
            return None
        download = partial(self._download, name, folder / path, step, read_along)
        try:
            size = backoff.retry_transient(download, clock=self._clock, time_limit=timeouts.LATE_ARTIFACTS_SECONDS)
        except (CloudError, OSError, _TooLargeError) as error:
            problem = self._problem(name, folder, step, error)
            if problem:
                self._ci.warning(problem)
            return None
        self._failures = 0
        self._bytes_left -= size
        if step is None:
            self.saved[name] = folder / path
        return size

    def _problem(self, name: str, folder: Path, step: int | None, error: Exception) -> str:
        """The warning for an artifact that was not saved, "" where that is no surprise."""
        if isinstance(error, NotFound):
            return f"Artifact {name} does not exist: {error.message}" if step is None else ""
        if isinstance(error, CloudError):
            self._failures += 1
            last = " No more are fetched." if self._failures == _MAX_FAILURES else ""
            return f"Artifact {name} could not be fetched: {error.explanation}{last}"
        if isinstance(error, OSError):
            return f"Artifact {name} could not be written to {folder}: {error.strerror}."
        limit = text.binary_size(self._config.artifacts_max_bytes)
        return (
            f"Artifact {name} and those after it are not saved: all artifacts together would be larger than {limit}, "
            "the limit of `artifacts-max-size`."
        )

    def fetch(self, name: str, folder: Path, *, may_be_late: bool, read_along: ReadAlong) -> Path | None:
        """Fetch an artifact of the whole run to `folder`; None when there is none. Raises OSError."""
        download = partial(self._download, name, folder / name, None, read_along, base=folder)
        late = (NotFound,) if may_be_late else ()
        try:
            backoff.retry_transient(
                download, clock=self._clock, time_limit=timeouts.LATE_ARTIFACTS_SECONDS, also_transient=late
            )
        except NotFound:
            return None
        except (CloudError, _TooLargeError) as error:
            self._ci.warning(self._problem(name, folder, None, error))
            return None
        return folder / name

    def _download(
        self, name: str, target: Path, step: int | None, read_along: ReadAlong, *, base: Path | None = None
    ) -> int:
        """Stream an artifact to `target`, which appears only when whole; its size in bytes. Raises _TooLargeError."""
        base = base or Path(self._config.artifacts_path)
        # The artifact is closed first, and so is known to be whole before its file appears.
        with (
            safe_files.replaced(target, base=base if base.is_absolute() else None) as file,
            self._cloud.artifact(self._run_id, name, step=step) as chunks,
        ):
            written = self._written(name, chunks, file)
            read_along(name, step, written)
            # Whatever has not been read along the way is written all the same.
            while not self._full and next(written, None) is not None:
                pass
            if self._full:
                raise _TooLargeError
            return file.tell()

    def _written(self, name: str, chunks: Iterable[bytes], file: BinaryIO) -> Iterator[bytes]:
        """The chunks, each after it has been written; beyond the limit they are only read along."""
        next_line_at = _LARGE_BYTES
        for chunk in chunks:
            self._full = self._full or file.tell() + len(chunk) > self._bytes_left
            if not self._full:
                file.write(chunk)
            if file.tell() >= next_line_at:
                self._ci.info(f"Fetching {name}: {text.size(file.tell())} so far")
                next_line_at *= 2
            yield chunk


def write_file(path: str, content: bytes, ci: CiPlatform) -> str:
    """Write a file that the user has asked for; its path, "" when it could not be written."""
    try:
        with safe_files.replaced(Path(path)) as file:
            file.write(content)
    except OSError as error:
        ci.warning(f"{path} could not be written: {error.strerror}.")
        return ""
    return path
