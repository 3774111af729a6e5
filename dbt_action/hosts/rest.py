"""What all hosts have in common: when to warn, when to give up, and how our comment is found; sends nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from dbt_action import text, timeouts
from dbt_action.hosts.base import COMMENT, STATUS, CommitReport, HostSettings
from dbt_action.hosts.transport import HostError
from dbt_action.report.outcome import CommitState

# Of a hundred comments each; a host with more has a problem with its page numbers.
MAX_PAGES = 100
# How long our comment is looked for, in time limits of one request: short when the process has to end.
_FIND_COMMENT_LIMITS = 6
_UNREACHABLE = "It cannot be reached from here at the moment."
_UNKNOWN_ANSWER = "Its answer has an unknown shape."
_HARMLESS = "The result of this step does not depend on it."
_TOO_MANY = "It limits the requests of this token for now."
# A page to sign in, or a redirect to one: the token is not accepted.
_SIGN_IN, _UNAUTHORIZED, _LIMITED = frozenset({203, 302, 303}), 401, 429
_MOVED = frozenset({301, 307, 308})
# An error with such a status: a proxy has answered, not the host.
_SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment of the pull request: its text, and what the host's API finds it by (a path, a number)."""

    body: str
    key: str
    # What the host calls its author, by what does not change where it has that; none: not known.
    authors: frozenset[str] = frozenset()


def account(user: object, *names: str) -> frozenset[str]:
    """Return what a user is known by: each of its fields `names` that has a value, with the name of the field."""
    fields = user if isinstance(user, Mapping) else {}
    return frozenset(f"{name}:{value}" for name in names if (value := fields.get(name)) not in (None, ""))


