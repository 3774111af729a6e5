"""The outputs of the action: the one table with name, help and value of each. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dbt_action.report import facts_words, results_json, verdict
from dbt_action.report.outcome import RunFacts
from dbt_action.report.results_json import MAX_FAILED_NODES
from dbt_action.results.run_results import NodeStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What output values are made of; commit and branch are those that were requested."""

    facts: RunFacts
    job_name: str
    git_sha: str
    git_branch: str


@dataclass(frozen=True, slots=True)
class Output:
    """One output; `value` returns "" while it is not known."""

    name: str
    help: str
    value: Callable[[Known], str]
    # A JSON list, for which not every CI has room.
    is_list: bool = False


def values(facts: RunFacts, *, job_name: str, git_sha: str, git_branch: str, with_lists: bool = True) -> dict[str, str]:
    """The outputs that are known, by name. `git_sha` and `git_branch` are those that were requested."""
    known = Known(facts=facts, job_name=job_name, git_sha=git_sha, git_branch=git_branch)
    found = {output.name: output.value(known) for output in OUTPUTS if with_lists or not output.is_list}
    return {name: value for name, value in found.items() if value}


def _run_id(known: Known) -> str:
    return str(known.facts.run.id) if known.facts.run else ""


def _run_url(known: Known) -> str:
    return known.facts.run.url if known.facts.run else ""


def _git_sha(known: Known) -> str:
    return (known.facts.run.git_sha if known.facts.run else "") or known.git_sha


def _git_branch(known: Known) -> str:
    return (known.facts.run.git_branch if known.facts.run else "") or known.git_branch


def _new_failures(known: Known) -> str:
    count = verdict.new_failures(known.facts)
    return "" if count is None else str(count)


def _json(items: Sequence[Mapping[str, object]]) -> str:
    return json.dumps(items, ensure_ascii=False) if items else ""


def _count(status: NodeStatus) -> Callable[[Known], str]:
    def value(known: Known) -> str:
        results = known.facts.results
        return str(results.counts[status]) if results.nodes else ""

    return value


# An expression in a script is replaced before the shell reads it, and a branch may be called `$(command)`.
_CHOSEN_BY_OTHERS = "Others choose this text: read it through `env:` only."

OUTPUTS: tuple[Output, ...] = (
    Output("run-id", "Number of the dbt Cloud run.", _run_id),
    Output("run-url", "Address of the run's page in dbt Cloud.", _run_url),
    Output(
        "status",
        "`success`, `error`, `cancelled`, `timed-out`, `lost`, `started` or `skipped`.",
        lambda known: known.facts.outcome.status,
    ),
    Output("git-sha", "Commit that dbt Cloud checked out (the requested one until it is known).", _git_sha),
    Output(
        "git-branch",
        f"Branch that dbt Cloud checked out (the requested one until it is known). {_CHOSEN_BY_OTHERS}",
        _git_branch,
    ),
    Output("job-name", f"Name of the job. {_CHOSEN_BY_OTHERS}", lambda known: known.job_name),
    Output(
        "duration-seconds",
        "Seconds from the trigger to the last look, whole.",
        lambda known: str(round(known.facts.seconds)),
    ),
    Output(
        "artifacts-path",
        "Folder with the saved artifacts, when any were saved.",
        lambda known: known.facts.artifacts_path,
    ),
    Output("nodes-passed", "Number of nodes that passed.", _count(NodeStatus.PASSED)),
    Output("nodes-failed", "Number of nodes that failed.", _count(NodeStatus.FAILED)),
    Output("nodes-warned", "Number of nodes that warned.", _count(NodeStatus.WARNED)),
    Output("nodes-skipped", "Number of nodes that were skipped.", _count(NodeStatus.SKIPPED)),
    Output(
        "nodes-reused",
        "Number of nodes that a state-aware run took as they were.",
        _count(NodeStatus.REUSED),
    ),
    Output(
        "failed-nodes",
        f"JSON list of what failed, causes first, at most {MAX_FAILED_NODES}: `unique_id`, `name`, `kind`, `message`, "
        f"`file`. GitHub only; elsewhere it is in the file of `results-path`. {_CHOSEN_BY_OTHERS}",
        lambda known: _json(results_json.failed_nodes(known.facts)),
        is_list=True,
    ),
    Output(
        "new-failures",
        "Number of failed nodes that the run before did not have; empty when that is not known.",
        _new_failures,
    ),
    Output(
        "affected-exposures",
        f"JSON list of the exposures downstream of what failed: `name`, `type`, `url`, `owner`. {_CHOSEN_BY_OTHERS}",
        lambda known: _json(results_json.exposures(known.facts)),
        is_list=True,
    ),
    Output("schema", f"Schema that was built in. {_CHOSEN_BY_OTHERS}", lambda known: facts_words.schema(known.facts)),
    Output(
        "summary-path",
        "The Markdown file with the summary, where there is one (see the input `summary-path`).",
        lambda known: known.facts.summary_path,
    ),
    Output(
        "results-path",
        "The file with the results as JSON, when `results-path` was given.",
        lambda known: known.facts.results_path,
    ),
    Output(
        "junit-path",
        "The file with the results as JUnit XML, when `junit-path` was given.",
        lambda known: known.facts.junit_path,
    ),
    Output(
        "datafold-uploaded",
        "Whether the artifacts were uploaded to Datafold, when `datafold-ci-config-id` was given: `true` or `false`.",
        lambda known: str(known.facts.datafold.uploaded).lower() if known.facts.datafold else "",
    ),
    Output("run_id", "The same as `run-id`, for migration from other actions.", _run_id),
    Output("git_sha", "The same as `git-sha`, for migration from other actions.", _git_sha),
)
