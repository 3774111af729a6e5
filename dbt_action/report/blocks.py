"""The parts that comment and summary have in common, in Markdown: heading, verdict, causes, impact, facts. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from urllib.parse import quote

from dbt_action import text
from dbt_action.report import facts_words, node_annotations, verdict
from dbt_action.report.headline import reasons
from dbt_action.report.outcome import ICONS, RunFacts, Subject
from dbt_action.report.verdict import MARKDOWN, MENTIONING, Markup
from dbt_action.results.changes import ChangedModel
from dbt_action.results.impact import Cause
from dbt_action.results.manifest import Exposure
from dbt_action.results.run_results import Node, NodeStatus

MAX_MESSAGE = 2_000
_MAX_NAMES = 5
_MAX_LINE = 300
# Names that can be pasted into a shell.
_PLAIN_NAME = re.compile(r"\w[\w.-]{0,199}")
# A table's name as warehouses quote it, and nothing that would end it.
_RELATION = re.compile(r'[\w.$"-]{1,300}')


def heading(facts: RunFacts, subject: Subject) -> str:
    """`### ❌ Production build failed`, with a link to the run."""
    title = text.link(f"{subject.job_name} {facts.outcome.words}", facts.run.url if facts.run else "")
    return f"### {ICONS[facts.outcome.state]} {title}"


def facts_line(facts: RunFacts, subject: Subject) -> str:
    """Counts, duration, commit and branch on one line."""
    commit = text.link(subject.sha[:7], subject.commit_url) if subject.sha else ""
    branch = text.markdown(subject.branch)
    parts = [
        text.markdown(facts.results.in_words()),
        "" if facts.skip_reason else facts_words.duration(facts),
        " on ".join(part for part in (commit, branch) if part),
        f"schema {text.markdown(found)}" if (found := facts_words.schema(facts)) else "",
    ]
    return " · ".join(part for part in parts if part)


def markup(subject: Subject) -> Markup:
    """How sentences are written for this reader."""
    return MENTIONING if subject.mention_owners else MARKDOWN


def why(facts: RunFacts, subject: Subject) -> list[str]:
    """The verdict in one sentence, and reasons that are not about nodes."""
    parts = []
    if facts.skip_reason:
        parts.append(text.sentence(f"Nothing was run: {text.cut(facts.skip_reason, MAX_MESSAGE)}"))
    if sentence := verdict.sentence(facts, markup(subject)):
        parts.append(sentence)
    for reason in reasons(facts, subject):
        if reason.is_about_nodes:
            continue
        if reason.is_from_dbt:
            parts.append(text.code_block(text.cut(reason.text, 2 * MAX_MESSAGE)))
        else:
            parts.append(text.sentence(text.cut(reason.text, MAX_MESSAGE)))
    return parts


def causes_in_order(facts: RunFacts) -> list[Cause]:
    """The causes; those in files that the pull request changes come first."""
    return sorted(facts.impact.causes, key=lambda cause: not _is_touched(cause, facts))


def cause_lines(facts: RunFacts, subject: Subject, *, detailed: int, brief: int, lines: int) -> Iterable[str]:
    """The first `detailed` causes with at most `lines` lines of dbt's message, then `brief` ones with a line each."""
    causes = causes_in_order(facts)
    for cause in causes[:detailed]:
        title = cause_title(cause, facts, subject)
        if "\n" in cause.message:
            yield title
            yield text.code_block(_first_lines(cause.message, lines))
        else:
            yield f"{title}: {_one_line(cause.message)}"
        yield from advice(cause, facts)
    shown = causes[detailed : detailed + brief]
    more = [f"- {cause_title(cause, facts, subject)}: {_one_line(cause.message)}" for cause in shown]
    if hidden := len(causes) - detailed - len(shown):
        more += [f"- … and {hidden} more"] if hidden > 0 else []
    if facts.impact.consequences:
        names = _names(facts.impact.consequences)
        more.append(f"- {text.plural(len(facts.impact.consequences), 'more node')} failed after these: {names}")
    if more:
        yield "\n".join(more)


