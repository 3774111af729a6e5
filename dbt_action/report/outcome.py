"""How a run ended: its Outcome with exit code, output and commit state, and the facts that are reported; pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from dbt_action.dbt_cloud.runs import Run, RunStatus
from dbt_action.errors import CloudError, ExitCode
from dbt_action.results.manifest import NO_MANIFEST, Manifest
from dbt_action.results.run_results import NO_RESULTS, Results


class CommitState(Enum):
    """States of a commit status; each host has its own words for them."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    # GitHub has no word of its own for it, other hosts do.
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class _Meaning:
    exit_code: ExitCode
    status: str
    state: CommitState
    words: str


class Outcome(Enum):
    """The verdict of the whole: exit code, output `status`, commit state and words."""

    SUCCEEDED = _Meaning(ExitCode.OK, "success", CommitState.SUCCESS, "succeeded")
    FAILED = _Meaning(ExitCode.FAILED, "error", CommitState.FAILURE, "failed")
    CANCELLED = _Meaning(ExitCode.FAILED, "cancelled", CommitState.CANCELLED, "was cancelled")
    TIMED_OUT = _Meaning(ExitCode.TIMED_OUT, "timed-out", CommitState.ERROR, "took too long")
    LOST = _Meaning(ExitCode.CLOUD, "lost", CommitState.ERROR, "was lost from sight")
    # Nobody will close this status: the truth about a run that nobody waits for is that it is pending.
    STARTED = _Meaning(ExitCode.OK, "started", CommitState.PENDING, "started")
    NOT_STARTED = _Meaning(ExitCode.CLOUD, "error", CommitState.ERROR, "could not be started")
    INTERRUPTED = _Meaning(ExitCode.INTERRUPTED, "cancelled", CommitState.CANCELLED, "was interrupted")

    @property
    def exit_code(self) -> ExitCode:
        """The process's exit code; `fail-on-error: false` is applied by `story`."""
        return self.value.exit_code

    @property
    def status(self) -> str:
        """The output `status`."""
        return self.value.status

    @property
    def state(self) -> CommitState:
        """The state of the commit status."""
        return self.value.state

    @property
    def words(self) -> str:
        """What happened to "the run"."""
        return self.value.words


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What the run was about, whatever came of it; the commit is the one that was asked for."""

    job_name: str
    sha: str = ""
    commit_url: str = ""
    branch: str = ""
    # Page of a file at the commit, with `{path}` where its path goes; the dbt project's folder in the repository.
    file_url: str = ""
    folder: str = ""


# Ends of a run; that there was none, or that nobody knows its end, is another matter.
FORGIVABLE = frozenset({Outcome.FAILED, Outcome.CANCELLED, Outcome.TIMED_OUT})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """How it ended. `seconds` is the time from the trigger to the last look."""

    outcome: Outcome
    seconds: float
    run: Run | None = None
    results: Results = NO_RESULTS
    error: CloudError | None = None
    # What became of the run after a time-out or an interrupt: "It was cancelled."
    aftermath: str = ""
    # A run may exist that is not known here.
    doubt: bool = False
    # Failed runs that were retried before this one.
    retries: tuple[Run, ...] = ()
    # The job's usual duration, in seconds.
    usual: float | None = None
    manifest: Manifest = NO_MANIFEST
    # What has been saved, and where.
    artifacts_path: str = ""
    results_path: str = ""
    junit_path: str = ""


def judge(run: Run) -> Outcome:
    """The verdict on a final run: its status and nothing else."""
    verdicts: dict[int, Outcome] = {RunStatus.SUCCESS: Outcome.SUCCEEDED, RunStatus.CANCELLED: Outcome.CANCELLED}
    return verdicts.get(run.status, Outcome.FAILED)


ICONS = {
    CommitState.PENDING: "⏳",
    CommitState.SUCCESS: "✅",
    CommitState.FAILURE: "❌",
    CommitState.ERROR: "⚠️",
    CommitState.CANCELLED: "⚠️",
}
