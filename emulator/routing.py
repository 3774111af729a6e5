"""Adds routes to a Flask application.

Applications with the same rules share one URL map: compiling its rules takes milliseconds, and a test suite makes
thousands of applications.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from werkzeug.routing import Map, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flask import Flask

Route: TypeAlias = "tuple[str, str, Callable[..., Any]]"
"""HTTP method, URL rule and view."""

_COMPILING = threading.Lock()
"""werkzeug compiles rules from syntax trees, and CPython 3.11 has a bug when two threads do so at the same time."""


def add_routes(app: Flask, routes: Sequence[Route]) -> None:
    """Add routes to an application that has none yet. Double slashes in a path are not replaced."""
    with _COMPILING:
        app.url_map = _url_map(tuple((method, rule) for method, rule, _ in routes))
    for method, rule, view in routes:
        app.view_functions[_endpoint(method, rule)] = view


@cache
def _url_map(rules: tuple[tuple[str, str], ...]) -> Map:
    return Map(
        [Rule(rule, endpoint=_endpoint(method, rule), methods=[method]) for method, rule in rules],
        merge_slashes=False,
    )


def _endpoint(method: str, rule: str) -> str:
    return f"{method} {rule}"
