"""HTTP with size and time limits, and what its failures mean; shared by dbt Cloud's session and the code hosts."""

from __future__ import annotations

import queue
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any, TypeVar

import requests
import urllib3

from dbt_action import timeouts
from dbt_action.clock import Clock

T = TypeVar("T")

_CHUNK_BYTES = 256 * 1024
# The second name is documented for another part of dbt Cloud's API.
_RETRY_AFTER_HEADERS = ("retry-after", "x-rate-limit-retry-after-seconds")


# --- Limits of size and time ---


class BodyLimitError(Exception):
    """A body was larger than allowed, or took too long; `size` is what had arrived by then, in bytes."""

    def __init__(self, size: int) -> None:
        """Keep the size."""
        super().__init__(f"{size} bytes")
        self.size = size


class CallTimeoutError(Exception):
    """A call of `call_within` did not return in time."""


class _UnlockedQueue(queue.LifoQueue[Any]):
    """The connections of a pool that one thread uses, so that no lock is needed.

    A signal raises an exception wherever it finds the program. Within `queue.Queue` it can find it after the lock was
    taken and before the block that gives it back; then the next request waits for that lock for ever.
    """

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ANN401, FBT001, FBT002 - as in the library
        """Add a connection. Raises queue.Full."""
        del block, timeout
        if 0 < self.maxsize <= len(self.queue):
            raise queue.Full
        self.queue.append(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: ANN401, FBT001, FBT002 - as in the library
        """Take the connection that was added last. Raises queue.Empty."""
        del block, timeout
        if not self.queue:
            raise queue.Empty
        return self.queue.pop()


class _HttpPool(urllib3.HTTPConnectionPool):
    QueueCls = _UnlockedQueue


class _HttpsPool(urllib3.HTTPSConnectionPool):
    QueueCls = _UnlockedQueue


_POOLS = {"http": _HttpPool, "https": _HttpsPool}


class _Adapter(requests.adapters.HTTPAdapter):
    """Connections in pools of the classes above, also through a proxy."""

    def init_poolmanager(self, *arguments: Any, **settings: Any) -> None:  # noqa: ANN401 - as in the library
        """Make the pools for direct connections."""
        super().init_poolmanager(*arguments, **settings)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **settings: Any) -> Any:  # noqa: ANN401 - as in the library
        """Return the pools for connections through `proxy`."""
        manager = super().proxy_manager_for(proxy, **settings)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class NoRedirectSession(requests.Session):
    """A session of one thread that returns redirects as they are, and that a signal can break off at any place.

    A plain requests.Session reads the whole body of a redirect, however long that takes, even with
    `allow_redirects=False`: it looks for the next request. Without a target there is none.
    """

    def __init__(self) -> None:
        """Nothing is sent here."""
        super().__init__()
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter())

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: no answer leads elsewhere."""
        del resp


def chunks(response: requests.Response) -> Iterator[bytes]:
    """Yield the body as it arrives. Raises exceptions of urllib3."""
    # `read1` returns what has arrived; other ways of reading wait until a whole chunk is there.
    while part := response.raw.read1(_CHUNK_BYTES, decode_content=True):
        yield part


def read_body(response: requests.Response, *, clock: Clock, time_limit: float, max_bytes: int) -> bytes:
    """Return the whole body. `time_limit` is in seconds. Raises BodyLimitError, and exceptions of urllib3."""
    deadline = clock.now() + time_limit
    parts, size = [], 0
    for part in chunks(response):
        parts.append(part)
        size += len(part)
        if size > max_bytes or clock.now() > deadline:
            raise BodyLimitError(size)
    return b"".join(parts)


def call_within(seconds: float, call: Callable[[], T]) -> T:
    """Return the result of `call`, which runs in a thread of its own for at most `seconds` of real time.

    For libraries whose time limits are per read, so that a server that sends a byte now and then never exceeds them.
    Passes on what `call` raises; raises CallTimeoutError after `seconds`. The thread is then left alone: it is a
    daemon, so it does not keep the process alive, and its result is ignored.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            future.set_exception(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        thread.join(seconds)
    except BaseException:
        # A signal. What is sent next (the last status) must not be overtaken by what is being sent now.
        thread.join(timeouts.INTERRUPTED_CALL_SECONDS)
        raise
    if not future.done():
        message = f"no answer within {seconds:g} s"
        raise CallTimeoutError(message)
    return future.result()


# --- What answers and exceptions mean ---


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return how long the server asks to wait before the next request, in seconds, or None.

    `Retry-After` is a number of seconds or, from some proxies, a date (RFC 9110, 10.2.3). A date is compared with the
    `Date` header of the same answer, since the clocks of two machines differ; without that header it means nothing.
    """
    values = {name.lower(): value.strip() for name, value in headers.items()}
    for name in _RETRY_AFTER_HEADERS:
        value = values.get(name, "")
        if value.isascii() and value.isdigit():
            return float(value[:9])
        try:
            then, now = (parsedate_to_datetime(date) for date in (value, values.get("date", "")))
            return max(0.0, (then - now).total_seconds())
        except (TypeError, ValueError):
            # Not a date, or one with a time zone and one without.
            continue
    return None


class FailureKind(Enum):
    """Why a request got no usable answer."""

    # The server's certificate is not trusted; the request was not sent.
    CERTIFICATE = "certificate"
    # No connection: DNS, refused, no answer of the network, a proxy. The request was not sent.
    NO_CONNECTION = "no connection"
    # Not an address that can be requested.
    BAD_ADDRESS = "bad address"
    # The request was sent; there was no answer in time.
    TIMED_OUT = "timed out"
    # The request may have been sent, and perhaps part of the answer arrived.
    BROKEN = "broken"
    # Something on this machine, such as a missing file of certificates.
    LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failed request; `cause` is the name of the exception at the bottom, without its text (it has addresses)."""

    kind: FailureKind
    cause: str


_NO_CONNECTION = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.ProxyError,
)
_TIMED_OUT = (requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError)
_BAD_ADDRESS = (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)
# The first that applies to one of the exceptions that are wrapped in each other.
_KINDS: tuple[tuple[tuple[type[BaseException], ...], FailureKind], ...] = (
    ((ssl.SSLCertVerificationError,), FailureKind.CERTIFICATE),
    (_NO_CONNECTION, FailureKind.NO_CONNECTION),
    (_TIMED_OUT, FailureKind.TIMED_OUT),
    (_BAD_ADDRESS, FailureKind.BAD_ADDRESS),
    ((requests.exceptions.RequestException, urllib3.exceptions.HTTPError), FailureKind.BROKEN),
)
# What `failure` understands. urllib3's are among them because requests passes some on while a body is read.
HTTP_EXCEPTIONS = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError)


def failure(error: Exception) -> Failure:
    """Classify one of HTTP_EXCEPTIONS."""
    causes = tuple(_causes(error))
    for exceptions, kind in _KINDS:
        if any(isinstance(cause, exceptions) for cause in causes):
            return Failure(kind=kind, cause=type(causes[-1]).__name__)
    return Failure(kind=FailureKind.LOCAL, cause=type(error).__name__)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield `error` and what it wraps: requests and urllib3 keep that in `args` and in `reason`."""
    seen: list[BaseException] = []
    queue: list[object] = [error]
    while queue:
        item = queue.pop(0)
        if isinstance(item, BaseException) and item not in seen:
            seen.append(item)
            queue += [*item.args, getattr(item, "reason", None), item.__cause__]
    yield from seen
