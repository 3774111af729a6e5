"""The sentences about a run: headline and reasons for the log, description for the commit status; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dbt_action import text
from dbt_action.dbt_cloud.runs import Run, RunStep
from dbt_action.report.outcome import Outcome, RunFacts, Subject
from dbt_action.results.run_results import Node, NodeStatus

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is said: `headline` and `reason` for the log, `description` for the commit."""

    outcome: Outcome
    headline: str
    reason: str
    description: str


def progress(run: Run) -> str:
    """What a run is doing, on one line; how far it is changes too often to be part of it."""
    if run.blocked_by:
        return f"{run.status_in_words}, behind run {', '.join(str(other) for other in run.blocked_by)}"
    step = run.current_step
    if step is None or run.final:
        return run.status_in_words
    of = f" of {len(run.steps)}" if len(run.steps) > step.index else ""
    return f"{run.status_in_words} · step {step.index}{of}: {step.name}"


def build(facts: RunFacts, subject: Subject) -> Report:
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


def _description(facts: RunFacts, counts: str, took: str) -> str:
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


def reasons(facts: RunFacts, subject: Subject) -> tuple[Reason, ...]:
    """Why it is not green, for people who do not open dbt Cloud; nothing for a success."""
    if facts.outcome in (Outcome.SUCCEEDED, Outcome.STARTED):
        return ()
    step = _telling_step(facts.run)
    failed = facts.results.of(NodeStatus.FAILED)
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
    told = [f"{node.kind} {node.name}: {_beginning(node.message) or node.dbt_status}" for node in nodes[:_NODES_TOLD]]
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
