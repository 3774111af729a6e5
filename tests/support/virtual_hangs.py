"""Servers that do not answer, without waiting for real: the client's time limit passes on the test's clock.

The emulator's faults `hang` and `late` keep a request waiting for real seconds. While `virtual_hangs` is in force the
server says at once how long it would be silent, and the client's side, below `requests`, does what would happen by
then: its own read time-out passes on the clock and is raised, or, if the server hangs up earlier, a reset connection.
Real time-outs on real sockets have tests of their own (`test_slow_answers.py`, `test_signal_to_real_process.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from urllib3.connection import HTTPConnection
from urllib3.response import HTTPResponse
from werkzeug.wrappers import Response

from emulator import mishaps
from emulator.faults import Kind
from emulator.mishaps import Scene
from tests.support.clock import FakeClock

SILENCE = "Emulator-Silent-For-Seconds"


@contextmanager
def virtual_hangs(clock: FakeClock) -> Iterator[None]:
    """Let `hang` and `late` take their seconds on `clock`; for every emulator and client of this process."""

    def hang(scene: Scene) -> Response:
        return _silence(scene.params["seconds"])

    def late(scene: Scene) -> Response:
        clock.schedule(scene.params["seconds"], scene.work)
        return _silence(scene.params["seconds"])

    getresponse = HTTPConnection.getresponse

    def getresponse_or_time_out(connection: HTTPConnection) -> HTTPResponse:
        response = getresponse(connection)
        silence = response.headers.get(SILENCE)
        if silence is None:
            return response
        response.close()
        seconds, limit = float(silence), _read_timeout(connection)
        clock.advance(min(seconds, limit))
        if seconds < limit:
            message = "reset by the server after its silence"
            raise ConnectionResetError(message)
        message = "timed out"
        raise TimeoutError(message)

    faults: dict[Any, Any] = {Kind.HANG: hang, Kind.LATE: late}
    with (
        mock.patch.dict(mishaps.MISHAPS, faults),
        mock.patch.object(HTTPConnection, "getresponse", getresponse_or_time_out),
    ):
        yield


def _silence(seconds: float) -> Response:
    return Response(status=599, headers={SILENCE: str(seconds)})


def _read_timeout(connection: HTTPConnection) -> float:
    # urllib3 sets it on the connection before it reads the answer.
    assert isinstance(connection.timeout, int | float), "a request without a time limit"
    return connection.timeout
