"""Fetches the results of a finished run and the files of its nodes; what is missing is left out and raises nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from dbt_action import text, timeouts
from dbt_action.ci import CiPlatform
from dbt_action.clock import Clock
from dbt_action.config.loader import Config
from dbt_action.dbt_cloud import backoff
from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.dbt_cloud.runs import Job, Run, RunStatus, RunStep
from dbt_action.errors import CloudError, Malformed, NotFound, Unavailable
from dbt_action.lifecycle.artifact_files import ArtifactFiles
from dbt_action.results import freshness, run_results
from dbt_action.results import manifest as manifests
from dbt_action.results.freshness import LateSource
from dbt_action.results.manifest import NO_MANIFEST, Manifest
from dbt_action.results.run_results import Node, NodeStatus, Results

T = TypeVar("T")

MANIFEST, CATALOG, SOURCES = "manifest.json", "catalog.json", "sources.json"
RUN_RESULTS = "run_results.json"
# The dbt commands that write results of nodes. (`compile` writes a run_results.json too, in which every test is a
# success.)
_WITH_RESULTS = frozenset({"build", "run", "test", "seed", "snapshot", "retry", "clone", "run-operation"})
_OTHER_COMMANDS = frozenset({"compile", "docs", "source", "ls", "list", "parse", "deps", "debug", "show", "lint", "sl"})
# What the logs of dbt Core and Fusion say once nodes are run.
_NODES_WERE_RUN = re.compile(r"\b\d+ of \d+\b|Finished running|Completed with|Done\. PASS|Processed|Finished '")
_STEP_IS_OVER = frozenset({RunStatus.SUCCESS, RunStatus.ERROR, RunStatus.CANCELLED})


class Collector:
    """Fetches from one run that is over."""

    def __init__(
        self,
        cloud: DbtCloud,
        run: Run,
        config: Config,
        *,
        ci: CiPlatform,
        clock: Clock,
        with_columns: bool = False,
    ) -> None:
        """Nothing is sent here. `with_columns`: the manifest is needed, with what it says about columns."""
        self._cloud, self._run, self._config, self._ci, self._clock = cloud, run, config, ci, clock
        self._steps = steps_with_results(run)
        self._late_until = clock.now() + timeouts.LATE_ARTIFACTS_SECONDS
        # The results of each step, by its index, as far as they have been read; () for a step that has none.
        self._found: dict[int, tuple[Node, ...]] = {}
        # The results of the failed runs that this one has retried.
        self._before: list[tuple[Node, ...]] | None = None
        # What `artifacts` has saved, by the name of the artifact.
        self._saved: dict[str, Path] = {}
        # The manifest as soon as it has been read, and whether anything needs it.
        self._manifest_needed = with_columns
        self._manifest: Manifest | None = None
        self._with_columns = with_columns

    @property
    def complete(self) -> bool:
        """Whether waiting longer would add nothing to the results."""
        return len(self._found) == len(self._steps)

    def results(self, *, retries: Iterable[Run] = (), wait_seconds: float | None = None) -> Results:
        """The results of every dbt step; by itself the API gives those of the last step, often `dbt docs generate`.

        `retries` are the failed runs that this one has retried: its own results hold only what it ran itself.
        `wait_seconds` is how long results may be late, None for as long as they ever are; see `complete`.
        """
        deadline = self._late_until if wait_seconds is None else self._clock.now() + wait_seconds
        if self._before is None:
            retried = tuple(retries) or tuple(self._retried_run())
            self._before = [nodes for run in retried for nodes in self._results_without_waiting(run)]
        for step in self._steps:
            if step.index in self._found:
                continue
            # A step that ended before dbt ran anything has no results; the step's log says why.
            may_be_late = _ran_nodes(step)
            time_limit = max(0.0, deadline - self._clock.now()) if may_be_late else 0.0
            read = partial(self._read_results, self._run.id, step.index, None if wait_seconds is None else deadline)
            try:
                self._found[step.index] = self._retry_missing(read, time_limit)
            except CloudError:
                if wait_seconds is None or not may_be_late:
                    self._found[step.index] = ()
        return self._merged()

    def _merged(self) -> Results:
        own = [self._found.get(step.index, ()) for step in self._steps]
        merged = run_results.merge([*(self._before or ()), *own])
        shown = merged.counts[NodeStatus.FAILED] or merged.counts[NodeStatus.WARNED]
        all_nodes = bool(merged.nodes) and bool(self._config.results_path or self._config.junit_path)
        self._manifest_needed = self._with_columns or all_nodes or shown > 0
        return merged

    def _retried_run(self) -> Iterator[Run]:
        """The run of an earlier attempt of the workflow that this one retries."""
        if self._run.retrying is not None:
            with suppress(CloudError):
                yield self._cloud.get_run(self._run.retrying)

    def _results_without_waiting(self, run: Run) -> Iterator[tuple[Node, ...]]:
        for step in steps_with_results(run):
            with suppress(CloudError):
                yield self._read_results(run.id, step.index)

    def _read_results(self, run_id: int, step: int, deadline: float | None = None) -> tuple[Node, ...]:
        with self._cloud.artifact(run_id, RUN_RESULTS, step=step) as chunks:
            bounded = chunks if deadline is None else self._until(chunks, deadline)
            return _parsed(RUN_RESULTS, lambda: run_results.read(bounded, step=step))

    def _until(self, chunks: Iterable[bytes], deadline: float) -> Iterator[bytes]:
        """The chunks. Raises Unavailable when they are not all there by `deadline`."""
        for chunk in chunks:
            if self._clock.now() > deadline:
                message = f"{RUN_RESULTS} is large or slow."
                raise Unavailable(message)
            yield chunk

    def manifest(self) -> Manifest:
        """The project of the run; an empty one when nothing needs it."""
        if not self._manifest_needed:
            return NO_MANIFEST
        if self._manifest is not None:
            return self._manifest
        # The manifest of the last step with results, else the one that the API gives by itself. Only the first may be
        # late.
        for step in (*(step.index for step in self._steps[-1:]), None):
            time_limit = self._seconds_left() if step is not None else 0.0
            with suppress(CloudError):
                self._manifest = self._retry_missing(partial(self._read_manifest, step), time_limit)
                return self._manifest
        self._ci.info("The run has no readable manifest.json, so the files of its nodes are not known.")
        return NO_MANIFEST

    def _read_manifest(self, step: int | None) -> Manifest:
        with self._cloud.artifact(self._run.id, MANIFEST, step=step) as chunks:
            return _parsed(MANIFEST, lambda: manifests.read(chunks, with_columns=self._with_columns))

    def late_sources(self) -> tuple[LateSource, ...]:
        """The sources that a failed `dbt source freshness` is about; it does not fail the run by itself (reported)."""
        found: list[LateSource] = []
        for step in self._run.failed_steps:
            if _dbt_command(step) == "source":
                with (
                    suppress(CloudError, ValueError),
                    self._cloud.artifact(self._run.id, SOURCES, step=step.index) as chunks,
                ):
                    found += freshness.read(chunks)
        return tuple(found)

    def project_folder(self, job_id: int) -> str:
        """The dbt project's folder in its repository, "" for the root.

        Only links need it, so a failure is ignored; the token may not be allowed to read it.
        """
        try:
            return self._cloud.get_job(job_id).project_folder
        except CloudError:
            return ""

    def save_artifacts(self) -> str:
        """Save what `artifacts` names below `artifacts-path`; that folder when anything was saved, else ""."""
        if not self._config.artifacts:
            return ""
        try:
            names = self._retry_missing(self._artifact_names, self._seconds_left())
        except CloudError as error:
            self._ci.warning(f"The list of artifacts could not be read: {error.explanation}")
            return ""
        files = ArtifactFiles(self._cloud, self._run.id, self._config, ci=self._ci, clock=self._clock)
        folder = files.save(names, steps=[step.index for step in self._steps], read_along=self._read_saved_manifest)
        self._saved = files.saved
        return folder

    def save_base_artifacts(self, job: Job | None) -> None:
        """Save what `base-artifacts` names from the run to compare with, below `base` of `artifacts-path`.

        That is the run deferred to, else the last success, before this run, of the job deferred to or of this job.
        """
        config = self._config
        if not config.base_artifacts:
            return
        try:
            base_id = self._run.deferring_run_id or self._last_success(job)
            names = self._cloud.artifact_names(base_id) if base_id else ()
        except CloudError as error:
            self._ci.warning(f"`base-artifacts`: the run to compare with could not be read: {error.explanation}")
            return
        if base_id is None:
            self._ci.warning("`base-artifacts`: there is no earlier successful run to compare with.")
            return
        folder = str(Path(config.artifacts_path) / "base")
        settings = replace(config, artifacts=config.base_artifacts, artifacts_path=folder, artifacts_per_step=False)
        files = ArtifactFiles(self._cloud, base_id, settings, ci=self._ci, clock=self._clock)
        files.save(names, steps=(), read_along=lambda _name, _step, _chunks: None)

    def _last_success(self, job: Job | None) -> int | None:
        job_id = (job.deferring_job_id if job else None) or self._config.job_id
        newest = self._cloud.newest_runs(job_id, statuses=(RunStatus.SUCCESS,))
        return next((run.id for run in newest if run.id < self._run.id and run.pull_request is None), None)

    def local_copies(self, names: Iterable[str], folder: Path) -> dict[str, Path]:
        """Files of the artifacts `names` of the whole run, by name, without those that it does not have.

        A copy that `artifacts` has saved is used; the others are fetched to `folder`. Raises OSError.
        """
        files = ArtifactFiles(self._cloud, self._run.id, self._config, ci=self._ci, clock=self._clock)
        copies = {
            # Only the manifest is worth waiting for: not every run has the others.
            name: self._saved.get(name)
            or files.fetch(name, folder, may_be_late=name == MANIFEST, read_along=self._read_saved_manifest)
            for name in names
        }
        return {name: path for name, path in copies.items() if path is not None}

    def _read_saved_manifest(self, name: str, step: int | None, chunks: Iterator[bytes]) -> None:
        """A manifest that is saved anyway need not be fetched again."""
        if name == MANIFEST and step is None and self._manifest_needed and self._manifest is None:
            with suppress(ValueError):
                self._manifest = manifests.read(chunks, with_columns=self._with_columns)

    def _artifact_names(self) -> tuple[str, ...]:
        names = self._cloud.artifact_names(self._run.id)
        if not names:
            message = "The run has no artifacts."
            raise NotFound(message)
        return names

    def _retry_missing(self, call: Callable[[], T], time_limit: float) -> T:
        """`call`, repeated within `time_limit` seconds also when the artifact is not there yet."""
        return backoff.retry_transient(call, clock=self._clock, time_limit=time_limit, also_transient=(NotFound,))

    def _seconds_left(self) -> float:
        return max(0.0, self._late_until - self._clock.now())


def steps_with_results(run: Run) -> list[RunStep]:
    """The steps that are over and whose dbt command writes results of nodes."""
    return [step for step in run.steps if step.status in _STEP_IS_OVER and _dbt_command(step) in _WITH_RESULTS]


def _dbt_command(step: RunStep) -> str:
    """dbt's command among its global flags: `build` of `dbt --warn-error build --select x`."""
    words = step.command.split()
    return next((word for word in words[1:] if word in _WITH_RESULTS | _OTHER_COMMANDS), "")


def _ran_nodes(step: RunStep) -> bool:
    """Whether dbt ran nodes: a project that cannot be parsed leaves no results to wait for."""
    if step.status != RunStatus.ERROR:
        return step.status == RunStatus.SUCCESS
    return not step.logs or _NODES_WERE_RUN.search(text.plain(step.logs)) is not None


def _parsed(name: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except ValueError:
        message = f"{name} is cut off or damaged."
        raise Malformed(message) from None
