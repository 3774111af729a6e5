"""What a run leaves behind, fetched patiently: results, locations of nodes, files for the user; it never fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from dbt_action import ci, text, timeouts
from dbt_action.clock import Clock
from dbt_action.config.loader import Config
from dbt_action.dbt_cloud import backoff
from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.dbt_cloud.runs import Run, RunStatus, RunStep
from dbt_action.errors import CloudError, Malformed, NotFound
from dbt_action.results import artifacts
from dbt_action.results import manifest as manifest_
from dbt_action.results import run_results as results_

T = TypeVar("T")

MANIFEST = "manifest.json"
RUN_RESULTS = "run_results.json"
# dbt's commands; those that tell what became of nodes are the first. (`compile` writes a run_results.json too, in
# which every test is a success.)
_WITH_RESULTS = frozenset({"build", "run", "test", "seed", "snapshot", "retry", "clone", "run-operation"})
_OTHERS = frozenset({"compile", "docs", "source", "ls", "list", "parse", "deps", "debug", "show", "lint", "sl"})
# What dbt Core's and Fusion's logs say once nodes are run.
_RAN = re.compile(r"\b\d+ of \d+\b|Finished running|Completed with|Done\. PASS|Processed|Finished '")
_DONE = frozenset({RunStatus.SUCCESS, RunStatus.ERROR, RunStatus.CANCELLED})
# Failures in a row after which the rest of the artifacts is not tried: a run may have thousands.
_MAX_FAILURES = 3
# A download that is worth a line while it goes on.
_LARGE = 50 * 1024 * 1024


class Collector:
    """Fetches from one run that is over."""

    def __init__(self, cloud: DbtCloud, run: Run, config: Config, *, here: ci.CiPlatform, clock: Clock) -> None:
        """Nothing is sent here."""
        self._cloud, self._run, self._config, self._ci, self._clock = cloud, run, config, here, clock
        self._steps = _with_results(run)
        self._late = clock.now() + timeouts.LATE_ARTIFACTS_SECONDS
        self._failures = 0
        # The nodes whose locations somebody will look for, and the locations as soon as they are known.
        self._looked_for: list[str] = []
        self._manifest: manifest_.Manifest | None = None

    def results(self, *, retries: Iterable[Run] = ()) -> results_.Results:
        """The results of every dbt step; the API's default is the last step's alone, often that of the docs.

        `retries` are the failed runs that this one has taken up again: its own results hold only what it ran.
        """
        taken_up = tuple(retries) or tuple(self._taken_up())
        found = [nodes for run in taken_up for nodes in self._results_at_once(run)]
        for step in self._steps:
            time_limit = self._left() if _has_run(step) else 0.0
            # A step that ended before dbt ran anything has none; the step's log tells the rest.
            with suppress(CloudError):
                found.append(self._patiently(partial(self._results_of, self._run.id, step.index), time_limit))
        merged = results_.merge(found)
        everything = bool(self._config.results_path or self._config.junit_path)
        self._looked_for = _worth_a_place(merged, everything=everything)
        return merged

    def _taken_up(self) -> Iterator[Run]:
        """The run of an earlier attempt of the workflow that this one retries."""
        if self._run.retrying is not None:
            with suppress(CloudError):
                yield self._cloud.get_run(self._run.retrying)

    def _results_at_once(self, run: Run) -> Iterator[tuple[results_.Node, ...]]:
        for step in _with_results(run):
            with suppress(CloudError):
                yield self._results_of(run.id, step.index)

    def _results_of(self, run_id: int, step: int) -> tuple[results_.Node, ...]:
        with self._cloud.artifact(run_id, RUN_RESULTS, step=step) as chunks:
            return _understood(RUN_RESULTS, lambda: results_.read(chunks, step=step))

    def manifest(self) -> manifest_.Manifest:
        """The locations of the nodes that somebody will look for; it is fetched once, whoever needs it."""
        if not self._looked_for:
            return manifest_.NO_MANIFEST
        if self._manifest is not None:
            return self._manifest
        # That of the last step with results, and if that one wrote none, what the API gives by itself; time_limit is
        # for the first alone.
        for step in (*(step.index for step in self._steps[-1:]), None):
            time_limit = None if step is not None else 0.0
            with suppress(CloudError):
                return self._patiently(partial(self._manifest_of, step), time_limit)
        self._ci.info("The run has no readable manifest.json, so the files of its nodes are not known.")
        return manifest_.NO_MANIFEST

    def project_folder(self, job_id: int) -> str:
        """The dbt project's folder in its repository, "" for the root.

        Only for links: not worth a second try, and the token may not be allowed to know.
        """
        try:
            return self._cloud.project_folder(job_id)
        except CloudError:
            return ""

    def _manifest_of(self, step: int | None) -> manifest_.Manifest:
        with self._cloud.artifact(self._run.id, MANIFEST, step=step) as chunks:
            return _understood(MANIFEST, lambda: manifest_.read(chunks, self._looked_for))

    def save(self) -> str:
        """Save what `artifacts` names below `artifacts-path`; that folder when anything was saved."""
        config = self._config
        if not config.artifacts:
            return ""
        try:
            names = self._patiently(self._names)
        except CloudError as error:
            self._ci.warning(f"The list of artifacts could not be had: {error.explanation}")
            return ""
        for pattern in artifacts.unmatched(names, config.artifacts):
            have = text.plural(len(names), "artifact")
            self._ci.warning(f"No artifact of the run matches {pattern!r}. It has {have}.")
        folder = Path(config.artifacts_path)
        sizes = {
            as_name: size
            for name, as_name, step in self._wanted(names)
            if (size := self._save(name, folder, as_name, step=step)) is not None
        }
        if not sizes:
            return ""
        each = ", ".join(f"{as_name} {text.size(size)}" for as_name, size in sizes.items())
        total = f"{text.plural(len(sizes), 'artifact')} ({text.size(sum(sizes.values()))})"
        self._ci.info(f"Saved {total} in {folder}: {text.cut(each, 300)}")
        return str(folder)

    def _wanted(self, names: Iterable[str]) -> Iterator[tuple[str, str, int | None]]:
        """(artifact, name of its file, step) of everything to save."""
        chosen = artifacts.chosen(names, self._config.artifacts)
        yield from ((name, name, None) for name in chosen)
        for step in self._steps if self._config.artifacts_per_step else ():
            # Only files of the target folder itself are known by step.
            yield from ((name, f"step-{step.index}/{name}", step.index) for name in chosen if "/" not in name)

    def _names(self) -> tuple[str, ...]:
        names = self._cloud.artifact_names(self._run.id)
        if not names:
            message = "The run has no artifacts."
            raise NotFound(message)
        return names

    def _save(self, name: str, folder: Path, as_name: str, *, step: int | None = None) -> int | None:
        """The size of the saved file, None when there is none."""
        if self._failures >= _MAX_FAILURES:
            return None
        path = artifacts.safe_path(as_name)
        if path is None:
            self._ci.warning(f"Artifact {name!r} is not saved: its name leads out of the folder or is not portable.")
            return None
        target = folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            size = backoff.retry_transient(
                partial(self._download, name, target, step),
                clock=self._clock,
                time_limit=timeouts.LATE_ARTIFACTS_SECONDS,
            )
        except NotFound as error:
            if step is None:
                self._ci.warning(f"Artifact {name} is not there: {error.message}")
            return None
        except CloudError as error:
            self._failures += 1
            last = " No more are fetched." if self._failures == _MAX_FAILURES else ""
            self._ci.warning(f"Artifact {name} could not be fetched: {error.explanation}{last}")
            return None
        except OSError as error:
            self._ci.warning(f"Artifact {name} could not be written to {folder}: {error.strerror}.")
            return None
        self._failures = 0
        return size

    def _download(self, name: str, target: Path, step: int | None) -> int:
        """Stream an artifact to `target`, which appears only when whole."""
        partial_file = target.with_name(f"{target.name}.part")
        try:
            with self._cloud.artifact(self._run.id, name, step=step) as chunks, partial_file.open("wb") as file:
                written = self._written(name, chunks, file)
                if name == MANIFEST and step is None and self._looked_for:
                    with suppress(ValueError):
                        self._manifest = manifest_.read(written, self._looked_for)
                for _ in written:
                    # What nobody reads on the way is written all the same.
                    pass
                size = file.tell()
            partial_file.replace(target)
        finally:
            partial_file.unlink(missing_ok=True)
        return size

    def _written(self, name: str, chunks: Iterable[bytes], file: BinaryIO) -> Iterator[bytes]:
        """The chunks, each after it has been written."""
        told = _LARGE
        for chunk in chunks:
            file.write(chunk)
            if file.tell() >= told:
                self._ci.info(f"Fetching {name}: {text.size(file.tell())} so far")
                told *= 2
            yield chunk

    def _patiently(self, call: Callable[[], T], time_limit: float | None = None) -> T:
        """`call`, repeated for a while also when the thing is not there yet."""
        limit = self._left() if time_limit is None else time_limit
        return backoff.retry_transient(call, clock=self._clock, time_limit=limit, also_transient=(NotFound,))

    def _left(self) -> float:
        return max(0.0, self._late - self._clock.now())


def _with_results(run: Run) -> list[RunStep]:
    return [step for step in run.steps if step.status in _DONE and _command(step) in _WITH_RESULTS]


def _command(step: RunStep) -> str:
    """Dbt's command among its global flags: `build` of `dbt --warn-error build --select x`."""
    words = step.command.split()
    return next((word for word in words[1:] if word in _WITH_RESULTS | _OTHERS), "")


def _has_run(step: RunStep) -> bool:
    """Whether dbt came to an end with nodes: a project that cannot be parsed leaves no results to wait for."""
    if step.status != RunStatus.ERROR:
        return step.status == RunStatus.SUCCESS
    return not step.logs or _RAN.search(text.plain(step.logs)) is not None


def _worth_a_place(found: results_.Results, *, everything: bool) -> list[str]:
    counts = found.counts
    failed, warned = counts[results_.NodeStatus.FAILED], counts[results_.NodeStatus.WARNED]
    if not everything and not failed and not warned:
        return []
    # What passed leads from a skipped node to its cause.
    everything = everything or counts[results_.NodeStatus.SKIPPED] > 0
    looked_for = (results_.NodeStatus.FAILED, results_.NodeStatus.WARNED)
    return [node.unique_id for node in found.nodes if everything or node.status in looked_for]


def write(path: str, content: bytes, here: ci.CiPlatform) -> str:
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
