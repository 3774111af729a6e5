"""HTTP to dbt Cloud: timeouts, redirects, the token kept out of texts, and every failure as a CloudError.

Each request is sent once; whether it is repeated is decided by `backoff`, `start_once` and `poll`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from dbt_action import __version__, http_limits, timeouts
from dbt_action.clock import Clock
from dbt_action.dbt_cloud import api_errors
from dbt_action.errors import CloudError, Malformed, Misdirected, Unavailable, Unreachable, WebPage
from dbt_action.http_limits import FailureKind
from dbt_action.timeouts import HttpTimeouts

# No JSON of the API is larger; a run with its steps carries their logs.
MAX_JSON_BYTES = 64 * 1024 * 1024
MAX_REDIRECTS = 3
# A download that stays below this for `timeouts.SLOW_DOWNLOAD_SECONDS` is given up.
SLOWEST_BYTES_PER_SECOND = 1000
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class ApiSession:
    """HTTP to one dbt Cloud host with one token."""

    def __init__(self, base_url: str, token: str, *, clock: Clock, http_timeouts: HttpTimeouts) -> None:
        """`base_url` is scheme and host. Nothing is sent here."""
        self.base_url = base_url
        self.host = urlsplit(base_url).netloc
        self._token = token
        self._clock = clock
        self._timeouts = (http_timeouts.connect_seconds, http_timeouts.read_seconds)
        self._requests = http_limits.NoRedirectSession()
        self._requests.headers.update({"User-Agent": f"dbt-cloud-run-action/{__version__}"})
        # As a function: requests would replace a plain header by what ~/.netrc says of this host.
        self._requests.auth = self._authorize

    def limit_timeouts(self, seconds: float) -> None:
        """Wait at most `seconds` for the server in every later request: the process has to end soon."""
        self._timeouts = (seconds, seconds)

    @contextmanager
    def shorter_timeouts(self, seconds: float) -> Iterator[None]:
        """A block in which no call waits longer than `seconds` for the server, for what is worth no more than that."""
        before = self._timeouts
        self._timeouts = (min(seconds, before[0]), min(seconds, before[1]))
        try:
            yield
        finally:
            self._timeouts = before

    def close(self) -> None:
        """Close every connection."""
        self._requests.close()

    def get_json(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:  # noqa: ANN401 - JSON
        """Return the `data` of the answer to a GET. Raises CloudError."""
        with self.stream(path, query, accept="application/json") as response:
            return self._data(response)

    def post_json(self, path: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        """Return the `data` of the answer to a POST, which is never redirected or repeated. Raises CloudError."""
        headers = {"Accept": "application/json"}
        with self._translated(), self._send("POST", self._url(path), headers, json=body) as response:
            self._check(response)
            return self._data(response)

    @contextmanager
    def stream(
        self, path: str, query: Mapping[str, str | int] | None = None, *, accept: str = "*/*"
    ) -> Iterator[requests.Response]:
        """Open a successful answer to a GET; redirects within the same origin are followed. Raises CloudError."""
        url = self._url(path)
        with self._translated():
            response = self._send("GET", url, {"Accept": accept}, params=query)
            for _ in range(MAX_REDIRECTS):
                target = self._target(response)
                if response.status_code not in _REDIRECTS or not target:
                    break
                response.close()
                response = self._send("GET", target, {"Accept": accept})
            with response:
                self._check(response)
                yield response

    def _send(self, method: str, url: str, headers: Mapping[str, str], **body: Any) -> requests.Response:  # noqa: ANN401
        return self._requests.request(
            method, url, headers=headers, timeout=self._timeouts, allow_redirects=False, stream=True, **body
        )

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Token {self._token}"
        return request

    def _url(self, path: str) -> str:
        return f"{self.base_url}{path}"

    def _target(self, response: requests.Response) -> str:
        """Return where a redirect leads; "" for another origin (the token stays here) and for no address at all."""
        try:
            url = urljoin(response.url, response.headers.get("Location", ""))
            own, target = urlsplit(self.base_url), urlsplit(url)
        except ValueError:
            return ""
        return url if (own.scheme, own.netloc) == (target.scheme, target.netloc) else ""

    def _check(self, response: requests.Response) -> None:
        status = response.status_code
        if status in _REDIRECTS:
            raise Misdirected(
                f"{self.host} redirects to {self._clean(response.headers.get('Location', 'nowhere'))}.",
                hint="`dbt-url` is not the Access URL of the account. Copy it from Account settings in dbt Cloud.",
            )
        if status >= requests.codes.bad_request:
            body = self._clean(self._read(response).decode("utf-8", "replace"))
            error = api_errors.refusal(status, body, response.headers, host=self.host)
            # Redacted once more: in the JSON the token may have been escaped, and so not been recognised.
            raise type(error)(self._clean(error.message), hint=error.hint, retry_after=error.retry_after)

    def _data(self, response: requests.Response) -> Any:  # noqa: ANN401 - JSON
        body = self._read(response)
        if body.lstrip()[:1] == b"<":
            raise WebPage(
                f"{self.host} answered with a web page instead of data.",
                hint="Either the address is not that of the API (check `dbt-url`), or a proxy answered instead.",
            )
        try:
            envelope = json.loads(body)
        except (ValueError, RecursionError):
            raise Malformed(
                f"{self.host} sent an answer that is not JSON ({len(body)} bytes).",
                hint="The answer was cut off on its way, or something other than dbt Cloud sent it.",
            ) from None
        if not isinstance(envelope, Mapping) or "data" not in envelope:
            raise Malformed(f"{self.host} sent JSON without `data`.", hint="Something other than dbt Cloud answered.")
        return envelope["data"]

    def _read(self, response: requests.Response) -> bytes:
        """Return the whole body, limited in size and time, also when it arrives byte by byte."""
        try:
            return http_limits.read_body(
                response, clock=self._clock, time_limit=self._timeouts[1], max_bytes=MAX_JSON_BYTES
            )
        except http_limits.BodyLimitError as error:
            raise Unavailable(f"{self.host} sent an endless answer ({error} so far).") from None

    def chunks(self, response: requests.Response) -> Iterator[bytes]:
        """Yield the body as it arrives. It may have any size. Raises Unavailable when it is too slow for too long."""
        started, size = self._clock.now(), 0
        for part in http_limits.chunks(response):
            yield part
            size += len(part)
            seconds = self._clock.now() - started
            if seconds > timeouts.SLOW_DOWNLOAD_SECONDS and size < SLOWEST_BYTES_PER_SECOND * seconds:
                raise Unavailable(f"{self.host} sends too slowly ({size} bytes in {seconds:.0f} s).")

    def _clean(self, text: str) -> str:
        return text.replace(self._token, "***")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn exceptions of the libraries into CloudError, without their texts, which hold addresses."""
        try:
            yield
        except http_limits.HTTP_EXCEPTIONS as error:
            raise self._translate(error) from None

    def _translate(self, error: Exception) -> CloudError:
        failure = http_limits.failure(error)
        broken = Unavailable(f"The connection to {self.host} broke off ({failure.cause}).")
        errors = {
            FailureKind.CERTIFICATE: Unreachable(
                f"The certificate of {self.host} is not trusted.",
                hint="Behind a proxy of your own, set REQUESTS_CA_BUNDLE to its certificates.",
            ),
            FailureKind.NO_CONNECTION: Unreachable(
                f"{self.host} cannot be reached ({failure.cause}).",
                hint="Check `dbt-url`, and whether this runner may reach that host (firewall, proxy, VPN).",
            ),
            FailureKind.BAD_ADDRESS: Unreachable(
                f"{self.base_url} is not an address that can be requested.", hint="Check `dbt-url`."
            ),
            FailureKind.TIMED_OUT: Unavailable(f"{self.host} did not answer within {self._timeouts[1]:g} s."),
            # Of this machine, so its text has no address and no token.
            FailureKind.LOCAL: Unreachable(
                f"{self.host} cannot be requested: {error}.", hint="Check REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE."
            ),
        }
        return errors.get(failure.kind, broken)
