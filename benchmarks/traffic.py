"""Counts the bytes that watching a long run takes, with steps that have much log; prints them, and never fails."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dbt_action import app, http_limits
from dbt_action.interrupts import Interrupts
from emulator import Emulator, Script, ScriptedStep
from tests.support.clock import FakeClock

MINUTES, LOG_BYTES = 30, 3_000_000
LINE = "10:00:00  1 of 5000 OK created sql table model analytics.orders ........ [SUCCESS 1 in 0.75s]\n"


def main() -> int:
    """Watch the same run twice; time is virtual, the answers are real."""
    print(f"watching a run of {MINUTES} minutes whose steps have {LOG_BYTES / 1e6:.0f} MB of log:")
    # `log: live` asks for the steps at each look, as every look did before.
    for title, inputs in (("steps at each look", {"DBT_LOG": "live"}), ("steps once a minute", {})):
        received, looks = watch(inputs)
        print(f"  {title:20} {received / 1e6:7.1f} MB in {looks} answers, before compression")
    return 0


def watch(inputs: dict[str, str]) -> tuple[int, int]:
    """Bytes and number of the answers of dbt Cloud."""
    clock = FakeClock()
    logs = LINE * (LOG_BYTES // len(LINE))
    # A step has its log as soon as it is over.
    steps = (ScriptedStep(command="dbt run", logs=logs), ScriptedStep(command="dbt test", seconds=MINUTES * 60))
    script = Script(steps=steps)
    with Emulator(script, now=clock.now) as cloud, counted() as sizes:
        environ = {
            "DBT_URL": cloud.url,
            "DBT_TOKEN": cloud.token,
            "DBT_ACCOUNT_ID": str(cloud.account_id),
            "DBT_JOB_ID": str(cloud.job_id),
            "DBT_RUN_ON": "job",
            **inputs,
        }
        app.run(environ, out=io.StringIO(), clock=clock, interrupts=Interrupts())
    return sum(sizes), len(sizes)


@contextmanager
def counted() -> Iterator[list[int]]:
    """The sizes of all bodies that are read."""
    sizes: list[int] = []
    read_body = http_limits.read_body

    def read(*arguments: Any, **more: Any) -> bytes:  # noqa: ANN401 - of the original
        body = read_body(*arguments, **more)
        sizes.append(len(body))
        return body

    http_limits.read_body = read
    try:
        yield sizes
    finally:
        http_limits.read_body = read_body


if __name__ == "__main__":
    sys.exit(main())