class RestHost:
    """A host with the rules of all: the first failure of each kind is one warning, permanent ones are not repeated.

    A subclass says how things are sent.
    """

    title = ""
    # By the status of a refusal: what it usually means, and what to do.
    hints: ClassVar[Mapping[int, str]] = {}
    # In characters.
    max_comment_length = 0

    def __init__(self, settings: HostSettings) -> None:
        """Nothing is sent here."""
        self.settings = settings
        # STATUS, COMMENT: a failure has been logged.
        self._warned: set[str] = set()
        # Parts of a status, and COMMENT, that are refused for good.
        self._given_up: set[str] = set()
        # The last state, description and link that each part of the status needs no more work for.
        self._posted: dict[str, tuple[CommitState, str, str]] = {}
        # Parts that were accepted before, or perhaps were: the answer was lost.
        self._accepted: set[str] = set()
        # The account of the token, as in `Comment.authors`; None before it was asked for, none: it cannot be learned.
        self._own_account: frozenset[str] | None = None

    def set_status(self, state: CommitState, description: str, url: str) -> bool:
        """Post a status. False: it was not posted, and a later try may succeed."""
        if not self.settings.sha:
            return True
        status = (state, description, url)
        parts = self.status_parts(*status)
        for part, post in parts:
            # Each part by itself: where one is refused another may be accepted.
            if self._posted.get(part) != status and self._attempt(STATUS, part, post):
                self._posted[part] = status
        return all(self._posted.get(part) == status for part, _ in parts)

    def comment(self, body: str, marker: str, *, only_change: bool = False) -> None:
        """Change the comment with the hidden `marker`; create it when there is none, unless `only_change`."""
        first_line = self.hidden_line(marker)
        full_text = text.cut(f"{first_line}\n\n{self.convert_markdown(body)}", self.max_comment_length)
        self._attempt(COMMENT, COMMENT, lambda: self._write_comment(full_text, first_line, only_change=only_change))

    def post_report(self, build: Callable[[], CommitReport]) -> None:
        """Do nothing: most hosts have nothing like it, and the CI shows the same."""
        del build

    def _write_comment(self, full_text: str, first_line: str, *, only_change: bool) -> None:
        ours, others = self._find_comment(first_line)
        if ours:
            self.edit_comment(ours, full_text)
            return
        # A token that may not ask whose it is: the author of a new comment tells it.
        is_account_unknown = bool(others) and not self._own_account
        if only_change and not is_account_unknown:
            return
        created = self._create_once(full_text, first_line, others)
        if created and is_account_unknown:
            self._own_account = created.authors
            older = next((comment for comment in others if self._is_ours(comment)), None)
            if older:
                self.edit_comment(older, full_text)
            if older or only_change:
                self.delete_comment(created)

    def _create_once(self, full_text: str, first_line: str, others: Sequence[Comment]) -> Comment | None:
        """Create a comment; None when its answer was lost and it exists all the same."""
        try:
            return self.create_comment(full_text)
        except HostError as error:
            if not error.ambiguous:
                raise
            self.settings.clock.sleep(timeouts.HOST_RETRY_PAUSE_SECONDS)
            ours, others_now = self._find_comment(first_line)
            if ours or len(others_now) > len(others):
                return None
            if error.wait > timeouts.HOST_RETRY_PAUSE_SECONDS:
                # The host is slow: the comment may still appear, and a second one would stay beside it.
                raise
            return self.create_comment(full_text)

    def _find_comment(self, first_line: str) -> tuple[Comment | None, list[Comment]]:
        """Our comment, and those of other or unknown authors that begin like it: whoever can comment can copy that."""
        deadline = self.settings.clock.now() + _FIND_COMMENT_LIMITS * self.settings.timeout
        others: list[Comment] = []
        for number, page in enumerate(self.comments(), 1):
            for comment in page:
                # Only at the beginning: people quote comments, and a quotation begins with another character.
                if not comment.body.lstrip().startswith(first_line):
                    continue
                if self._is_ours(comment):
                    return comment, others
                others.append(comment)
            if number == MAX_PAGES or self.settings.clock.now() > deadline:
                raise HostError(0, "ours was not found among the others in time", transient=True)
        return None, others

    def _is_ours(self, comment: Comment) -> bool:
        """Whether the account of our token has written the comment; nobody else's is ever changed."""
        if self._own_account is None:
            try:
                self._own_account = self.own_account()
            except HostError as error:
                if error.transient:
                    raise
                self._own_account = frozenset()
        return bool(self._own_account & comment.authors)

    def _attempt(self, what: str, part: str, post: Callable[[], None]) -> bool:
        """Post one part of STATUS or COMMENT. True: posted, or given up for good."""
        if part in self._given_up:
            return True
        try:
            self._post_with_second_try(part, post)
        except HostError as error:
            if error.ambiguous:
                self._accepted.add(part)
            give_up = not error.transient and part not in self._accepted
            if give_up:
                self._given_up.add(part)
            code = str(error.status or "")
            # GitLab's messages begin with the code.
            reason = error.message if error.message.startswith(code) else f"{code} {error.message}".strip()
            self._warn_once(what, reason, self.hint(what, error.status))
            return give_up
        except Exception as error:  # noqa: BLE001 - an answer of an unknown shape must not end the step
            self._warn_once(what, type(error).__name__, _UNKNOWN_ANSWER)
            return False
        self._accepted.add(part)
        return True

    def _post_with_second_try(self, part: str, post: Callable[[], None]) -> None:
        """Post; try a second time after a refusal of what was accepted before, since the refusal may be a mistake."""
        try:
            post()
        except HostError as error:
            if error.transient or not (error.ambiguous or part in self._accepted):
                raise
            self.settings.clock.sleep(timeouts.HOST_RETRY_PAUSE_SECONDS)
            post()

    def hint(self, what: str, status: int) -> str:
        """Return what a refusal of STATUS or COMMENT with this status usually means, and what to do."""
        del what
        if not status:
            return _UNREACHABLE
        if status == _LIMITED:
            return _TOO_MANY
        status = _UNAUTHORIZED if status in _SIGN_IN else status
        if status in _MOVED:
            return "It is at another address: check the name of the repository and the address of the API."
        if status in _SUCCESS:
            return f"Something between here and {self.title} answers in its place."
        return self.hints.get(status, f"{self.title} has a problem of its own.")

    def _warn_once(self, what: str, reason: str, hint: str) -> None:
        if what not in self._warned:
            self._warned.add(what)
            self.settings.warn(f"The {what} could not be posted to {self.title} ({reason}). {hint} {_HARMLESS}")

    # What each host does in its own way. All of them raise HostError.

    def status_parts(self, state: CommitState, description: str, url: str) -> Sequence[tuple[str, Callable[[], None]]]:
        """Return the parts of a status, each with its name and what posts it. Most hosts have one part."""
        return [(STATUS, lambda: self.post_status(state, description, url))]

    def post_status(self, state: CommitState, description: str, url: str) -> None:
        """Post the status of the commit."""
        raise NotImplementedError

    def comments(self) -> Iterator[Sequence[Comment]]:
        """Yield all comments of the pull request, page by page."""
        raise NotImplementedError

    def own_account(self) -> frozenset[str]:
        """Return the account of the token, as in `Comment.authors`."""
        raise NotImplementedError

    def create_comment(self, body: str) -> Comment:
        """Create a comment; not twice."""
        raise NotImplementedError

    def edit_comment(self, comment: Comment, body: str) -> None:
        """Change the text of a comment."""
        raise NotImplementedError

    def delete_comment(self, comment: Comment) -> None:
        """Delete a comment that was created just now."""
        raise NotImplementedError

    def hidden_line(self, marker: str) -> str:
        """Return a line with `marker` that people do not see."""
        return f"<!-- {marker} -->"

    def convert_markdown(self, body: str) -> str:
        """Return `body` in the host's own kind of Markdown."""
        return body
