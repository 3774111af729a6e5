"""The response to a request that is hit by a fault, for each kind of fault. `server` sends it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from werkzeug.wrappers import Response

from emulator.faults import FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PAGE = "<!doctype html>\n<title>{0}</title>\n<h1>{0}</h1>\n"


class ResetConnection(Exception):
    """The connection is to be reset instead of answered."""


@dataclass(frozen=True)
class HitRequest:
    """A request that is hit by a fault.

    `handle` does what the request asks for and returns the answer. `wait(seconds)` returns false when the server
    stops meanwhile. `params` are the parameters of the fault.
    """

    handle: Callable[[], Response]
    wait: Callable[[float], bool]
    params: Mapping[str, Any]


def _status(request: HitRequest) -> Response:
    body, code, headers = request.params["body"], request.params["code"], request.params["headers"]
    if body is None or isinstance(body, str | bytes):
        return Response(body, code, headers)
    return Response(json.dumps(body), code, headers, content_type="application/json")


def _reset(_request: HitRequest) -> NoReturn:
    raise ResetConnection


def _hang(request: HitRequest) -> NoReturn:
    request.wait(request.params["seconds"])
    raise ResetConnection


def _lose(request: HitRequest) -> NoReturn:
    request.handle()
    raise ResetConnection


def _slow(request: HitRequest) -> Response:
    answer = request.handle()
    request.wait(request.params["seconds"])
    return answer


def _late(request: HitRequest) -> NoReturn:
    if request.wait(request.params["seconds"]):
        request.handle()
    raise ResetConnection


def _html(request: HitRequest) -> Response:
    if request.params["do"]:
        request.handle()
    code = request.params["code"]
    return Response(PAGE.format(f"{code} from a proxy"), code, content_type="text/html")


def _truncate(request: HitRequest) -> Response:
    answer = request.handle()
    body = answer.get_data()
    answer.set_data(body[: len(body) // 2])
    answer.headers["Content-Length"] = str(len(body))
    return answer


def _empty(request: HitRequest) -> Response:
    if request.params["do"]:
        request.handle()
    return Response(b"", 200, content_type="application/json")


RESPONSES: Mapping[FaultKind, Callable[[HitRequest], Response]] = {
    FaultKind.STATUS: _status,
    FaultKind.RESET: _reset,
    FaultKind.HANG: _hang,
    FaultKind.LOSE: _lose,
    FaultKind.SLOW: _slow,
    FaultKind.LATE: _late,
    FaultKind.HTML: _html,
    FaultKind.TRUNCATE: _truncate,
    FaultKind.EMPTY: _empty,
}
