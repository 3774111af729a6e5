"""HTTP with a host: what bounds a request that would not end by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from dbt_action.hosts import rest
from dbt_action.hosts.base import HostSettings
from dbt_action.hosts.transport import HostError, JsonApi
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
    api = JsonApi(host.url, {"PRIVATE-TOKEN": "glpat-token"}, time_limit=3.0, clock=clock)
    return api.get("projects/1217/merge_requests/7/notes").json


def test_get__reads_a_large_answer(host: GitLab) -> None:
    host.faults.add(kind="status", code=200, body=["x" * 3_000_000])

    assert ["x" * 3_000_000] == read(host, FakeClock())


def test_get__an_answer_that_drips_is_given_up_on(host: GitLab) -> None:
    host.faults.add(kind="status", code=200, body=["x" * 3_000_000], times=None)
    clock = TickingClock()

    with pytest.raises(HostError, match="an endless answer"):
        read(host, clock)
    assert clock.passed < 20
    assert 1 == len(host.requests)


def test_get__a_redirect_is_not_read_at_the_servers_pace(host: GitLab) -> None:
    """Left to itself requests reads it to the end before it says what it is."""
    headers = {"Location": "https://elsewhere.example/"}
    host.faults.add(kind="status", code=302, headers=headers, body="x" * 3_000_000, times=None)
    clock = TickingClock()

    with pytest.raises(HostError, match="an endless answer"):
        read(host, clock)
    assert 1 == len(host.requests)


class Endless(rest.RestHost):
    """Its pages of comments have no end, and nothing on them."""

    title = "Endless"

    def __init__(self, clock: FakeClock) -> None:
        self.warnings: list[str] = []
        self.looks = 0
        settings = HostSettings(sha="a", name="x", warn=self.warnings.append, info=print, clock=clock, timeout=1.0)
        super().__init__(settings)

    def comments(self) -> Iterator[Sequence[rest.Comment]]:
        while True:
            self.looks += 1
            yield []


@pytest.mark.parametrize("clock", [FakeClock(), TickingClock()], ids=["fast", "slow"])
def test_comments__pages_without_end_are_given_up_on(clock: FakeClock) -> None:
    host = Endless(clock)
    host.comment("red", "marker")

    assert 1 == len(host.warnings)
    assert host.looks <= (rest.MAX_PAGES if clock.passed == 0 else 7)
