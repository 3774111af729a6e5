"""JSON over HTTP for hosts of code, in bounded time, and every trouble as one exception; no host's words are here."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests
import urllib3

from dbt_action import __version__, http_limits, text, timeouts
from dbt_action.clock import Clock

# Answers that say for sure that nothing was done, and that it may be tried again.
_REFUSED_FOR_NOW = frozenset({409, 429})
# With them and everything of the server's or a proxy's own (5xx, also 520 and the like) another try may help;
# everything else of a 4xx will be the same next time.
_PASSING = _REFUSED_FOR_NOW | {408}
_TRIES = 3
_SIGN_IN, _REDIRECT, _FAILED, _BROKEN = 203, 300, 400, 500
# No page of comments is larger.
_MAX_BYTES = 64 * 1024 * 1024


# JSON.
Body = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class HostError(Exception):
    """No usable answer: `status` 0 is no answer at all; `transient` says whether another try may help."""

    def __init__(
        self, status: int, message: str, *, transient: bool, wait: float = timeouts.HOST_RETRY_PAUSE_SECONDS
    ) -> None:
        """`message` is the host's own, on one line; `wait` is how long to wait before another try, in seconds."""
        super().__init__(message)
        self.status, self.message, self.transient, self.wait = status, message, transient, wait
        # Perhaps what was asked for has been done, now or by an earlier try, and only the answer is lost.
        self.ambiguous = transient and status not in _REFUSED_FOR_NOW


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer: its JSON and its headers."""

    json: Any
    headers: Mapping[str, str]

    def listed(self, name: str = "") -> list[Mapping[str, Any]]:
        """The objects of a list, or of the list under `name`. Raises HostError when there is none."""
        values = self.json.get(name) if name and isinstance(self.json, Mapping) else self.json
        if not isinstance(values, list):
            raise HostError(0, "an answer without the list that was asked for", transient=False)
        return [value for value in values if isinstance(value, Mapping)]


class Api:
    """The API of one host with one token: how often it is asked. `Http` asks; PyGithub has a class of its own."""

    def __init__(self, root: str, *, timeout: float, clock: Clock) -> None:
        """`root` is the address of the API. `timeout` is in seconds, for connecting and again for an answer."""
        self.root = root.rstrip("/")
        self.timeout, self.clock = timeout, clock

    def get(self, url: str, **query: str | int) -> Answer:
        """One look. Raises HostError."""
        return self._persist("GET", url, None, query)

    def send(self, method: str, url: str, body: Body, **query: str | int) -> Answer:
        """Write what may be written twice. Raises HostError."""
        return self._persist(method, url, body, query)

    def add(self, url: str, body: Body, **query: str | int) -> Answer:
        """Write what must not be there twice. Raises HostError, which may be ambiguous."""
        return self._persist("POST", url, body, query, once=True)

    def _persist(
        self,
        method: str,
        url: str,
        body: Body | None,
        query: Mapping[str, str | int],
        *,
        once: bool = False,
    ) -> Answer:
        """A busy host is asked again, as long as the whole stays within the time of one slow answer."""
        deadline = self.clock.now() + self.timeout
        tries, doubt = 1, False
        while True:
            try:
                return self.ask(method, url, body, query)
            except HostError as error:
                doubt = error.ambiguous = error.ambiguous or doubt
                again = error.transient and not (once and doubt) and tries < _TRIES
                if not again or self.clock.now() + error.wait > deadline:
                    raise
                pause = error.wait
            tries += 1
            self.clock.sleep(pause)

    def ask(self, method: str, url: str, body: Body | None, query: Mapping[str, str | int]) -> Answer:
        """One request, to `url` below the root or in full. Raises HostError."""
        raise NotImplementedError


class Http(Api):
    """By plain HTTP."""

    def __init__(
        self,
        root: str,
        headers: Mapping[str, str],
        *,
        timeout: float,
        clock: Clock,
        basic: tuple[str, str] | None = None,
        proxy: str = "",
    ) -> None:
        """`proxy` is for plain HTTP. Nothing is sent here."""
        super().__init__(root, timeout=timeout, clock=clock)
        headers = {"User-Agent": f"dbt-cloud-run-action/{__version__}", "Accept": "application/json", **headers}
        self._auth = _Authorization(headers, basic)
        self._proxies = {"http": proxy} if proxy else None

    def ask(self, method: str, url: str, body: Body | None, query: Mapping[str, str | int]) -> Answer:
        """One request. Raises HostError."""
        address = url if url.startswith(f"{self.root}/") else f"{self.root}/{url.lstrip('/')}"
        more = {"json": body, "params": query, "auth": self._auth, "proxies": self._proxies}
        return answer(*fetch(method, address, timeout=self.timeout, clock=self.clock, **more))


def fetch(
    method: str,
    address: str,
    *,
    timeout: float,
    clock: Clock,
    **more: Any,  # noqa: ANN401 - those of requests
) -> tuple[int, Mapping[str, str], bytes]:
    """Status, headers (in letters of any case) and body of the answer, as it is. Raises HostError."""
    try:
        with (
            http_limits.Session() as session,
            session.request(
                method, address, timeout=(timeout, timeout), allow_redirects=False, stream=True, **more
            ) as response,
        ):
            body = http_limits.read(response, clock=clock, patience=timeout, most=_MAX_BYTES)
            return response.status_code, response.headers, body
    except http_limits.EndlessError:
        raise HostError(0, "an endless answer", transient=True, wait=math.inf) from None
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
        # Waiting for it has taken all the time there is.
        slow = isinstance(error, requests.exceptions.Timeout | urllib3.exceptions.TimeoutError)
        wait = math.inf if slow else timeouts.HOST_RETRY_PAUSE_SECONDS
        raise HostError(0, type(error).__name__, transient=True, wait=wait) from None
    except OSError as error:
        # Of certificates that are not where REQUESTS_CA_BUNDLE says.
        raise HostError(0, str(error), transient=False) from None


class _Authorization(requests.auth.AuthBase):
    """As an object, so that a ~/.netrc cannot replace the headers."""

    def __init__(self, headers: Mapping[str, str], basic: tuple[str, str] | None) -> None:
        self._headers = headers
        self._basic = requests.auth.HTTPBasicAuth(*basic) if basic else None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return self._basic(request) if self._basic else request


def answer(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """What came, if it is an answer of the API. Raises HostError."""
    try:
        read = json.loads(body) if body else None
    except (ValueError, RecursionError):
        read = None
        # A page, of a proxy for one.
        if status < _REDIRECT and status != _SIGN_IN:
            raise HostError(status, "a page instead of an answer", transient=True) from None
    if status >= _FAILED:
        told = headers.get("Retry-After", "")
        # A date is later than soon.
        wait = (
            max(timeouts.HOST_RETRY_PAUSE_SECONDS, float(told))
            if told.isdecimal()
            else math.inf
            if told
            else timeouts.HOST_RETRY_PAUSE_SECONDS
        )
        raise HostError(status, _words(read), transient=status in _PASSING or status >= _BROKEN, wait=wait)
    if status >= _REDIRECT:
        raise HostError(status, "a redirect instead of an answer", transient=False)
    if status == _SIGN_IN:
        # So Azure answers a bad token, if not by a redirect to that page.
        raise HostError(status, "a page to sign in instead of an answer", transient=False)
    return Answer(read, headers)


def _words(body: object) -> str:
    """The words of a refusal: GitLab and Azure say `message`, Bitbucket `error.message`."""
    if not isinstance(body, Mapping):
        return ""
    error = body.get("error")
    words = error.get("message") if isinstance(error, Mapping) else body.get("message") or error
    return text.cut(text.one_line(str(words or "")), 200)
