"""What all hosts have in common: when to warn, when to give up, and the one comment of ours; no HTTP is here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from dbt_action import text, timeouts
from dbt_action.hosts.base import COMMENT, STATUS, CommitReport, HostSettings
from dbt_action.hosts.transport import Api, HostError
from dbt_action.report.outcome import CommitState

# Pages of a hundred; a host whose pages do not end has a problem.
MOST_PAGES = 100
_UNREACHABLE = "It cannot be reached from here at the moment."
_NOT_UNDERSTOOD = "Its answer is none that is known here."
_HARMLESS = "Nothing else depends on it."
_TOO_MANY = "It limits the requests of this token for now."
# A page to sign in and the way to one: the token is not taken.
_SIGN_IN, _UNAUTHORIZED, _LIMITED = frozenset({203, 302, 303}), 401, 429
_MOVED = frozenset({301, 307, 308})
# Of an answer that says that all is well, and is not the host's.
_GOOD = range(200, 300)


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

    def __init__(self, api: Api, settings: HostSettings) -> None:
        """Nothing is sent here."""
        self.api, self.settings = api, settings
        self._warned: set[str] = set()
        self._hopeless: set[str] = set()
        # The last state, description and link of each part that are settled.
        self._told: dict[str, tuple[CommitState, str, str]] = {}
        # It has been accepted before, or perhaps: its answer was lost.
        self._accepted: set[str] = set()

    def set_status(self, state: CommitState, description: str, url: str) -> bool:
        """Post a status. False: another try may help."""
        if not self.settings.sha:
            return True
        told = (state, description, url)
        parts = self.posts(*told)
        for part, work in parts:
            # Every part, whatever came of the others.
            if self._told.get(part) != told and self._attempt(STATUS, part, work):
                self._told[part] = told
        return all(self._told.get(part) == told for part, _ in parts)

    def comment(self, body: str, marker: str, *, only_change: bool = False) -> None:
        """Change the one comment with `marker`, which people do not see, or write it."""
        first_line = self.hidden(marker)
        page = text.cut(f"{first_line}\n\n{self.dialect(body)}", self.longest)
        self._attempt(COMMENT, COMMENT, lambda: self._write(page, first_line, only_change=only_change))

    def post_report(self, build: Callable[[], CommitReport]) -> None:
        """Most hosts have no place for it; the CI shows it."""

    def _write(self, page: str, first_line: str, *, only_change: bool) -> None:
        found = self._find(first_line)
        if found:
            self.edit(found, page)
            return
        if only_change:
            return
        try:
            self.create(page)
        except HostError as error:
            if not error.ambiguous:
                raise
            self.settings.clock.sleep(timeouts.HOST_RETRY_PAUSE_SECONDS)
            if self._find(first_line):
                return
            if error.wait > timeouts.HOST_RETRY_PAUSE_SECONDS:
                # Slow as it is, the host may still be writing the first one.
                raise
            self.create(page)

    def _find(self, first_line: str) -> Comment | None:
        deadline = self.settings.clock.now() + timeouts.FIND_COMMENT_SECONDS
        for number, page in enumerate(self.comments(), 1):
            for found in page:
                # At the beginning only: people quote, and a quotation begins with something else.
                if found.body.lstrip().startswith(first_line):
                    return found
            if number == MOST_PAGES or self.settings.clock.now() > deadline:
                raise HostError(0, "ours was not found among the others in time", transient=True)
        return None

    def _attempt(self, what: str, part: str, work: Callable[[], None]) -> bool:
        """Do one part of something; trouble with `what` is told once, and each part is given up by itself."""
        if part in self._hopeless:
            return True
        try:
            self._insist(part, work)
        except HostError as error:
            if error.ambiguous:
                self._accepted.add(part)
            hopeless = not error.transient and part not in self._accepted
            if hopeless:
                self._hopeless.add(part)
            code = str(error.status or "")
            # GitLab says it in its words too.
            reason = error.message if error.message.startswith(code) else f"{code} {error.message}".strip()
            self._complain(what, reason, self.hint(what, error.status))
            return hopeless
        except Exception as error:  # noqa: BLE001 - an answer of another shape must not end the step
            self._complain(what, type(error).__name__, _NOT_UNDERSTOOD)
            return False
        self._accepted.add(part)
        return True

    def _insist(self, part: str, work: Callable[[], None]) -> None:
        """What was allowed before will be allowed again, so a refusal is asked about once more."""
        try:
            work()
        except HostError as error:
            if error.transient or not (error.ambiguous or part in self._accepted):
                raise
            self.settings.clock.sleep(timeouts.HOST_RETRY_PAUSE_SECONDS)
            work()

    def hint(self, what: str, status: int) -> str:
        """What a refusal of STATUS or COMMENT with this code usually means, and what to do."""
        del what
        if not status:
            return _UNREACHABLE
        if status == _LIMITED:
            return _TOO_MANY
        status = _UNAUTHORIZED if status in _SIGN_IN else status
        if status in _MOVED:
            return "It is somewhere else: check the name of the repository and the address of the API."
        if status in _GOOD:
            return f"Something between here and {self.title} answers in its place."
        return self.hints.get(status, f"{self.title} has a problem of its own.")

    def _complain(self, what: str, reason: str, hint: str) -> None:
        if what not in self._warned:
            self._warned.add(what)
            self.settings.warn(f"The {what} could not be posted to {self.title} ({reason}). {hint} {_HARMLESS}")

    # What each host does in its own way. All of them raise HostError.

    def posts(self, state: CommitState, description: str, url: str) -> Sequence[tuple[str, Callable[[], None]]]:
        """What a status consists of: the name of each part, and how it is sent. Most hosts have one part."""
        return [(STATUS, lambda: self.post_status(state, description, url))]

    def post_status(self, state: CommitState, description: str, url: str) -> None:
        """Send the status of the commit."""
        raise NotImplementedError

    def comments(self) -> Iterator[Sequence[Comment]]:
        """All comments of the pull request, page by page."""
        raise NotImplementedError

    def create(self, body: str) -> None:
        """Write a comment; not twice."""
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
