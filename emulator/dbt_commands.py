"""The dbt commands, the schema and the pull request of a run; `dbt_runner` executes the commands."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.retries import failed_step
from emulator.runs import PULL_REQUEST_FIELDS
from emulator.scripted_runs import invocation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emulator.runs import Order

DEFAULT_SCHEMA = "analytics"
STEPS_BEFORE = 2
"""Number of steps before the first command: clone and profile."""


@dataclass(frozen=True)
class Command:
    """One command of a run. `name` is the name of its step, if it is not derived from the command."""

    text: str
    fails_run: bool = True
    name: str = ""

    @property
    def step_name(self) -> str:
        """The name of the step in dbt Cloud."""
        return self.name or invocation(self.text)


def commands_of(order: Order) -> tuple[Command, ...]:
    """List the commands of a new run: deps and source freshness first. Freshness never fails a run (reported)."""
    freshness = [Command("dbt source freshness", fails_run=False)] if order.job.run_generate_sources else []
    return (Command("dbt deps"), *freshness, *map(Command, order.commands))


def commands_of_retry(order: Order, earlier: Sequence[Command], state: Path) -> tuple[Command, ...]:
    """List the commands of a retry: `dbt retry` for the one that failed, then those that had not started."""
    failed = failed_step(order.retrying) if order.retrying else None
    position = failed.index - STEPS_BEFORE if failed else 1
    retry = Command(f"dbt retry --state {shlex.quote(str(state))}", name=invocation("dbt retry"))
    return (Command("dbt deps"), retry, *earlier[position:])


def pull_request_of(order: Order) -> int | None:
    """Return the number of the pull request, whatever the name of the field."""
    numbers = (order.trigger[name] for name in PULL_REQUEST_FIELDS)
    return next((number for number in numbers if number is not None), None)


def schema_of(order: Order) -> str:
    """Return the schema: the override, that of a CI job's pull request (inferred), or the default."""
    override, number = order.trigger["schema_override"], pull_request_of(order)
    if override:
        return str(override)
    if order.job.job_type == "ci" and number is not None:
        return f"dbt_cloud_pr_{order.job.id}_{number}"
    return DEFAULT_SCHEMA
