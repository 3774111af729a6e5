"""HTTP to dbt Cloud: what is sent, which redirects are followed, time limits, and each failure as a CloudError."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import requests
import requests_mock
import urllib3

from dbt_action import __version__
from dbt_action.clock import SystemClock
from dbt_action.dbt_cloud import session
from dbt_action.dbt_cloud.session import ApiSession
from dbt_action.errors import (
    CloudError,
    Malformed,
    Misdirected,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from dbt_action.timeouts import HttpTimeouts
from emulator import Emulator

TOKEN = "dbtc_Sup3r/S3cret=="
SHORT = HttpTimeouts(connect_seconds=0.3, read_seconds=0.3)


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    with Emulator(token=TOKEN) as server:
        yield server


@contextmanager
def session_to(
    url: str,
    http_timeouts: HttpTimeouts = HttpTimeouts(connect_seconds=5.0, read_seconds=5.0),  # noqa: B008
) -> Iterator[ApiSession]:
    made = ApiSession(url, TOKEN, clock=SystemClock(), http_timeouts=http_timeouts)
    yield made
    made.close()


@pytest.fixture
def http(cloud: Emulator) -> Iterator[ApiSession]:
    with session_to(cloud.url) as made:
        yield made


def jobs(cloud: Emulator) -> str:
    return f"/api/v2/accounts/{cloud.account_id}/jobs/{cloud.job_id}/"


def test_get__answers_the_data(cloud: Emulator, http: ApiSession) -> None:
    assert cloud.job_id == http.get_json(jobs(cloud))["id"]


def test_post__sends_json(cloud: Emulator, http: ApiSession) -> None:
    http.post_json(f"{jobs(cloud)}run/", {"cause": "ü", "threads_override": 4})

    (asked,) = cloud.requests
    assert "application/json" == asked.headers["Content-Type"]
    assert {"cause": "ü", "threads_override": 4} == asked.json


def test_headers__have_token_version_and_format(cloud: Emulator, http: ApiSession) -> None:
    http.get_json(jobs(cloud))
    http.post_json(f"{jobs(cloud)}run/", {"cause": "x"})

    for asked in cloud.requests:
        assert f"Token {TOKEN}" == asked.headers["Authorization"]
        assert f"dbt-cloud-run-action/{__version__}" == asked.headers["User-Agent"]
        assert "application/json" == asked.headers["Accept"]


def test_netrc__does_not_replace_the_token(
    cloud: Emulator, http: ApiSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password other\ndefault login any password one\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    http.get_json(jobs(cloud))

    assert f"Token {TOKEN}" == cloud.requests[0].headers["Authorization"]


def test_post__is_never_redirected(cloud: Emulator, http: ApiSession) -> None:
    for code in (301, 302, 303, 307, 308):
        for target in (f"{cloud.url}/elsewhere/", "https://elsewhere.example/"):
            before = len(cloud.requests)
            cloud.faults.add(kind="status", code=code, headers={"Location": target})

            with pytest.raises(Misdirected) as raised:
                http.post_json(f"{jobs(cloud)}run/", {"cause": "x"})

            assert target in raised.value.message, code
            assert 1 == len(cloud.requests) - before, (code, target)
            assert not raised.value.transient, (code, target)


def test_get__follows_redirects_on_the_same_host(cloud: Emulator, http: ApiSession) -> None:
    for code in (301, 302, 303, 307, 308):
        cloud.faults.add(kind="status", code=code, headers={"Location": jobs(cloud)})

        assert cloud.job_id == http.get_json("/api/v2/old/")["id"], code
    assert {f"Token {TOKEN}"} == {asked.headers["Authorization"] for asked in cloud.requests}


def test_get__never_follows_to_another_host(cloud: Emulator, http: ApiSession) -> None:
    """Neither the request nor the token leaves the host that the user has named."""
    with Emulator(token=TOKEN) as other:
        cloud.faults.add(kind="status", code=302, headers={"Location": f"{other.url}{jobs(other)}"})

        with pytest.raises(Misdirected):
            http.get_json(jobs(cloud))

        assert () == other.requests


def test_get__follows_only_within_the_same_scheme_host_and_port(cloud: Emulator, http: ApiSession) -> None:
    port = cloud.url.rpartition(":")[2]
    for location in (
        "//elsewhere.example/x",
        "http://127.0.0.1/x",
        "http://localhost:1/x",
        f"https://127.0.0.1:{port}/x",
        f"http://user:word@127.0.0.1:{port}/x",
        f"http://127.0.0.1:{port}@elsewhere.example/x",
        "http:\\\\elsewhere.example",
        f"ftp://127.0.0.1:{port}/x",
        "file:///etc/passwd",
    ):
        cloud.faults.add(kind="status", code=302, headers={"Location": location})

        with pytest.raises(CloudError) as raised:
            http.get_json(jobs(cloud))

        assert not raised.value.unsent, location
    assert {cloud.url.removeprefix("http://")} == {asked.headers["Host"] for asked in cloud.requests}


def test_get__gives_up_redirects_in_a_circle(cloud: Emulator, http: ApiSession) -> None:
    cloud.faults.add(kind="status", code=302, headers={"Location": jobs(cloud)}, times=None)

    with pytest.raises(Misdirected):
        http.get_json(jobs(cloud))
    assert len(cloud.requests) <= 5


@pytest.mark.parametrize(
    "fault, kind",
    [
        pytest.param({"kind": "reset"}, Unavailable, id="reset"),
        pytest.param({"kind": "lose"}, Unavailable, id="answer lost"),
        pytest.param({"kind": "truncate"}, Unavailable, id="half an answer"),
        pytest.param({"kind": "empty"}, Malformed, id="no body"),
        pytest.param({"kind": "html", "code": 200}, Malformed, id="a page with 200"),
        pytest.param({"kind": "html", "code": 502}, Unavailable, id="a page with 502"),
        pytest.param({"kind": "status", "code": 500}, Unavailable, id="500"),
        pytest.param({"kind": "status", "code": 429}, RateLimited, id="429"),
        pytest.param({"kind": "status", "code": 400, "body": {}}, Rejected, id="400"),
        pytest.param({"kind": "status", "code": 200, "body": "no JSON"}, Malformed, id="text"),
        pytest.param({"kind": "status", "code": 200, "body": "[]"}, Malformed, id="a list"),
        pytest.param({"kind": "status", "code": 200, "body": {"status": {}}}, Malformed, id="no data"),
        pytest.param({"kind": "status", "code": 200, "body": "[" * 100_000}, Malformed, id="too deep"),
        pytest.param({"kind": "status", "code": 200, "body": b"\xff\xfe{"}, Malformed, id="no text"),
        pytest.param({"kind": "status", "code": 204}, Malformed, id="204"),
    ],
)
def test_failure__is_one_request_and_a_cloud_error(
    cloud: Emulator, http: ApiSession, fault: dict[str, Any], kind: type[CloudError]
) -> None:
    """Whether a request is repeated is not decided by the session."""
    cloud.faults.add(times=2, **fault)

    for number, call in enumerate((http.get_json, http.post_json), 1):
        with pytest.raises(kind) as raised:
            call(jobs(cloud))

        assert number == len(cloud.requests), call
        # Only a rate limit and a missing connection may be taken for "dbt Cloud has not accepted it".
        assert raised.value.unsent is (kind is RateLimited), call
        assert cloud.url.removeprefix("http://") in raised.value.message, call


def test_wrong_token__is_unauthorized(cloud: Emulator) -> None:
    other = ApiSession(cloud.url, "dbtc_other", clock=SystemClock(), http_timeouts=HttpTimeouts())

    with pytest.raises(Unauthorized):
        other.get_json(jobs(cloud))
    other.close()


@pytest.mark.parametrize("method", ["get_json", "post_json"])
def test_hanging_server__is_given_up_on(cloud: Emulator, method: str) -> None:
    cloud.faults.add(kind="hang")

    began = time.monotonic()
    with session_to(cloud.url, SHORT) as http, pytest.raises(Unavailable) as raised:
        getattr(http, method)(jobs(cloud))

    assert time.monotonic() - began < 2
    assert not raised.value.unsent


def test_limit_timeouts__shortens_later_requests(cloud: Emulator, http: ApiSession) -> None:
    cloud.faults.add(kind="hang")
    http.limit_timeouts(0.2)

    began = time.monotonic()
    with pytest.raises(Unavailable):
        http.get_json(jobs(cloud))
    assert time.monotonic() - began < 2


def test_no_server__nothing_was_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with (
            session_to(f"http://127.0.0.1:{taken.getsockname()[1]}") as http,
            pytest.raises(Unreachable) as raised,
        ):
            http.post_json("/api/v2/", {})

    assert raised.value.unsent


def test_no_such_host__nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_args: object, **_more: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with session_to("https://nowhere.invalid") as http, pytest.raises(Unreachable) as raised:
        http.post_json("/api/v2/", {})
    assert raised.value.unsent
    assert "nowhere.invalid" in raised.value.message


@contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads one request and gives the connection to `answer`."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            try:
                answer(connection)
            except OSError:
                # The client has closed the connection.
                return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        thread.join(10)
        listener.close()
    assert not thread.is_alive()


def test_slow_answer__is_given_up() -> None:
    """Each byte arrives within the time limit of a read; the whole answer has a limit of its own."""

    def send_slowly(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b" ")
            time.sleep(0.05)

    began = time.monotonic()
    with raw_server(send_slowly) as url, session_to(url, SHORT) as http, pytest.raises(Unavailable):
        http.get_json("/")
    assert time.monotonic() - began < 2


def test_endless_answer__is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MAX_JSON_BYTES", 1_000_000)
    compressed = gzip.compress(b" " * 50_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(compressed)}\r\n\r\n"

    with (
        raw_server(lambda connection: connection.sendall(head.encode() + compressed)) as url,
        session_to(url) as http,
        pytest.raises(Unavailable),
    ):
        http.get_json("/")


def test_compressed_answer__is_read() -> None:
    compressed = gzip.compress(b'{"data": {"id": 5}}')
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(compressed)}\r\n\r\n"

    with (
        raw_server(lambda connection: connection.sendall(head.encode() + compressed)) as url,
        session_to(url) as http,
    ):
        assert {"id": 5} == http.get_json("/")


def test_answer_in_chunks__is_read() -> None:
    body = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"data":\r\n3\r\n 5}\r\n0\r\n\r\n'

    with raw_server(lambda connection: connection.sendall(body)) as url, session_to(url) as http:
        assert 5 == http.get_json("/")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="broken chunks"),
        pytest.param(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"da', id="chunks cut off"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", id="no gzip"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}", id="no length"),
        pytest.param(b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", id="no status"),
        pytest.param(b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n", id="no address"),
        pytest.param(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", id="redirect to nowhere"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", id="too many headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", id="long header"),
    ],
)
def test_broken_answer__is_a_cloud_error(answer: bytes) -> None:
    for method in ("get_json", "post_json"):
        with raw_server(lambda connection: connection.sendall(answer)) as url, session_to(url, SHORT) as http:
            with pytest.raises(CloudError) as raised:
                getattr(http, method)("/")
            assert not raised.value.unsent, method


EXCEPTIONS = sorted(
    {
        kind
        for kind in vars(requests.exceptions).values()
        if isinstance(kind, type) and issubclass(kind, requests.exceptions.RequestException)
    },
    key=lambda kind: kind.__name__,
)
POOL = urllib3.HTTPSConnectionPool("ab123.us1.dbt.com")
RAISED: list[tuple[str, requests.exceptions.RequestException, type[CloudError]]] = [
    (
        "no connection in time",
        requests.exceptions.ConnectTimeout(
            urllib3.exceptions.MaxRetryError(POOL, "/", urllib3.exceptions.ConnectTimeoutError("x"))
        ),
        Unreachable,
    ),
    (
        "certificate",
        requests.exceptions.SSLError(
            urllib3.exceptions.MaxRetryError(
                POOL, "/", urllib3.exceptions.SSLError(ssl.SSLCertVerificationError(1, "self-signed"))
            )
        ),
        Unreachable,
    ),
    (
        "proxy",
        requests.exceptions.ProxyError(
            urllib3.exceptions.MaxRetryError(POOL, "/", urllib3.exceptions.ProxyError("x", OSError("refused")))
        ),
        Unreachable,
    ),
    ("no answer in time", requests.exceptions.ReadTimeout(f"with {TOKEN}"), Unavailable),
    (
        "dropped",
        requests.exceptions.ConnectionError(
            urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset"))
        ),
        Unavailable,
    ),
    ("cut off", requests.exceptions.ChunkedEncodingError(f"with {TOKEN}"), Unavailable),
    *[
        (f"bare {kind.__name__}", kind(f"with {TOKEN}"), CloudError)
        for kind in EXCEPTIONS
        if kind.__name__ != "JSONDecodeError"
    ],
]


def test_exception_of_the_library__is_a_cloud_error_without_its_text() -> None:
    """Its text may have the address and the token."""
    for name, error, kind in RAISED:
        for method in ("get_json", "post_json"):
            with requests_mock.Mocker() as mock, session_to("https://ab123.us1.dbt.com") as http:
                mock.register_uri(requests_mock.ANY, requests_mock.ANY, exc=error)
                with pytest.raises(CloudError) as raised:
                    getattr(http, method)("/")

            assert isinstance(raised.value, kind), (name, method)
            assert TOKEN not in raised.value.explanation, (name, method)
            assert raised.value.__cause__ is None, (name, method)
            assert raised.value.__suppress_context__, (name, method)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(json.dumps({"status": {"code": 400, "user_message": f"bad {TOKEN}"}}), id="message"),
        pytest.param(json.dumps({"detail": f"bad {TOKEN}"}).replace("/", "\\/"), id="escaped"),
        pytest.param(json.dumps({"status": {}, "data": {TOKEN: f"x {TOKEN}"}}), id="field"),
        pytest.param(f"bad {TOKEN}", id="text"),
    ],
)
def test_token_in_an_answer__is_not_in_the_error(cloud: Emulator, http: ApiSession, body: str) -> None:
    for code in (400, 401, 403, 404, 405, 422, 429, 500, 503):
        cloud.faults.add(kind="status", code=code, body=body)

        with pytest.raises(CloudError) as raised:
            http.get_json(jobs(cloud))
        assert TOKEN not in raised.value.explanation + repr(raised.value), code


def test_token__is_not_in_the_representation(http: ApiSession) -> None:
    assert TOKEN not in repr(http)


@pytest.mark.parametrize("proxied", [False, True])
def test_request__takes_no_lock_that_a_signal_could_leave_taken(
    cloud: Emulator, monkeypatch: pytest.MonkeyPatch, *, proxied: bool
) -> None:
    """An exception right after `Condition.__enter__` has taken the lock of a queue would leave it taken for ever."""
    # As a proxy the emulator answers requests for any host.
    url = "http://localhost:9" if proxied else cloud.url
    if proxied:
        monkeypatch.setenv("http_proxy", cloud.url)
        monkeypatch.setenv("no_proxy", "")
    taken: list[str] = []

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code is threading.Condition.__enter__.__code__:
            taken.append(str(frame.f_back))

    with session_to(url) as http:
        sys.setprofile(note)
        try:
            for _ in range(2):
                http.get_json(f"/api/v2/accounts/{cloud.account_id}/jobs/{cloud.job_id}/")
        finally:
            sys.setprofile(None)

    assert 2 == len(cloud.requests)
    assert [] == taken
