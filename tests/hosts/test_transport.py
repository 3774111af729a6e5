"""HTTP with a code host: time and size limits, and `Retry-After`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from dbt_action.hosts import rest
from dbt_action.hosts.base import HostSettings
from dbt_action.hosts.transport import HostError, JsonApi
from emulator.hosts import GitLab
from tests.support.clock import FakeClock


class TickingClock(FakeClock):
    """A second passes each time it is read, as if every chunk of the answer were slow."""

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


def test_get__an_answer_that_arrives_too_slowly_is_given_up(host: GitLab) -> None:
    host.faults.add(kind="status", code=200, body=["x" * 3_000_000], times=None)
    clock = TickingClock()

    with pytest.raises(HostError, match="an endless answer"):
        read(host, clock)
    assert clock.passed < 20
    assert 1 == len(host.requests)


def test_get__a_redirect_that_arrives_too_slowly_is_given_up(host: GitLab) -> None:
    """By itself requests reads a redirect to its end before it returns it."""
    headers = {"Location": "https://elsewhere.example/"}
    host.faults.add(kind="status", code=302, headers=headers, body="x" * 3_000_000, times=None)
    clock = TickingClock()

    with pytest.raises(HostError, match="an endless answer"):
        read(host, clock)
    assert 1 == len(host.requests)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirect__does_not_carry_the_token_to_another_server(host: GitLab, code: int) -> None:
    with GitLab() as other:
        host.faults.add(kind="status", code=code, headers={"Location": other.url}, body={}, times=None)

        with pytest.raises(HostError, match="a redirect"):
            read(host, FakeClock())
        assert () == tuple(other.requests)


class Endless(rest.RestHost):
    """A host whose pages of comments have no end, and no comment on them."""

    title = "Endless"

    def __init__(self, clock: FakeClock) -> None:
        self.warnings: list[str] = []
        self.pages = 0
        settings = HostSettings(sha="a", name="x", warn=self.warnings.append, info=print, clock=clock, timeout=1.0)
        super().__init__(settings)

    def comments(self) -> Iterator[Sequence[rest.Comment]]:
        while True:
            self.pages += 1
            yield []


@pytest.mark.parametrize("clock", [FakeClock(), TickingClock()], ids=["fast", "slow"])
def test_comments__pages_without_end_are_given_up(clock: FakeClock) -> None:
    host = Endless(clock)
    host.comment("red", "marker")

    assert 1 == len(host.warnings)
    assert host.pages <= (rest.MAX_PAGES if clock.passed == 0 else 7)


@pytest.mark.parametrize(
    "headers, pause",
    [
        pytest.param({}, 0.5, id="none"),
        pytest.param({"Retry-After": "0"}, 0.5, id="at once"),
        pytest.param({"Retry-After": "2"}, 2.0, id="seconds"),
    ],
)
def test_retry_after__is_waited_for(host: GitLab, headers: dict[str, str], pause: float) -> None:
    host.faults.add(kind="status", code=503, headers=headers)
    clock = FakeClock()

    assert [] == read(host, clock)
    assert pause == clock.passed


def date_in(seconds: float) -> str:
    """A date of HTTP; the emulator sends the present one as `Date`."""
    return format_datetime(datetime.now(timezone.utc) + timedelta(seconds=seconds), usegmt=True)


def test_retry_after__may_be_a_date(host: GitLab) -> None:
    host.faults.add(kind="status", code=503, headers={"Retry-After": date_in(2)})
    clock = FakeClock()

    assert [] == read(host, clock)
    # Dates have whole seconds.
    assert 1.0 <= clock.passed <= 2.0


def test_retry_after__beyond_the_time_limit_is_not_waited_for(host: GitLab) -> None:
    for wait in ("4", date_in(3600)):
        host.faults.add(kind="status", code=503, headers={"Retry-After": wait})
        clock = FakeClock()
        before = len(host.requests)

        with pytest.raises(HostError) as raised:
            read(host, clock)
        assert raised.value.transient, wait
        assert 0.0 == clock.passed, wait
        assert 1 == len(host.requests) - before, wait
