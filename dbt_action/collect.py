"""What a run leaves behind, fetched patiently: results, places of nodes, files for the user; it never fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from dbt_action import artifacts, ci, retry, text
from dbt_action import manifest as manifest_
from dbt_action import results as results_
from dbt_action.clock import Clock
from dbt_action.cloud import DbtCloud
from dbt_action.errors import CloudError, Malformed, NotFound, Unavailable
from dbt_action.runs import Run, RunStatus

T = TypeVar("T")

# Artifacts are uploaded after the end of a run, so a 404 is not the last word for this long (reported).
LATE = 30.0
MANIFEST = "manifest.json"
RUN_RESULTS = "run_results.json"
# Commands that leave a run_results.json behind.
_WITH_RESULTS = re.compile(r"^dbt\b.*\b(build|run|test|seed|snapshot|retry|compile|clone|run-operation)\b")
_DONE = frozenset({RunStatus.SUCCESS, RunStatus.ERROR})
# A download that is worth a line while it goes on.
_LARGE = 50 * 1024 * 1024
_READ = 1024 * 1024


class Collector:
    """Fetches from one run that is over."""

    def __init__(self, cloud: DbtCloud, run: Run, *, here: ci.Ci, clock: Clock) -> None:
        """Nothing is sent here."""
        self._cloud, self._run, self._ci, self._clock = cloud, run, here, clock
        self._steps = [step for step in run.steps if step.status in _DONE and _WITH_RESULTS.search(step.command)]
        # `artifacts_saved` is a hint that nothing more will come.
        self._late = clock.now() + (0.0 if run.artifacts_saved else LATE)
        self._saved: dict[str, Path] = {}

    def results(self) -> results_.Results:
        """The results of every dbt step; the API's default is the last step's alone, often that of the docs."""
        found = []
        for step in self._steps:
            # A step that ended before dbt ran anything has none; the step's log tells the rest.
            with suppress(CloudError):
                found.append(self._patiently(partial(self._results_of, step.index)))
        return results_.merge(found)

    def _results_of(self, step: int) -> tuple[results_.Node, ...]:
        with self._cloud.artifact(self._run.id, RUN_RESULTS, step=step) as chunks:
            return _understood(RUN_RESULTS, lambda: results_.read(chunks, step=step))

    def manifest(self, unique_ids: Iterable[str]) -> manifest_.Manifest:
        """The places of these nodes; from the file when it has been saved, else while it streams by."""
        wanted = tuple(unique_ids)
        if not wanted:
            return manifest_.NO_MANIFEST
        if MANIFEST in self._saved:
            with suppress(OSError, ValueError):
                return manifest_.read(_chunks(self._saved[MANIFEST]), wanted)
        # The last step's, and if that one wrote none, that of the last step with results.
        for step in (None, *(step.index for step in self._steps[-1:])):
            with suppress(CloudError):
                return self._patiently(partial(self._manifest_of, step, wanted))
        self._ci.info("The run has no readable manifest.json, so the files of its nodes are not known.")
        return manifest_.NO_MANIFEST

    def _manifest_of(self, step: int | None, wanted: tuple[str, ...]) -> manifest_.Manifest:
        with self._cloud.artifact(self._run.id, MANIFEST, step=step) as chunks:
            return _understood(MANIFEST, lambda: manifest_.read(chunks, wanted))

    def save(self, patterns: tuple[str, ...], folder: Path, *, per_step: bool) -> str:
        """Save what `patterns` name below `folder`; that folder when anything was saved.

        `per_step` adds the files that each dbt step wrote, in folders `step-<index>`.
        """
        try:
            names = self._patiently(self._names)
        except CloudError as error:
            self._ci.warning(f"The list of artifacts could not be had: {error.explanation}")
            return ""
        for pattern in artifacts.unmatched(names, patterns):
            self._ci.warning(
                f"No artifact of the run matches {pattern!r}. It has {text.plural(len(names), 'artifact')}."
            )
        chosen = artifacts.chosen(names, patterns)
        sizes = [size for name in chosen if (size := self._save(name, folder, name)) is not None]
        for step in self._steps if per_step else ():
            # Only files of the target folder itself are known by step.
            for name in (name for name in chosen if "/" not in name):
                size = self._save(name, folder, f"step-{step.index}/{name}", step=step.index)
                sizes += [size] if size is not None else []
        if not sizes:
            return ""
        self._ci.info(f"Saved {text.plural(len(sizes), 'artifact')} ({text.size(sum(sizes))}) in {folder}")
        return str(folder)

    def _names(self) -> tuple[str, ...]:
        names = self._cloud.artifact_names(self._run.id)
        if not names:
            message = "The run has no artifacts."
            raise NotFound(message)
        return names

    def _save(self, name: str, folder: Path, as_name: str, *, step: int | None = None) -> int | None:
        """The size of the saved file, None when there is none."""
        path = artifacts.safe_path(as_name)
        if path is None:
            self._ci.warning(f"Artifact {name!r} is not saved: its name leads out of the folder or is not portable.")
            return None
        target = folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            size = retry.persist(partial(self._download, name, target, step), clock=self._clock, patience=LATE)
        except NotFound as error:
            if step is None:
                self._ci.warning(f"Artifact {name} is not there: {error.message}")
            return None
        except CloudError as error:
            self._ci.warning(f"Artifact {name} could not be fetched: {error.explanation}")
            return None
        except OSError as error:
            self._ci.warning(f"Artifact {name} could not be written to {folder}: {error.strerror}.")
            return None
        if step is None:
            self._saved[name] = target
        return size

    def _download(self, name: str, target: Path, step: int | None) -> int:
        """Stream an artifact to `target`, which appears only when whole."""
        partial_file = target.with_name(f"{target.name}.part")
        size, told = 0, _LARGE
        try:
            with self._cloud.artifact(self._run.id, name, step=step) as chunks, partial_file.open("wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                    size += len(chunk)
                    if size >= told:
                        self._ci.info(f"Fetching {name}: {text.size(size)} so far")
                        told *= 2
            partial_file.replace(target)
        finally:
            partial_file.unlink(missing_ok=True)
        return size

    def _patiently(self, call: Callable[[], T]) -> T:
        """`call`, repeated for a while also when the thing is not there yet."""

        def attempt() -> T:
            try:
                return call()
            except NotFound as error:
                raise Unavailable(error.message, hint=error.hint) from None

        return retry.persist(attempt, clock=self._clock, patience=max(0.0, self._late - self._clock.now()))


def write(path: str, content: bytes, here: ci.Ci) -> str:
    """Write a file that the user asked for; its path, "" when that failed."""
    if not path:
        return ""
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(content)
    except OSError as error:
        here.warning(f"{path} could not be written: {error.strerror}.")
        return ""
    return path


def _understood(name: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except ValueError:
        message = f"{name} is cut off or damaged."
        raise Malformed(message) from None


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_READ):
            yield chunk
