"""What the tests of the emulator share: a clock that a test moves, and a small client."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
import requests

from emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


DESCRIPTION = Path(__file__).resolve().parents[3] / "shared" / "data" / "dbt-cloud-openapi-v2.yaml"
# dbt Labs' file states no licence, so it is not in the repository. Without it there is nothing to compare with.
collect_ignore = [] if DESCRIPTION.exists() else ["test_openapi_description.py"]

Json: TypeAlias = Any
"""Whatever JSON or a keyword may hold."""


class Clock:
    """Seconds since the epoch, which only `sleep` changes."""

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
        assert 200 == answer.status_code, answer.text
        return answer.json()["data"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def client_of() -> Callable[[Emulator], Client]:
    """`client_of(cloud)`: a client of that emulator."""
    return Client


@pytest.fixture
def client() -> Json:
    """A client of an emulator in which every run succeeds at once."""
    with Emulator() as cloud:
        yield Client(cloud)


@pytest.fixture
def serve(clock: Clock, client_of: Callable[[Emulator], Client]) -> Iterator[Callable[..., Client]]:
    """`serve(runner, **options)`: a client of an emulator on the test's clock."""
    clouds: list[Emulator] = []

    def made(runner: Json = None, **options: Json) -> Client:
        clouds.append(Emulator(runner, now=clock.now, **options).start())
        return client_of(clouds[-1])

    yield made
    for cloud in clouds:
        cloud.stop()
