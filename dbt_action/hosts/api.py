"""JSON over HTTP for hosts of code, in bounded time, and every trouble as one exception; no host's words are here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests
import urllib3

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
# No page of comments is larger.
_MAX_BYTES = 64 * 1024 * 1024
_CHUNK = 256 * 1024


# JSON.
Body = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class HostError(Exception):
    """No usable answer: `status` 0 is no answer at all; `passing` says whether another try may help."""

    def __init__(self, status: int, message: str, *, passing: bool, slow: bool = False) -> None:
        """`message` is the host's own, on one line; `slow`: there is no time for another try soon."""
        super().__init__(message)
        self.status, self.message, self.passing, self.slow = status, message, passing, slow
        # Perhaps what was asked for has been done, now or by an earlier try, and only the answer is lost.
        self.ambiguous = passing and status not in _REFUSED_FOR_NOW


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
                again = error.passing and not error.slow and not (once and doubt)
                if not again or tries == _TRIES or self.clock.now() + _PAUSE > deadline:
                    raise
            tries += 1
            self.clock.sleep(_PAUSE)

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
        """One request, no redirects. Raises HostError."""
        address = url if url.startswith(f"{self.root}/") else f"{self.root}/{url.lstrip('/')}"
        try:
            with requests.request(
                method,
                address,
                json=body,
                params=query,
                auth=self._auth,
                proxies=self._proxies,
                timeout=(self.timeout, self.timeout),
                allow_redirects=False,
                stream=True,
            ) as response:
                return answer(response.status_code, response.headers, self._read(response))
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
            slow = isinstance(error, requests.exceptions.Timeout | urllib3.exceptions.TimeoutError)
            raise HostError(0, type(error).__name__, passing=True, slow=slow) from None

    def _read(self, response: requests.Response) -> bytes:
        """The body, bounded in size and in time however slowly it drips."""
        deadline = self.clock.now() + self.timeout
        body = b""
        # `read1` hands on what is there; anything else waits until a whole chunk has come.
        while part := response.raw.read1(_CHUNK, decode_content=True):
            body += part
            if len(body) > _MAX_BYTES or self.clock.now() > deadline:
                raise HostError(response.status_code, "an endless answer", passing=True, slow=True)
        return body


class _Authorization(requests.auth.AuthBase):
    """As an object, so that a ~/.netrc cannot replace the headers."""

    def __init__(self, headers: Mapping[str, str], basic: tuple[str, str] | None) -> None:
        self._headers = headers
        self._basic = requests.auth.HTTPBasicAuth(*basic) if basic else None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return self._basic(request) if self._basic else request


def answer(status: int, headers: Mapping[str, str], body: bytes | str) -> Answer:
    """What came, if it is an answer of the API. Raises HostError."""
    try:
        read = json.loads(body) if body else None
    except (ValueError, RecursionError):
        read = None
        # A page, of a proxy for one.
        if status < _REDIRECT and status != _SIGN_IN:
            raise HostError(status, "a page instead of an answer", passing=True) from None
    if status >= _FAILED:
        slow = "retry-after" in {name.lower() for name in headers}
        raise HostError(status, _words(read), passing=status in _PASSING or status >= _BROKEN, slow=slow)
    if status >= _REDIRECT:
        raise HostError(status, "a redirect instead of an answer", passing=False)
    if status == _SIGN_IN:
        # So Azure answers a bad token, if not by a redirect to that page.
        raise HostError(status, "a page to sign in instead of an answer", passing=False)
    return Answer(read, headers)


def _words(body: object) -> str:
    """The words of a refusal: GitLab and Azure say `message`, Bitbucket `error.message`."""
    if not isinstance(body, Mapping):
        return ""
    error = body.get("error")
    words = error.get("message") if isinstance(error, Mapping) else body.get("message") or error
    return text.cut(text.one_line(str(words or "")), 200)
