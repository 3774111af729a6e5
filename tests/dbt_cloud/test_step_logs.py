"""Logs of steps: nothing twice, nothing lost, how far dbt is, and what is shown at the end."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.dbt_cloud import runs, step_logs
from dbt_action.dbt_cloud.runs import Run
from dbt_action.dbt_cloud.step_logs import Follower
from tests.support.values import a_run, a_step

RUNNING, SUCCESS, ERROR, CANCELLED = 3, 10, 20, 30
LINE = st.text(alphabet="ab:|\x1b[1m ", max_size=6)


def look(logs: list[str], *, status: int = RUNNING, running: int = RUNNING) -> Run:
    """A look at a run: all steps but the last are over."""
    statuses = [SUCCESS] * (len(logs) - 1) + [running]
    steps = [a_step(n + 1, logs=log, status=state) for n, (log, state) in enumerate(zip(logs, statuses, strict=True))]
    return a_run(status=status, run_steps=steps)


def step(logs: str) -> runs.RunStep:
    return a_run(run_steps=[a_step(logs=logs)]).steps[0]


@given(st.lists(st.lists(LINE, max_size=8), min_size=1, max_size=4), st.data())
def test_follower__neither_repeats_nor_loses_a_line(written: list[list[str]], data: st.DataObject) -> None:
    """Looks at any moments, also in the middle of a line."""
    whole = ["".join(f"{line}\n" for line in lines) for lines in written]
    follower, heard = Follower(), [""] * len(whole)
    for number, log in enumerate(whole):
        for length in sorted(data.draw(st.lists(st.integers(0, len(log)), max_size=4))):
            for excerpt in follower.news(look([*whole[:number], log[:length]])):
                heard[int(excerpt.title.split(":")[0].removeprefix("Step ")) - 1] += f"{excerpt.body}\n"
    for excerpt in follower.news(look(whole, status=SUCCESS, running=SUCCESS)):
        heard[int(excerpt.title.split(":")[0].removeprefix("Step ")) - 1] += f"{excerpt.body}\n"

    assert [[line for line in lines if line] for lines in written] == [
        [line for line in log.split("\n") if line] for log in heard
    ]
    assert [] == list(follower.news(look(whole, status=SUCCESS, running=SUCCESS)))


def test_follower__a_line_without_an_end_waits() -> None:
    follower = Follower()

    assert ["one"] == [excerpt.body for excerpt in follower.news(look(["one\ntw"]))]
    assert [] == list(follower.news(look(["one\ntwo"])))
    assert ["two"] == [excerpt.body for excerpt in follower.news(look(["one\ntwo"], running=ERROR))]


def test_follower__the_end_of_the_run_ends_every_line() -> None:
    """A step of a cancelled run may stay "running" for ever."""
    assert ["half"] == [excerpt.body for excerpt in Follower().news(look(["half"], status=CANCELLED))]


def test_follower__a_log_that_is_another_one_is_no_repetition() -> None:
    """Only the end of a long log is sent."""
    follower = Follower()
    list(follower.news(look(["a\nb\nc\n"])))

    assert [] == list(follower.news(look(["c\n"])))


@pytest.mark.parametrize(
    "logs, told",
    [
        ("", ""),
        ("Running with dbt=1.11.2\n", ""),
        ("1 of 27 START sql view model main.a .... [RUN]\n", ""),
        ("1 of 27 START x [RUN]\n2 of 27 START y [RUN]\n1 of 27 OK created x [OK in 0.1s]\n", "1 of 27 nodes"),
        ("\x1b[0m10:00:02  2 of 2 \x1b[31mFAIL 3\x1b[0m not_null [FAIL 3 in 0.1s]\n", "1 of 2 nodes"),
        ("1 of 3 OK x\n2 of 3 SKIP relation y\n3 of 3 WARN 1 z\n", "3 of 3 nodes"),
        ("1 of 3 ERROR creating x\n", "1 of 3 nodes"),
        ("3 of 4 NO-OP x\n", "1 of 4 nodes"),
        ("all 5 of 6 people agree\n", ""),
        ("Completed with 1 error, 2 of 3 PASS\n", ""),
        ("1 of 9 START sql microbatch model x\nBatch 1 of 3 OK batch 2026-01-01 of x\n", ""),
    ],
)
def test_nodes_done__as_dbt_counts(logs: str, told: str) -> None:
    assert told == step_logs.nodes_done(step(logs))


def test_nodes_done__never_more_than_there_are() -> None:
    """A line that comes twice is one node."""
    log = "".join(f"{n} of 3 OK x\n" for n in (1, 2, 3, 3))

    assert "3 of 3 nodes" == step_logs.nodes_done(step(log))


def ended(*steps: dict[str, Any]) -> list[tuple[str, str]]:
    run = a_run(status=ERROR, run_steps=list(steps))
    return [(excerpt.title, excerpt.body) for excerpt in step_logs.at_the_end(run)]


def test_at_the_end__failed_steps_whole_and_tails_of_others() -> None:
    deps = a_step(3, command="dbt deps", status=SUCCESS, logs="".join(f"deps {n}\n" for n in range(30)))
    build = a_step(4, status=ERROR, logs="".join(f"build {n}\n" for n in range(1_000)))

    (deps_title, deps_log), (build_title, build_log) = ended(deps, build)

    assert "Log of step 3: Invoke dbt with `dbt deps` (the last 10 of 30 lines)" == deps_title
    assert [f"deps {n}" for n in range(20, 30)] == deps_log.split("\n")
    assert "Log of step 4: Invoke dbt with `dbt build`" == build_title
    assert [f"build {n}" for n in range(1_000)] == build_log.split("\n")


def test_at_the_end__every_failed_step() -> None:
    freshness = a_step(4, command="dbt source freshness", logs="stale\n")
    docs = a_step(6, command="dbt docs generate", status=SUCCESS, logs="")

    assert ["stale", "red"] == [body for _, body in ended(freshness, a_step(5, logs="red\n"), docs)]


def test_at_the_end__is_bounded() -> None:
    """GitHub's log view becomes useless with more."""
    told = ended(a_step(logs="x\n" * 100_000))

    assert 5_000 > sum(body.count("\n") for _, body in told)
    assert "of 100000 lines" in told[0][0]


def test_follower__of_a_log_of_which_only_the_end_is_sent_loses_no_line() -> None:
    """`truncated_debug_logs` is a window that moves: the last 1,000 lines."""
    follower, lines = Follower(), [f"line {number}" for number in range(2500)]
    told: list[str] = []
    for end in (300, 900, 1600, 2400, 2500):
        log = "\n".join(lines[max(0, end - 1000) : end]) + "\n"
        told += [
            line
            for part in follower.news(a_run(run_steps=[a_step(status=3, logs=log)]))
            for line in part.body.split("\n")
        ]

    assert lines == told
