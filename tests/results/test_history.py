"""What is new, known, fixed, slow: the results of a run compared with those of earlier runs."""

from __future__ import annotations

from typing import Any

import pytest

from dbt_action.results import history
from dbt_action.results.history import EarlierRun, History
from dbt_action.results.run_results import Node, Results
from tests.support.results import a_node

GREEN, RED = True, False


def node(name: str, status: str, **fields: Any) -> Node:  # noqa: ANN401 - of a_node
    return a_node(f"model.shop.{name}", status, **fields)


def earlier(number: int, succeeded: bool, **statuses: str) -> EarlierRun:  # noqa: FBT001 - GREEN or RED
    """A run with these nodes; without any its results are not known."""
    nodes = tuple(node(name, status) for name, status in statuses.items()) or None
    return EarlierRun(id=number, succeeded=succeeded, nodes=nodes)


def compare(*runs: EarlierRun, now: dict[str, str] | None = None) -> History:
    found = history.compare(
        Results(tuple(node(name, status) for name, status in (now or {"a": "error"}).items())), runs
    )
    assert found is not None
    return found


@pytest.mark.parametrize(
    "runs, new, since",
    [
        pytest.param([earlier(9, GREEN, a="success")], True, None, id="after a green run"),
        pytest.param([earlier(9, GREEN)], True, None, id="after a green run without results"),
        pytest.param([earlier(9, GREEN, b="success")], True, None, id="a node that is new itself"),
        pytest.param([earlier(9, RED, a="success", b="error")], True, None, id="after a run that failed elsewhere"),
        pytest.param([earlier(9, RED, a="error"), earlier(8, GREEN)], False, (9, 1, False), id="known from one run"),
        pytest.param(
            [earlier(9, RED, a="error"), earlier(8, RED, a="fail"), earlier(7, GREEN, a="success")],
            False,
            (8, 2, False),
            id="known from two runs",
        ),
        pytest.param(
            [earlier(9, RED, a="error"), earlier(8, RED, a="error")], False, (8, 2, True), id="perhaps longer"
        ),
        pytest.param(
            [earlier(9, RED, a="error"), earlier(8, RED)], False, (9, 1, True), id="before it nothing is known"
        ),
        pytest.param(
            [earlier(9, RED, a="error"), earlier(8, RED, a="success", b="error"), earlier(7, RED, a="error")],
            False,
            (9, 1, False),
            id="a run in which it passed ends the row",
        ),
        pytest.param(
            [earlier(9, RED, a="skipped", b="error"), earlier(8, RED, a="error"), earlier(7, GREEN)],
            False,
            (8, 1, False),
            id="a run that did not get to it does not end the row",
        ),
        pytest.param(
            [earlier(9, RED, a="skipped", b="error"), earlier(8, GREEN, a="success")],
            True,
            None,
            id="it passed in the run before the one that did not get to it",
        ),
        pytest.param([earlier(9, RED)], False, None, id="a failed run without results says nothing"),
        pytest.param([earlier(9, RED, a="skipped", b="error")], False, None, id="no run says anything"),
    ],
)
def test_compare__new_or_known(runs: list[EarlierRun], new: bool, since: tuple[int, int, bool] | None) -> None:  # noqa: FBT001 - of a table
    found = compare(*runs)
    known = found.known.get("model.shop.a")

    assert new is ("model.shop.a" in found.new)
    assert since == (known and (known.since.id, known.runs, known.at_least))
    assert runs[0].id == found.against.id


def test_compare__a_green_run_without_nodes_of_that_kind_says_nothing() -> None:
    """A job that only runs models says nothing about tests."""
    test = Results((a_node("test.shop.t", "fail"),))
    found = history.compare(test, [earlier(9, GREEN, a="success")])

    assert found is not None
    assert (frozenset(), {}) == (found.new, found.known)


def test_compare__without_earlier_runs_there_is_nothing() -> None:
    assert history.compare(Results((node("a", "error"),)), []) is None


def test_compare__fixed_are_those_that_failed_in_the_row_before_and_are_good_now() -> None:
    found = compare(
        earlier(9, RED, a="skipped", b="error", c="error"),
        earlier(8, RED, a="error", b="success", d="error"),
        earlier(7, GREEN),
        now={"a": "success", "b": "success", "c": "error", "d": "skipped"},
    )

    assert {"a", "b"} == set(found.fixed)


def test_compare__what_appeared_and_disappeared() -> None:
    runs = [earlier(9, GREEN, a="success", b="success")]
    now = Results((node("a", "success"), node("c", "success")))

    found, other_job = (history.compare(now, runs, same_selection=same) for same in (True, False))

    assert found is not None
    assert other_job is not None
    assert (("c",), ("b",)) == (found.appeared, found.disappeared)
    assert ((), ()) == (other_job.appeared, other_job.disappeared)


@pytest.mark.parametrize(
    "before, now, slow",
    [
        ([10.0, 10.0, 10.0], 40.0, True),
        ([10.0, 10.0, 10.0], 39.0, False),
        ([100.0, 100.0, 100.0], 199.0, False),
        ([100.0, 100.0, 100.0], 200.0, True),
        ([10.0, 10.0], 400.0, False),
        ([10.0, 10.0, 500.0], 40.0, True),
    ],
)
def test_compare__slower_is_twice_and_half_a_minute_more_than_the_median(
    before: list[float],
    now: float,
    slow: bool,  # noqa: FBT001 - of a table
) -> None:
    runs = [
        EarlierRun(id=9 - number, succeeded=True, nodes=(node("a", "success", seconds=seconds),))
        for number, seconds in enumerate(before)
    ]
    found = history.compare(Results((node("a", "success", seconds=now), node("b", "skipped"))), runs)

    assert found is not None
    assert slow is bool(found.slower)


def test_compare__keeps_no_results_of_earlier_runs() -> None:
    """Everything that is reported is searched for secrets, and the results of five runs are many texts."""
    found = compare(earlier(9, RED, a="error"), earlier(8, GREEN, a="success"))

    assert found.against.nodes is None
    assert [None] == [known.since.nodes for known in found.known.values()]
