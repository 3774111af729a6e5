"""What a failure means, in one sentence: what broke, what it takes with it, whether it is new, who owns it. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from dbt_action import text
from dbt_action.report.outcome import RunFacts
from dbt_action.results.history import History, Known
from dbt_action.results.impact import Cause
from dbt_action.results.manifest import Exposure
from dbt_action.results.run_results import Node

_MAX_NAME = 100
_MAX_MESSAGE = 140
_MAX_OWNERS = 3
# dbt's types of exposures, as one and as many.
_EXPOSURES = {
    "dashboard": ("dashboard", "dashboards"),
    "notebook": ("notebook", "notebooks"),
    "analysis": ("analysis", "analyses"),
    "ml": ("ML exposure", "ML exposures"),
    "application": ("application", "applications"),
}
_OTHER_EXPOSURE = ("exposure", "exposures")
_HANDLE = re.compile(r"@[A-Za-z0-9][A-Za-z0-9-]{0,38}(?:/[A-Za-z0-9_.-]{1,100})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Markup:
    """How the parts of a sentence are written: names, other words from outside, links to runs."""

    name: Callable[[str], str]
    words: Callable[[str], str]
    owner: Callable[[str], str]
    link: Callable[[str, str], str]


PLAIN = Markup(name=text.one_line, words=text.one_line, owner=text.one_line, link=lambda label, _url: label)
MARKDOWN = Markup(
    name=lambda name: f"**{text.markdown(name)}**", words=text.markdown, owner=text.markdown, link=text.link
)


def _mentioned(owner: str) -> str:
    return owner if _HANDLE.fullmatch(owner) else text.markdown(owner)


# Owners are notified: only a text that is a handle and nothing else is written as it is.
MENTIONING = replace(MARKDOWN, owner=_mentioned)


def sentence(facts: RunFacts, markup: Markup = PLAIN) -> str:
    """What broke, what it takes with it, since when, and whose it is; "" when no node failed.

    `orders failed → 9 nodes were not built → 2 dashboards are stale. New since run 12 (green, 06:00 UTC). Owner: X.`
    What is not known is left out.
    """
    impact = facts.impact
    if not impact.causes:
        return ""
    steps = [_what_failed(impact.causes, markup)]
    if impact.not_built:
        were = "was" if len(impact.not_built) == 1 else "were"
        steps.append(f"{text.plural(len(impact.not_built), 'node')} {were} not built")
    if impact.exposures:
        stale = "stale" if impact.not_built or not all(cause.is_test for cause in impact.causes) else "affected"
        are = "is" if len(impact.exposures) == 1 else "are"
        steps.append(f"{exposures(impact.exposures.values())} {are} {stale}")
    parts = [" → ".join(steps), _age(facts, markup), _owners(impact.causes, markup)]
    return " ".join(f"{part}." for part in parts if part)


def description(facts: RunFacts) -> str:
    """The same for a commit status: `orders failed · 9 not built · new`; "" when no node failed."""
    impact = facts.impact
    if not impact.causes:
        return ""
    age = _short_age(facts)
    not_built = f"{len(impact.not_built)} not built" if impact.not_built else ""
    return " · ".join(part for part in (_what_failed(impact.causes, PLAIN, short=True), not_built, age) if part)


def age_of(node: Node, facts: RunFacts, markup: Markup = PLAIN) -> str:
    """`new`, or `known since run 12`; "" when it is not known."""
    history = facts.history
    if history is None:
        return ""
    if known := history.known.get(node.unique_id):
        return f"known since {markup.link(f'run {known.since.id}', known.since.url)}{_runs(known)}"
    return "new" if node.unique_id in history.new else ""


def new_failures(facts: RunFacts) -> int | None:
    """The number of failures that the run before did not have; None when that is not known of all of them."""
    failed = [node for cause in facts.impact.causes for node in cause.nodes] + list(facts.impact.consequences)
    if facts.history is None or not failed:
        return None
    compared = [node for node in failed if node.unique_id in facts.history.new or node.unique_id in facts.history.known]
    if len(compared) < len(failed):
        return None
    return len([node for node in failed if node.unique_id in facts.history.new])


def exposures(found: Iterable[Exposure]) -> str:
    """The number of exposures by type: `2 dashboards and 1 notebook`."""
    counts = Counter(_EXPOSURES.get(exposure.type, _OTHER_EXPOSURE) for exposure in found)
    return _and([f"{count} {one if count == 1 else many}" for (one, many), count in counts.items()])


def kinds(nodes: Iterable[Node]) -> str:
    """The number of nodes by kind: `5 models, 4 tests`."""
    counts = Counter(node.kind for node in nodes)
    return ", ".join(text.plural(count, kind) for kind, count in counts.items())


def group_name(cause: Cause) -> str:
    """`4 models` for nodes with one cause; the name for a single one."""
    return kinds(cause.nodes) if len(cause.nodes) > 1 else text.cut(cause.nodes[0].name, _MAX_NAME)


def _what_failed(causes: tuple[Cause, ...], markup: Markup, *, short: bool = False) -> str:
    first = causes[0]
    if len(causes) == 1:
        if len(first.nodes) == 1:
            return f"{markup.name(group_name(first))} failed"
        message = "" if short else f": {markup.words(text.cut(first_line(first.message), _MAX_MESSAGE))}"
        return f"{markup.name(group_name(first))} failed{message}"
    if len(causes) == 2:  # noqa: PLR2004 - both have a name
        return f"{markup.name(group_name(first))} and {markup.name(group_name(causes[1]))} failed"
    others = sum(len(cause.nodes) for cause in causes[1:])
    return f"{markup.name(group_name(first))} and {others} others failed"


def first_line(message: str) -> str:
    """The first line of dbt's message that says something."""
    return next((line.strip() for line in message.split("\n") if line.strip()), "")


