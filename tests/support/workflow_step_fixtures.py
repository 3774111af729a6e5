"""Steps with a dbt Cloud and a GitHub of their own, on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from emulator import Emulator, GitHub
from tests.support.clock import FakeClock
from tests.support.scripts import GREEN
from tests.support.workflow_step import CLOUD_TOKEN, GITHUB_TOKEN, REPOSITORY, WorkflowStep

MakeStep = Callable[..., WorkflowStep]


@pytest.fixture
def make_step(tmp_path: Path) -> Iterator[MakeStep]:
    """`make_step(script, github={...}, **habits)`: a step; `habits` are arguments of the emulated dbt Cloud."""
    with ExitStack() as servers:

        def make(script: Any = GREEN, *, github: dict[str, Any] | None = None, **habits: Any) -> WorkflowStep:  # noqa: ANN401
            clock = FakeClock()
            cloud = servers.enter_context(Emulator(script, token=CLOUD_TOKEN, now=clock.now, **habits))
            host = servers.enter_context(GitHub(token=GITHUB_TOKEN, repository=REPOSITORY, **(github or {})))
            return WorkflowStep(cloud, host, clock, tmp_path)

        yield make


@pytest.fixture
def workflow_step(make_step: MakeStep) -> WorkflowStep:
    """A step whose run succeeds at once."""
    return make_step()
