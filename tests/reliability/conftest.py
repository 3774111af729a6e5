"""One bench for each module of tests, since servers are slow to start; every test has a rig, so a job, of its own."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.reliability.rig import Bench, Rig, bench


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("bench")) as made:
        yield made


@pytest.fixture
def servers(shared: Bench) -> Iterator[Bench]:
    """The servers, without anything that another test has left in force."""
    shared.clock.on_sleep = lambda _seconds: None
    yield shared
    shared.clock.on_sleep = lambda _seconds: None
    shared.cloud.faults.clear()
    shared.github.faults.clear()


@pytest.fixture
def rig(servers: Bench) -> Callable[..., Rig]:
    """`rig(script)`: a step for a new job."""
    return servers.rig


@pytest.fixture(autouse=True)
def _nothing_stays_open() -> Iterator[None]:
    """No descriptor and no thread is left after a test; the servers' own threads end by themselves, soon."""
    before = _open()
    yield
    limit = time.monotonic() + 2
    while _open() > before and time.monotonic() < limit:
        gc.collect()
        time.sleep(0.01)
    assert _open() <= before


def _open() -> int:
    folder = Path("/proc/self/fd")
    return threading.active_count() + (len(list(folder.iterdir())) if folder.exists() else 0)
