"""One pair of servers for each test module, because they are slow to start; every test has a job of its own on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.reliability.open_resources import count, left_open
from tests.reliability.steps import Servers, Step, start_servers


@pytest.fixture(scope="module")
def shared_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with start_servers(tmp_path_factory.mktemp("servers")) as servers:
        yield servers


@pytest.fixture
def servers(shared_servers: Servers) -> Iterator[Servers]:
    """The servers of the module, without faults."""
    shared_servers.reset()
    yield shared_servers
    shared_servers.reset()


@pytest.fixture
def new_step(servers: Servers) -> Callable[..., Step]:
    """`new_step(script)`: a step for a new job."""
    return servers.new_step


@pytest.fixture(autouse=True)
def _nothing_stays_open() -> Iterator[None]:
    """No file descriptor and no thread is left after a test."""
    before = count()
    yield
    assert 0 == left_open(before)
