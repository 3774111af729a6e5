"""The size of a summary: bounded, and short enough to be read, however large a project is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dbt_action.report import summary
from dbt_action.report.outcome import Outcome, Subject
from dbt_action.results.manifest import Definition, Manifest
from dbt_action.results.run_results import Node, NodeStatus
from tests.support.markdown import check_source, render, rendered_lines
from tests.support.results import SHA, SUBJECT, Ended, a_node, facts
from tests.support.values import RECORDED, a_run, a_step

FILES = f"https://github.example/acme/shop/blob/{SHA}/"
ADDRESSES = ("https://github.example/acme/shop/", str(RECORDED["href"]))


def test_page__of_a_huge_project_is_less_than_a_megabyte() -> None:
    """GitHub shows nothing of a page of more than 1 MiB."""
    nodes = tuple(
        Node(
            unique_id=f"model.shop.{'m' * 200}{number}",
            dbt_status="error",
            status=NodeStatus.FAILED if number % 2 else NodeStatus.WARNED,
            message="💥\n" * 20_000,
            seconds=float(number),
            started_at=1_800_000_000.0,
            completed_at=1_800_000_100.0,
            sql="select 1\n" * 20_000,
        )
        for number in range(5_000)
    )
    steps = [a_step(number, name="n" * 10_000, logs="l\n" * 50_000) for number in range(1, 200)]
    run = a_run(status=20, is_complete=True, status_message="x" * 100_000, run_steps=steps)
    page = summary.page(facts(*nodes, run=run), SUBJECT, with_sql=True)

    assert len(page.encode()) < 1_000_000
    check_source(page, ADDRESSES)


@pytest.mark.parametrize("status", ["error", "warn", "skipped", "success"])
@pytest.mark.parametrize("count", [5, 5_000])
def test_page__of_the_longest_texts_is_less_than_half_a_megabyte(count: int, status: str) -> None:
    """Names, messages, SQL and paths are as long as they can be."""
    one = a_node(status=status, message="|`<é" * 900, sql="é`" * 30_000)
    nodes = [replace(one, unique_id=f"model.shop.{n}{'x' * 900}", seconds=n) for n in range(count)]
    locations = {node.unique_id: Definition("shop", f"models/{'é' * 900}/{n}.sql") for n, node in enumerate(nodes)}
    steps = [{**a_step(n), "name": "x" * 2_000, "logs": "x" * 99_999} for n in range(200)]

    page = summary.page(
        facts(*nodes, manifest=Manifest("shop", locations), run=a_run(status=20, run_steps=steps)),
        Subject(job_name="x" * 2_000, sha=SHA, branch="x" * 2_000, file_url=f"{FILES}{{path}}"),
        with_sql=True,
    )

    assert 512 * 1024 > len(page.encode())
    assert render(page).folds


@pytest.mark.parametrize("count", [5, 5_000])
def test_page__tables_and_lists_are_short(count: int) -> None:
    failed, warned = a_node(status="error"), a_node(status="warn")
    nodes = [replace(failed if n % 2 else warned, unique_id=f"model.shop.m{n}", seconds=n) for n in range(count)]

    found = render(summary.page(facts(*nodes, ended=Ended(Outcome.FAILED)), Subject(job_name="x"), with_sql=True))

    assert 60 > len(found.rows)
    assert 60 > len(found.code)
    assert 120 > len(found.text)


def test_page__of_a_green_run_has_at_most_twelve_lines_before_its_folds() -> None:
    nodes = [a_node(f"model.shop.m{n}", "warn" if n < 40 else "success") for n in range(5_000)]
    run_facts = facts(*nodes, ended=Ended(Outcome.SUCCEEDED, {"status": 10}), usual_seconds=60.0)

    page = summary.page(run_facts, SUBJECT, with_sql=True)

    assert 12 >= rendered_lines(page.split("<details>")[0])


def test_page__of_sixteen_failures_among_thousands_is_at_most_two_screens() -> None:
    failed = [a_node(f"model.shop.f{n}", "error", message=f"Database Error {n}\n" + "line\n" * 60) for n in range(16)]
    skipped = [a_node(f"model.shop.s{n}", "skipped") for n in range(1_000)]
    passed = [a_node(f"model.shop.p{n}") for n in range(4_000)]
    definitions = {node.unique_id: Definition("shop", f"models/{node.name}.sql") for node in failed}

    page = summary.page(
        facts(*failed, *skipped, *passed, manifest=Manifest("shop", definitions)), SUBJECT, with_sql=True
    )

    assert 90 >= rendered_lines(page)
