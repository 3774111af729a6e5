"""Each fault as a client sees it over a real connection, and whether the request was handled."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import requests

from emulator import Emulator
from emulator.faults import FaultKind, UnknownFaultError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.emulator.conftest import Client

RESET = requests.exceptions.ConnectionError
LATE = requests.exceptions.ReadTimeout


@pytest.mark.parametrize(
    "fault, error, handled",
    [
        ({"kind": "reset"}, RESET, 0),
        ({"kind": "hang", "seconds": 30}, LATE, 0),
        ({"kind": "hang", "seconds": 0}, RESET, 0),
        ({"kind": "lose"}, RESET, 1),
        ({"kind": "slow", "seconds": 30}, LATE, 1),
        ({"kind": "late", "seconds": 30}, LATE, 0),
        ({"kind": "late", "seconds": 0}, RESET, 1),
        ({"kind": "truncate"}, requests.exceptions.ChunkedEncodingError, 1),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
def test_fault__breaks_the_connection(
    client_of: Callable[[Emulator], Client], fault: dict[str, Any], error: type[Exception], handled: int
) -> None:
    with Emulator() as cloud:
        cloud.faults.add(method="POST", path=r"/run/$", **fault)
        client = client_of(cloud)
        short_client = replace(client, timeout=0.3)

        with pytest.raises(error):
            short_client.send("POST", f"jobs/{cloud.job_id}/run/", json={"cause": "x"})

        assert handled == len(cloud.runs)
        assert [rule.hits for rule in cloud.faults.rules] == [1]
        assert client.trigger()["status"] == 1


def test_fault__late_request_is_handled_after_the_client_has_gone(client: Client) -> None:
    client.cloud.faults.add(kind="late", method="POST", seconds=0.4)
    with pytest.raises(LATE):
        replace(client, timeout=0.2).send("POST", f"jobs/{client.cloud.job_id}/run/", json={"cause": "x"})
    before = len(client.cloud.runs)

    limit = time.monotonic() + 5
    while not client.cloud.runs and time.monotonic() < limit:
        time.sleep(0.01)

    assert (before, len(client.cloud.runs)) == (0, 1)


@pytest.mark.parametrize(
    "fault, code, text, handled",
    [
        ({"kind": "status"}, 500, "", 0),
        ({"kind": "status", "code": 503, "body": "busy"}, 503, "busy", 0),
        ({"kind": "status", "code": 429, "body": {"detail": "slow"}}, 429, '{"detail": "slow"}', 0),
        ({"kind": "html"}, 502, "<!doctype html>", 0),
        ({"kind": "html", "code": 200, "do": True}, 200, "<!doctype html>", 1),
        ({"kind": "empty"}, 200, "", 1),
        ({"kind": "empty", "do": False}, 200, "", 0),
        ({"kind": "slow", "seconds": 0}, 200, '{"status"', 1),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
def test_fault__changes_the_answer(client: Client, fault: dict[str, Any], code: int, text: str, handled: int) -> None:
    client.cloud.faults.add(**fault)

    answer = client.send("POST", f"jobs/{client.cloud.job_id}/run/", json={"cause": "x"})

    assert (code, text) == (answer.status_code, answer.text[: len(text)])
    assert (text == "") == (answer.text == "")
    assert handled == len(client.cloud.runs)


def test_fault__status_has_headers(client: Client) -> None:
    client.cloud.faults.add(kind="status", code=429, headers={"Retry-After": "7"})

    assert client.send("GET", "runs/").headers["Retry-After"] == "7"


def test_fault__hits_requests_by_method_and_path_after_some_and_so_many_times(client: Client) -> None:
    client.cloud.faults.add(kind="status", code=503, method="GET", path="/runs/", after=1, times=2)

    codes = [client.send("GET", path).status_code for path in ("runs/", "jobs/", "runs/", "runs/", "runs/")]

    assert codes == [200, 200, 503, 503, 200]


def test_fault__every_kind_is_tested() -> None:
    tables = [
        mark.args[1]
        for test in (test_fault__breaks_the_connection, test_fault__changes_the_answer)
        for mark in test.pytestmark
    ]

    assert {kind.value for kind in FaultKind} == {row[0]["kind"] for table in tables for row in table}


@pytest.mark.parametrize("fault", [{"kind": "no"}, {"kind": "reset", "code": 1}, {"kind": "reset", "path": "("}])
def test_fault__invalid_one_is_refused(fault: dict[str, Any]) -> None:
    with Emulator() as cloud:
        with pytest.raises(UnknownFaultError):
            cloud.faults.add(**fault)
        answer = requests.post(f"{cloud.url}/_emulator/faults", json=fault, timeout=5)

    assert answer.status_code == 400


def test_control__adds_lists_and_removes_faults_by_http(client: Client) -> None:
    url = f"{client.cloud.url}/_emulator/faults"

    added = requests.post(url, json={"kind": "status", "code": 503}, timeout=5)
    hit = client.send("GET", "runs/").status_code
    listed = requests.get(url, timeout=5).json()["faults"]
    removed = requests.delete(url, timeout=5).json()["faults"]

    assert (added.status_code, hit, listed[0]["hits"], removed) == (201, 503, 1, [])
    assert [request.method for request in client.cloud.requests] == ["GET"]


def test_requests__are_recorded_as_they_were_sent(client: Client) -> None:
    client.send("POST", "jobs/1/run/", params={"a": "1"}, json={"cause": "é"})

    request = client.cloud.requests[0]

    assert (request.method, dict(request.query), request.json) == ("POST", {"a": "1"}, {"cause": "é"})
    assert request.path.endswith("/jobs/1/run/")
    assert request.headers["Authorization"] == f"Token {client.cloud.token}"
    assert b"cause" in request.body


def test_stop__does_not_wait_for_hanging_requests(client_of: Callable[[Emulator], Client]) -> None:
    cloud = Emulator().start()
    cloud.faults.add(kind="hang", seconds=600)
    with pytest.raises(LATE):
        replace(client_of(cloud), timeout=0.2).send("GET", "runs/")

    begin = time.monotonic()
    cloud.stop()

    assert time.monotonic() - begin < 1


def test_server__serves_a_hundred_clients_at_once(client: Client) -> None:
    long_client = replace(client, timeout=20)
    with ThreadPoolExecutor(100) as pool:
        runs = list(pool.map(lambda _: long_client.trigger()["id"], range(100)))

    assert len(set(runs)) == 100
