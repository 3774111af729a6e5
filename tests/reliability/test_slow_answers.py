"""Servers that never quite stop answering: a time-out for each wait is not enough against a byte now and then."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from dbt_action.clock import SystemClock
from dbt_action.dbt_cloud.session import Session
from dbt_action.errors import CloudError
from dbt_action.timeouts import HttpTimeouts

READ = 0.3


@contextmanager
def dripping(head: bytes, drops: bytes) -> Iterator[str]:
    """A server that sends `head` at once and then `drops`, one byte each tenth of a second, for ever."""
    over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with closing(connection):
            connection.recv(65536)
            connection.sendall(head)
            # The client hangs up.
            with suppress(OSError):
                while not over.wait(0.1):
                    connection.sendall(drops)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        over.set()
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
def test_answer__that_drips_is_given_up(head: bytes) -> None:
    began = time.monotonic()
    with (
        dripping(head, b" ") as url,
        closing(
            Session(url, "token", clock=SystemClock(), http_timeouts=HttpTimeouts(connect_seconds=1, read_seconds=READ))
        ) as session,
    ):
        with pytest.raises(CloudError) as caught:
            session.get_json("/api/v2/x/")

        assert time.monotonic() - began < 10 * READ
    assert caught.value.transient