def cause_title(cause: Cause, facts: RunFacts, subject: Subject) -> str:
    """Name, kind, file, tested model and column, rows, and whether it is new, on one line."""
    node = cause.nodes[0]
    details = [about(cause)]
    if node.failures and cause.is_test:
        details.append(text.plural(node.failures, "row"))
    details.append(verdict.age_of(node, facts, MARKDOWN))
    if _is_touched(cause, facts):
        details.append("in a file that this pull request changes")
    if len(cause.nodes) > 1:
        title = f"**{text.markdown(verdict.group_name(cause))}** ({_names(cause.nodes)})"
    else:
        title = node_title(node, facts, subject)
    return " · ".join(part for part in (title, *details) if part)


def about(cause: Cause) -> str:
    """What a failed test is about: `tests column amount of orders`."""
    models = [uid.split(".", 2)[-1] for uid in cause.tested][:_MAX_NAMES]
    if not models:
        return ""
    column = f"column {text.markdown(text.cut(cause.column, 100))} of " if cause.column else ""
    return f"tests {column}{', '.join(f'**{text.markdown(text.cut(name, 200))}**' for name in models)}"


def advice(cause: Cause, facts: RunFacts) -> Iterable[str]:
    """dbt's description of a test, and what to do: how to see the failing rows, or how to run it again."""
    node = cause.nodes[0]
    if cause.is_test and cause.description:
        yield f"> {text.markdown(text.cut(cause.description, _MAX_LINE))}"
    named = _PLAIN_NAME.fullmatch(node.name) is not None
    if cause.is_test and _RELATION.fullmatch(node.relation):
        yield f"The failing rows are in `{node.relation}`"
    elif cause.is_test and named and node.failures:
        yield f"To see the failing rows: `dbt test --select {node.name} --store-failures`"
    elif named and len(cause.nodes) == 1 and not cause.is_test:
        yield f"To try it again from here: `dbt build --select {node.name}+`"
    history = facts.history
    if history and node.unique_id in history.known:
        yield "It failed before this change too, so look there first."


def impact_lines(facts: RunFacts) -> Iterable[str]:
    """What was not built, and the exposures downstream with their owners."""
    impact = facts.impact
    if impact.not_built:
        yield f"**Not built:** {verdict.kinds(impact.not_built)}: {_names(impact.not_built)}"
    if impact.exposures:
        shown = [_exposure(exposure) for exposure in list(impact.exposures.values())[:_MAX_NAMES]]
        hidden = len(impact.exposures) - len(shown)
        yield f"**Downstream:** {', '.join(shown)}{f' and {hidden} more' if hidden > 0 else ''}"


def news(facts: RunFacts) -> Iterable[str]:
    """What is different from the run before, apart from failures: fixed nodes, late sources."""
    history = facts.history
    if history and history.fixed:
        against = text.link(f"run {history.against.id}", history.against.url)
        yield f"**Fixed** since {against}: {_cut_names(history.fixed)}"
    for source in facts.late_sources[:_MAX_NAMES]:
        yield f"**Late source:** {text.markdown(text.cut(source.in_words(), _MAX_LINE))}"


def changes_table(facts: RunFacts, *, most: int) -> str:
    """What the pull request changes in the project, "" when that is nothing or not known."""
    changes = facts.changes
    if changes is None or not changes.models:
        return ""
    shown = changes.models[:most]
    rows = [(text.markdown(text.cut(model.name, 100)), text.markdown(model.what), _columns(model)) for model in shown]
    # Without columns there is nothing to say about them.
    width = 3 if any(columns for _, _, columns in rows) else 2
    table = [("Model", "Change", "Columns"), ("---", "---", "---"), *rows]
    parts = ["\n".join(f"| {' | '.join(row[:width])} |" for row in table)]
    hidden = len(changes.models) - len(rows)
    if hidden > 0:
        parts.append(f"… and {hidden} more")
    # Those that are stale have been named.
    fed = [exposure for exposure in changes.exposures if exposure not in facts.impact.exposures.values()]
    if fed:
        more = f" and {len(fed) - _MAX_NAMES} more" if len(fed) > _MAX_NAMES else ""
        parts.append(f"They feed {', '.join(_exposure(exposure) for exposure in fed[:_MAX_NAMES])}{more}.")
    return "\n\n".join(parts)


