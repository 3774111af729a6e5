"""The faults a server can be told to commit: kinds, matching, counting; committing them is `mishaps.py`."""

from __future__ import annotations

import enum
import re
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(enum.Enum):
    """What goes wrong with a matching request."""

    STATUS = "status"
    """Nothing is done; answer `code` with `body` (any JSON value or text) and `headers`."""
    RESET = "reset"
    """Nothing is done; the connection is reset."""
    HANG = "hang"
    """Nothing is done; no answer for `seconds`, then a reset."""
    LOSE = "lose"
    """The work is done, the connection is reset instead of an answer."""
    SLOW = "slow"
    """The work is done, the answer comes after `seconds`."""
    LATE = "late"
    """The work is done only after `seconds`, and its answer is lost."""
    HTML = "html"
    """An HTML page with `code` instead of the answer; the work is done first when `do` is true."""
    TRUNCATE = "truncate"
    """The work is done, half of the body is sent under the full Content-Length."""
    EMPTY = "empty"
    """The work is done when `do` is true; the answer is 200 without a body."""


DEFAULTS: Mapping[Kind, Mapping[str, Any]] = {
    Kind.STATUS: {"code": 500, "body": None, "headers": {}},
    Kind.RESET: {},
    Kind.HANG: {"seconds": 3600.0},
    Kind.LOSE: {},
    Kind.SLOW: {"seconds": 1.0},
    Kind.LATE: {"seconds": 1.0},
    Kind.HTML: {"code": 502, "do": False},
    Kind.TRUNCATE: {},
    Kind.EMPTY: {"do": True},
}


class UnknownFaultError(ValueError):
    """A fault that cannot be added: unknown kind or parameter, or a path that is no regular expression."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One rule: the requests it matches and what happens to them.

    `method` None matches every method; `path` is a regular expression searched in the path without query;
    the first `after` matching requests pass, the next `times` ones (None: all) are hit.
    """

    id: int
    kind: Kind
    method: str | None = None
    path: str = ""
    times: int | None = 1
    after: int = 0
    params: Mapping[str, Any] = field(default_factory=dict)
    seen: int = 0
    hits: int = 0

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is of the kind this rule is about."""
        return self.method in (None, method) and re.search(self.path, path) is not None

    @property
    def due(self) -> bool:
        """Whether the next matching request is hit."""
        return self.seen >= self.after and (self.times is None or self.hits < self.times)

    def as_json(self) -> dict[str, Any]:
        """Show the rule with its hit count."""
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
    """The rules of one server, in order of addition; the first one that is due hits a request."""

    def __init__(self) -> None:
        """Begin without rules."""
        self._lock = threading.Lock()
        self._rules: list[Fault] = []
        self._count = 0

    def add(
        self,
        *,
        kind: str | Kind,
        method: str | None = None,
        path: str = "",
        times: int | None = 1,
        after: int = 0,
        **params: Any,  # noqa: ANN401 - the parameters differ by kind, see DEFAULTS
    ) -> int:
        """Add a rule and return its id.

        Raises `UnknownFaultError` for an unknown kind or parameter and for a broken pattern.
        """
        try:
            known = Kind(kind)
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
        """Return the rule that hits this request, counting it; every matching rule sees the request."""
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
        """Forget all rules."""
        with self._lock:
            self._rules.clear()

    @property
    def rules(self) -> tuple[Fault, ...]:
        """The rules as they stand now, with their counts."""
        with self._lock:
            return tuple(self._rules)
