"""A step with everything around it, on one virtual clock; `corridor` is green, `build` makes any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from emulator import Emulator, GitHub
from tests.support.clock import FakeClock
from tests.support.corridor import CLOUD_TOKEN, GITHUB_TOKEN, REPOSITORY, Corridor
from tests.support.scripts import GREEN

Build = Callable[..., Corridor]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """`build(script, github={...}, **habits)`: a corridor with such a dbt Cloud and such a GitHub."""
    with ExitStack() as servers:

        def made(script: Any = GREEN, *, github: dict[str, Any] | None = None, **habits: Any) -> Corridor:  # noqa: ANN401
            clock = FakeClock()
            cloud = servers.enter_context(Emulator(script, token=CLOUD_TOKEN, now=clock.now, **habits))
            host = servers.enter_context(GitHub(token=GITHUB_TOKEN, repository=REPOSITORY, **(github or {})))
            return Corridor(cloud, host, clock, tmp_path)

        yield made


@pytest.fixture
def corridor(build: Build) -> Corridor:
    """A build whose run succeeds at once."""
    return build()
