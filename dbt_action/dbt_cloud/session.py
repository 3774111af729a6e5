"""One requests.Session for dbt Cloud: timeouts, redirects, redaction, and every failure as a CloudError.

It sends each request once; repeating is decided by `retry`, `start` and `monitor`.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from dbt_action import __version__, http_limits, timeouts
from dbt_action.clock import Clock
from dbt_action.dbt_cloud import api_errors
from dbt_action.errors import CloudError, Malformed, Misdirected, Unavailable, Unreachable, WebPage
from dbt_action.timeouts import HttpTimeouts

# No JSON of the API is larger; a run with its steps carries their logs.
MAX_JSON_BYTES = 64 * 1024 * 1024
MAX_REDIRECTS = 3
# Bytes a second that a download may not stay below for this long.
SLOWEST = 1000
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NOTHING_SENT = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.ProxyError,
)


class Session:
    """HTTP to one dbt Cloud host with one token."""

    def __init__(self, base_url: str, token: str, *, clock: Clock, http_timeouts: HttpTimeouts) -> None:
        """`base_url` is scheme and host. No connection is made before the first request."""
        self.base_url = base_url
        self.host = urlsplit(base_url).netloc
        self._token = token
        self._clock = clock
        self._timeouts = (http_timeouts.connect_seconds, http_timeouts.read_seconds)
        self._requests = http_limits.Session()
        self._requests.headers.update({"User-Agent": f"dbt-cloud-run-action/{__version__}"})
        # Given as a function so that a ~/.netrc cannot replace the header.
        self._requests.auth = self._authorize

    def hurry(self, seconds: float) -> None:
        """From now on no call waits longer than `seconds` for the server: the process has to end soon."""
        self._timeouts = (seconds, seconds)

    def close(self) -> None:
        """Close every connection."""
        self._requests.close()

    def get_json(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:  # noqa: ANN401 - JSON
        """The `data` of the answer to a GET. Raises CloudError."""
        with self.stream(path, query, accept="application/json") as response:
            return self._data(response)

    def post_json(self, path: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        """The `data` of the answer to a POST, which is never redirected or repeated. Raises CloudError."""
        headers = {"Accept": "application/json"}
        with self._translated(), self._send("POST", self._url(path), headers, json=body) as response:
            self._check(response)
            return self._data(response)

    @contextmanager
    def stream(
        self, path: str, query: Mapping[str, str | int] | None = None, *, accept: str = "*/*"
    ) -> Iterator[requests.Response]:
        """An open, successful answer to a GET, same-origin redirects followed. Raises CloudError."""
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
        """Where a redirect leads, "" when that is not the same origin or no address at all."""
        try:
            url = urljoin(response.url, response.headers.get("Location", ""))
            here, there = urlsplit(self.base_url), urlsplit(url)
        except ValueError:
            return ""
        return url if (here.scheme, here.netloc) == (there.scheme, there.netloc) else ""

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
            # Once more: JSON may have spelled the token differently.
            raise type(error)(self._clean(error.message), hint=error.hint, retry_after=error.retry_after)

    def _data(self, response: requests.Response) -> Any:  # noqa: ANN401 - JSON
        body = self._read(response)
        if body.lstrip()[:1] == b"<":
            raise WebPage(
                f"{self.host} answered with a web page instead of data.",
                hint="Either the address is not that of the API (check `dbt-url`), or a proxy stands in between.",
            )
        try:
            envelope = json.loads(body)
        except (ValueError, RecursionError):
            raise Malformed(
                f"{self.host} sent an answer that is not JSON ({len(body)} bytes).",
                hint="The answer was cut off on its way, or something else than dbt Cloud sent it.",
            ) from None
        if not isinstance(envelope, Mapping) or "data" not in envelope:
            raise Malformed(f"{self.host} sent JSON without `data`.", hint="Something else than dbt Cloud answered.")
        return envelope["data"]

    def _read(self, response: requests.Response) -> bytes:
        """The whole body, bounded in size and in time however slowly it drips."""
        try:
            return http_limits.read(response, clock=self._clock, patience=self._timeouts[1], most=MAX_JSON_BYTES)
        except http_limits.EndlessError as error:
            raise Unavailable(f"{self.host} sent an endless answer ({error} so far).") from None

    def chunks(self, response: requests.Response) -> Iterator[bytes]:
        """The body as it comes, of any size, but not slower than any connection is."""
        began, size = self._clock.now(), 0
        for part in http_limits.chunks(response):
            yield part
            size += len(part)
            seconds = self._clock.now() - began
            if seconds > timeouts.SLOW_DOWNLOAD_SECONDS and size < SLOWEST * seconds:
                raise Unavailable(f"{self.host} sends too slowly ({size} bytes in {seconds:.0f} s).")

    def _clean(self, text: str) -> str:
        return text.replace(self._token, "***")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Exceptions of requests become ours; their texts hold addresses, so they are not passed on."""
        try:
            yield
        except requests.exceptions.RequestException as error:
            raise self._translate(error) from None
        except urllib3.exceptions.HTTPError as error:
            # requests lets some errors of a streamed body through unwrapped.
            raise Unavailable(f"The connection to {self.host} broke off ({type(error).__name__}).") from None
        except OSError as error:
            # Of certificates that are not where a variable says.
            raise Unreachable(
                f"{self.host} cannot be called: {error}.", hint="Check REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE."
            ) from None

    def _translate(self, error: requests.exceptions.RequestException) -> CloudError:
        roots = tuple(_causes(error))
        kind = type(roots[-1]).__name__
        if any(isinstance(root, ssl.SSLCertVerificationError) for root in roots):
            return Unreachable(
                f"The certificate of {self.host} is not trusted.",
                hint="Behind a proxy of your own, set REQUESTS_CA_BUNDLE to its certificates.",
            )
        if any(isinstance(root, _NOTHING_SENT) for root in roots):
            return Unreachable(
                f"{self.host} cannot be reached ({kind}).",
                hint="Check `dbt-url`, and whether this runner may reach that host (firewall, proxy, VPN).",
            )
        if any(isinstance(root, requests.exceptions.ReadTimeout) for root in roots):
            return Unavailable(f"{self.host} did not answer within {self._timeouts[1]:g} s.")
        if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
            return Unreachable(f"{self.base_url} is not an address that can be called.", hint="Check `dbt-url`.")
        return Unavailable(f"The connection to {self.host} broke off ({kind}).")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and what it wraps: requests and urllib3 keep that in `args` and in `reason`."""
    seen: list[BaseException] = []
    queue: list[object] = [error]
    while queue:
        item = queue.pop(0)
        if isinstance(item, BaseException) and item not in seen:
            seen.append(item)
            queue += [*item.args, getattr(item, "reason", None), item.__cause__]
    yield from seen
