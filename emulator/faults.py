"""The faults that a test injects into a server: their kinds, which requests they hit, and how often they did."""

from __future__ import annotations

import enum
import re
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class FaultKind(enum.Enum):
    """What goes wrong with a matching request. "Handled" means that the request has its effect."""

    STATUS = "status"
    """Not handled; the answer is `code` with `body` (any JSON value or text) and `headers`."""
    RESET = "reset"
    """Not handled; the connection is reset."""
    HANG = "hang"
    """Not handled; no answer for `seconds`, then the connection is reset."""
    LOSE = "lose"
    """Handled, but the connection is reset instead of an answer."""
    SLOW = "slow"
    """Handled, and the answer comes after `seconds`."""
    LATE = "late"
    """Handled only after `seconds`, and the connection is reset instead of an answer."""
    HTML = "html"
    """The answer is an HTML page with `code`; handled when `do` is true."""
    TRUNCATE = "truncate"
    """Handled; the answer has the full Content-Length but only half of the body."""
    EMPTY = "empty"
    """The answer is 200 without a body; handled when `do` is true."""


DEFAULTS: Mapping[FaultKind, Mapping[str, Any]] = {
    FaultKind.STATUS: {"code": 500, "body": None, "headers": {}},
    FaultKind.RESET: {},
    FaultKind.HANG: {"seconds": 3600.0},
    FaultKind.LOSE: {},
    FaultKind.SLOW: {"seconds": 1.0},
    FaultKind.LATE: {"seconds": 1.0},
    FaultKind.HTML: {"code": 502, "do": False},
    FaultKind.TRUNCATE: {},
    FaultKind.EMPTY: {"do": True},
}


class UnknownFaultError(ValueError):
    """The fault cannot be added: unknown kind or parameter, or a path that is not a regular expression."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Which requests are hit and what happens to them.

    `method` None matches every method. `path` is a regular expression that is searched in the path without query.
    The first `after` matching requests are not hit, the next `times` ones (None: all) are.
    """

    id: int
    kind: FaultKind
    method: str | None = None
    path: str = ""
    times: int | None = 1
    after: int = 0
    params: Mapping[str, Any] = field(default_factory=dict)
    seen: int = 0
    hits: int = 0

    def matches(self, method: str, path: str) -> bool:
        """Whether method and path of a request match."""
        return self.method in (None, method) and re.search(self.path, path) is not None

    @property
    def due(self) -> bool:
        """Whether the next matching request is hit."""
        return self.seen >= self.after and (self.times is None or self.hits < self.times)

    def as_json(self) -> dict[str, Any]:
        """Return the fault and its counts as JSON."""
        return {
            "id": self.id,
            "kind": self.kind.value,
            "method": self.method,
            "path": self.path,
            "times": self.times,
            "after": self.after,
            "seen": self.seen,
            "hits": self.hits,
            **self.params,
        }


class Faults:
    """The faults of one server in the order in which they were added; the first one that is due hits a request."""

    def __init__(self) -> None:
        """There are no faults at first."""
        self._lock = threading.Lock()
        self._rules: list[Fault] = []
        self._count = 0

    def add(
        self,
        *,
        kind: str | FaultKind,
        method: str | None = None,
        path: str = "",
        times: int | None = 1,
        after: int = 0,
        **params: Any,  # noqa: ANN401 - the parameters differ by kind, see DEFAULTS
    ) -> int:
        """Add a fault and return its id.

        Raises `UnknownFaultError` for an unknown kind or parameter and for a broken pattern.
        """
        try:
            known = FaultKind(kind)
            re.compile(path)
        except (ValueError, re.error) as error:
            raise UnknownFaultError(str(error)) from error
        unknown = sorted(set(params) - set(DEFAULTS[known]))
        if unknown:
            message = f"fault {known.value!r} takes {sorted(DEFAULTS[known])}, not {unknown}"
            raise UnknownFaultError(message)
        with self._lock:
            self._count += 1
            rule = Fault(
                id=self._count,
                kind=known,
                method=method.upper() if method else None,
                path=path,
                times=times,
                after=after,
                params={**DEFAULTS[known], **params},
            )
            self._rules.append(rule)
            return rule.id

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault that hits this request, if any. Every matching fault counts the request."""
        taken: Fault | None = None
        with self._lock:
            for position, rule in enumerate(self._rules):
                if not rule.matches(method, path):
                    continue
                hit = taken is None and rule.due
                self._rules[position] = replace(rule, seen=rule.seen + 1, hits=rule.hits + hit)
                if hit:
                    taken = rule
        return taken

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._rules.clear()

    @property
    def rules(self) -> tuple[Fault, ...]:
        """The faults with their counts so far."""
        with self._lock:
            return tuple(self._rules)
