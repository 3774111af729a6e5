"""A step with everything around it, on one virtual clock; `workflow_step` is green, `make_step` makes any other."""

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
    """`make_step(script, github={...}, **habits)`: a workflow_step with such a dbt Cloud and such a GitHub."""
    with ExitStack() as servers:

        def made(script: Any = GREEN, *, github: dict[str, Any] | None = None, **habits: Any) -> WorkflowStep:  # noqa: ANN401
            clock = FakeClock()
            cloud = servers.enter_context(Emulator(script, token=CLOUD_TOKEN, now=clock.now, **habits))
            host = servers.enter_context(GitHub(token=GITHUB_TOKEN, repository=REPOSITORY, **(github or {})))
            return WorkflowStep(cloud, host, clock, tmp_path)

        yield made


@pytest.fixture
def workflow_step(make_step: MakeStep) -> WorkflowStep:
    """A build whose run succeeds at once."""
    return make_step()
