"""The page whatever nodes, messages and names are like: bounded, whole, and nothing of theirs comes alive."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from dbt_action.report import comment, summary
from dbt_action.report.outcome import Outcome, RunFacts, Subject
from dbt_action.results.manifest import Manifest, NodeLocation
from tests.support.markdown import render
from tests.support.results import SHA, Ended, a_node, facts
from tests.support.values import a_run, a_step

MIB = 1024 * 1024
FRAGMENTS = (
    "a",
    "orders",
    " ",
    "\n",
    "\n\n",
    "\r",
    "\r\n",
    "\u2028",
    "\u202e",
    "\x1b[31m",
    "```",
    "````\n",
    "~~~",
    "`",
    "|",
    "\\",
    "\\|",
    "| --- |",
    "<",
    ">",
    "<img src=x onerror=alert(1)>",
    "<script>",
    "</details>",
    "<details>",
    "<summary>",
    "<!--",
    "-->",
    "&lt;b&gt;",
    "&#60;b>",
    "[x](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "[x]: https://evil.example\n",
    "<https://evil.example>",
    "](https://evil.example)",
    "@everyone",
    "# heading",
    "\n# heading",
    "\n---\n",
    "\n===\n",
    "\n    indented",
    "\n- item",
    "1. item",
    "**bold**",
    "~~gone~~",
    "$x$",
    "::error::x",
    "<?php",
    "<![CDATA[",
    "é中",
    "x" * 60,
)
HOSTILE = st.lists(st.sampled_from(FRAGMENTS), max_size=7).map("".join)
STATUSES = st.sampled_from(["error", "fail", "warn", "success", "skipped", "from\n```\nthe future"])
NODES = st.lists(st.tuples(HOSTILE, STATUSES, HOSTILE, HOSTILE, HOSTILE, HOSTILE), max_size=6)
# A failure here is known by its words; making it smaller would take minutes.
PLAIN = settings(max_examples=150, phases=(Phase.explicit, Phase.generate))
RUN_URL = "https://ab123.us1.dbt.com/deploy/"
FILES = f"https://github.example/acme/shop/blob/{SHA}/"


def told(rows: list[tuple[str, ...]], names: tuple[str, str, str]) -> tuple[RunFacts, Subject]:
    """A run, all of whose words are somebody else's."""
    job, branch, step = names
    nodes, locations = [], {}
    for number, (kind, status, name, message, path, sql) in enumerate(rows):
        uid = f"{kind}.shop.{number}{name}"
        nodes.append(a_node(uid, status, message=message, sql=sql, thread_id=name, seconds=number))
        locations[uid] = NodeLocation("shop", path, (f"model.shop.{number - 1}",))
    steps: list[dict[str, Any]] = [{**a_step(4), "name": step, "logs": step}]
    subject = Subject(
        job_name=job,
        sha=SHA,
        commit_url=f"https://github.example/acme/shop/commit/{SHA}",
        branch=branch,
        file_url=f"{FILES}{{path}}",
    )
    run = a_run(status=20, run_steps=steps, status_message=step)
    return facts(*nodes, manifest=Manifest("shop", locations), run=run, usual_seconds=3.0), subject


@PLAIN
@given(NODES, st.tuples(HOSTILE, HOSTILE, HOSTILE))
def test_nothing_comes_alive(rows: list[tuple[str, ...]], names: tuple[str, str, str]) -> None:
    """No HTML but our folds, no images, no links but ours, no headings of theirs, all tables in shape."""
    page = summary.page(*told(rows, names), with_sql=True)

    found = render(page)

    assert {"Compiled SQL", "Steps", "Slowest nodes", "Timeline"} >= {title.split(" of ")[0] for title in found.folds}
    assert [] == found.images
    assert [] == [url for url, _ in found.links if not url.startswith((RUN_URL, FILES, "https://github.example/acme/"))]
    assert set() == set(found.headings[1:]) - {"Failed", "Warned", "Skipped"}
    assert {"text", "sql", "mermaid", "inline"} >= {language for language, _ in found.code}
    # GitHub looks for mentions wherever there is no code.
    assert not [words for words in found.text if re.search(r"@\w", words)]
    assert MIB > len(page.encode())


@PLAIN
@given(NODES, st.tuples(HOSTILE, HOSTILE, HOSTILE))
def test_brief__nothing_comes_alive(rows: list[tuple[str, ...]], names: tuple[str, str, str]) -> None:
    found = render(comment.overview(*told(rows, names)))

    assert [] == found.html
    assert [] == found.images
    assert [] == [url for url, _ in found.links if not url.startswith((RUN_URL, "https://github.example/acme/"))]
    assert 1 == len(found.headings)


@pytest.mark.parametrize("status", ["error", "warn", "skipped", "success"])
@pytest.mark.parametrize("count", [5, 5_000])
def test_bounded__whatever_the_size(count: int, status: str) -> None:
    """As large as nodes can be: names, messages, SQL, paths."""
    one = a_node(status=status, message="|`<é" * 900, sql="é`" * 30_000)
    nodes = [replace(one, unique_id=f"model.shop.{n}{'x' * 900}", seconds=n) for n in range(count)]
    locations = {node.unique_id: NodeLocation("shop", f"models/{'é' * 900}/{n}.sql") for n, node in enumerate(nodes)}
    steps = [{**a_step(n), "name": "x" * 2_000, "logs": "x" * 99_999} for n in range(200)]

    page = summary.page(
        facts(*nodes, manifest=Manifest("shop", locations), run=a_run(status=20, run_steps=steps)),
        Subject(job_name="x" * 2_000, sha=SHA, branch="x" * 2_000, file_url=f"{FILES}{{path}}"),
        with_sql=True,
    )

    assert MIB // 2 > len(page.encode())
    assert render(page).folds


@pytest.mark.parametrize("count", [5, 5_000])
def test_readable__tables_and_lists_are_short(count: int) -> None:
    failed, warned = a_node(status="error"), a_node(status="warn")
    nodes = [replace(failed if n % 2 else warned, unique_id=f"model.shop.m{n}", seconds=n) for n in range(count)]

    found = render(summary.page(facts(*nodes, ended=Ended(Outcome.FAILED)), Subject(job_name="x"), with_sql=True))

    assert 60 > len(found.rows)
    assert 60 > len(found.code)
    if count > 5:
        assert f"… and {count // 2 - 20} more" in found.text
