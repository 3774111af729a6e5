"""HTTP that comes to an end: no redirects, bodies bounded in size and in time; whose API it is, others know."""

from __future__ import annotations

from collections.abc import Iterator

import requests

from dbt_action.clock import Clock

_CHUNK = 256 * 1024


class EndlessError(Exception):
    """The body was larger than allowed, or took longer; `size` is what had come by then, in bytes."""

    def __init__(self, size: int) -> None:
        """Keep the size."""
        super().__init__(f"{size} bytes")
        self.size = size


class Session(requests.Session):
    """Answers are given as they are.

    Left to itself requests reads the whole body of a redirect, however long that takes, also when it is not followed.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:
        """There is none."""
        del resp


def chunks(response: requests.Response) -> Iterator[bytes]:
    """The body as it comes. Raises what urllib3 raises."""
    # `read1` hands on what is there; anything else waits until a whole chunk has come.
    while part := response.raw.read1(_CHUNK, decode_content=True):
        yield part


def read(response: requests.Response, *, clock: Clock, patience: float, most: int) -> bytes:
    """The whole body. `patience` is in seconds, `most` in bytes. Raises EndlessError, and what urllib3 raises."""
    deadline = clock.now() + patience
    parts, size = [], 0
    for part in chunks(response):
        parts.append(part)
        size += len(part)
        if size > most or clock.now() > deadline:
            raise EndlessError(size)
    return b"".join(parts)
