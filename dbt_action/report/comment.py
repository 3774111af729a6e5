"""The overview of a run in Markdown: all of the comment, and the first part of the summary. Pure."""

from __future__ import annotations

from dbt_action import text
from dbt_action.report.headline import reasons
from dbt_action.report.outcome import ICONS, RunFacts, Subject
from dbt_action.results.run_results import NodeStatus

MAX_MESSAGE = 2_000


def overview(facts: RunFacts, subject: Subject, *, with_nodes: bool = True) -> str:
    """Headline, facts in a table, and the reasons of a failure.

    `with_nodes` False leaves out the text of dbt when nodes failed: the summary has a section for each of them.
    """
    run = facts.run
    url = run.url if run else ""
    title = text.link(f"{subject.job_name} {facts.outcome.words}", url)
    rows = {
        "Run": text.link(str(run.id), url) if run else "",
        "Commit": text.link(subject.sha[:7], subject.commit_url) if subject.sha else "",
        "Branch": text.markdown(subject.branch),
        "Duration": "" if facts.skip_reason else _duration(facts),
        "Retry of": ", ".join(text.link(str(other.id), other.url) for other in facts.retries)
        or (str(run.retrying) if run and run.retrying else ""),
        "Nodes": text.markdown(facts.results.in_words()),
        "Datafold": text.markdown(facts.datafold.words) if facts.datafold else "",
    }
    # The first row is the table's head, because an empty head would be shown as a bar.
    head, *more = (f"| {name} | {value} |" for name, value in rows.items() if value)
    parts = [f"### {ICONS[facts.outcome.state]} {title}", "\n".join([head, "| :--- | :--- |", *more])]
    if facts.skip_reason:
        parts.append(text.sentence(f"Nothing was run: {text.cut(facts.skip_reason, MAX_MESSAGE)}"))
    for reason in reasons(facts, subject):
        if not reason.is_from_dbt:
            parts.append(text.sentence(text.cut(reason.text, MAX_MESSAGE)))
        elif with_nodes or not facts.results.of(NodeStatus.FAILED):
            parts.append(text.code_block(text.cut(reason.text, 2 * MAX_MESSAGE)))
    return "\n\n".join(parts)


def _duration(facts: RunFacts) -> str:
    details = []
    if facts.run and facts.run.queued and facts.run.queued >= 1:
        details.append(f"{text.duration(facts.run.queued)} of it in the queue")
    if facts.usual_seconds:
        details.append(f"usually {text.duration(facts.usual_seconds)}")
    duration = text.duration(facts.seconds)
    return f"{duration} ({', '.join(details)})" if details else duration
