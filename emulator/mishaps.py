"""How each kind of fault is committed, given the work and a way to wait; sockets are left to `server.py`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from werkzeug.wrappers import Response

from emulator.faults import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PAGE = "<!doctype html>\n<title>{0}</title>\n<h1>{0}</h1>\n"


class DropConnection(Exception):
    """The connection is to be reset instead of answered."""


@dataclass(frozen=True)
class Scene:
    """What a mishap has at hand: `work` answers as usual, `wait(seconds)` is false when the server stops."""

    work: Callable[[], Response]
    wait: Callable[[float], bool]
    params: Mapping[str, Any]


def _status(scene: Scene) -> Response:
    body, code, headers = scene.params["body"], scene.params["code"], scene.params["headers"]
    if body is None or isinstance(body, str | bytes):
        return Response(body, code, headers)
    return Response(json.dumps(body), code, headers, content_type="application/json")


def _reset(_scene: Scene) -> NoReturn:
    raise DropConnection


def _hang(scene: Scene) -> NoReturn:
    scene.wait(scene.params["seconds"])
    raise DropConnection


def _lose(scene: Scene) -> NoReturn:
    scene.work()
    raise DropConnection


def _slow(scene: Scene) -> Response:
    answer = scene.work()
    scene.wait(scene.params["seconds"])
    return answer


def _late(scene: Scene) -> NoReturn:
    if scene.wait(scene.params["seconds"]):
        scene.work()
    raise DropConnection


def _html(scene: Scene) -> Response:
    if scene.params["do"]:
        scene.work()
    code = scene.params["code"]
    return Response(PAGE.format(f"{code} from a proxy"), code, content_type="text/html")


def _truncate(scene: Scene) -> Response:
    answer = scene.work()
    whole = answer.get_data()
    answer.set_data(whole[: len(whole) // 2])
    answer.headers["Content-Length"] = str(len(whole))
    return answer


def _empty(scene: Scene) -> Response:
    if scene.params["do"]:
        scene.work()
    return Response(b"", 200, content_type="application/json")


MISHAPS: Mapping[Kind, Callable[[Scene], Response]] = {
    Kind.STATUS: _status,
    Kind.RESET: _reset,
    Kind.HANG: _hang,
    Kind.LOSE: _lose,
    Kind.SLOW: _slow,
    Kind.LATE: _late,
    Kind.HTML: _html,
    Kind.TRUNCATE: _truncate,
    Kind.EMPTY: _empty,
}
