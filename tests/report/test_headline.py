"""The sentences about a run: short enough for the commit status, complete for the reader of the log."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.config.choices import StatusMode
from dbt_action.errors import Forbidden, Unavailable
from dbt_action.report import headline
from dbt_action.report.headline import Reason
from dbt_action.report.outcome import CommitState, Outcome, RunFacts, Subject
from dbt_action.results import impact
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


@pytest.mark.parametrize("outcome", Outcome, ids=lambda outcome: outcome.name)
@pytest.mark.parametrize("run", [None, GREEN, RED, CANCELLED], ids=["no run", "green", "red", "cancelled"])
def test_build__has_a_headline_and_a_description_for_every_outcome(outcome: Outcome, run: object) -> None:
    error = Unavailable("the host is away.", hint="wait") if run is None else None
    report = headline.build(RunFacts(outcome=outcome, seconds=192, run=run, error=error), SUBJECT)  # type: ignore[arg-type]

    assert "Production build" in report.headline
    assert 0 < len(report.description) <= 140
    assert 1 == len(report.headline.splitlines())
    assert 1 == len(report.description.splitlines())


@pytest.mark.parametrize("outcome", Outcome, ids=lambda outcome: outcome.name)
@pytest.mark.parametrize("mode", StatusMode)
def test_commit_status__only_a_failed_run_is_soft(outcome: Outcome, mode: StatusMode) -> None:
    facts = RunFacts(outcome=outcome, seconds=192, run=RED, skip_reason="only ignored files changed")
    description = headline.build(facts, SUBJECT).description
    soft = mode is StatusMode.SOFT and outcome is Outcome.FAILED

    state, shown = headline.commit_status(facts, SUBJECT, mode)

    assert (CommitState.SUCCESS if soft else outcome.state) is state
    assert (f"Failed (not blocking): {description}" if soft else description) == shown


def test_description__of_a_skip_says_why() -> None:
    facts = RunFacts(outcome=Outcome.SKIPPED, seconds=0, skip_reason="only ignored files changed")

    assert "Skipped: only ignored files changed" == headline.build(facts, SUBJECT).description
    assert () == headline.reasons(facts, SUBJECT)


def test_description__of_a_failure_names_what_failed() -> None:
    facts = RunFacts(
        outcome=Outcome.FAILED,
        seconds=192,
        run=RED,
        results=nodes(failed=1, passed=24),
        impact=impact.of(nodes(failed=1)),
    )

    assert "t0 failed" == headline.build(facts, SUBJECT).description


def test_description__of_a_success_has_counts_and_duration() -> None:
    facts = RunFacts(outcome=Outcome.SUCCEEDED, seconds=192, run=GREEN, results=nodes(passed=24))

    assert "24 passed · 3m 12s" == headline.build(facts, SUBJECT).description


def test_description__without_results_says_what_happened() -> None:
    facts = RunFacts(outcome=Outcome.SUCCEEDED, seconds=42, run=GREEN)

    assert "Succeeded · 42s" == headline.build(facts, SUBJECT).description


def test_description__of_a_run_that_was_not_started_is_cut() -> None:
    error = Forbidden("ab123.us1.dbt.com answered 403: Access denied " + "x" * 300)

    report = headline.build(RunFacts(outcome=Outcome.NOT_STARTED, seconds=1, error=error), SUBJECT)

    assert report.description.startswith("Not started: ab123.us1.dbt.com answered 403")
    assert 140 == len(report.description)


def test_reason__is_empty_after_a_success() -> None:
    assert "" == headline.build(RunFacts(outcome=Outcome.SUCCEEDED, seconds=1, run=GREEN), SUBJECT).reason


def test_reason__names_failed_nodes() -> None:
    facts = RunFacts(
        outcome=Outcome.FAILED, seconds=1, run=RED, results=nodes(failed=2), impact=impact.of(nodes(failed=2))
    )

    report = headline.build(facts, SUBJECT).reason

    assert "t0: Got 0 results" in report
    assert "t1: Got 1 results" in report


def test_reason__counts_the_rest_of_many_failed_nodes() -> None:
    facts = RunFacts(
        outcome=Outcome.FAILED, seconds=1, run=RED, results=nodes(failed=500), impact=impact.of(nodes(failed=500))
    )

    report = headline.build(facts, SUBJECT).reason

    assert len(report) < 4_000
    assert re.search(r"and \d+ more", report)


def test_reason__has_the_last_lines_of_the_failed_step() -> None:
    log = "\n".join(f"line {number}" for number in range(1_000)) + "\nCompilation Error in model orders\n"
    run = a_run(status=20, is_complete=True, run_steps=[a_step(4, logs=log)])

    report = headline.build(RunFacts(outcome=Outcome.FAILED, seconds=1, run=run), SUBJECT).reason

    assert "Compilation Error in model orders" in report
    assert "line 1\n" not in report


def test_reason__is_that_of_the_last_failed_step() -> None:
    """A failed freshness check in front of it did not fail the run."""
    steps = [
        a_step(4, command="dbt source freshness", logs="stale"),
        a_step(5, command="dbt build", logs="Database Error"),
    ]
    run = a_run(status=20, is_complete=True, run_steps=steps)

    assert "Database Error" in headline.build(RunFacts(outcome=Outcome.FAILED, seconds=1, run=run), SUBJECT).reason


def test_reason__has_the_message_of_dbt_cloud() -> None:
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
def test_reason__of_a_commit_that_is_not_in_the_repository(log: str) -> None:
    step = a_step(1, name="Clone Git Repository", logs=log)
    run = a_run(status=20, is_complete=True, run_steps=[step])

    report = headline.build(RunFacts(outcome=Outcome.FAILED, seconds=1, run=run), SUBJECT).reason

    assert "a" * 40 in report
    assert "`run-on: job`" in report


@pytest.mark.parametrize(
    "fields, expected",
    [
        ({"status": 1}, "Queued"),
        ({"status": 1, "blocked_by": [70403110257790]}, "Queued, behind run 70403110257790"),
        ({"status": 7}, "status 7"),
        ({"status": 10, "is_complete": True}, "Success"),
    ],
)
def test_progress_line__has_the_status_and_what_blocks_it(fields: dict[str, object], expected: str) -> None:
    assert expected == headline.progress_line(a_run(**fields))


def test_progress_line__names_the_current_step() -> None:
    run = a_run(status=3, run_steps=[a_step(1, status=10), a_step(4, status=3, command="dbt build")])

    report = headline.progress_line(run)

    assert "dbt build" in report
    assert report.startswith("Running")


@given(
    st.sampled_from(list(Outcome)),
    st.floats(0, 1e7),
    st.builds(Subject, job_name=ANY, sha=ANY, commit_url=ANY, branch=ANY),
    ANY,
    ANY,
    st.sampled_from([0, 1, 3, 10, 20, 30, 7]),
)
def test_build__keeps_the_description_short_for_any_facts(
    outcome: Outcome, seconds: float, subject: Subject, message: str, logs: str, status: int
) -> None:
    results = Results((Node(unique_id=message, dbt_status=logs, status=NodeStatus.FAILED, message=logs),))
    run = a_run(status=status, status_message=message, run_steps=[a_step(4, logs=logs, name=message)])
    facts = RunFacts(
        outcome=outcome,
        seconds=seconds,
        run=run,
        results=results if len(message) % 2 else NO_RESULTS,
        impact=impact.of(results if len(message) % 2 else NO_RESULTS),
        aftermath=message,
        error=Unavailable(message) if len(logs) % 2 else None,
    )

    report = headline.build(facts, subject)

    assert len(report.description) <= 140
    assert len(report.description.splitlines()) == 1


@pytest.mark.parametrize(
    "outcome, run_may_exist, headline_, description",
    [
        (
            Outcome.STARTED,
            False,
            "Run 5 of Production build has been started; this build does not wait for it.",
            "Started (not waiting)",
        ),
        (
            Outcome.LOST,
            False,
            "Run 5 of Production build is in an unknown state (lost contact) after 3m 12s.",
            "Lost contact; state of the run unknown · 3m 12s",
        ),
        (Outcome.TIMED_OUT, False, "Run 5 of Production build took too long after 3m 12s.", "Took too long · 3m 12s"),
        (Outcome.CANCELLED, False, "Run 5 of Production build was cancelled after 3m 12s.", "Was cancelled · 3m 12s"),
        (Outcome.NOT_STARTED, False, "No run of Production build was started.", "Not started: no answer"),
        (
            Outcome.NOT_STARTED,
            True,
            "It is not known whether a run of Production build was started.",
            "Perhaps not started: no answer",
        ),
    ],
)
def test_build__exact_texts(outcome: Outcome, run_may_exist: bool, headline_: str, description: str) -> None:  # noqa: FBT001 - of a table
    started = outcome is not Outcome.NOT_STARTED
    facts = RunFacts(
        outcome=outcome,
        seconds=192,
        run=a_run(id=5, status=3) if started else None,
        error=None if started else Unavailable("no answer"),
        run_may_exist=run_may_exist,
    )

    report = headline.build(facts, SUBJECT)

    assert (headline_, description) == (report.headline, report.description)


def test_reasons__say_what_is_from_dbt_and_what_lists_nodes() -> None:
    run = a_run(status=20, is_complete=True, status_message="too bad")
    facts = RunFacts(
        outcome=Outcome.FAILED,
        seconds=1,
        run=run,
        results=nodes(failed=1),
        impact=impact.of(nodes(failed=1)),
        aftermath="Then this.",
    )

    assert (
        Reason("dbt Cloud says: too bad"),
        Reason("Then this."),
        Reason("t0 failed.", is_about_nodes=True),
        Reason("test t0: Got 0 results", is_from_dbt=True, is_about_nodes=True, lists_nodes=True),
    ) == headline.reasons(facts, SUBJECT)


def test_reasons__without_results_quote_the_log_of_the_step() -> None:
    run = a_run(status=20, is_complete=True, run_steps=[a_step(4, logs="Compilation Error\n")])
    facts = RunFacts(outcome=Outcome.FAILED, seconds=1, run=run)

    assert (
        Reason("Step 4 failed: Invoke dbt with `dbt build`"),
        Reason("Compilation Error", is_from_dbt=True),
    ) == headline.reasons(facts, SUBJECT)
