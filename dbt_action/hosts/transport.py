"""JSON over HTTP for code hosts: time limits, retries, and every failure as a HostError; not of one host only."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import requests

from dbt_action import __version__, http_limits, text, timeouts
from dbt_action.clock import Clock
from dbt_action.http_limits import FailureKind

T = TypeVar("T")

# The answer says for sure that nothing was done, and another try may help.
_NOT_DONE = frozenset({409, 429})
# Another try may help also with these and with all 5xx (proxies have their own, such as 520); the answer to any other
# 4xx will be the same next time.
_TRANSIENT = _NOT_DONE | {408}
_MAX_TRIES = 3
_SIGN_IN, _REDIRECT, _REFUSED, _SERVER_ERROR = 203, 300, 400, 500
# No page of comments is larger.
_MAX_BYTES = 64 * 1024 * 1024
_MAX_REASON = 200


# JSON.
Body = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class HostError(Exception):
    """A request to a code host without a usable answer.

    `status` is that of the answer, 0 when there was none. `message` is the reason, on one line. `transient`: another
    try may help. `wait`: how long to wait before that, in seconds; infinite when an immediate try makes no sense.
    `ambiguous`: perhaps what was asked for has been done, and only the answer is lost.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        transient: bool,
        wait: float = timeouts.HOST_RETRY_PAUSE_SECONDS,
        ambiguous: bool | None = None,
        location: str = "",
    ) -> None:
        """`ambiguous` follows from the others unless an earlier try of the same request decides it."""
        super().__init__(message)
        self.status, self.message, self.transient, self.wait = status, message, transient, wait
        # Where a redirect leads.
        self.location = location
        self.ambiguous = (transient and status not in _NOT_DONE) if ambiguous is None else ambiguous


def call_with_retries(call: Callable[[], T], *, clock: Clock, time_limit: float, once: bool = False) -> T:
    """Return the result of `call`, repeated after transient errors as long as the whole stays within `time_limit`.

    `once` is for what must not be done twice: then it is not repeated when it may have been done. Raises the last
    HostError, ambiguous if one of the tries was.
    """
    deadline = clock.now() + time_limit
    tries, ambiguous = 0, False
    while True:
        tries += 1
        try:
            return call()
        except HostError as error:
            ambiguous = ambiguous or error.ambiguous
            repeatable = error.transient and tries < _MAX_TRIES and not (once and ambiguous)
            if not repeatable or clock.now() + error.wait > deadline:
                error.ambiguous = ambiguous
                raise
            pause = error.wait
        clock.sleep(pause)


def refusal(status: int, message: str, headers: Mapping[str, str]) -> HostError:
    """Return the error for an answer with `status` >= 400."""
    wait = max(timeouts.HOST_RETRY_PAUSE_SECONDS, http_limits.retry_after_seconds(headers) or 0.0)
    return HostError(status, message, transient=status in _TRANSIENT or status >= _SERVER_ERROR, wait=wait)


def connection_error(error: Exception) -> HostError:
    """Return the error for one of `http_limits.HTTP_EXCEPTIONS`."""
    failure = http_limits.failure(error)
    if failure.kind is FailureKind.LOCAL:
        # Such as certificates that are not where REQUESTS_CA_BUNDLE says; the text has no address of the host.
        return HostError(0, str(error), transient=False)
    if failure.kind is FailureKind.TIMED_OUT:
        return timeout_error()
    return HostError(0, failure.cause, transient=True)


