"""Facts about a run in a few words, for every kind of report: the schema, the duration. Pure."""

from __future__ import annotations

from dbt_action import text
from dbt_action.report.outcome import RunFacts


def schema(facts: RunFacts) -> str:
    """The schema that was built in: the one that was asked for, else that of the first table; "" when unknown."""
    if facts.run and facts.run.schema:
        return facts.run.schema
    for node in facts.results.nodes:
        parts = node.relation.replace('"', "").replace("`", "").split(".")
        if node.kind == "model" and len(parts) > 1:
            return parts[-2]
    return ""


def duration(facts: RunFacts) -> str:
    """`12m 03s (2m 00s of it in the queue, usually 10m 00s)`."""
    details = []
    if facts.run and facts.run.queued and facts.run.queued >= 1:
        details.append(f"{text.duration(facts.run.queued)} of it in the queue")
    if facts.usual_seconds:
        details.append(f"usually {text.duration(facts.usual_seconds)}")
    taken = text.duration(facts.seconds)
    return f"{taken} ({', '.join(details)})" if details else taken
