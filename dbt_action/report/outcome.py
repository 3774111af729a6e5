"""How a run ended (Outcome, with exit code and commit state), and the facts that are reported about it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from dbt_action.dbt_cloud.runs import Run, RunStatus
from dbt_action.errors import CloudError, ExitCode
from dbt_action.results.changes import Changes
from dbt_action.results.freshness import LateSource
from dbt_action.results.history import History
from dbt_action.results.impact import NO_IMPACT, Impact
from dbt_action.results.manifest import NO_MANIFEST, Manifest
from dbt_action.results.run_results import NO_RESULTS, Results


class CommitState(Enum):
    """States of a commit status; each host has its own words for them."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    # Some hosts have a state for this, GitHub has none.
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class _Meaning:
    exit_code: ExitCode
    status: str
    state: CommitState
    words: str


class Outcome(Enum):
    """How the whole ended: exit code, output `status`, commit state, and the words after "the run"."""

    SUCCEEDED = _Meaning(ExitCode.OK, "success", CommitState.SUCCESS, "succeeded")
    FAILED = _Meaning(ExitCode.FAILED, "error", CommitState.FAILURE, "failed")
    CANCELLED = _Meaning(ExitCode.FAILED, "cancelled", CommitState.CANCELLED, "was cancelled")
    TIMED_OUT = _Meaning(ExitCode.TIMED_OUT, "timed-out", CommitState.ERROR, "took too long")
    LOST = _Meaning(ExitCode.CLOUD, "lost", CommitState.ERROR, "is in an unknown state (lost contact)")
    # With `wait: false` the commit's status stays pending, because the action does not see the end of the run.
    STARTED = _Meaning(ExitCode.OK, "started", CommitState.PENDING, "started")
    NOT_STARTED = _Meaning(ExitCode.CLOUD, "error", CommitState.ERROR, "could not be started")
    # The gates have found that there is nothing to run: a required status must not stay pending for that.
    SKIPPED = _Meaning(ExitCode.OK, "skipped", CommitState.SUCCESS, "was skipped")
    INTERRUPTED = _Meaning(ExitCode.INTERRUPTED, "cancelled", CommitState.CANCELLED, "was interrupted")

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the process, before `fail-on-error: false` is applied (see MAY_BE_IGNORED)."""
        return self.value.exit_code

    @property
    def status(self) -> str:
        """The value of the output `status`."""
        return self.value.status

    @property
    def state(self) -> CommitState:
        """The state of the commit status."""
        return self.value.state

    @property
    def words(self) -> str:
        """What happened, to follow the name of the run or job: "was cancelled"."""
        return self.value.words


# `fail-on-error: false` turns these into exit code 0. With the others there was no run, or its end is not known.
MAY_BE_IGNORED = frozenset({Outcome.FAILED, Outcome.CANCELLED, Outcome.TIMED_OUT})

ICONS = {
    CommitState.PENDING: "⏳",
    CommitState.SUCCESS: "✅",
    CommitState.FAILURE: "❌",
    CommitState.ERROR: "⚠️",
    CommitState.CANCELLED: "⚠️",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What the run was about, however it ended. `sha` and `branch` are those that were requested."""

    job_name: str
    sha: str = ""
    commit_url: str = ""
    branch: str = ""
    # Address of a file's page at the commit, with `{path}` where the path goes.
    file_url: str = ""
    # The dbt project's folder in the repository, "" for the root.
    folder: str = ""
    # Owners that are handles are written so that the host notifies them.
    mention_owners: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of the artifacts at another service: whether they are there, and a clause about that."""

    uploaded: bool
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferral:
    """How many models, seeds and snapshots were built of how many; the others stand in the tables of another run.

    `total` is 0 when the project was not read.
    """

    run_id: int
    built: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What is known about the run. `seconds` is the time from the trigger to the last look at the run."""

    outcome: Outcome
    seconds: float
    run: Run | None = None
    results: Results = NO_RESULTS
    error: CloudError | None = None
    # What became of the run after a time-out or an interrupt: "It was cancelled."
    aftermath: str = ""
    # Why nothing was run, as a clause: "only ignored files changed".
    skip_reason: str = ""
    # dbt Cloud may have started a run that is not known here.
    run_may_exist: bool = False
    # Failed runs that were retried before this one.
    retries: tuple[Run, ...] = ()
    # The job's usual duration.
    usual_seconds: float | None = None
    manifest: Manifest = NO_MANIFEST
    # Where artifacts, results and JUnit XML have been saved; "" when they have not.
    artifacts_path: str = ""
    results_path: str = ""
    junit_path: str = ""
    # What the failures mean: what broke first, what it takes with it, and what of it is new.
    impact: Impact = NO_IMPACT
    history: History | None = None
    # What the pull request changes in the project; None when there was nothing to compare with.
    changes: Changes | None = None
    # The failed nodes whose files the pull request changes, by their unique ids.
    touched: frozenset[str] = frozenset()
    # Sources that a failed `dbt source freshness` has named.
    late_sources: tuple[LateSource, ...] = ()
    deferral: Deferral | None = None
    # Who has cancelled the run, as a clause: "by Jane".
    cancelled_by: str = ""
    # Name of the environment, and version of dbt, "" when they are not known.
    environment: str = ""
    dbt_version: str = ""
    # The Markdown file of the summary, when there is one.
    summary_path: str = ""
    # What became of the artifacts at Datafold; None when they were not to be uploaded.
    datafold: Delivery | None = None


def of_final_run(run: Run) -> Outcome:
    """The outcome of a run that is over; only the run's status decides."""
    outcomes: dict[int, Outcome] = {RunStatus.SUCCESS: Outcome.SUCCEEDED, RunStatus.CANCELLED: Outcome.CANCELLED}
    return outcomes.get(run.status, Outcome.FAILED)