def timeout_error() -> HostError:
    """Return the error for an answer that did not arrive in time; the time for retries is used up by waiting for it."""
    return HostError(0, "no answer in time", transient=True, wait=math.inf)


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer: its JSON and its headers, whose names may be written in any case."""

    json: Any
    headers: Mapping[str, str]

    def objects(self, name: str = "") -> list[Mapping[str, Any]]:
        """Return the objects of the list, or of the list under `name`. Raises HostError when there is none."""
        values = self.json.get(name) if name and isinstance(self.json, Mapping) else self.json
        if not isinstance(values, list):
            raise HostError(0, "an answer without the list that was asked for", transient=False)
        return [value for value in values if isinstance(value, Mapping)]

    def object(self) -> Mapping[str, Any]:
        """Return the object that the answer is. Raises HostError when it is something else."""
        if not isinstance(self.json, Mapping):
            raise HostError(0, "an answer without the object that was asked for", transient=False)
        return self.json


class JsonApi:
    """The API of one host with one token, by plain HTTP."""

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        time_limit: float,
        clock: Clock,
        basic: tuple[str, str] | None = None,
        proxy: str = "",
    ) -> None:
        """`time_limit` is in seconds, for connecting and again for an answer.

        `basic` are user and password instead of a header with a token. `proxy` is for plain HTTP. Nothing is sent here.
        """
        self.base_url = base_url.rstrip("/")
        self._time_limit, self._clock = time_limit, clock
        headers = {"User-Agent": f"dbt-cloud-run-action/{__version__}", "Accept": "application/json", **headers}
        self._auth = _Authorization(headers, basic)
        self._proxies = {"http": proxy} if proxy else None

    def get(self, path: str, **query: str | int) -> Answer:
        """Read. `path` is below the base URL, or in full. Raises HostError."""
        return self._request_with_retries("GET", path, None, query)

    def get_redirected(self, path: str, **query: str | int) -> Answer:
        """Read, and follow one redirect within the same API; the token goes nowhere else. Raises HostError."""
        try:
            return self.get(path, **query)
        except HostError as error:
            if not error.location.startswith(f"{self.base_url}/"):
                raise
            return self.get(error.location)

    def write(self, method: str, path: str, body: Body, **query: str | int) -> Answer:
        """Write what does no harm when it is written twice. Raises HostError."""
        return self._request_with_retries(method, path, body, query)

    def upload(self, path: str, file: Path, content_type: str, *, seconds: float) -> None:
        """Send a file as the body, for what does no harm when it is done twice; `seconds` is for each try.

        The file is read while it is sent. Whatever the answer says, it counts by its status. Raises HostError.
        """

        def send() -> None:
            with file.open("rb") as content:
                status, headers, answer = self._send("POST", path, data=content, headers={"Content-Type": content_type})
            # A successful answer may have any shape, but a page is not the API's.
            _answer(status, headers, answer if status >= _REDIRECT or answer.lstrip()[:1] == b"<" else b"")

        def send_in_time() -> None:
            try:
                http_limits.call_within(seconds, send)
            except http_limits.CallTimeoutError:
                raise timeout_error() from None

        call_with_retries(send_in_time, clock=self._clock, time_limit=_MAX_TRIES * seconds)

    def create(self, path: str, body: Body, **query: str | int) -> Answer:
        """Create what must not exist twice. Raises HostError, which may be ambiguous."""
        return self._request_with_retries("POST", path, body, query, once=True)

    def _request_with_retries(
        self, method: str, path: str, body: Body | None, query: Mapping[str, str | int], *, once: bool = False
    ) -> Answer:
        return call_with_retries(
            lambda: self._request(method, path, body, query),
            clock=self._clock,
            time_limit=self._time_limit,
            once=once,
        )

    def _request(self, method: str, path: str, body: Body | None, query: Mapping[str, str | int]) -> Answer:
        """Send one request with JSON. Raises HostError."""
        return _answer(*self._send(method, path, params=query, json=body))

    def _send(self, method: str, path: str, **content: Any) -> tuple[int, Mapping[str, str], bytes]:  # noqa: ANN401
        """Send one request: status, headers and body of its answer. Raises HostError."""
        url = path if path.startswith(f"{self.base_url}/") else f"{self.base_url}/{path.lstrip('/')}"
        try:
            with (
                http_limits.NoRedirectSession() as session,
                session.request(
                    method,
                    url,
                    **content,
                    auth=self._auth,
                    proxies=self._proxies,
                    timeout=(self._time_limit, self._time_limit),
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                body = http_limits.read_body(
                    response, clock=self._clock, time_limit=self._time_limit, max_bytes=_MAX_BYTES
                )
        except http_limits.BodyLimitError:
            raise HostError(0, "an endless answer", transient=True, wait=math.inf) from None
        except http_limits.HTTP_EXCEPTIONS as error:
            raise connection_error(error) from None
        return response.status_code, response.headers, body


class _Authorization(requests.auth.AuthBase):
    """The headers with the token, as an object: requests would replace a plain header by what ~/.netrc says."""

    def __init__(self, headers: Mapping[str, str], basic: tuple[str, str] | None) -> None:
        self._headers = headers
        self._basic = requests.auth.HTTPBasicAuth(*basic) if basic else None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return self._basic(request) if self._basic else request


def _answer(status: int, headers: Mapping[str, str], content: bytes) -> Answer:
    """Return what arrived, if it is a good answer of the API. Raises HostError."""
    try:
        parsed = json.loads(content) if content else None
    except (ValueError, RecursionError):
        parsed = None
        # A web page, of a proxy for example.
        if status < _REDIRECT and status != _SIGN_IN:
            raise HostError(status, "a page instead of an answer", transient=True) from None
    if status >= _REFUSED:
        raise refusal(status, _reason(parsed), headers)
    if status >= _REDIRECT:
        location = headers.get("Location", "")
        raise HostError(status, "a redirect instead of an answer", transient=False, location=location)
    if status == _SIGN_IN:
        # The answer of Azure DevOps to a bad token, if it does not redirect to that page.
        raise HostError(status, "a page to sign in instead of an answer", transient=False)
    return Answer(parsed, headers)


def _reason(body: object) -> str:
    """Return the reason for a refusal.

    That is `message` on GitHub, GitLab and Azure DevOps, `error.message` on Bitbucket, and `detail` at Datafold.
    """
    if not isinstance(body, Mapping):
        return ""
    error = body.get("error")
    reason = error.get("message") if isinstance(error, Mapping) else body.get("message") or error or body.get("detail")
    return short_reason(reason)


def short_reason(reason: object) -> str:
    """Return `reason` as a short text on one line, "" for nothing."""
    return text.cut(text.one_line(str(reason or "")), _MAX_REASON)
