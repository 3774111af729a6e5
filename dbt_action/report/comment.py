"""The comment on a pull request, in Markdown: at most a screen, the same first lines as the summary. Pure."""

from __future__ import annotations

from dbt_action.report import blocks
from dbt_action.report.outcome import RunFacts, Subject

_DETAILED, _BRIEF, _LINES = 2, 6, 6
_CHANGED_MODELS = 6


def body(facts: RunFacts, subject: Subject) -> str:
    """Heading, verdict, causes, impact, what the pull request changes, facts on one line. Without folds.

    Not every host knows HTML in comments.
    """
    parts = [
        blocks.heading(facts, subject),
        *blocks.why(facts, subject),
        *blocks.cause_lines(facts, subject, detailed=_DETAILED, brief=_BRIEF, lines=_LINES),
        *blocks.impact_lines(facts),
        *blocks.news(facts),
        blocks.warned_line(facts),
        blocks.changes_table(facts, most=_CHANGED_MODELS),
        blocks.facts_line(facts, subject),
    ]
    return "\n\n".join(part for part in parts if part)
