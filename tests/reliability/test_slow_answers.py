"""Servers that send a byte now and then, for ever: a time-out for each single read would never end that."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from dbt_action.clock import SystemClock
from dbt_action.dbt_cloud.session import ApiSession
from dbt_action.errors import CloudError
from dbt_action.timeouts import HttpTimeouts

READ_SECONDS = 0.2
MAX_SECONDS = 3.0
HTTP_TIMEOUTS = HttpTimeouts(connect_seconds=1, read_seconds=READ_SECONDS)


@contextmanager
def slow_server(head: bytes) -> Iterator[str]:
    """A server that sends `head` at once and then a blank every few hundredths of a second, for ever."""
    stopping = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with closing(connection):
            connection.recv(65536)
            connection.sendall(head)
            # The client closes the connection at last.
            with suppress(OSError):
                while not stopping.wait(READ_SECONDS / 10):
                    connection.sendall(b" ")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        stopping.set()
        listening.close()
        thread.join()


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[", id="no length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n[", id="a long length"),
        pytest.param(b"HTTP/1.1 500 Oh\r\nContent-Length: 100000\r\n\r\n[", id="an error"),
    ],
)
def test_answer__that_never_ends_is_given_up(head: bytes) -> None:
    started_at = time.monotonic()
    with (
        slow_server(head) as url,
        closing(ApiSession(url, "token", clock=SystemClock(), http_timeouts=HTTP_TIMEOUTS)) as session,
    ):
        with pytest.raises(CloudError) as caught:
            session.get_json("/api/v2/x/")

        assert MAX_SECONDS > time.monotonic() - started_at
    assert caught.value.transient
