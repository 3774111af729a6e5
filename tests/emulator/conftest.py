"""What the emulator's tests share: a clock that only moves when told to, and a small client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
import requests

from emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


Json: TypeAlias = Any
"""Whatever JSON or a keyword may hold."""


class Clock:
    """Seconds since the epoch; `sleep` is how they pass."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@dataclass(frozen=True)
class Client:
    """Sends requests to one emulator as a client would."""

    cloud: Emulator
    timeout: float = 5.0

    def send(self, method: str, path: str, *, token: str = "", **more: Json) -> requests.Response:
        """Send a request; `path` is relative to the account."""
        headers = {"Authorization": f"Token {token or self.cloud.token}"}
        url = f"{self.cloud.url}/api/v2/accounts/{self.cloud.account_id}/{path}"
        return requests.request(method, url, headers=headers, timeout=self.timeout, allow_redirects=False, **more)

    def get(self, path: str, **query: Json) -> Json:
        """Return the data of a GET."""
        return self.send("GET", path, params=query).json()["data"]

    def trigger(self, job_id: int = 0, **fields: Json) -> Json:
        """Start a run and return it."""
        answer = self.send("POST", f"jobs/{job_id or self.cloud.job_id}/run/", json={"cause": "a test", **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def client_of() -> Callable[[Emulator], Client]:
    """Return how a test gets a client for an emulator of its own."""
    return Client


@pytest.fixture
def client() -> Json:
    """Return a client of an emulator in which every run succeeds at once."""
    with Emulator() as cloud:
        yield Client(cloud)


@pytest.fixture
def serve(clock: Clock, client_of: Callable[[Emulator], Client]) -> Iterator[Callable[..., Client]]:
    """Return how to serve an emulator on the test's clock."""
    clouds: list[Emulator] = []

    def begin(runner: Json = None, **options: Json) -> Client:
        clouds.append(Emulator(runner, now=clock.now, **options).start())
        return client_of(clouds[-1])

    yield begin
    for cloud in clouds:
        cloud.stop()
