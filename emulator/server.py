"""An HTTP server in a thread that records requests and commits faults; what it serves is given to it."""

from __future__ import annotations

import io
import json
import logging
import socket
import struct
import sys
import threading
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from werkzeug.exceptions import NotFound
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request, Response

from emulator.faults import Faults, UnknownFaultError
from emulator.mishaps import MISHAPS, DropConnection, Scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from typing_extensions import Self

CONTROL_PATH = "/_emulator/faults"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class RecordedRequest:
    """A request as it came in. `query` holds the last value of each key; `json` is None for other bodies."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    json: Any

    @classmethod
    def of(cls, request: Request, body: bytes) -> RecordedRequest:
        """Keep what matters of a request."""
        try:
            value = json.loads(body) if body else None
        except ValueError:
            value = None
        query = {key: values[-1] for key, values in request.args.lists()}
        # Title-Case names as the environment gives them, so that tests need one spelling only.
        headers = MappingProxyType(dict(request.headers.items()))
        return cls(request.method, request.path, MappingProxyType(query), headers, body, value)


class _Handler(WSGIRequestHandler):
    """One connection, quietly; werkzeug closes it after each answer, so there is no keep-alive."""

    def make_environ(self) -> WSGIEnvironment:
        environ = super().make_environ()
        asked = self.requestline.split(" ")[1]
        if asked.startswith("//"):
            # Both http.server and werkzeug tidy up a double slash, which has to stay a wrong address.
            environ["PATH_INFO"] = unquote(asked.partition("?")[0])
        return environ

    def connection_dropped(self, error: BaseException, environ: WSGIEnvironment | None = None) -> None:  # noqa: ARG002
        self.close_connection = True

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the name is werkzeug's
        logging.getLogger(__name__).debug("%s: %s", type, message % args if args else message)


class _Server(ThreadedWSGIServer):
    """The listening socket; a backlog large enough for a crowd that knocks at the same moment."""

    request_queue_size = 512
    daemon_threads = True

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as in socketserver
        # A FIN before the RST would make a reset look like an orderly end.
        linger = request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(RESET_ON_CLOSE))
        if linger == RESET_ON_CLOSE:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002 - as in socketserver
        logging.getLogger(__name__).debug("connection from %s broke: %s", client_address, sys.exc_info()[1])


_BUILDING = threading.Lock()


class HttpServer:
    """Serves one WSGI application on a port of its own, with a record of the requests and with faults."""

    def __init__(self, make_app: Callable[[], WSGIApplication], *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Prepare; nothing is bound before `start`. Port 0 picks a free one."""
        self.faults = Faults()
        self.stopping = threading.Event()
        # One at a time: CPython 3.11 loses count when two threads build syntax trees, which routes are made of.
        with _BUILDING:
            self._app = make_app()
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
        """Every request in order of arrival, those for the faults excepted."""
        with self._lock:
            return tuple(self._requests)

    def start(self) -> None:
        """Bind and serve in a thread."""
        self.stopping.clear()
        self._server = _Server(*self._address, self._serve, _Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.02},
            name="emulator-http",
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and end every request that hangs. May be called twice."""
        self.stopping.set()
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._thread = None

    def _serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        body = request.get_data()
        environ["wsgi.input"] = io.BytesIO(body)
        if request.path.rstrip("/") == CONTROL_PATH:
            return _control(self.faults, request.method, body)(environ, start_response)
        with self._lock:
            self._requests.append(RecordedRequest.of(request, body))
        if environ["PATH_INFO"].startswith("//"):
            # Reported: `https://host//api` answers 404. The router would tidy it up like the others.
            return NotFound()(environ, start_response)
        fault = self.faults.take(request.method, request.path)
        if fault is None:
            return self._work(environ)(environ, start_response)
        scene = Scene(lambda: self._work(environ), self._wait, fault.params)
        try:
            answer = MISHAPS[fault.kind](scene)
        except DropConnection:
            environ["werkzeug.socket"].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            # werkzeug takes this one for a client that went away and closes without an answer.
            raise ConnectionAbortedError from None
        # A plain answer object would correct the Content-Length that `truncate` has falsified.
        start_response(answer.status, list(answer.headers.items()))
        return [answer.get_data()]

    def _work(self, environ: WSGIEnvironment) -> Response:
        """Let the application answer, and keep the whole answer."""
        body, status, headers = run_wsgi_app(self._app, environ, buffered=True)
        return Response(b"".join(body), status, headers)

    def _wait(self, seconds: float) -> bool:
        return not self.stopping.wait(seconds)


def _control(faults: Faults, method: str, body: bytes) -> Response:
    """Answer POST (add a rule), GET (list the rules with their counts) and DELETE (forget them)."""
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


class Served:
    """What a service of the emulator is to a test: a context manager with an address, faults and a record."""

    _server: HttpServer

    def start(self) -> Self:
        """Serve, in threads."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Stop serving; requests that hang end promptly."""
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
        """The faults that the server commits; also under `/_emulator/faults`."""
        return self._server.faults

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """Every request so far, in order."""
        return self._server.requests
