"""JSON over HTTP for hosts of code, in bounded time, and every trouble as one exception; no host's words are here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from dbt_action import __version__, text
from dbt_action.clock import Clock

# What a host answers when it is only busy; everything else it says of a 4xx will be the same next time.
_BUSY = frozenset({409, 429, 500, 502, 503, 504})
_TRIES = 3
_PAUSE = 0.5
_REDIRECT, _FAILED = 300, 400


class HostError(Exception):
    """No usable answer: `status` 0 is no answer at all; `passing` says whether another try may help."""

    def __init__(self, status: int, message: str, *, passing: bool) -> None:
        """`message` is the host's own, on one line."""
        super().__init__(message)
        self.status, self.message, self.passing = status, message, passing


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer: its JSON and its headers."""

    json: Any
    headers: Mapping[str, str]

    def listed(self, name: str = "") -> list[Mapping[str, Any]]:
        """The objects of a list, or of the list under `name`. Raises HostError when there is none."""
        values = self.json.get(name) if name and isinstance(self.json, Mapping) else self.json
        if not isinstance(values, list):
            raise HostError(0, "an answer without the list that was asked for", passing=False)
        return [value for value in values if isinstance(value, Mapping)]


class Api:
    """The API of one host with one token."""

    def __init__(
        self,
        root: str,
        headers: Mapping[str, str],
        *,
        timeout: float,
        clock: Clock,
        basic: tuple[str, str] | None = None,
    ) -> None:
        """`timeout` is in seconds, for connecting and again for each wait for the server."""
        self.root = root.rstrip("/")
        self._headers = {"User-Agent": f"dbt-cloud-run-action/{__version__}", "Accept": "application/json", **headers}
        self._auth = _Authorization(self._headers, basic)
        self._timeout, self._clock = timeout, clock

    def get(self, url: str, **query: str | int) -> Answer:
        """One look. Raises HostError."""
        return self._persist("GET", url, None, query)

    def send(self, method: str, url: str, body: Mapping[str, Any], **query: str | int) -> Answer:
        """Write something. Raises HostError."""
        return self._persist(method, url, body, query)

    def _persist(self, method: str, url: str, body: Mapping[str, Any] | None, query: Mapping[str, str | int]) -> Answer:
        """A busy host is asked again, as long as the whole stays within the time of one slow answer."""
        deadline = self._clock.now() + self._timeout
        tries = 1
        while True:
            try:
                return self._once(method, url, body, query)
            except HostError as error:
                if error.status not in _BUSY or tries == _TRIES or self._clock.now() + _PAUSE > deadline:
                    raise
            tries += 1
            self._clock.sleep(_PAUSE)

    def _once(self, method: str, url: str, body: Mapping[str, Any] | None, query: Mapping[str, str | int]) -> Answer:
        address = url if url.startswith(f"{self.root}/") else f"{self.root}/{url.lstrip('/')}"
        try:
            response = requests.request(
                method,
                address,
                json=body,
                params=query,
                auth=self._auth,
                timeout=(self._timeout, self._timeout),
                allow_redirects=False,
            )
        except requests.exceptions.RequestException as error:
            raise HostError(0, type(error).__name__, passing=True) from None
        status = response.status_code
        if status >= _FAILED:
            raise HostError(status, _message(response), passing=status in _BUSY)
        if status >= _REDIRECT:
            raise HostError(status, "a redirect instead of an answer", passing=False)
        try:
            return Answer(response.json() if response.content else None, response.headers)
        except ValueError:
            # Azure answers a bad token with a page to sign in, as 203 or as a redirect.
            raise HostError(status, "a page instead of an answer", passing=False) from None


class _Authorization(requests.auth.AuthBase):
    """As an object, so that a ~/.netrc cannot replace the headers."""

    def __init__(self, headers: Mapping[str, str], basic: tuple[str, str] | None) -> None:
        self._headers = headers
        self._basic = requests.auth.HTTPBasicAuth(*basic) if basic else None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return self._basic(request) if self._basic else request


def _message(response: requests.Response) -> str:
    """The words of a refusal: GitLab and Azure say `message`, Bitbucket `error.message`."""
    try:
        body = response.json()
    except ValueError:
        return ""
    if not isinstance(body, Mapping):
        return ""
    error = body.get("error")
    words = error.get("message") if isinstance(error, Mapping) else body.get("message") or error
    return text.cut(text.one_line(str(words or "")), 200)