def _age(facts: RunFacts, markup: Markup) -> str:
    history = facts.history
    nodes = [node for cause in facts.impact.causes for node in cause.nodes]
    if history is None:
        return ""
    new = [node for node in nodes if node.unique_id in history.new]
    known = [history.known[node.unique_id] for node in nodes if node.unique_id in history.known]
    against = _run(history, facts, markup)
    if len(new) == len(nodes):
        return f"New since {against}"
    if len(known) == len(nodes):
        oldest = min(known, key=lambda one: one.since.id)
        return f"Known since {markup.link(f'run {oldest.since.id}', oldest.since.url)}{_runs(oldest)}"
    if new:
        are = "is" if len(new) == 1 else "are"
        return f"{len(new)} of {len(nodes)} {are} new since {against}"
    return f"{len(known)} of {len(nodes)} known from {against}" if known else ""


def _short_age(facts: RunFacts) -> str:
    new, history = new_failures(facts), facts.history
    if history is None or new is None:
        return ""
    failed = len(history.known) + new
    if new == failed:
        return "new"
    if new:
        return f"{new} new"
    return f"known since run {min(known.since.id for known in history.known.values())}"


def _run(history: History, facts: RunFacts, markup: Markup) -> str:
    """`run 4711 (green, 06:00 UTC)`."""
    against = history.against
    colour = "green" if against.succeeded else "red"
    now = facts.run.finished_at if facts.run else None
    moment = ""
    if against.finished_at is not None:
        moment = f", {text.time_of_day(against.finished_at, now if now is not None else against.finished_at)}"
    return f"{markup.link(f'run {against.id}', against.url)} ({colour}{moment})"


def _runs(known: Known) -> str:
    return f" ({'at least ' if known.at_least else ''}{text.plural(known.runs, 'earlier run')})"


def _owners(causes: Iterable[Cause], markup: Markup) -> str:
    owners = list(dict.fromkeys(cause.owner for cause in causes if cause.owner))[:_MAX_OWNERS]
    return f"Owner: {', '.join(markup.owner(text.cut(owner, _MAX_NAME)) for owner in owners)}" if owners else ""


def _and(parts: list[str]) -> str:
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)
