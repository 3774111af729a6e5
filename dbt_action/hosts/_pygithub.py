"""GitHub's API through PyGithub, in bounded time, and every trouble as a HostError; what is asked is not decided here.

To be imported late, hence the underscore: the library takes time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import github

from dbt_action.clock import Clock
from dbt_action.hosts.transport import Answer, Api, Body, HostError, answer, fetch

_FORBIDDEN, _LIMITED = 403, 429


class PyGithub(Api):
    """The API with one token."""

    def __init__(self, root: str, token: str, *, timeout: float, clock: Clock) -> None:
        """`root` may have a path, as on GitHub Enterprise Server (`/api/v3`). Nothing is sent here."""
        super().__init__(root, timeout=timeout, clock=clock)
        # Left to itself PyGithub asks for the repository and the commit first, and sleeps up to an hour when
        # GitHub asks for patience.
        self._requester = github.Github(
            base_url=root,
            auth=github.Auth.Token(token),
            lazy=True,
            retry=None,
            seconds_between_requests=0,
            seconds_between_writes=0,
            user_agent="dbt-cloud-run-action",
        ).requester

    def ask(self, method: str, url: str, body: Body | None, query: Mapping[str, str | int]) -> Answer:
        """One request. Raises HostError."""
        line = cast("Any", _Line(self.root, self.timeout, self.clock))
        try:
            self._requester.requestJson(method, f"/{url}", dict(query), input=body, cnx=line)
            return answer(*line.answer)
        except HostError as error:
            # GitHub says 403 for its rate limits too. Asking again at once makes it worse.
            asked_to_wait = "Retry-After" in line.answer[1] or "rate limit" in error.message.lower()
            if error.status == _FORBIDDEN and asked_to_wait:
                raise HostError(_LIMITED, error.message, transient=True, wait=math.inf) from None
            raise


class _Line:
    """What PyGithub sends its requests by: in bounded time, and every answer is an answer.

    Its own would follow redirects without their query, wait and ask again after a 202, and read for as long as a
    body takes (seen in `Requester.py`).
    """

    def __init__(self, root: str, timeout: float, clock: Clock) -> None:
        parts = urlsplit(root)
        self._server = f"{parts.scheme}://{parts.netloc}"
        self._timeout, self._clock = timeout, clock
        self._asked: dict[str, Any] = {}
        self.answer: tuple[int, Mapping[str, str], bytes] = (0, {}, b"")

    def request(self, verb: str, url: str, body: str | None, headers: Mapping[str, str], _stream: object) -> None:
        """`url` is a path with its query."""
        address = f"{self._server}{url}"
        # Or a ~/.netrc would replace the token.
        self._asked = {"method": verb, "address": address, "data": body, "headers": headers, "auth": lambda it: it}

    def getresponse(self) -> _Response:
        """Raises HostError."""
        self.answer = fetch(**self._asked, timeout=self._timeout, clock=self._clock)
        return _Response()

    def close(self) -> None:
        """Nothing is left open."""


@dataclass(frozen=True)
class _Response:
    """All that PyGithub gets to see, so that it does nothing about it."""

    status: int = 200

    def getheaders(self) -> list[tuple[str, str]]:
        """None."""
        return []

    def read(self) -> str:
        """Nothing."""
        return ""
