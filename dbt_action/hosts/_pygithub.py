"""GitHub's API through PyGithub, in bounded time, and every trouble as a HostError; what is asked is not decided here.

To be imported late, hence the underscore: the library takes time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import github
import requests

from dbt_action.clock import Clock
from dbt_action.hosts.api import Answer, Api, Body, HostError, answer

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
            timeout=math.ceil(timeout),
            seconds_between_requests=0,
            seconds_between_writes=0,
            user_agent="dbt-cloud-run-action",
        ).requester

    def ask(self, method: str, url: str, body: Body | None, query: Mapping[str, str | int]) -> Answer:
        """One request. Raises HostError."""
        try:
            status, headers, text = self._requester.requestJson(method, f"/{url}", dict(query), input=body)
        except (github.GithubException, requests.exceptions.RequestException) as error:
            slow = isinstance(error, requests.exceptions.Timeout)
            raise HostError(0, type(error).__name__, passing=True, slow=slow) from None
        try:
            return answer(status, headers, text)
        except HostError as error:
            # GitHub says 403 for its rate limits too. Asking again at once makes it worse.
            if status == _FORBIDDEN and (error.slow or "rate limit" in error.message.lower()):
                raise HostError(_LIMITED, error.message, passing=True, slow=True) from None
            raise
