"""JSON over HTTP for hosts of code, in bounded time, and every trouble as one exception; no host's words are here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from dbt_action import __version__, text
from dbt_action.clock import Clock

# Answers that say for sure that nothing was done, and that it may be tried again.
_REFUSED_FOR_NOW = frozenset({409, 429})
# With them and everything of the server's or a proxy's own (5xx, also 520 and the like) another try may help;
# everything else of a 4xx will be the same next time.
_PASSING = _REFUSED_FOR_NOW | {408}
_TRIES = 3
_PAUSE = 0.5
_SIGN_IN, _REDIRECT, _FAILED, _BROKEN = 203, 300, 400, 500


class HostError(Exception):
    """No usable answer: `status` 0 is no answer at all; `passing` says whether another try may help."""

    def __init__(self, status: int, message: str, *, passing: bool, slow: bool = False) -> None:
        """`message` is the host's own, on one line; `slow`: waiting for it has taken all the time there is."""
        super().__init__(message)
        self.status, self.message, self.passing, self.slow = status, message, passing, slow

    @property
    def ambiguous(self) -> bool:
        """Perhaps what was asked for has been done, and only its answer is lost."""
        return self.passing and self.status not in _REFUSED_FOR_NOW


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
        """Write what may be written twice. Raises HostError."""
        return self._persist(method, url, body, query)

    def add(self, url: str, body: Mapping[str, Any], **query: str | int) -> Answer:
        """Write what must not be there twice. Raises HostError, which may be ambiguous."""
        return self._persist("POST", url, body, query, once=True)

    def _persist(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str | int],
        *,
        once: bool = False,
    ) -> Answer:
        """A busy host is asked again, as long as the whole stays within the time of one slow answer."""
        deadline = self._clock.now() + self._timeout
        tries = 1
        while True:
            try:
                return self._once(method, url, body, query)
            except HostError as error:
                again = error.passing and not error.slow and not (once and error.ambiguous)
                if not again or tries == _TRIES or self._clock.now() + _PAUSE > deadline:
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
            slow = isinstance(error, requests.exceptions.Timeout)
            raise HostError(0, type(error).__name__, passing=True, slow=slow) from None
        status = response.status_code
        if status >= _FAILED:
            raise HostError(status, _message(response), passing=status in _PASSING or status >= _BROKEN)
        if status >= _REDIRECT:
            raise HostError(status, "a redirect instead of an answer", passing=False)
        if status == _SIGN_IN:
            # So Azure answers a bad token, if not by a redirect to that page.
            raise HostError(status, "a page to sign in instead of an answer", passing=False)
        try:
            return Answer(response.json() if response.content else None, response.headers)
        except ValueError:
            # Of a proxy, for one.
            raise HostError(status, "a page instead of an answer", passing=True) from None


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
