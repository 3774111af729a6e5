"""GitHub's API through PyGithub, in bounded time, and every trouble as a HostError; what is asked is not decided here.

To be imported late, hence the underscore: the library takes time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import github
import requests

from dbt_action import text
from dbt_action.clock import Clock
from dbt_action.hosts.api import Answer, Api, HostError

_LIMITED, _BROKEN, _TIMEOUT = 429, 500, 408


class PyGithub(Api):
    """The API with one token."""

    def __init__(self, root: str, token: str, *, timeout: int, clock: Clock) -> None:
        """`root` may have a path, as on GitHub Enterprise Server (`/api/v3`). Nothing is sent here."""
        super().__init__(root, timeout=timeout, clock=clock)
        # Left to itself PyGithub asks for the repository and the commit first, and sleeps up to an hour when
        # GitHub asks for patience.
        self._requester = github.Github(
            base_url=root,
            auth=github.Auth.Token(token),
            lazy=True,
            retry=None,
            timeout=timeout,
            seconds_between_requests=0,
            seconds_between_writes=0,
            user_agent="dbt-cloud-run-action",
        ).requester

    def ask(self, method: str, url: str, body: Mapping[str, Any] | None, query: Mapping[str, str | int]) -> Answer:
        """One request. Raises HostError."""
        try:
            headers, answer = self._requester.requestJsonAndCheck(method, f"/{url}", dict(query), input=body)
        except github.GithubException as error:
            raise _refusal(error) from None
        except requests.exceptions.RequestException as error:
            slow = isinstance(error, requests.exceptions.Timeout)
            raise HostError(0, type(error).__name__, passing=True, slow=slow) from None
        return Answer(answer, headers)


def _refusal(error: github.GithubException) -> HostError:
    data = error.data
    words = data.get("message") if isinstance(data, dict) else None
    message = text.cut(text.one_line(str(words or "")), 200)
    # GitHub answers 403 for its rate limits too.
    limited = (
        isinstance(error, github.RateLimitExceededException)
        or "retry-after" in (error.headers or {})
        or "rate limit" in message.lower()
    )
    if limited or error.status == _LIMITED:
        # Asking again at once makes it worse.
        return HostError(_LIMITED, message, passing=True, slow=True)
    return HostError(error.status, message, passing=error.status >= _BROKEN or error.status == _TIMEOUT)
