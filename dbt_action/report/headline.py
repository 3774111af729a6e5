"""The sentences about a run: headline and reasons for the log, description for the commit status. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from dbt_action import text
from dbt_action.config.choices import StatusMode
from dbt_action.dbt_cloud import step_logs
from dbt_action.dbt_cloud.runs import BY_ITSELF, Run, RunStep
from dbt_action.report import verdict
from dbt_action.report.outcome import CommitState, Outcome, RunFacts, Subject

# GitHub's limit; a longer description is refused.
MAX_DESCRIPTION = 140

_MAX_NODES = 10
_MAX_MESSAGE = 400
_MESSAGE_LINES = 3
_LOG_LINES = 8

# Log of the step "Clone Git Repository" when the commit is not in the repository (documented, two wordings).
_COMMIT_MISSING = ("reference is not a tree", "Failed to checkout to specified revision")

# Of a run that dbt Cloud says nothing more about.
_CANCELLED = (
    "It was cancelled in dbt Cloud, by a person or because a newer commit of the same pull request replaced it."
)

_WHY_BY_ITSELF = ": a newer commit of the same pull request has replaced it, or it was stuck"

_NOT_IN_REPOSITORY = (
    "dbt Cloud cannot check out commit {}: it is not in the repository that dbt Cloud clones. That is so for commits "
    "of forks, for commits that are not pushed yet, and for workflows of another repository. With `run-on: job` dbt "
    "Cloud runs the branch that the job is set to."
)

# Where the words of the outcome alone would not say enough about the commit.
_DESCRIPTIONS = {
    Outcome.STARTED: "Started (not waiting)",
    Outcome.LOST: "Lost contact; state of the run unknown",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`headline` and `reason` are for the log, `description` is for the commit status."""

    headline: str
    reason: str
    description: str


def progress_line(run: Run) -> str:
    """What a run is doing: `Running · step 4 of 5: Invoke dbt with …`. Without counts of nodes, which change often."""
    if run.blocked_by:
        return f"{run.status_in_words}, behind run {', '.join(str(other) for other in run.blocked_by)}"
    step = run.current_step
    if step is None or run.final:
        return run.status_in_words
    of = f" of {len(run.steps)}" if len(run.steps) > step.index else ""
    return f"{run.status_in_words} · step {step.index}{of}: {step.name}"


def nodes_done(run: Run) -> str:
    """How many nodes the running step has done, "" when its log does not say."""
    step = run.current_step
    return step_logs.nodes_done(step) if step and not run.final else ""


def progress_in_words(run: Run, usual_seconds: float | None) -> str:
    """`progress_line` with the number of nodes and the usual duration."""
    usual = f"usually {text.duration(usual_seconds)}" if usual_seconds and not run.final else ""
    return " · ".join(part for part in (progress_line(run), nodes_done(run), usual) if part)


def pending_description(run: Run, usual_seconds: float | None) -> str:
    """The same for a commit status, without the command: `Running step 4 of 4 · 41 of 120 nodes · usually 12m 00s`."""
    step = run.current_step
    if step is None or run.final:
        return ""
    of = f" of {len(run.steps)}" if len(run.steps) > step.index else ""
    usual = f"usually {text.duration(usual_seconds)}" if usual_seconds else ""
    parts = (f"{run.status_in_words} step {step.index}{of}", nodes_done(run), usual)
    return text.cut(" · ".join(part for part in parts if part), MAX_DESCRIPTION)


def build(facts: RunFacts, subject: Subject) -> Report:
    """The report on `facts`."""
    return Report(
        headline=_headline(facts, subject.job_name),
        reason="\n".join(reason.text for reason in reasons(facts, subject)),
        description=_description(facts),
    )


def commit_status(facts: RunFacts, subject: Subject, mode: StatusMode) -> tuple[CommitState, str]:
    """State and description of the commit status. In soft mode a failed run is a success there that says so."""
    description = build(facts, subject).description
    if mode is StatusMode.SOFT and facts.outcome is Outcome.FAILED:
        return CommitState.SUCCESS, text.cut(f"Failed (not blocking): {description}", MAX_DESCRIPTION)
    return facts.outcome.state, description


def _headline(facts: RunFacts, job_name: str) -> str:
    run = f"Run {facts.run.id}" if facts.run else "The run"
    if facts.outcome is Outcome.STARTED:
        return f"{run} of {job_name} has been started; this build does not wait for it."
    if facts.outcome is Outcome.SKIPPED:
        return f"Skipped: {facts.skip_reason}. No run of {job_name} was started."
    if facts.outcome is Outcome.NOT_STARTED:
        subject = "It is not known whether a run" if facts.run_may_exist else "No run"
        return f"{subject} of {job_name} was started."
    counts = facts.results.in_words()
    headline = f"{run} of {job_name} {facts.outcome.words} after {text.duration(facts.seconds)}"
    return f"{headline}: {counts}." if counts else f"{headline}."


