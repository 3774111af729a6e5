"""The summary of a run in GitHub's Markdown: a page whose length is bounded, however large the project is. Pure."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable
from urllib.parse import quote

from dbt_action import text
from dbt_action.dbt_cloud.runs import RunStep
from dbt_action.report import comment, node_annotations, timeline
from dbt_action.report.outcome import RunFacts, Subject
from dbt_action.results.run_results import ORDER, Node, NodeStatus

MAX_FAILED = 20
MAX_WARNED = 10
MAX_SLOWEST = 10
MAX_STEPS = 30
MAX_MESSAGE = 2_000
MAX_SQL = 8_000


def page(facts: RunFacts, subject: Subject, *, with_sql: bool) -> str:
    """The whole page: overview, counts, failed, warned and skipped nodes, steps, slowest nodes, timeline.

    `with_sql` adds the compiled SQL of the failed nodes.
    """
    failed_have_section = bool(facts.results.of(NodeStatus.FAILED))
    parts = [comment.overview(facts, subject, with_nodes=not failed_have_section)]
    if facts.results.nodes:
        parts += [
            _counts(facts),
            *_failed(facts, subject, with_sql=with_sql),
            *_warned(facts, subject),
            *_skipped(facts),
        ]
    parts += [*_steps(facts), *_slowest(facts), *_timeline(facts)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _counts(facts: RunFacts) -> str:
    kinds = list(dict.fromkeys(node.kind for node in facts.results.nodes))
    counts = Counter((node.kind, node.status) for node in facts.results.nodes)
    columns = [status for status in ORDER if any(counts[kind, status] for kind in kinds)]
    head = f"| | {' | '.join(status.value for status in columns)} |"
    rows = [
        f"| {text.markdown(kind)} | {' | '.join(str(counts[kind, status] or '') for status in columns)} |"
        for kind in kinds
    ]
    return "\n".join([head, "| --- |" + " ---: |" * len(columns), *rows])


def _failed(facts: RunFacts, subject: Subject, *, with_sql: bool) -> Iterable[str]:
    nodes = node_annotations.useful_first(facts.results.of(NodeStatus.FAILED))
    if nodes:
        yield "#### Failed"
    for node in nodes[:MAX_FAILED]:
        yield _heading(node, facts, subject)
        yield text.code_block(text.cut(node.message or node.dbt_status, MAX_MESSAGE))
        if with_sql and node.sql:
            yield _fold("Compiled SQL", text.code_block(text.cut(node.sql, MAX_SQL), "sql"))
    yield _more(len(nodes) - MAX_FAILED)


def _warned(facts: RunFacts, subject: Subject) -> Iterable[str]:
    nodes = facts.results.of(NodeStatus.WARNED)
    if nodes:
        yield "#### Warned"
        lines = [
            f"- {_heading(node, facts, subject)}: {text.markdown(text.cut(node.message, 300))}"
            for node in nodes[:MAX_WARNED]
        ]
        yield "\n".join(lines)
    yield _more(len(nodes) - MAX_WARNED)


def _skipped(facts: RunFacts) -> Iterable[str]:
    # Without `no-op` and `reused`: those nodes had nothing to do, no other node has stopped them.
    nodes = [node for node in facts.results.of(NodeStatus.SKIPPED) if node.dbt_status.lower() == "skipped"]
    if not nodes or not facts.results.of(NodeStatus.FAILED):
        return
    yield "#### Skipped"
    groups = Counter(skipped_because(facts).values()).most_common(MAX_WARNED)
    lines = [f"- {text.plural(count, 'node')} because of {text.markdown(cause)}" for cause, count in groups]
    explained = sum(count for _, count in groups)
    if len(nodes) > explained:
        lines.append(f"- {text.plural(len(nodes) - explained, 'node')} for reasons that dbt does not name")
    yield "\n".join(lines)


def skipped_because(facts: RunFacts) -> dict[str, str]:
    """By unique id of a skipped node: the failed node that is the cause. Nodes whose cause is not known are left out.

    `dbt build` skips what depends on a failed node, and what depends on a node whose test has failed.
    """
    locations = facts.manifest.locations
    failed = {node.unique_id: node for node in facts.results.of(NodeStatus.FAILED)}
    blockers = {uid: f"{node.kind} {node.name}" for uid, node in failed.items()}
    for uid, node in failed.items():
        for tested in locations[uid].depends_on if uid in locations and node.kind in ("test", "unit test") else ():
            blockers.setdefault(tested, f"{node.kind} {node.name}")
    causes = {}
    for node in facts.results.of(NodeStatus.SKIPPED):
        seen, to_visit = {node.unique_id}, [node.unique_id]
        while to_visit:
            parents = locations[uid].depends_on if (uid := to_visit.pop()) in locations else ()
            cause = next((blockers[parent] for parent in parents if parent in blockers), None)
            if cause:
                causes[node.unique_id] = cause
                break
            to_visit += [parent for parent in parents if parent not in seen]
            seen.update(parents)
    return causes


def _heading(node: Node, facts: RunFacts, subject: Subject) -> str:
    name = f"**{text.markdown(text.cut(node.name, 200))}** ({text.markdown(node.kind)})"
    path = node_annotations.path(facts.manifest, subject.folder, node.unique_id)
    if not path:
        return name
    url = subject.file_url.replace("{path}", quote(path))
    return f"{name} in {text.link(path, url)}"


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


def _more(count: int) -> str:
    return f"… and {count} more" if count > 0 else ""
