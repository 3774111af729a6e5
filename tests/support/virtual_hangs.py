"""Servers that do not answer, without waiting for real: the client's time limit passes on the test's clock.

The emulator's faults `hang`, `late` and `slow` keep a request waiting for real seconds. While `virtual_hangs` is in
force the server says at once how long it would be silent, and the client's side, below `requests`, lets that time pass
on the clock and then does what would happen: its own read time-out if that is shorter, else a reset connection or the
answer.
Real time-outs on real sockets have tests of their own (`test_slow_answers.py`, `test_signal_to_real_process.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from urllib3.connection import HTTPConnection
from urllib3.response import HTTPResponse
from werkzeug.wrappers import Response

from emulator import fault_responses
from emulator.fault_responses import HitRequest
from emulator.faults import FaultKind
from tests.support.clock import FakeClock

SILENCE = "Emulator-Silent-For-Seconds"
# After the silence the server resets the connection.
NO_ANSWER = 599


@contextmanager
def virtual_hangs(clock: FakeClock) -> Iterator[None]:
    """Let `hang`, `late` and `slow` take their seconds on `clock`, for every emulator and client of this process."""

    def hang(request: HitRequest) -> Response:
        return _silent(Response(status=NO_ANSWER), request)

    def late(request: HitRequest) -> Response:
        clock.schedule(request.params["seconds"], request.handle)
        return _silent(Response(status=NO_ANSWER), request)

    def slow(request: HitRequest) -> Response:
        return _silent(request.handle(), request)

    getresponse = HTTPConnection.getresponse

    def getresponse_or_time_out(connection: HTTPConnection) -> HTTPResponse:
        response = getresponse(connection)
        silence = response.headers.get(SILENCE)
        if silence is None:
            return response
        try:
            _wait(clock, float(silence), limit=_read_timeout(connection), answered=response.status != NO_ANSWER)
        except BaseException:
            response.close()
            raise
        return response

    faults: dict[Any, Any] = {FaultKind.HANG: hang, FaultKind.LATE: late, FaultKind.SLOW: slow}
    with (
        mock.patch.dict(fault_responses.RESPONSES, faults),
        mock.patch.object(HTTPConnection, "getresponse", getresponse_or_time_out),
    ):
        yield


def _wait(clock: FakeClock, seconds: float, *, limit: float, answered: bool) -> None:
    if threading.current_thread() is threading.main_thread():
        clock.advance(min(seconds, limit))
    else:
        # Signals reach the main thread only; its next sleep calls what is due by then.
        clock.time += min(seconds, limit)
    if seconds >= limit:
        message = "timed out"
        raise TimeoutError(message)
    if not answered:
        message = "reset by the server after its silence"
        raise ConnectionResetError(message)


def _silent(response: Response, request: HitRequest) -> Response:
    response.headers[SILENCE] = str(request.params["seconds"])
    return response


def _read_timeout(connection: HTTPConnection) -> float:
    # urllib3 sets it on the connection before it reads the answer.
    assert isinstance(connection.timeout, int | float), "a request without a time limit"
    return connection.timeout
