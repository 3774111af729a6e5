"""The gantt chart: lines that Mermaid can read, few enough for people, whatever the nodes are called."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.report import timeline
from dbt_action.results.run_results import Node, Results
from tests.support.results import a_node

BAR = re.compile(
    r"    (?P<name>[^:;#\n]+) : (?:(?P<tag>crit|active|done), )?"
    r"(?P<begin>\d\d:\d\d:\d\d\.\d{3}), (?P<end>\d\d:\d\d:\d\d\.\d{3})"
)
SECTION = re.compile(r"    section (?P<name>[^:;#\n]+)")
# Words at the beginning of a line that Mermaid 11 takes for its own, in any case (measured with its parser).
KEYWORDS = (
    "click title section dateFormat axisFormat inclusiveEndDates topAxis todayMarker accTitle accDescr includes "
    "excludes tickInterval weekday call href"
).split()
KEYWORD = re.compile(rf"(?:{'|'.join(KEYWORDS)}|gantt|displayMode|\d{{4}}-\d\d-\d\d|%%)(?![\w.-])", re.IGNORECASE)
HOSTILE = st.text(alphabet=st.sampled_from("ab0:;#,%{}\n\"'<>`|$ -é中\u202e\x1b"), max_size=20)
NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)


def timed(name: str, begin: float, end: float, *, thread: str = "Thread-1 (worker)", status: str = "success") -> Node:
    span = {
        "name": "execute",
        "started_at": (NOON + timedelta(seconds=begin)).isoformat(),
        "completed_at": (NOON + timedelta(seconds=end)).isoformat(),
    }
    return a_node(f"model.shop.{name}", status, timing=[span], thread_id=thread, seconds=end - begin)


def drawn(*nodes: Node) -> list[str]:
    return timeline.gantt(Results(nodes)).splitlines()


def bars(lines: list[str]) -> list[dict[str, str]]:
    return [found.groupdict() for line in lines if (found := BAR.fullmatch(line))]


def test_gantt__bars_by_thread_with_times_from_the_first_start() -> None:
    lines = drawn(
        timed("b", 3.0, 5.25, thread="Thread-2 (worker)", status="error"),
        timed("a", 0.5, 3.0, status="warn"),
        timed("c", 3.5, 4.0),
        timed("d", 4.0, 4.5, status="skipped"),
    )

    assert [
        "gantt",
        "    dateFormat HH:mm:ss.SSS",
        "    axisFormat %S.%L s",
        "    section Thread-1",
        "    model a : active, 00:00:00.000, 00:00:02.500",
        "    model c : done, 00:00:03.000, 00:00:03.500",
        "    model d : 00:00:03.500, 00:00:04.000",
        "    section Thread-2",
        "    model b : crit, 00:00:02.500, 00:00:04.750",
    ] == lines


@pytest.mark.parametrize("count", [0, 1])
def test_gantt__fewer_than_two_nodes_are_no_chart(count: int) -> None:
    untimed = a_node("model.shop.skipped", "skipped", timing=[])

    assert [] == drawn(*[timed("a", 0, 1)] * count, untimed)


def test_gantt__threads_in_the_order_of_their_numbers() -> None:
    names = [f"Thread-{number} (worker)" for number in (10, 9, 1, 2)]

    lines = drawn(*(timed("m", n, n + 1, thread=name) for n, name in enumerate(names)))

    sections = [found["name"] for line in lines if (found := SECTION.fullmatch(line))]
    assert ["Thread-1", "Thread-2", "Thread-9", "Thread-10"] == sections


@pytest.mark.parametrize("thread", ["", "main", "dbt-worker: 3", "\u202e;#"])
def test_gantt__thread_names_of_other_writers(thread: str) -> None:
    lines = drawn(timed("a", 0, 1, thread=thread), timed("b", 1, 2, thread=thread))

    assert 1 == sum(SECTION.fullmatch(line) is not None for line in lines)
    assert 2 == len(bars(lines))


@pytest.mark.parametrize("seconds, axis", [(5, "%S.%L s"), (300, "%M:%S"), (7200, "%H:%M:%S"), (200_000, "%H:%M:%S")])
def test_gantt__the_axis_fits_the_length_of_the_run(seconds: float, axis: str) -> None:
    assert f"    axisFormat {axis}" in drawn(timed("a", 0, 1), timed("b", 1, seconds))


def test_gantt__a_node_without_a_length_has_a_bar() -> None:
    lines = drawn(timed("a", 0, 0), timed("b", 0, 5))

    assert all(bar["begin"] < bar["end"] for bar in bars(lines))


@pytest.mark.parametrize("name", [*KEYWORDS, "title x", "SECTION", "2026-01-02", "gantt", "%% x", "Click on"])
def test_gantt__names_are_never_commands_of_mermaid(name: str) -> None:
    lines = drawn(timed(name, 0, 1), timed("b", 1, 2))

    assert 2 == len(bars(lines))
    assert not [bar for bar in bars(lines) if KEYWORD.match(bar["name"])]


@given(st.lists(st.tuples(HOSTILE, HOSTILE, st.floats(0, 1e6), st.floats(0, 1e6)), min_size=2, max_size=80))
def test_gantt__any_names_leave_lines_intact(rows: list[tuple[str, str, float, float]]) -> None:
    lines = drawn(*(timed(name, begin, begin + long, thread=thread) for name, thread, begin, long in rows))

    assert all(BAR.fullmatch(line) or SECTION.fullmatch(line) for line in lines[3:])
    assert timeline.MAX_BARS >= len(bars(lines))
    assert 50_000 > len("\n".join(lines))
    assert not [bar for bar in bars(lines) if KEYWORD.match(bar["name"])]


def test_shown__of_many_nodes_says_how_many_are_drawn() -> None:
    nodes = [timed(f"m{n}", n, n + 1 + n % 997, thread=f"Thread-{n % 64}") for n in range(5000)]

    lines = drawn(*nodes)

    assert 60 >= len(bars(lines)) > 30
    assert 12 >= sum(SECTION.fullmatch(line) is not None for line in lines)
    assert timeline.shown(Results(tuple(nodes))).startswith(f"{len(bars(lines))} of 5,000 nodes")


def test_shown__of_few_nodes_says_that_all_are_drawn() -> None:
    nodes = (timed("a", 0, 1), timed("b", 1, 2), a_node("model.shop.c", "skipped", timing=[]))

    assert "2 nodes" == timeline.shown(Results(nodes))