def _columns(model: ChangedModel) -> str:
    parts = [
        _list("added", model.columns_added),
        _list("removed", model.columns_removed),
        _list("retyped", model.columns_retyped),
        "**breaks its contract**" if model.breaks_contract else "",
    ]
    return "; ".join(part for part in parts if part)


def _list(word: str, names: tuple[str, ...]) -> str:
    return f"{word} {_cut_names(names)}" if names else ""


def facts_table(facts: RunFacts, subject: Subject) -> str:
    """All facts, one in each row."""
    run, deferral = facts.run, facts.deferral
    rows = {
        "Run": text.link(str(run.id), run.url) if run else "",
        "Commit": text.link(subject.sha[:7], subject.commit_url) if subject.sha else "",
        "Branch": text.markdown(subject.branch),
        "Duration": "" if facts.skip_reason else facts_words.duration(facts),
        "Retry of": ", ".join(text.link(str(other.id), other.url) for other in facts.retries)
        or (str(run.retrying) if run and run.retrying else ""),
        "Nodes": text.markdown(facts.results.in_words()),
        "Environment": text.markdown(facts.environment),
        "Schema": text.markdown(facts_words.schema(facts)),
        "dbt": text.markdown(facts.dbt_version),
        "Deferred to": f"run {deferral.run_id}{_built(facts)}" if deferral else "",
        "Datafold": text.markdown(facts.datafold.words) if facts.datafold else "",
    }
    # The first row is the table's head, because an empty head would be shown as a bar.
    found = [f"| {name} | {value} |" for name, value in rows.items() if value]
    return "\n".join([found[0], "| :--- | :--- |", *found[1:]]) if found else ""


def _built(facts: RunFacts) -> str:
    deferral = facts.deferral
    if deferral is None or not deferral.total:
        return ""
    return f": {deferral.built} of {deferral.total} built, the rest is there"


def warned_line(facts: RunFacts) -> str:
    """The names of what warned, on one line."""
    nodes = facts.results.of(NodeStatus.WARNED)
    return f"**Warned:** {_names(nodes)}" if nodes else ""


def _in_file(node: Node, facts: RunFacts, subject: Subject) -> str:
    path = node_annotations.path(facts.manifest, subject.folder, node.unique_id)
    return f" in {text.link(path, subject.file_url.replace('{path}', quote(path)))}" if path else ""


def node_title(node: Node, facts: RunFacts, subject: Subject) -> str:
    """Name, kind and file of a node."""
    return f"**{text.markdown(text.cut(node.name, 200))}** ({text.markdown(node.kind)}){_in_file(node, facts, subject)}"


def _is_touched(cause: Cause, facts: RunFacts) -> bool:
    return any(node.unique_id in facts.touched for node in cause.nodes)


def _exposure(exposure: Exposure) -> str:
    details = ", ".join(part for part in (exposure.type, f"owner {exposure.owner}" if exposure.owner else "") if part)
    link = text.link(text.cut(exposure.name, 100), exposure.url)
    return f"{link} ({text.markdown(text.cut(details, 200))})" if details else link


def _names(nodes: Iterable[Node]) -> str:
    return _cut_names([node.name for node in nodes])


def _cut_names(names: Iterable[str], words: Callable[[str], str] = text.markdown) -> str:
    found = list(names)
    shown = ", ".join(words(text.cut(name, 100)) for name in found[:_MAX_NAMES])
    return f"{shown} and {len(found) - _MAX_NAMES} more" if len(found) > _MAX_NAMES else shown


def _one_line(message: str) -> str:
    return text.markdown(text.cut(verdict.first_line(message), _MAX_LINE))


def _first_lines(message: str, lines: int) -> str:
    found = [line for line in message.split("\n") if line.strip()]
    cut = found[:lines] if len(found) <= lines else [*found[: lines - 1], "…"]
    return text.cut("\n".join(cut), MAX_MESSAGE)