def _description(facts: RunFacts) -> str:
    if facts.outcome is Outcome.STARTED:
        return _DESCRIPTIONS[facts.outcome]
    if facts.outcome is Outcome.SKIPPED:
        return text.cut(f"Skipped: {facts.skip_reason}", MAX_DESCRIPTION)
    if facts.outcome is Outcome.FAILED and (what := verdict.description(facts)):
        return text.cut(what, MAX_DESCRIPTION)
    if facts.error and not facts.run:
        what = "Perhaps not started" if facts.run_may_exist else "Not started"
        return text.cut(f"{what}: {text.one_line(facts.error.message)}", MAX_DESCRIPTION)
    counts = facts.results.in_words() if facts.outcome in (Outcome.SUCCEEDED, Outcome.FAILED) else ""
    what = counts or _DESCRIPTIONS.get(facts.outcome, facts.outcome.words.capitalize())
    return text.cut(f"{what} · {text.duration(facts.seconds)}", MAX_DESCRIPTION)


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason why the run did not succeed."""

    text: str
    # dbt has written it, so its lines are kept as they are.
    is_from_dbt: bool = False
    # It is the verdict on the nodes that failed, or lists them.
    is_about_nodes: bool = False
    lists_nodes: bool = False


def reasons(facts: RunFacts, subject: Subject) -> tuple[Reason, ...]:
    """Why the run did not succeed, for people who do not open dbt Cloud; empty for a success."""
    if facts.outcome in (Outcome.SUCCEEDED, Outcome.STARTED, Outcome.SKIPPED):
        return ()
    step = _most_informative_step(facts.run)
    found = []
    if facts.error:
        found.append(Reason(facts.error.explanation))
    if facts.run and facts.run.status_message:
        found.append(Reason(f"dbt Cloud says: {facts.run.status_message}"))
    elif facts.outcome is Outcome.CANCELLED and not facts.cancelled_by and not facts.aftermath:
        found.append(Reason(_CANCELLED))
    if facts.cancelled_by:
        why = _WHY_BY_ITSELF if facts.cancelled_by == BY_ITSELF else ""
        found.append(Reason(f"It was cancelled {facts.cancelled_by}{why}."))
    if facts.aftermath:
        found.append(Reason(facts.aftermath))
    if step and any(words in step.logs for words in _COMMIT_MISSING):
        found.append(Reason(_NOT_IN_REPOSITORY.format(subject.sha or "of this build")))
    elif facts.impact.causes:
        found.append(Reason(verdict.sentence(facts), is_about_nodes=True))
        found.append(Reason(_causes(facts), is_from_dbt=True, is_about_nodes=True, lists_nodes=True))
    elif step:
        found.append(Reason(f"Step {step.index} failed: {step.name}"))
        found.append(Reason(_last_lines(step.logs), is_from_dbt=True))
    found += [Reason(f"Late source: {source.in_words()}") for source in facts.late_sources[:_MAX_NODES]]
    return tuple(reason for reason in found if reason.text)


def _causes(facts: RunFacts) -> str:
    causes = facts.impact.causes
    lines = []
    for cause in causes[:_MAX_NODES]:
        node = cause.nodes[0]
        name = verdict.group_name(cause) if len(cause.nodes) > 1 else f"{node.kind} {node.name}"
        tested = [uid.split(".", 2)[-1] for uid in cause.tested]
        column = f"column {cause.column} of " if cause.column else ""
        about = f" ({column}{', '.join(tested)})" if tested else ""
        lines.append(f"{name}{about}: {_first_lines(cause.message)}")
    hidden = len(causes) - len(lines)
    return "\n".join([*lines, f"… and {hidden} more" if hidden > 0 else ""]).rstrip()


def _first_lines(message: str) -> str:
    """Enough of dbt's message to know what to do; annotations and summary have all of it."""
    return text.cut("\n".join(message.split("\n")[:_MESSAGE_LINES]), _MAX_MESSAGE)


def _most_informative_step(run: Run | None) -> RunStep | None:
    """The last failed step with a log. One that checks source freshness comes last, because it does not fail a run."""
    failed = run.failed_steps if run else ()
    informative = [step for step in failed if step.logs and not step.command.startswith("dbt source")]
    return next(iter([*reversed(informative), *reversed(failed)]), None)


def _last_lines(log: str) -> str:
    lines = [line.rstrip() for line in text.plain(log).split("\n") if line.strip()]
    return "\n".join(lines[-_LOG_LINES:])
