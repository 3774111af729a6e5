"""Run and Results become an Outcome and a Report: what is told, to whom and how; publishing it is `publish`'s work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from dbt_action import text
from dbt_action.errors import CloudError, ExitCode
from dbt_action.manifest import NO_MANIFEST, Manifest
from dbt_action.results import NO_RESULTS, Node, Results, Verdict
from dbt_action.runs import Run, RunStatus, RunStep

# GitHub's limit; a longer description is refused.
MAX_DESCRIPTION = 140
_NODES_TOLD = 10
_MESSAGE_LINES = 3
# Step "Clone Git Repository" of a commit that is not there (documented, two wordings).
_COMMIT_MISSING = ("reference is not a tree", "Failed to checkout to specified revision")

_CANCELLED = "Somebody cancelled it in dbt Cloud, or a newer commit of the same pull request took its place."
_NOT_IN_REPOSITORY = (
    "dbt Cloud cannot check out commit {}: it is not in the repository that dbt Cloud clones. That is so for commits "
    "of forks, for commits that are not pushed yet, and for workflows of another repository. With `run-on: job` dbt "
    "Cloud runs the branch that the job is set to."
)


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
class Facts:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is said: `headline` and `reason` for the log, `description` for the commit."""

    outcome: Outcome
    headline: str
    reason: str
    description: str


def judge(run: Run) -> Outcome:
    """The verdict on a final run: its status and nothing else."""
    verdicts: dict[int, Outcome] = {RunStatus.SUCCESS: Outcome.SUCCEEDED, RunStatus.CANCELLED: Outcome.CANCELLED}
    return verdicts.get(run.status, Outcome.FAILED)


def progress(run: Run) -> str:
    """What a run is doing, on one line; how far it is changes too often to be part of it."""
    if run.blocked_by:
        return f"{run.status_in_words}, behind run {', '.join(str(other) for other in run.blocked_by)}"
    step = run.current_step
    if step is None or run.final:
        return run.status_in_words
    of = f" of {len(run.steps)}" if len(run.steps) > step.index else ""
    return f"{run.status_in_words} · step {step.index}{of}: {step.name}"


def build(facts: Facts, subject: Subject) -> Report:
    """The report on `facts`."""
    counts = facts.results.in_words()
    took = text.duration(facts.seconds)
    number = f"Run {facts.run.id}" if facts.run else "The run"
    headline = f"{number} of {subject.job_name} {facts.outcome.words} after {took}" + (
        f": {counts}." if counts else "."
    )
    if facts.outcome is Outcome.STARTED:
        headline = f"{number} of {subject.job_name} has been started; this build does not wait for it."
    elif facts.outcome is Outcome.NOT_STARTED:
        known = "It is not known whether a run" if facts.doubt else "No run"
        headline = f"{known} of {subject.job_name} was started."
    return Report(
        outcome=facts.outcome,
        headline=headline,
        reason="\n".join(part.words for part in reasons(facts, subject)),
        description=_description(facts, counts, took),
    )


def _description(facts: Facts, counts: str, took: str) -> str:
    if facts.outcome is Outcome.STARTED:
        return "Started; nobody waits for the result"
    if facts.error and not facts.run:
        known = "Perhaps not started" if facts.doubt else "Not started"
        return text.cut(f"{known}: {text.one_line(facts.error.message)}", MAX_DESCRIPTION)
    known = counts if facts.outcome in (Outcome.SUCCEEDED, Outcome.FAILED) else ""
    return text.cut(f"{known or facts.outcome.words.capitalize()} · {took}", MAX_DESCRIPTION)


@dataclass(frozen=True, slots=True)
class Reason:
    """A part of why it is not green: a sentence of ours, or what dbt has written (`verbatim`), of `nodes` or a step."""

    words: str
    verbatim: bool = False
    nodes: bool = False


def reasons(facts: Facts, subject: Subject) -> tuple[Reason, ...]:
    """Why it is not green, for people who do not open dbt Cloud; nothing for a success."""
    if facts.outcome in (Outcome.SUCCEEDED, Outcome.STARTED):
        return ()
    step = _telling_step(facts.run)
    failed = facts.results.of(Verdict.FAILED)
    parts = []
    if facts.error:
        parts.append(Reason(facts.error.explanation))
    if facts.run and facts.run.status_message:
        parts.append(Reason(f"dbt Cloud says: {facts.run.status_message}"))
    elif facts.outcome is Outcome.CANCELLED:
        parts.append(Reason(_CANCELLED))
    if facts.aftermath:
        parts.append(Reason(facts.aftermath))
    if step and any(words in step.logs for words in _COMMIT_MISSING):
        parts.append(Reason(_NOT_IN_REPOSITORY.format(subject.sha or "of this build")))
    elif failed:
        parts.append(Reason(_failed_nodes(failed), verbatim=True, nodes=True))
    elif step:
        parts.append(Reason(f"Step {step.index} failed: {step.name}"))
        parts.append(Reason(_tail(step.logs, 8), verbatim=True))
    return tuple(part for part in parts if part.words)


def _failed_nodes(nodes: Sequence[Node]) -> str:
    told = [f"{node.kind} {node.name}: {_beginning(node.message) or node.status}" for node in nodes[:_NODES_TOLD]]
    more = len(nodes) - len(told)
    return "\n".join([*told, f"… and {more} more" if more > 0 else ""]).rstrip()


def _beginning(message: str) -> str:
    """Enough of dbt's message to know what to do; the whole of it stands with its node."""
    return text.cut("\n".join(message.split("\n")[:_MESSAGE_LINES]), 400)


def _telling_step(run: Run | None) -> RunStep | None:
    """The failed step that says most: one with a log, and not the freshness of sources, which fails no run."""
    failed = run.failed_steps if run else ()
    telling = [step for step in failed if step.logs and not step.command.startswith("dbt source")]
    return next(iter([*reversed(telling), *reversed(failed)]), None)


def _tail(log: str, lines: int) -> str:
    told = [line.rstrip() for line in text.plain(log).split("\n") if line.strip()]
    return "\n".join(told[-lines:])


ICONS = {
    CommitState.PENDING: "⏳",
    CommitState.SUCCESS: "✅",
    CommitState.FAILURE: "❌",
    CommitState.ERROR: "⚠️",
    CommitState.CANCELLED: "⚠️",
}
