"""The base class of the emulated code hosts: a server in a thread with recorded requests, faults and refusals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request

from emulator.routing import add_routes
from emulator.server import HttpServer, Service

if TYPE_CHECKING:
    from emulator.routing import Route


class RefusedError(Exception):
    """The request is answered by an error: an HTTP status and a JSON body."""

    def __init__(self, code: int, body: object) -> None:
        """`code` is the HTTP status."""
        super().__init__(str(body))
        self.code, self.body = code, body


# The path of a changed file, and its old one if it was renamed.
File = tuple[str, "str | None"]


@dataclass
class Changes:
    """What the one pull request and the pushes of a host are about; tests change the fields."""

    files: tuple[File, ...] = ()
    labels: tuple[str, ...] = ()
    draft: bool = False
    # By the commits before and after a push: what differs.
    pushes: dict[tuple[str, str], tuple[File, ...]] = field(default_factory=dict)
    # Such a push has also removed commits.
    forced: bool = False
    messages: dict[str, str] = field(default_factory=dict)
    # The token may not read any of this.
    refused: bool = False


class FakeHost(Service):
    """A code host, a context manager."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """The port is opened by `start`; 0 means a free one."""
        # Whether the token may ask whose it is.
        self.may_ask_account = True
        self.changes = Changes()
        self._server = HttpServer(self._app(), host=host, port=port)

    def _app(self) -> Flask:
        app = Flask(type(self).__name__, static_folder=None)
        app.before_request(self.check_credentials)
        app.register_error_handler(RefusedError, lambda error: (jsonify(error.body), error.code))
        app.register_error_handler(404, lambda _error: (jsonify(self.not_found()), 404))
        add_routes(app, self.routes())
        return app

    def routes(self) -> list[Route]:
        """Return HTTP method, URL rule and view of everything that is served."""
        raise NotImplementedError

    def check_credentials(self) -> Response | None:
        """Check the credentials of the request. Raises `RefusedError`, or returns another answer."""
        raise NotImplementedError

    def not_found(self) -> object:
        """Return the JSON of a 404."""
        raise NotImplementedError

    @property
    def root(self) -> str:
        """Scheme, host and port."""
        return self._server.url


def request_fields() -> dict[str, Any]:
    """Return what the client sent: JSON, or the fields of a form, which some official clients use."""
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else {**request.form, **request.args}
