"""Which runs can be retried, and the reasons why others cannot; `scheduler` starts a retry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.runs import Run, Status, Step

if TYPE_CHECKING:
    from collections.abc import Iterable

RETRYABLE = (
    "build",
    "clone",
    "compile",
    "docs generate",
    "retry",
    "run",
    "run-operation",
    "seed",
    "snapshot",
    "test",
)
"""The commands that `dbt retry` supports [dbt Core]."""


def failed_step(run: Run) -> Step | None:
    """Return the step that failed the run."""
    return next((step for step in run.steps if step.status == Status.ERROR and step.fails_run), None)


def retry_reason(run: Run, runs: Iterable[Run]) -> str | None:
    """Return why a run cannot be retried, as dbt Cloud names it; None when it can be.

    Every run has such a reason (recorded). A run that failed before dbt started, in clone or profile, counts as one
    without run results (assumption).
    """
    if run.status != Status.ERROR or not run.over:
        return "RETRY_NOT_FAILED_RUN"
    if run.id != max(other.id for other in runs if other.job_id == run.job_id):
        return "RETRY_NOT_LATEST_RUN"
    failed = failed_step(run)
    if failed is None or failed.command is None:
        return "RETRY_NO_RUN_RESULTS"
    if not failed.command.removeprefix("dbt ").startswith(RETRYABLE):
        return "RETRY_UNSUPPORTED_CMD"
    return None if "run_results.json" in failed.artifacts else "RETRY_NO_RUN_RESULTS"
