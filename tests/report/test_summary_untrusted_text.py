"""Text of others in summary and comment: whatever it is, it stays text, and tables, links and folds stay intact."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from dbt_action.report import comment, summary
from dbt_action.report.outcome import Outcome, RunFacts, Subject
from dbt_action.results import impact
from dbt_action.results.changes import ChangedModel, Changes
from dbt_action.results.freshness import LateSource
from dbt_action.results.history import EarlierRun, History
from dbt_action.results.manifest import Definition, Exposure, Manifest
from dbt_action.results.run_results import Node, NodeStatus, Results
from tests.support.markdown import check_source, render
from tests.support.results import SHA, SUBJECT, a_node, facts
from tests.support.values import RECORDED, a_run, a_step
from tests.test_text import ANY

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
UNTRUSTED = st.lists(st.sampled_from(FRAGMENTS), max_size=7).map("".join)
STATUSES = st.sampled_from(["error", "fail", "warn", "success", "skipped", "from\n```\nthe future"])
NODES = st.lists(st.tuples(UNTRUSTED, STATUSES, UNTRUSTED, UNTRUSTED, UNTRUSTED, UNTRUSTED), max_size=6)
# Without shrinking: a failure shows its fragments, and making it smaller would take minutes.
PLAIN = settings(max_examples=150, phases=(Phase.explicit, Phase.generate))
RUN_URL = "https://ab123.us1.dbt.com/deploy/"
ADDRESSES = ("https://github.example/acme/shop/", str(RECORDED["href"]))
FILES = f"https://github.example/acme/shop/blob/{SHA}/"


def made_of(rows: list[tuple[str, ...]], names: tuple[str, str, str]) -> tuple[RunFacts, Subject]:
    """A run all of whose texts are untrusted."""
    job, branch, step = names
    nodes, locations = [], {}
    for number, (kind, status, name, message, path, sql) in enumerate(rows):
        uid = f"{kind}.shop.{number}{name}"
        nodes.append(a_node(uid, status, message=message, sql=sql, thread_id=name, seconds=number))
        locations[uid] = Definition("shop", path, (f"model.shop.{number - 1}",))
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
@given(NODES, st.tuples(UNTRUSTED, UNTRUSTED, UNTRUSTED))
def test_page__rendered_has_only_our_elements(rows: list[tuple[str, ...]], names: tuple[str, str, str]) -> None:
    """HTML, links and headings are those of the product, there are no images, and tables are intact."""
    page = summary.page(*made_of(rows, names), with_sql=True)

    found = render(page)

    titles = {re.split(r" of | \(| from ", title)[0] for title in found.folds}
    assert titles <= {
        "Compiled SQL",
        "Changes",
        "Different",
        "Facts",
        "Slowest nodes",
        "Steps",
        "Timeline",
        "Warned",
        "What it takes with it",
    }
    assert [] == found.images
    assert [] == [url for url, _ in found.links if not url.startswith((RUN_URL, FILES, "https://github.example/acme/"))]
    assert 1 == len(found.headings)
    assert {"text", "sql", "mermaid", "inline"} >= {language for language, _ in found.code}
    # GitHub looks for mentions wherever there is no code.
    assert not [words for words in found.text if re.search(r"@\w", words)]
    assert 1024 * 1024 > len(page.encode())


@PLAIN
@given(NODES, st.tuples(UNTRUSTED, UNTRUSTED, UNTRUSTED))
def test_comment__rendered_has_only_our_elements(rows: list[tuple[str, ...]], names: tuple[str, str, str]) -> None:
    found = render(comment.body(*made_of(rows, names)))

    assert [] == found.html
    assert [] == found.images
    assert [] == [url for url, _ in found.links if not url.startswith((RUN_URL, "https://github.example/acme/"))]
    assert 1 == len(found.headings)


ANY_NODES = st.lists(
    st.builds(
        Node,
        unique_id=st.builds("{}.shop.{}".format, st.sampled_from(["model", "test"]) | ANY, ANY),
        dbt_status=ANY,
        status=st.sampled_from(NodeStatus),
        message=ANY,
        seconds=st.floats(0, 1e5),
        started_at=st.just(1_800_000_000.0),
        completed_at=st.floats(1_800_000_001.0, 1_800_001_000.0),
        thread=ANY,
        step=st.just(4),
        sql=ANY,
    ),
    max_size=4,
).map(tuple)


@given(
    st.sampled_from(list(Outcome)),
    ANY,
    ANY,
    ANY,
    ANY_NODES,
    st.booleans(),
)
def test_page_and_comment__source_has_only_our_elements(
    outcome: Outcome,
    name: str,
    branch: str,
    log: str,
    nodes: tuple[Node, ...],
    with_sql: bool,  # noqa: FBT001
) -> None:
    run = a_run(status=20, is_complete=True, status_message=log, run_steps=[a_step(4, name=name, logs=log)])
    subject = Subject(job_name=name, branch=branch, sha="a" * 40, commit_url=SUBJECT.commit_url)
    definitions = {node.unique_id: Definition("shop", name, (nodes[0].unique_id,), owner=name) for node in nodes[1:]}
    definitions["exposure.shop.x"] = Definition(depends_on=tuple(definitions))
    manifest = Manifest("shop", definitions, {"exposure.shop.x": Exposure(name, branch, log, branch)})
    earlier = EarlierRun(id=1, url=log, succeeded=False, finished_at=1_800_000_000.0)
    run_facts = RunFacts(
        outcome=outcome,
        seconds=5,
        run=run,
        results=Results(nodes),
        impact=impact.of(Results(nodes), manifest),
        history=History(against=earlier, new=frozenset(definitions), fixed=(name,), appeared=(log,)),
        changes=Changes(
            models=(ChangedModel(name=name, what="changed", columns_added=(log,), columns_retyped=(branch,)),),
            exposures=(Exposure(name, branch, log, branch),),
        ),
        late_sources=(LateSource(name=name, status="error", error=log),),
        environment=name,
        dbt_version=branch,
        aftermath=branch,
    )

    check_source(summary.page(run_facts, subject, with_sql=with_sql), ADDRESSES)
    check_source(comment.body(run_facts, subject), ADDRESSES)


def test_page__a_blank_command_of_a_step_leaves_no_open_code() -> None:
    """Two backticks with nothing between them would begin a longer piece of code."""
    run = a_run(status=20, is_complete=True, run_steps=[a_step(4, name="Invoke dbt with ` `")])
    page = summary.page(RunFacts(outcome=Outcome.FAILED, seconds=5, run=run), SUBJECT, with_sql=False)

    check_source(page, ADDRESSES)


@pytest.mark.parametrize(
    "href", ["javascript:alert(1)", "https://x/)[evil](https://evil.example", "https://x\n\n# evil", "", "https://x|y"]
)
def test_page__an_address_of_the_run_that_is_not_one_is_no_link(href: str) -> None:
    run = a_run(status=10, is_complete=True, href=href)
    page = summary.page(RunFacts(outcome=Outcome.SUCCEEDED, seconds=5, run=run), SUBJECT, with_sql=False)

    check_source(page, ADDRESSES)
    assert "evil" not in page
