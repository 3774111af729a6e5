"""Logs of steps: new lines, none twice and none lost; how many nodes are done; what is shown after a failure."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.dbt_cloud import runs, step_logs
from dbt_action.dbt_cloud.runs import Run
from dbt_action.dbt_cloud.step_logs import LogFollower
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
def test_new_lines__neither_repeats_nor_loses_a_line(written: list[list[str]], data: st.DataObject) -> None:
    """Whenever the log is read, also in the middle of a line."""
    whole = ["".join(f"{line}\n" for line in lines) for lines in written]
    follower, returned = LogFollower(), [""] * len(whole)
    for number, log in enumerate(whole):
        for length in sorted(data.draw(st.lists(st.integers(0, len(log)), max_size=4))):
            for excerpt in follower.new_lines(look([*whole[:number], log[:length]])):
                returned[int(excerpt.title.split(":")[0].removeprefix("Step ")) - 1] += f"{excerpt.body}\n"
    for excerpt in follower.new_lines(look(whole, status=SUCCESS, running=SUCCESS)):
        returned[int(excerpt.title.split(":")[0].removeprefix("Step ")) - 1] += f"{excerpt.body}\n"

    assert [[line for line in lines if line] for lines in written] == [
        [line for line in log.split("\n") if line] for log in returned
    ]
    assert [] == list(follower.new_lines(look(whole, status=SUCCESS, running=SUCCESS)))


def test_new_lines__an_incomplete_line_waits() -> None:
    follower = LogFollower()

    assert ["one"] == [excerpt.body for excerpt in follower.new_lines(look(["one\ntw"]))]
    assert [] == list(follower.new_lines(look(["one\ntwo"])))
    assert ["two"] == [excerpt.body for excerpt in follower.new_lines(look(["one\ntwo"], running=ERROR))]


def test_new_lines__the_end_of_the_run_completes_every_line() -> None:
    """A step of a cancelled run may keep the status Running."""
    assert ["half"] == [excerpt.body for excerpt in LogFollower().new_lines(look(["half"], status=CANCELLED))]


def test_new_lines__a_log_of_which_only_the_end_is_sent_is_not_repeated() -> None:
    """Of a long log dbt Cloud sends only the newest lines."""
    follower = LogFollower()
    list(follower.new_lines(look(["a\nb\nc\n"])))

    assert [] == list(follower.new_lines(look(["c\n"])))


@pytest.mark.parametrize(
    "logs, expected",
    [
        ("", ""),
        ("Running with dbt=1.11.2\n", ""),
        ("1 of 27 START sql view model main.a .... [RUN]\n", ""),
        ("1 of 27 START x [RUN]\n2 of 27 START y [RUN]\n1 of 27 OK created x [OK in 0.1s]\n", "1 of 27 nodes"),
        ("\x1b[0m10:00:02  2 of 2 \x1b[31mFAIL 3\x1b[0m not_null [FAIL 3 in 0.1s]\n", "2 of 2 nodes"),
        ("1 of 3 OK x\n2 of 3 SKIP relation y\n3 of 3 WARN 1 z\n", "3 of 3 nodes"),
        ("1 of 3 ERROR creating x\n", "1 of 3 nodes"),
        ("3 of 4 NO-OP x\n", "3 of 4 nodes"),
        # The beginning of a long log is not sent.
        ("285 of 286 OK x\n", "285 of 286 nodes"),
        ("14:57:03  1 of 2 OK hook: shop.on-run-start.0\n14:57:04  1 of 9 OK x\n2 of 2 OK hook: y\n", "1 of 9 nodes"),
        ("2 of 2 OK hook: shop.on-run-end.0\n", ""),
        (" Succeeded [  0.98s] model main.a (table)\n    Failed [  0.01s] test main.b\n", "2 nodes"),
        ("\x1b[32m Succeeded\x1b[0m [  0.98s] model main.a (table)\n", "1 node"),
        (" Succeeded [  0.98s] operation shop.on-run-start-0\n", ""),
        ("all 5 of 6 people agree\n", ""),
        ("Completed with 1 error, 2 of 3 PASS\n", ""),
        ("1 of 9 START sql microbatch model x\nBatch 1 of 3 OK batch 2026-01-01 of x\n", ""),
    ],
)
def test_nodes_done__counts_as_dbt_does(logs: str, expected: str) -> None:
    assert expected == step_logs.nodes_done(step(logs))


def test_nodes_done__is_never_more_than_the_total() -> None:
    """A line that comes twice is one node."""
    log = "".join(f"{n} of 3 OK x\n" for n in (1, 2, 3, 3))

    assert "3 of 3 nodes" == step_logs.nodes_done(step(log))


def test_failed_nodes__are_dbts_own_lines() -> None:
    log = (
        "14:57:03  1 of 3 OK created x [OK in 0.1s]\n"
        "14:57:03  2 of 3 \x1b[31mERROR\x1b[0m creating y [\x1b[31mERROR\x1b[0m in 0.75s]\n"
        "3 of 3 FAIL 3 not_null_z [FAIL 3 in 0.1s]\n"
        "     Failed [  0.01s] model main.broken (table)\n"
        "Failure in model y\n"
    )

    assert (
        "2 of 3 ERROR creating y [ERROR in 0.75s]",
        "3 of 3 FAIL 3 not_null_z [FAIL 3 in 0.1s]",
        "Failed [  0.01s] model main.broken (table)",
    ) == step_logs.failed_nodes(step(log))


@pytest.mark.parametrize(
    "logs, expected",
    [
        (["x\n14:57:03  Done. PASS=1 WARN=0 ERROR=1 SKIP=0 TOTAL=2\n"], "Done. PASS=1 WARN=0 ERROR=1 SKIP=0 TOTAL=2"),
        (["Done. PASS=1\n", "Done. PASS=2\n", "docs\n"], "Done. PASS=2"),
        (
            ["Summary: 3 total | 1 success | 1 error | 1 skipped\n"],
            "Summary: 3 total | 1 success | 1 error | 1 skipped",
        ),
        (["nothing\n"], ""),
        ([], ""),
    ],
)
def test_last_line__is_that_of_the_newest_step_with_nodes(logs: list[str], expected: str) -> None:
    assert expected == step_logs.last_line(look(logs, status=SUCCESS, running=SUCCESS) if logs else a_run())


def after_failure(*steps: dict[str, Any]) -> list[tuple[str, str]]:
    run = a_run(status=ERROR, run_steps=list(steps))
    return [(excerpt.title, excerpt.body) for excerpt in step_logs.after_failure(run)]


def test_after_failure__failed_steps_whole_and_the_last_lines_of_others() -> None:
    deps = a_step(3, command="dbt deps", status=SUCCESS, logs="".join(f"deps {n}\n" for n in range(30)))
    build = a_step(4, status=ERROR, logs="".join(f"build {n}\n" for n in range(1_000)))

    (deps_title, deps_log), (build_title, build_log) = after_failure(deps, build)

    assert "Log of step 3: Invoke dbt with `dbt deps` (the last 10 of 30 lines)" == deps_title
    assert [f"deps {n}" for n in range(20, 30)] == deps_log.split("\n")
    assert "Log of step 4: Invoke dbt with `dbt build`" == build_title
    assert [f"build {n}" for n in range(1_000)] == build_log.split("\n")


def test_after_failure__shows_every_failed_step() -> None:
    freshness = a_step(4, command="dbt source freshness", logs="stale\n")
    docs = a_step(6, command="dbt docs generate", status=SUCCESS, logs="")

    assert ["stale", "red"] == [body for _, body in after_failure(freshness, a_step(5, logs="red\n"), docs)]


def test_after_failure__is_bounded() -> None:
    """GitHub's log view becomes useless with more."""
    shown = after_failure(a_step(logs="x\n" * 100_000))

    assert 5_000 > sum(body.count("\n") for _, body in shown)
    assert "of 100000 lines" in shown[0][0]


def test_new_lines__of_a_log_of_which_only_the_end_is_sent_lose_no_line() -> None:
    """`truncated_debug_logs` has the last 1,000 lines."""
    follower, lines = LogFollower(), [f"line {number}" for number in range(2500)]
    returned: list[str] = []
    for end in (300, 900, 1600, 2400, 2500):
        log = "\n".join(lines[max(0, end - 1000) : end]) + "\n"
        returned += [
            line
            for part in follower.new_lines(a_run(run_steps=[a_step(status=3, logs=log)]))
            for line in part.body.split("\n")
        ]

    assert lines == returned
