"""Delivers the artifacts of a finished run to Datafold; a failure is one warning, and never the outcome of the run."""

from __future__ import annotations

import tempfile
from pathlib import Path

from dbt_action import text
from dbt_action.clock import Clock
from dbt_action.config.choices import DatafoldRunType
from dbt_action.hosts.transport import HostError
from dbt_action.integrations import datafold
from dbt_action.integrations.datafold import ARTIFACTS, MANIFEST, DatafoldApi
from dbt_action.lifecycle.collect import Collector
from dbt_action.lifecycle.run_context import RunContext
from dbt_action.report.outcome import Delivery

_IN_MERGE_QUEUE = "nothing is uploaded for a merge queue; the push that follows the merge is"
_NO_MANIFEST = "not uploaded: there is no manifest.json of the run"


def to_datafold(run_context: RunContext, collector: Collector, *, commit: str, clock: Clock) -> Delivery:
    """Upload the artifacts of the run, and wait for Datafold's own run if the user wants that.

    `commit` is the one that dbt Cloud checked out. What became of it is also a line of the log.
    """
    delivery = _deliver(run_context, collector, commit, clock)
    run_context.ci.info(f"Datafold: {delivery.words}")
    return delivery


def _deliver(run_context: RunContext, collector: Collector, commit: str, clock: Clock) -> Delivery:
    settings, ci = run_context.config.datafold, run_context.ci
    kind = datafold.run_type(settings.run_type, run_context.build)
    if kind is None:
        return Delivery(uploaded=False, words=_IN_MERGE_QUEUE)
    api = DatafoldApi(settings, clock=clock)
    try:
        with tempfile.TemporaryDirectory(prefix="dbt-cloud-run-") as name:
            folder = Path(name)
            files = collector.local_copies(ARTIFACTS, folder)
            if MANIFEST not in files:
                return Delivery(uploaded=False, words=_NO_MANIFEST)
            if not commit:
                ci.warning("Nothing was uploaded to Datafold: it is not known which commit dbt Cloud has run.")
                return Delivery(uploaded=False, words="not uploaded: the commit is not known")
            size = api.upload(files, commit=commit, kind=kind, folder=folder)
    except HostError as error:
        reason = _reason(error)
        ci.warning(f"The artifacts could not be uploaded to Datafold ({reason}). {datafold.hint(error)}".rstrip())
        return Delivery(uploaded=False, words=f"not uploaded: {reason}")
    except OSError as error:
        ci.warning(f"The artifacts could not be prepared for Datafold: {error.strerror or type(error).__name__}.")
        return Delivery(uploaded=False, words="not uploaded: no place for the files")
    words = f"{', '.join(files)} uploaded as {kind.value} of {commit[:7]} ({text.size(size)})"
    waits = kind is DatafoldRunType.PULL_REQUEST and settings.wait_seconds > 0
    return Delivery(uploaded=True, words=f"{words}; {_ci_run(api, commit, run_context)}" if waits else words)


def _ci_run(api: DatafoldApi, commit: str, run_context: RunContext) -> str:
    seconds = run_context.config.datafold.wait_seconds
    run_context.ci.info(f"Waiting for Datafold's CI run of {commit[:7]}, at most {text.duration(seconds)}")
    try:
        return api.wait_for_ci_run(commit, seconds)
    except HostError as error:
        return f"its CI run is not known ({_reason(error)})"


def _reason(error: HostError) -> str:
    return f"{error.status or ''} {error.message}".strip()
