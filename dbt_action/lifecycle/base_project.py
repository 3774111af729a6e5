"""Reads the project of the run that was deferred to, and compares it with the project of a pull request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from functools import partial

from dbt_action import timeouts
from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.dbt_cloud.runs import Job, Run
from dbt_action.errors import CloudError
from dbt_action.lifecycle.collect import CATALOG, MANIFEST
from dbt_action.results import catalog, changes
from dbt_action.results import manifest as manifests
from dbt_action.results.changes import Catalog, Changes
from dbt_action.results.manifest import Manifest

# Opens an artifact by its name.
_Open = Callable[[str], AbstractContextManager[Iterator[bytes]]]


def compare(cloud: DbtCloud, run: Run, job: Job | None, head: Manifest) -> Changes | None:
    """What the pull request changes; None when there is no project to compare with, or it cannot be read.

    The project is that of the run deferred to, else of the last successful run of the job deferred to. It is never that
    of our own job: its last run may be another pull request's.
    """
    base = _base(cloud, run, job)
    if base is None or not head.nodes:
        return None
    try:
        with cloud.session.shorter_timeouts(timeouts.BASE_PROJECT_SILENCE_SECONDS):
            with base(MANIFEST) as chunks:
                before = manifests.read(chunks, with_columns=True)
            return changes.between(before, head, _catalogs(cloud, run, base))
    except (CloudError, ValueError):
        return None


def _base(cloud: DbtCloud, run: Run, job: Job | None) -> _Open | None:
    if run.deferring_run_id is not None and run.deferring_run_id != run.id:
        return partial(cloud.artifact, run.deferring_run_id)
    if job and job.deferring_job_id is not None and job.deferring_job_id != job.id:
        return partial(cloud.artifact_of_job, job.deferring_job_id)
    return None


def _catalogs(cloud: DbtCloud, run: Run, base: _Open) -> tuple[Catalog, Catalog] | None:
    """Both catalogs, when both runs have one."""
    if not run.has_docs:
        return None
    with suppress(CloudError, ValueError):
        with base(CATALOG) as chunks:
            before = catalog.read(chunks)
        with cloud.artifact(run.id, CATALOG) as chunks:
            return before, catalog.read(chunks)
    return None
