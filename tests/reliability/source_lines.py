"""Calls an action when a chosen source line of the product is about to be executed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import dbt_action

PACKAGE = f"{Path(dbt_action.__file__).parent}{os.sep}"
# Lines of these are left out: they are executed before anything has been sent, or wait for nothing.
LEFT_OUT = ("config/", "dbt_cloud/marker.py", "dbt_cloud/run_request.py", "dbt_cloud/runs.py", "text.py")

# File below `dbt_action/`, and number of the line.
SourceLine = tuple[str, int]


@contextmanager
def tracing(action: Callable[[SourceLine], object]) -> Iterator[None]:
    """Call `action` with each line before it is executed; what it raises, the line raises, as with a signal handler."""

    def trace_lines(frame: FrameType, event: str, _argument: object) -> Any:  # noqa: ANN401 - a trace function
        if event == "line":
            action((_name(frame), frame.f_lineno))
        return trace_lines

    def trace_calls(frame: FrameType, _event: str, _argument: object) -> Any:  # noqa: ANN401 - a trace function
        name = _name(frame)
        return trace_lines if name and not name.startswith(LEFT_OUT) else None

    before = sys.gettrace()
    sys.settrace(trace_calls)
    try:
        yield
    finally:
        sys.settrace(before)


def _name(frame: FrameType) -> str:
    """The file of a frame below `dbt_action/`, "" for code of others."""
    name = frame.f_code.co_filename
    return name.removeprefix(PACKAGE).replace(os.sep, "/") if name.startswith(PACKAGE) else ""


def executed(call: Callable[[], object]) -> list[tuple[SourceLine, int]]:
    """The lines that `call` executes, in order: (line, how often so far), for the first two times."""
    counts: dict[SourceLine, int] = {}
    found: list[tuple[SourceLine, int]] = []

    def record(line: SourceLine) -> None:
        counts[line] = counts.get(line, 0) + 1
        if counts[line] <= 2:
            found.append((line, counts[line]))

    with tracing(record):
        call()
    return found


@contextmanager
def at(wanted: SourceLine, time: int, action: Callable[[], object]) -> Iterator[None]:
    """Call `action` before the line `wanted` is executed for the `time`-th time."""
    count = 0

    def compare(line: SourceLine) -> None:
        nonlocal count
        if line == wanted:
            count += 1
            if count == time:
                action()

    with tracing(compare):
        yield
