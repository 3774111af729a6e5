"""What is told at the end: short enough for the commit, complete for the reader, and never more than text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.errors import ExitCode, Forbidden, Unavailable
from dbt_action.report import headline
from dbt_action.report.outcome import CommitState, Outcome, RunFacts, Subject, of_final_run
from dbt_action.results.run_results import NO_RESULTS, Node, NodeStatus, Results
from tests.support.values import a_run, a_step
from tests.test_text import ANY

SUBJECT = Subject(job_name="Production build", sha="a" * 40, commit_url="https://x/commit/a", branch="main")
GREEN, RED, CANCELLED = (a_run(status=status, is_complete=True) for status in (10, 20, 30))


def nodes(failed: int = 0, passed: int = 0) -> Results:
    return Results(
        tuple(
            Node(
                unique_id=f"test.shop.t{number}",
                dbt_status="fail",
                status=NodeStatus.FAILED,
                message=f"Got {number} results",
            )
            for number in range(failed)
        )
        + tuple(
            Node(unique_id=f"model.shop.m{number}", dbt_status="success", status=NodeStatus.PASSED)
            for number in range(passed)
        )
    )


@pytest.mark.parametrize(
    "status, outcome",
    [(10, Outcome.SUCCEEDED), (20, Outcome.FAILED), (30, Outcome.CANCELLED), (7, Outcome.FAILED), (0, Outcome.FAILED)],
)
def test_of_final_run(status: int, outcome: Outcome) -> None:
    assert outcome is of_final_run(a_run(status=status, is_complete=True))


@pytest.mark.parametrize("field", ["is_success", "is_error", "is_cancelled", "artifacts_saved"])
@pytest.mark.parametrize("value", [True, False, None])
def test_judge__by_the_status_alone(field: str, value: bool | None) -> None:  # noqa: FBT001
    assert Outcome.SUCCEEDED is of_final_run(a_run(status=10, is_complete=True, **{field: value}))
    assert Outcome.CANCELLED is of_final_run(a_run(status=30, is_complete=True, **{field: value}))


# The contract with every pipeline that reads them.
CONTRACT = {
    Outcome.SUCCEEDED: (0, "success", "success"),
    Outcome.FAILED: (1, "error", "failure"),
    Outcome.CANCELLED: (1, "cancelled", "error"),
    Outcome.TIMED_OUT: (4, "timed-out", "error"),
    Outcome.LOST: (3, "lost", "error"),
    Outcome.STARTED: (0, "started", "pending"),
    Outcome.NOT_STARTED: (3, "error", "error"),
    Outcome.INTERRUPTED: (130, "cancelled", "error"),
}


@pytest.mark.parametrize("outcome", Outcome, ids=lambda outcome: outcome.name)
def test_outcome__exit_code_and_output(outcome: Outcome) -> None:
    code, status, state = CONTRACT[outcome]

    assert (code, status) == (outcome.exit_code, outcome.status)
    # A host that has a word for "cancelled" may use it; GitHub's word for it is "error".
    assert state == {CommitState.CANCELLED: "error"}.get(outcome.state, outcome.state.value)


@pytest.mark.parametrize("outcome", Outcome, ids=lambda outcome: outcome.name)
@pytest.mark.parametrize("run", [None, GREEN, RED, CANCELLED], ids=["no run", "green", "red", "cancelled"])
def test_outcome__has_everything(outcome: Outcome, run: object) -> None:
    error = Unavailable("the host is away.", hint="wait") if run is None else None
    told = headline.build(RunFacts(outcome=outcome, seconds=192, run=run, error=error), SUBJECT)  # type: ignore[arg-type]

    assert "Production build" in told.headline
    assert 0 < len(told.description) <= 140
    assert 1 == len(told.headline.splitlines())
    assert 1 == len(told.description.splitlines())


def test_exit_codes__are_told_apart() -> None:
    assert [0, 1, 2, 3, 4, 70, 130] == sorted(ExitCode)


def test_description__counts_and_time() -> None:
    facts = RunFacts(outcome=Outcome.FAILED, seconds=192, run=RED, results=nodes(failed=1, passed=24))

    assert "24 passed, 1 failed · 3m 12s" == headline.build(facts, SUBJECT).description


def test_description__without_results() -> None:
    facts = RunFacts(outcome=Outcome.SUCCEEDED, seconds=42, run=GREEN)

    assert "Succeeded · 42s" == headline.build(facts, SUBJECT).description


def test_description__of_a_run_that_did_not_come_to_be() -> None:
    error = Forbidden("ab123.us1.dbt.com answered 403: Access denied " + "x" * 300)

    told = headline.build(RunFacts(outcome=Outcome.NOT_STARTED, seconds=1, error=error), SUBJECT)

    assert told.description.startswith("Not started: ab123.us1.dbt.com answered 403")
    assert 140 == len(told.description)


def test_reason__a_green_run_needs_none() -> None:
    assert "" == headline.build(RunFacts(outcome=Outcome.SUCCEEDED, seconds=1, run=GREEN), SUBJECT).reason


def test_reason__failed_nodes_by_name() -> None:
    facts = RunFacts(outcome=Outcome.FAILED, seconds=1, run=RED, results=nodes(failed=2))

    told = headline.build(facts, SUBJECT).reason

    assert "t0: Got 0 results" in told
    assert "t1: Got 1 results" in told


def test_reason__many_failed_nodes_are_counted() -> None:
    facts = RunFacts(outcome=Outcome.FAILED, seconds=1, run=RED, results=nodes(failed=500))

    told = headline.build(facts, SUBJECT).reason

    assert len(told) < 4_000
    assert re.search(r"and \d+ more", told)


def test_reason__last_words_of_the_failed_step() -> None:
    log = "\n".join(f"line {number}" for number in range(1_000)) + "\nCompilation Error in model orders\n"
    run = a_run(status=20, is_complete=True, run_steps=[a_step(4, logs=log)])

    told = headline.build(RunFacts(outcome=Outcome.FAILED, seconds=1, run=run), SUBJECT).reason

    assert "Compilation Error in model orders" in told
    assert "line 1\n" not in told


def test_reason__the_last_failed_step_tells_it() -> None:
    """A failed freshness check in front of it did not fail the run."""
    steps = [
        a_step(4, command="dbt source freshness", logs="stale"),
        a_step(5, command="dbt build", logs="Database Error"),
    ]
    run = a_run(status=20, is_complete=True, run_steps=steps)

    assert "Database Error" in headline.build(RunFacts(outcome=Outcome.FAILED, seconds=1, run=run), SUBJECT).reason


def test_reason__dbt_cloud_says_why() -> None:
    message = "This run timed out after running for 1 day, which exceeded the configured timeout of 86400 seconds."
    run = a_run(status=30, is_complete=True, status_message=message)

    assert message in headline.build(RunFacts(outcome=Outcome.CANCELLED, seconds=1, run=run), SUBJECT).reason


@pytest.mark.parametrize(
    "log",
    [
        f"fatal: reference is not a tree: {'a' * 40}\n",
        "Failed to checkout to specified revision\n",
        f"\x1b[31mfatal: reference is not a tree: {'a' * 40}\x1b[0m",
    ],
)
def test_reason__commit_that_is_not_there(log: str) -> None:
    step = a_step(1, name="Clone Git Repository", logs=log)
    run = a_run(status=20, is_complete=True, run_steps=[step])

    told = headline.build(RunFacts(outcome=Outcome.FAILED, seconds=1, run=run), SUBJECT).reason

    assert "a" * 40 in told
    assert "`run-on: job`" in told


@pytest.mark.parametrize(
    "fields, expected",
    [
        ({"status": 1}, "Queued"),
        ({"status": 1, "blocked_by": [70403110257790]}, "Queued, behind run 70403110257790"),
        ({"status": 7}, "status 7"),
        ({"status": 10, "is_complete": True}, "Success"),
    ],
)
def test_progress(fields: dict[str, object], expected: str) -> None:
    assert expected == headline.progress_line(a_run(**fields))


def test_progress__step() -> None:
    run = a_run(status=3, run_steps=[a_step(1, status=10), a_step(4, status=3, command="dbt build")])

    told = headline.progress_line(run)

    assert "dbt build" in told
    assert told.startswith("Running")


@given(
    st.sampled_from(list(Outcome)),
    st.floats(0, 1e7),
    st.builds(Subject, job_name=ANY, sha=ANY, commit_url=ANY, branch=ANY),
    ANY,
    ANY,
    st.sampled_from([0, 1, 3, 10, 20, 30, 7]),
)
def test_any_facts__are_told_in_bounds(
    outcome: Outcome, seconds: float, subject: Subject, message: str, logs: str, status: int
) -> None:
    results = Results((Node(unique_id=message, dbt_status=logs, status=NodeStatus.FAILED, message=logs),))
    run = a_run(status=status, status_message=message, run_steps=[a_step(4, logs=logs, name=message)])
    facts = RunFacts(
        outcome=outcome,
        seconds=seconds,
        run=run,
        results=results if len(message) % 2 else NO_RESULTS,
        aftermath=message,
        error=Unavailable(message) if len(logs) % 2 else None,
    )

    told = headline.build(facts, subject)

    assert len(told.description) <= 140
    assert len(told.description.splitlines()) == 1
