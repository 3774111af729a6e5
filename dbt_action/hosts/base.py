"""What a host of code is told and what it offers; which hosts there are and their HTTP are in other modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dbt_action import timeouts
from dbt_action.clock import Clock, SystemClock
from dbt_action.config import input_types
from dbt_action.config.context import CiContext
from dbt_action.report.node_annotations import Annotation
from dbt_action.report.outcome import CommitState

# What is posted, as in "No … " and "The … could not be posted".
STATUS, COMMENT = "commit status", "comment"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """The status `name` of commit `sha`. `timeout` is in seconds, for connecting and again for an answer."""

    sha: str
    name: str
    warn: Callable[[str], None]
    # Told when something is not there for want of something, which is nobody's fault.
    info: Callable[[str], None]
    timeout: float = timeouts.HOST_REQUEST_SECONDS
    # STATUS, or COMMENT alone.
    wanted: str = STATUS
    # False when nobody stays to post how it ended.
    waits: bool = True
    clock: Clock = field(default_factory=SystemClock)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitReport:
    """What a finished run has found, for a host that shows more of it than a status."""

    headline: str
    url: str
    passed: bool
    # Nodes by verdict: `{"failed": 2}`.
    counts: Mapping[str, int]
    notes: Sequence[Annotation]


class Host(Protocol):
    """Shows the state of a commit, and says more about it on its pull request."""

    def set_status(self, state: CommitState, description: str, url: str) -> bool:
        """Post a status, in bounded time; trouble is told once and raises nothing. False: try again later."""

    def comment(self, body: str, marker: str, *, only_change: bool = False) -> None:
        """The one comment with `marker` (a short text that the host hides) becomes `body`, Markdown.

        Looked for over all pages, changed in settings, written when it is not there, unless `only_change`. Bounded
        time; trouble is told once and raises nothing.
        """

    def post_report(self, build: Callable[[], CommitReport]) -> None:
        """Show the findings at the commit and its files, if the host has a place for that. Bounded; raises nothing."""


class NoHost:
    """Nowhere to post to, or not wanted."""

    def set_status(self, state: CommitState, description: str, url: str) -> bool:
        """Do nothing."""
        del state, description, url
        return True

    def comment(self, body: str, marker: str, *, only_change: bool = False) -> None:
        """Do nothing."""
        del body, marker, only_change

    def post_report(self, build: Callable[[], CommitReport]) -> None:
        """Do nothing."""


class MissingAddressError(Exception):
    """What the host needs to be found is not known; the text names what to set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostType:
    """One kind of host; a module of this package that has such a `HOST_TYPE` is one."""

    # As in `CiContext.host`.
    key: str
    # The input with its token, and how one gets that, as a clause.
    token: input_types.Input
    how: str
    # Sends nothing. Raises MissingAddressError.
    open: Callable[[Mapping[str, str], CiContext, HostSettings, str], Host]
    # What can be shown without a token.
    open_without: Callable[[Mapping[str, str], CiContext, HostSettings], Host] = lambda _environ, _context, _settings: (
        NoHost()
    )


def token_input(key: str, variable: str, help_text: str, *, also: tuple[str, ...] = ()) -> input_types.Input:
    """The row of a host's token in the table of inputs; `also` are other names of its variable."""
    return input_types.Input(
        name=f"{key}-token",
        input_type=input_types.InputType.TOKEN,
        help=help_text,
        secret=True,
        environment=also,
        variable_name=variable,
    )
