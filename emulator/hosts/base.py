"""What the hosts have in common: a server in a thread, a record of requests, faults, refusals; no host's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request

from emulator.server import HttpServer, Served

if TYPE_CHECKING:
    from collections.abc import Callable


class RefusedError(Exception):
    """An answer that is an error: its code and its JSON."""

    def __init__(self, code: int, body: object) -> None:
        """Keep both."""
        super().__init__(str(body))
        self.code, self.body = code, body


class FakeHost(Served):
    """A host of code, a context manager."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Wire the routes; nothing is bound before `start`."""
        self._server = HttpServer(self._app, host=host, port=port)

    def _app(self) -> Flask:
        app = Flask(type(self).__name__, static_folder=None)
        app.before_request(self.admit)
        app.register_error_handler(RefusedError, lambda error: (jsonify(error.body), error.code))
        app.register_error_handler(404, lambda _error: (jsonify(self.unknown()), 404))
        for method, rule, view in self.routes():
            app.add_url_rule(rule, f"{method} {rule}", view, methods=[method])
        return app

    def routes(self) -> list[tuple[str, str, Callable[..., Any]]]:
        """Method, rule and view of everything that is served."""
        raise NotImplementedError

    def admit(self) -> Response | None:
        """Look at the credentials. Raises RefusedError."""
        raise NotImplementedError

    def unknown(self) -> object:
        """The JSON of a 404."""
        raise NotImplementedError

    @property
    def root(self) -> str:
        """Scheme, host and port."""
        return self._server.url


def asked() -> dict[str, Any]:
    """What was sent: JSON, or the fields of a form, which official clients use too."""
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else {**request.form, **request.args}
