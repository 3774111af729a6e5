"""Finds out what a finished run means: impact, history, changes of a pull request, late sources. Never the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from dbt_action import timeouts
from dbt_action.clock import Clock
from dbt_action.config.choices import ChangesMode
from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.dbt_cloud.runs import Job, Run
from dbt_action.lifecycle.collect import Collector
from dbt_action.lifecycle.earlier_runs import HistoryReader
from dbt_action.lifecycle.run_context import RunContext
from dbt_action.report.node_annotations import path
from dbt_action.report.outcome import Deferral, RunFacts
from dbt_action.results import impact
from dbt_action.results.manifest import Manifest
from dbt_action.results.run_results import NodeStatus

_BUILT = ("model", "seed", "snapshot")


class DetailsReader:
    """Reads what belongs to one finished run beside its results. Everything that cannot be read is left out."""

    def __init__(self, run_context: RunContext, cloud: DbtCloud, *, clock: Clock) -> None:
        """Nothing is sent here."""
        self._context, self._cloud, self._clock = run_context, cloud, clock

    def wants_changes(self, run: Run, job: Job | None) -> bool:
        """Whether the project is compared with that of the run deferred to."""
        wanted = self._in_pull_request and self._context.config.changes is ChangesMode.AUTO
        return wanted and (run.deferring_run_id is not None or bool(job and job.deferring_job_id is not None))

    @property
    def _in_pull_request(self) -> bool:
        return bool(self._context.build.number)

    def with_history(self, facts: RunFacts, *, seconds_used: float) -> RunFacts:
        """The facts with what earlier runs say. `seconds_used`: what the usual duration took of the same limit."""
        if facts.run is None or not facts.results.nodes:
            return facts
        left = max(0.0, timeouts.HISTORY_SECONDS - seconds_used)
        reader = HistoryReader(self._cloud, facts.run, facts.results, clock=self._clock, seconds=left)
        own = [run.id for run in facts.retries]
        retried = [facts.run.retrying] if facts.run.retrying is not None else []
        found = reader.history(self._context.config.job_id, pull_request=self._in_pull_request, own=[*own, *retried])
        return replace(facts, history=found)

    def with_project(self, facts: RunFacts, collector: Collector, job: Job | None) -> RunFacts:
        """The facts with impact, late sources, the change itself, and what is known about the environment."""
        run = facts.run
        if run is None:
            return facts
        manifest = collector.manifest()
        facts = replace(
            facts,
            impact=impact.of(facts.results, manifest),
            late_sources=collector.late_sources(),
            environment=job.environment_name if job else "",
            deferral=_deferral(run, facts, manifest),
            dbt_version=manifest.dbt_version or run.dbt_version,
        )
        if self.wants_changes(run, job):
            from dbt_action.lifecycle import base_project  # noqa: PLC0415 - only pull requests need it

            facts = replace(facts, changes=base_project.compare(self._cloud, run, job, manifest))
        # Only the files of nodes are needed from here.
        return replace(facts, manifest=manifest.only(node.unique_id for node in facts.results.nodes))

    def with_touched(self, facts: RunFacts, folder: str) -> RunFacts:
        """The facts with the failed nodes whose files the pull request changes; `folder` is that of the project."""
        failed = facts.results.of(NodeStatus.FAILED)
        if not failed or not self._in_pull_request:
            return facts
        files: Mapping[str, list[str]] = _by_file(facts, folder)
        with suppress(Exception):
            # Without a token, or with an answer of an unknown shape, nothing is marked.
            changed = self._context.host.read_changes(self._clock).pull_request_files()
            touched = frozenset(uid for name in changed.paths for uid in files.get(name, ()))
            return replace(facts, touched=touched)
        return facts


def _by_file(facts: RunFacts, folder: str) -> Mapping[str, list[str]]:
    """The failed nodes by their files in the repository, and by those of the models that failed tests are about."""
    found: dict[str, list[str]] = {}
    for cause in facts.impact.causes:
        for node in cause.nodes:
            for uid in (node.unique_id, *cause.tested):
                if name := path(facts.manifest, folder, uid):
                    found.setdefault(name, []).append(node.unique_id)
    return found


def _deferral(run: Run, facts: RunFacts, manifest: Manifest) -> Deferral | None:
    """How much of the project was built, when the rest stands in the tables of another run."""
    if run.deferring_run_id is None:
        return None
    total = sum(uid.split(".", 1)[0] in _BUILT for uid in manifest.nodes)
    built = sum(node.kind in _BUILT and node.status is NodeStatus.PASSED for node in facts.results.nodes)
    return Deferral(run_id=run.deferring_run_id, built=built, total=total)
