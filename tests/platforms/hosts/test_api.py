"""HTTP with a host: what bounds a request that would not end by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dbt_action.hosts.api import HostError, Http
from emulator.hosts import GitLab
from tests.support.clock import FakeClock


class TickingClock(FakeClock):
    """Each look at it takes a second, as a chunk of a slow answer would."""

    def now(self) -> float:
        self.sleep(1.0)
        return super().now()


@pytest.fixture
def host() -> Iterator[GitLab]:
    with GitLab() as server:
        yield server


def read(host: GitLab, clock: FakeClock) -> object:
    api = Http(host.url, {"PRIVATE-TOKEN": "glpat-token"}, timeout=3.0, clock=clock)
    return api.get("projects/1217/merge_requests/7/notes").json


def test_get__reads_a_large_answer(host: GitLab) -> None:
    host.faults.add(kind="status", code=200, body=["x" * 3_000_000])

    assert read(host, FakeClock()) == ["x" * 3_000_000]


def test_get__an_answer_that_drips_is_given_up_on(host: GitLab) -> None:
    host.faults.add(kind="status", code=200, body=["x" * 3_000_000], times=None)
    clock = TickingClock()

    with pytest.raises(HostError, match="an endless answer"):
        read(host, clock)
    assert clock.passed < 20
    assert len(host.requests) == 1
