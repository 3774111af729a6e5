"""What the hosts behind plain HTTP have in common: when to warn, when to give up, and the one comment of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from dbt_action import text
from dbt_action.hosts.api import Api, HostError
from dbt_action.hosts.place import Place
from dbt_action.report import CommitState

# Seconds for finding our comment among all others; nobody waits longer for a comment.
COMMENT_PATIENCE = 30.0
_UNREACHABLE = "It cannot be reached from here at the moment."


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment that is there: what it says, and where it is changed."""

    body: str
    url: str


class RestHost:
    """Posts and comments; the first trouble with either is one warning, and what cannot get better is not repeated."""

    title = ""
    # What a status code of a refusal usually means, and what to do.
    hints: ClassVar[Mapping[int, str]] = {}
    # Longest comment in characters.
    longest = 0

    def __init__(self, api: Api, place: Place) -> None:
        """Nothing is sent here."""
        self.api, self.place = api, place
        self._warned: set[str] = set()
        self._hopeless: set[str] = set()

    def set_status(self, state: CommitState, description: str, url: str) -> bool:
        """Post a status. False: another try may help."""
        return self._attempt("The commit status", lambda: self.post_status(state, description, url))

    def comment(self, body: str, marker: str, *, only_change: bool = False) -> None:
        """Change the one comment with `marker`, which people do not see, or write it."""
        first_line = self.hidden(marker)
        page = text.cut(f"{first_line}\n\n{self.dialect(body)}", self.longest)
        self._attempt("The comment", lambda: self._write(page, first_line, only_change=only_change))

    def _write(self, page: str, first_line: str, *, only_change: bool) -> None:
        deadline = self.place.clock.now() + COMMENT_PATIENCE
        for found in self.comments():
            # At the beginning only: people quote, and a quotation begins with something else.
            if found.body.lstrip().startswith(first_line):
                self.edit(found, page)
                return
            if self.place.clock.now() > deadline:
                raise HostError(0, "ours was not found among the others in time", passing=True)
        if not only_change:
            self.create(page)

    def _attempt(self, what: str, work: Callable[[], None]) -> bool:
        if what in self._hopeless:
            return True
        try:
            work()
        except HostError as error:
            if not error.passing:
                self._hopeless.add(what)
            self._complain(what, error)
            return not error.passing
        return True

    def _complain(self, what: str, error: HostError) -> None:
        if what in self._warned:
            return
        self._warned.add(what)
        hint = self.hints.get(error.status, f"{self.title} has a problem of its own." if error.status else _UNREACHABLE)
        reason = f"{error.status or ''} {error.message}".strip()
        self.place.warn(f"{what} could not be posted to {self.title} ({reason}). {hint} The dbt Cloud run goes on.")

    # What each host does in its own way. All of them raise HostError.

    def post_status(self, state: CommitState, description: str, url: str) -> None:
        """Send one status."""
        raise NotImplementedError

    def comments(self) -> Iterator[Comment]:
        """All comments of the pull request, page by page."""
        raise NotImplementedError

    def create(self, body: str) -> None:
        """Write a comment."""
        raise NotImplementedError

    def edit(self, comment: Comment, body: str) -> None:
        """Change a comment."""
        raise NotImplementedError

    def hidden(self, marker: str) -> str:
        """A line that people do not see."""
        return f"<!-- {marker} -->"

    def dialect(self, body: str) -> str:
        """The host's own Markdown."""
        return body
