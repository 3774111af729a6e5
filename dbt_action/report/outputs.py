"""The one table of outputs; `publish` sets them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Output:
    """One output of the action and what it holds."""

    name: str
    help: str


OUTPUTS: tuple[Output, ...] = (
    Output("run-id", "Number of the dbt Cloud run."),
    Output("run-url", "Address of the run's page in dbt Cloud."),
    Output("status", "`success`, `error`, `cancelled`, `timed-out`, `lost` or `started`."),
    Output("git-sha", "Commit that dbt Cloud checked out (the requested one until it is known)."),
    Output("git-branch", "Branch that dbt Cloud checked out (the requested one until it is known)."),
    Output("job-name", "Name of the job."),
    Output("duration-seconds", "Seconds from the trigger to the last look, whole."),
    Output("artifacts-path", "Folder with the saved artifacts, when any were saved."),
    Output("nodes-passed", "Number of nodes that passed."),
    Output("nodes-failed", "Number of nodes that failed."),
    Output("nodes-warned", "Number of nodes that warned."),
    Output("nodes-skipped", "Number of nodes that were skipped."),
    Output("results-path", "The file with the results as JSON, when `results-path` was given."),
    Output("junit-path", "The file with the results as JUnit XML, when `junit-path` was given."),
    Output("run_id", "The same as `run-id`, for migration from other actions."),
    Output("git_sha", "The same as `git-sha`, for migration from other actions."),
)
