"""Every line of the product as a moment at which something can happen; what happens there is the caller's choice."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import dbt_action

PACKAGE = str(Path(dbt_action.__file__).parent)
# Before any of these nothing has been sent, and none of them waits for anything.
READING = ("config.py", "context.py", "inputs.py", "parsers.py", "marker.py", "text.py", "runs.py", "trigger.py")

Point = tuple[str, int]


@contextmanager
def tracing(deed: Callable[[Point], object]) -> Iterator[None]:
    """Call `deed` with each line before it is executed; what it raises, the line raises, as with a signal handler."""

    def local(frame: FrameType, event: str, _arg: object) -> Any:  # noqa: ANN401 - a trace function
        if event == "line":
            deed((Path(frame.f_code.co_filename).name, frame.f_lineno))
        return local

    def trace(frame: FrameType, _event: str, _arg: object) -> Any:  # noqa: ANN401 - a trace function
        name = frame.f_code.co_filename
        return local if name.startswith(PACKAGE) and not name.endswith(READING) else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def lines_of(story: Callable[[], object]) -> list[tuple[Point, int]]:
    """The lines that `story` passes, in order, each with how often it was passed before: first and second time only."""
    seen: dict[Point, int] = {}
    found: list[tuple[Point, int]] = []

    def note(point: Point) -> None:
        seen[point] = seen.get(point, 0) + 1
        if seen[point] <= 2:
            found.append((point, seen[point]))

    with tracing(note):
        story()
    return found


@contextmanager
def at(point: Point, time: int, deed: Callable[[], object]) -> Iterator[None]:
    """Do `deed` when `point` is passed for the `time`-th time."""
    passed = 0

    def look(here: Point) -> None:
        nonlocal passed
        passed += here == point
        if here == point and passed == time:
            deed()

    with tracing(look):
        yield
