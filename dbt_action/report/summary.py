"""The summary of a run in GitHub's Markdown: a page whose length is bounded, however large the project is. Pure."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable

from dbt_action import text
from dbt_action.dbt_cloud.runs import RunStep
from dbt_action.report import blocks, graph, timeline
from dbt_action.report.outcome import RunFacts, Subject
from dbt_action.results.run_results import ORDER, NodeStatus

# Causes with dbt's message, lines of each message, and causes with one line each.
MAX_DETAILED, MAX_LINES, MAX_BRIEF = 4, 8, 16
MAX_WARNED = 10
MAX_CHANGED = 20
MAX_SLOWEST = 10
MAX_STEPS = 30
MAX_SQL = 8_000


def page(facts: RunFacts, subject: Subject, *, with_sql: bool) -> str:
    """The whole page: verdict, causes, impact, what is new; then folds with facts, nodes, steps and times.

    `with_sql` adds the compiled SQL of the causes.
    """
    parts = [
        blocks.heading(facts, subject),
        *blocks.why(facts, subject),
        *_causes(facts, subject),
        *blocks.impact_lines(facts),
        *blocks.news(facts),
        blocks.warned_line(facts),
        blocks.facts_line(facts, subject),
        *_folds(facts, subject, with_sql=with_sql),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _causes(facts: RunFacts, subject: Subject) -> Iterable[str]:
    return blocks.cause_lines(facts, subject, detailed=MAX_DETAILED, brief=MAX_BRIEF, lines=MAX_LINES)


def _folds(facts: RunFacts, subject: Subject, *, with_sql: bool) -> Iterable[str]:
    if chart := graph.flowchart(facts.impact):
        yield _fold("What it takes with it", f"```mermaid\n{chart}\n```")
    if with_sql:
        for cause in blocks.causes_in_order(facts)[:MAX_DETAILED]:
            node = cause.nodes[0]
            if node.sql:
                yield _fold(f"Compiled SQL of {node.name}", text.code_block(text.cut(node.sql, MAX_SQL), "sql"))
    if table := blocks.changes_table(facts, most=MAX_CHANGED):
        yield _fold("Changes of this pull request to the project", table)
    table = blocks.facts_table(facts, subject)
    yield _fold("Facts", "\n\n".join(part for part in (table, _counts(facts)) if part))
    yield from _warned(facts, subject)
    yield from _differences(facts)
    yield from _steps(facts)
    yield from _slowest(facts)
    yield from _timeline(facts)


def _counts(facts: RunFacts) -> str:
    if not facts.results.nodes:
        return ""
    kinds = list(dict.fromkeys(node.kind for node in facts.results.nodes))
    counts = Counter((node.kind, node.status) for node in facts.results.nodes)
    columns = [status for status in ORDER if any(counts[kind, status] for kind in kinds)]
    head = f"| | {' | '.join(status.value for status in columns)} |"
    rows = [
        f"| {text.markdown(kind)} | {' | '.join(str(counts[kind, status] or '') for status in columns)} |"
        for kind in kinds
    ]
    return "\n".join([head, "| --- |" + " ---: |" * len(columns), *rows])


def _warned(facts: RunFacts, subject: Subject) -> Iterable[str]:
    nodes = facts.results.of(NodeStatus.WARNED)
    if nodes:
        lines = [
            f"- {blocks.node_title(node, facts, subject)}: {text.markdown(text.cut(node.message, 300))}"
            for node in nodes[:MAX_WARNED]
        ]
        more = [f"- … and {len(nodes) - MAX_WARNED} more"] if len(nodes) > MAX_WARNED else []
        yield _fold(f"Warned ({len(nodes)})", "\n".join([*lines, *more]))


def _differences(facts: RunFacts) -> Iterable[str]:
    """Nodes that are new, gone or slow, compared with earlier runs."""
    history = facts.history
    if history is None:
        return
    rows = [
        f"| {text.markdown(text.cut(name, 200))} | {what} |"
        for names, what in ((history.appeared, "new"), (history.disappeared, "gone"))
        for name in names[:MAX_WARNED]
    ]
    rows += [
        f"| {text.markdown(text.cut(slow.node.name, 200))} "
        f"| {text.duration(slow.node.seconds)}, usually {text.duration(slow.usual_seconds)} |"
        for slow in history.slower[:MAX_WARNED]
    ]
    if rows:
        against = f"run {history.against.id}"
        yield _fold(f"Different from {against}", "\n".join(["| Node | |", "| --- | --- |", *rows]))


def _steps(facts: RunFacts) -> Iterable[str]:
    steps = [step for step in facts.run.steps if step.name] if facts.run else []
    if steps:
        rows = [
            f"| {step.index} | {_step_name(step)} | {step.status_in_words} "
            f"| {text.duration(step.seconds) if step.seconds is not None else ''} |"
            for step in steps[:MAX_STEPS]
        ]
        yield _fold("Steps", "\n".join(["| | Step | Status | Time |", "| ---: | --- | --- | ---: |", *rows]))


def _slowest(facts: RunFacts) -> Iterable[str]:
    nodes = sorted(facts.results.nodes, key=lambda node: node.seconds, reverse=True)[:MAX_SLOWEST]
    if len(nodes) > 1 and nodes[0].seconds:
        rows = [
            f"| {text.markdown(text.cut(node.name, 200))} | {text.markdown(node.kind)} | {_seconds(node.seconds)} |"
            for node in nodes
        ]
        yield _fold("Slowest nodes", "\n".join(["| Node | Kind | Time |", "| --- | --- | ---: |", *rows]))


def _timeline(facts: RunFacts) -> Iterable[str]:
    if chart := timeline.gantt(facts.results):
        yield _fold(f"Timeline of {timeline.shown(facts.results)}", f"```mermaid\n{chart}\n```")


def _step_name(step: RunStep) -> str:
    """The step's name, with its command as code unless a character of it would end the code or the table's cell."""
    command = text.one_line(text.cut(step.command, 200))
    if not command or re.search(r"[`|\\<]", command):
        return text.markdown(text.cut(step.name, 200))
    return f"{text.markdown(step.name.split('`', 1)[0])} `{command}`"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else text.duration(seconds)  # noqa: PLR2004 - enough digits


def _fold(title: str, body: str) -> str:
    # The title is HTML, in which Markdown is not read.
    return f"<details><summary>{html.escape(text.one_line(title))}</summary>\n\n{body}\n\n</details>"
