"""An HTTP server in a thread that records all requests and injects faults, for any WSGI application."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import shutil
import socket
import struct
import sys
import tempfile
import threading
from dataclasses import dataclass
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote

from werkzeug.exceptions import NotFound
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request, Response

from emulator.fault_responses import RESPONSES, HitRequest, ResetConnection
from emulator.faults import Faults, UnknownFaultError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from typing_extensions import Self

CONTROL_PATH = "/_emulator/faults"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
LARGEST_RECORDED_BODY = 1_000_000
"""In bytes. A larger body, an upload, waits in a temporary file until it is handled, and is not recorded."""


@dataclass(frozen=True)
class RecordedRequest:
    """A request as it was received. `query` holds the last value of each key; `json` is None for other bodies.

    `body` is empty when it had more than `LARGEST_RECORDED_BODY` bytes.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    json: Any

    @classmethod
    def of(cls, request: Request, body: bytes) -> RecordedRequest:
        """Copy what tests read from a request."""
        try:
            value = json.loads(body) if body else None
        except ValueError:
            value = None
        query = {key: values[-1] for key, values in request.args.lists()}
        # The names are in Title-Case here, however the client wrote them.
        headers = MappingProxyType(dict(request.headers.items()))
        return cls(request.method, request.path, MappingProxyType(query), headers, body, value)


class _Handler(WSGIRequestHandler):
    """One connection, without output. werkzeug closes it after each answer, so there is no keep-alive."""

    def make_environ(self) -> WSGIEnvironment:
        environ = super().make_environ()
        target = self.requestline.split(" ")[1]
        if target.startswith("//"):
            # http.server and werkzeug replace a double slash, but dbt Cloud answers it by 404 (reported).
            environ["PATH_INFO"] = unquote(target.partition("?")[0])
        return environ

    def connection_dropped(self, error: BaseException, environ: WSGIEnvironment | None = None) -> None:  # noqa: ARG002
        self.close_connection = True

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the name is werkzeug's
        logging.getLogger(__name__).debug("%s: %s", type, message % args if args else message)


class _Server(ThreadedWSGIServer):
    """The listening socket. Its backlog is large enough for some hundred clients at the same moment."""

    request_queue_size = 512
    daemon_threads = True

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as in socketserver
        # An RST must be sent without a FIN before it, or the client sees an orderly end instead of a reset.
        linger = request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(RESET_ON_CLOSE))
        if linger == RESET_ON_CLOSE:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002 - as in socketserver
        logging.getLogger(__name__).debug("connection from %s broke: %s", client_address, sys.exc_info()[1])


class HttpServer:
    """Serves one WSGI application on a port, records its requests and injects faults."""

    def __init__(self, app: WSGIApplication, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """The port is opened by `start`; 0 means a free one."""
        self.faults = Faults()
        self.stopping = threading.Event()
        self._app = app
        self._address = (host, port)
        self._lock = threading.Lock()
        self._requests: list[RecordedRequest] = []
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The root of the server, without a slash at the end."""
        if self._server is None:
            message = "the server has not been started: use it as a context manager or call start()"
            raise RuntimeError(message)
        return f"http://{self._address[0]}:{self._server.server_port}"

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """Every request in order of arrival, but for those to `/_emulator/faults`."""
        with self._lock:
            return tuple(self._requests)

    def start(self) -> None:
        """Open the port and serve in a thread."""
        self.stopping.clear()
        self._server = _Server(*self._address, self._serve, _Handler)
        self._thread = threading.Thread(
            target=self._serve_until_stopped, args=(self._server,), name="emulator-http", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Close the port and end every request that a fault delays. May be called twice."""
        self.stopping.set()
        if self._server is None or self._thread is None:
            return
        # The thread waits for a connection; this one ends its waiting, and is not served.
        with contextlib.suppress(OSError):
            socket.create_connection((self._address[0], self._server.server_port), timeout=1).close()
        self._thread.join()
        self._server.server_close()
        self._thread = None

    def _serve_until_stopped(self, server: _Server) -> None:
        # `serve_forever` would look only every so many milliseconds whether it is to stop.
        while not self.stopping.is_set():
            server.handle_request()

    def _serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with tempfile.SpooledTemporaryFile(max_size=LARGEST_RECORDED_BODY) as received:
            shutil.copyfileobj(Request(environ).stream, received)
            body = _recorded_part(received)
            # A small body stays readable after the answer: a fault may handle the request later.
            environ["wsgi.input"] = io.BytesIO(body) if body else received
            return self._answer(environ, start_response, body)

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse, body: bytes) -> Iterable[bytes]:
        request = Request(environ)
        if request.path.rstrip("/") == CONTROL_PATH:
            return _handle_control(self.faults, request.method, body)(environ, start_response)
        with self._lock:
            self._requests.append(RecordedRequest.of(request, body))
        if environ["PATH_INFO"].startswith("//"):
            # Reported: `https://host//api` is answered by 404. The router would replace the double slash.
            return NotFound()(environ, start_response)
        fault = self.faults.take(request.method, request.path)
        if fault is None:
            return self._handle(environ)(environ, start_response)
        hit = HitRequest(lambda: self._handle(environ), self._wait, fault.params)
        try:
            answer = RESPONSES[fault.kind](hit)
        except ResetConnection:
            environ["werkzeug.socket"].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            # werkzeug takes this for a client that has closed the connection, and sends no answer.
            raise ConnectionAbortedError from None
        # Returning the Response itself would correct the Content-Length that `truncate` has made wrong.
        start_response(answer.status, list(answer.headers.items()))
        return [answer.get_data()]

    def _handle(self, environ: WSGIEnvironment) -> Response:
        """Let the application handle the request and return its whole answer."""
        body, status, headers = run_wsgi_app(self._app, environ, buffered=True)
        return Response(b"".join(body), status, headers)

    def _wait(self, seconds: float) -> bool:
        return not self.stopping.wait(seconds)


def _recorded_part(received: IO[bytes]) -> bytes:
    """Return what is recorded of a body, and go back to its beginning."""
    size = received.tell()
    received.seek(0)
    body = received.read() if size <= LARGEST_RECORDED_BODY else b""
    received.seek(0)
    return body


def _handle_control(faults: Faults, method: str, body: bytes) -> Response:
    """Add a fault (POST), list the faults with their counts (GET), or remove them all (DELETE)."""
    status = 200
    if method == "POST":
        try:
            faults.add(**json.loads(body))
        except (UnknownFaultError, TypeError, ValueError) as error:
            return Response(json.dumps({"error": str(error)}), 400, content_type="application/json")
        status = 201
    elif method == "DELETE":
        faults.clear()
    rules = [rule.as_json() for rule in faults.rules]
    return Response(json.dumps({"faults": rules}), status, content_type="application/json")


class Service:
    """A server of the emulator as tests use it: a context manager with a URL, faults and recorded requests."""

    _server: HttpServer

    def start(self) -> Self:
        """Serve in threads."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Stop serving. Requests that a fault delays end at once."""
        self._server.stop()

    def __enter__(self) -> Self:
        """Serve."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def url(self) -> str:
        """The root of the service, without a slash at the end."""
        return self._server.url

    @property
    def faults(self) -> Faults:
        """The faults that the server injects; they can also be changed by HTTP at `/_emulator/faults`."""
        return self._server.faults

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """Every request so far, in order."""
        return self._server.requests
