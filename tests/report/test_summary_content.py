"""What is on the summary of a run: overview, counts, nodes, why nodes were skipped, steps, timeline."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dbt_action.errors import Unavailable
from dbt_action.report import summary
from dbt_action.report.outcome import Outcome, RunFacts, Subject
from dbt_action.results.manifest import Definition
from tests.support.markdown import Page, render
from tests.support.results import SHA, SUBJECT, Ended, a_manifest, a_node, facts
from tests.support.values import a_run, a_step

GREEN = Ended(Outcome.SUCCEEDED, {"status": 10})
MANIFEST = a_manifest(
    model__shop__orders=Definition("shop", "models/my orders.sql"),
)


def page(run_facts: RunFacts, subject: Subject = SUBJECT, *, with_sql: bool = False) -> Page:
    return render(summary.page(run_facts, subject, with_sql=with_sql))


def row(found: Page, name: str) -> tuple[str, ...]:
    (only,) = [row for row in found.rows if row and row[0] == name]
    return only


def test_page__headline_has_icon_and_link() -> None:
    found = page(facts(a_node()))

    run = a_run()
    assert "❌ Production build failed" == found.headings[0]
    assert (run.url, "Production build failed") == found.links[0]


@pytest.mark.parametrize(
    "outcome, words",
    [
        (Outcome.SUCCEEDED, "✅ Production build succeeded"),
        (Outcome.CANCELLED, "⚠️ Production build was cancelled"),
        (Outcome.TIMED_OUT, "⚠️ Production build took too long"),
        (Outcome.LOST, "⚠️ Production build is in an unknown state (lost contact)"),
        (Outcome.STARTED, "⏳ Production build started"),
        (Outcome.INTERRUPTED, "⚠️ Production build was interrupted"),
    ],
)
def test_page__headline_of_every_outcome(outcome: Outcome, words: str) -> None:
    assert words == page(facts(ended=Ended(outcome))).headings[0]


def test_page__facts_have_commit_branch_duration_and_usual_duration() -> None:
    run = a_run(status=10, queued_duration="00:00:30")

    found = page(facts(a_node(), run=run, usual_seconds=60.0, ended=GREEN))

    assert ("Commit", SHA[:7]) == row(found, "Commit")
    assert (SUBJECT.commit_url, SHA[:7]) in found.links
    assert ("Branch", "main") == row(found, "Branch")
    assert ("Duration", "1m 40s (30s of it in the queue, usually 1m 00s)") == row(found, "Duration")
    assert ("Nodes", "1 passed") == row(found, "Nodes")


def test_page__retried_runs_are_named() -> None:
    run_facts = facts(a_node(), ended=GREEN, retries=(a_run(id=7, status=20), a_run(id=8, status=20)))

    assert ("Retry of", "7, 8") == row(page(run_facts), "Retry of")


def test_page__counts_by_kind_and_status() -> None:
    nodes = [
        a_node("model.shop.a"),
        a_node("model.shop.b"),
        a_node("model.shop.c", "skipped"),
        a_node("test.shop.t.0123456789", "fail"),
        a_node("unit_test.shop.a.u", "pass"),
        a_node("seed.shop.s", "from the future"),
    ]

    found = page(facts(*nodes))

    assert ("", "passed", "failed", "skipped", "other") in found.rows
    assert ("model", "2", "", "1", "") in found.rows
    assert ("test", "", "1", "", "") in found.rows
    assert ("unit test", "1", "", "", "") in found.rows
    assert ("seed", "", "", "", "1") in found.rows


def test_cause__has_file_link_message_and_sql() -> None:
    node = a_node(status="error", message="Runtime Error\n  Binder Error: no `x`", sql="select x -- ```\nfrom y")

    found = page(facts(node, manifest=MANIFEST), replace(SUBJECT, folder="dbt"), with_sql=True)

    url = f"https://github.example/acme/shop/blob/{SHA}/dbt/models/my%20orders.sql"
    assert (url, "dbt/models/my orders.sql") in found.links
    assert ("text", "Runtime Error\n  Binder Error: no `x`\n") in found.code
    assert ("sql", "select x -- ```\nfrom y\n") in found.code
    assert "Compiled SQL of orders" in found.folds


def test_cause__has_no_sql_unless_asked_for() -> None:
    node = a_node(status="error", sql="select 'secret'")

    assert "secret" not in summary.page(facts(node), SUBJECT, with_sql=False)


def test_cause__of_an_unknown_file_has_no_link() -> None:
    found = page(facts(a_node("model.utils.x", "error"), manifest=MANIFEST))

    assert not [url for url, _ in found.links if "blob" in url]
    assert any("x (model)" in words for words in found.text)


def test_cause__where_files_have_no_pages_shows_the_file_without_a_link() -> None:
    found = page(facts(a_node(status="error"), manifest=MANIFEST), replace(SUBJECT, file_url=""))

    assert any("models/my orders.sql" in words for words in found.text)
    assert not [url for url, _ in found.links if "models" in url]


def test_warned__are_named_and_have_file_and_message_in_a_fold() -> None:
    found = page(facts(a_node(status="warn", message="Got 1 result, configured to warn if != 0"), manifest=MANIFEST))

    assert "Warned: orders" in found.text
    assert "Warned (1)" in found.folds
    (line,) = [words for words in found.text if "Got 1 result" in words]
    assert "orders (model) in models/my orders.sql: Got 1 result, configured to warn if != 0" == line


def test_slowest__has_the_longest_first() -> None:
    nodes = [a_node(f"model.shop.m{n}", seconds=float(n)) for n in range(20)]

    found = page(facts(*nodes, ended=GREEN))

    assert "Slowest nodes" in found.folds
    begin = found.rows.index(("Node", "Kind", "Time")) + 1
    expected = [(f"m{n}", "model", f"{n}s") for n in range(19, 9, -1)]
    assert expected == found.rows[begin : begin + 10]


def test_slowest__short_times_have_decimals() -> None:
    found = page(facts(a_node("model.shop.a", seconds=0.126), a_node("model.shop.b", seconds=0.121), ended=GREEN))

    assert ("a", "model", "0.13 s") in found.rows


def test_steps__have_status_and_duration() -> None:
    steps = [a_step(1, command="dbt seed", status=10, duration="00:01:05"), a_step(2, status=20)]

    found = page(facts(a_node(), run=a_run(status=20, run_steps=steps)))

    assert ("1", "Invoke dbt with dbt seed", "Success", "1m 05s") in found.rows
    assert ("2", "Invoke dbt with dbt build", "Error", "") in found.rows


def test_timeline__is_a_mermaid_block() -> None:
    found = page(facts(a_node("model.shop.a"), a_node("model.shop.b"), ended=GREEN))

    assert ["mermaid"] == [language for language, _ in found.code]
    assert "Timeline of 2 nodes" in found.folds


def test_timeline__names_its_colours() -> None:
    found = page(facts(a_node("model.shop.a", "error"), a_node("model.shop.b", "warn"), a_node("model.shop.c")))

    assert "Timeline of 3 nodes (red: failed, blue: warned)" in found.folds


def test_not_built__has_no_nodes_that_had_nothing_to_do() -> None:
    """Saved queries (`no-op`) and reused models did not depend on a failed node."""
    found = page(facts(a_node("saved_query.shop.e", "no-op"), a_node("model.shop.m", "reused"), ended=GREEN))

    assert not [words for words in found.text if "Not built" in words]
    assert any(words.startswith("1 skipped, 1 reused") for words in found.text)


def test_page__without_results_has_headline_log_and_steps() -> None:
    steps = [{"index": 1, "name": "Clone Git Repository", "status": 20, "logs": "fatal: repository not found"}]

    found = page(facts(run=a_run(status=20, run_steps=steps)))

    assert any("repository not found" in content for _, content in found.code)
    assert ["Facts", "Steps"] == found.folds
    assert ["❌ Production build failed"] == found.headings


def test_page__without_a_run_has_the_reason() -> None:
    error = Unavailable("dbt Cloud did not answer.", hint="Try again.")

    found = page(facts(run=None, error=error, ended=Ended(Outcome.NOT_STARTED)))

    assert "dbt Cloud did not answer. Try again." in found.text
    assert [] == [url for url, _ in found.links if "runs" in url]
