"""The overview of a run in Markdown, as the comment on a pull request has it."""

from __future__ import annotations

from dbt_action.report import comment
from tests.support.markdown import render
from tests.support.results import SUBJECT, a_node, facts


def test_overview__fits_into_a_comment() -> None:
    nodes = [a_node(f"model.shop.m{number}", "error", message="x" * 9_000) for number in range(3_000)]

    assert 60_000 > len(comment.overview(facts(*nodes), SUBJECT))


def test_overview__names_what_failed() -> None:
    """A comment has no sections of the nodes that failed."""
    markdown = comment.overview(facts(a_node(status="error", message="Binder Error: x")), SUBJECT)

    assert "model orders: Binder Error: x" in markdown


def test_overview__without_nodes_does_not_name_what_failed() -> None:
    """The summary has a section for each of them."""
    run_facts = facts(a_node(status="error", message="Binder Error: x"))

    assert [] == render(comment.overview(run_facts, SUBJECT, with_nodes=False)).code
