"""The comment on a pull request: what is said first, and that it fits on a screen."""

from __future__ import annotations

from dbt_action.report import comment
from dbt_action.results.changes import ChangedModel, Changes
from tests.support.markdown import render, rendered_lines
from tests.support.results import SUBJECT, a_node, facts


def test_body__fits_into_a_comment() -> None:
    nodes = [a_node(f"model.shop.m{number}", "error", message=f"{number}\n" * 9_000) for number in range(3_000)]

    assert 60_000 > len(comment.body(facts(*nodes), SUBJECT))


def test_body__of_many_failures_is_at_most_a_screen() -> None:
    models = [a_node(f"model.shop.m{number}", "error", message=f"a\n{number}\n" * 50) for number in range(16)]
    others = [a_node(f"model.shop.n{number}", "skipped") for number in range(300)]
    changes = Changes(models=tuple(ChangedModel(name=f"m{number}", what="added") for number in range(50)))

    page = comment.body(facts(*models, *others, changes=changes, usual_seconds=60.0), SUBJECT)

    assert 45 >= rendered_lines(page)


def test_body__names_what_failed() -> None:
    found = render(comment.body(facts(a_node(status="error", message="Binder Error: x")), SUBJECT))

    assert "orders failed." in found.text
    assert "orders (model): Binder Error: x" in found.text


def test_body__has_no_folds() -> None:
    """Not every host knows HTML in comments."""
    assert [] == render(comment.body(facts(a_node(status="error")), SUBJECT)).html
