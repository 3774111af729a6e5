"""What every code host offers and needs; which hosts there are is in `hosts`, their HTTP in a module for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from dbt_action import timeouts
from dbt_action.clock import Clock, SystemClock
from dbt_action.config import input_types
from dbt_action.config.context import CiContext

if TYPE_CHECKING:
    # Nothing of the report is needed before the trigger.
    from dbt_action.report.node_annotations import Annotation
    from dbt_action.report.outcome import CommitState

AddressT = TypeVar("AddressT")

# What is posted, as in "No …" and "The … could not be posted".
STATUS, COMMENT = "commit status", "comment"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """What to post and how: the status `name` on commit `sha` ("" when no commit is known, then no status)."""

    sha: str
    name: str
    # Logs a warning.
    warn: Callable[[str], None]
    # Logs a plain line, such as that an optional token is missing.
    info: Callable[[str], None]
    # Seconds for connecting to the host, and again for its answer.
    timeout: float = timeouts.HOST_REQUEST_SECONDS
    # STATUS, or COMMENT when the user wants no status.
    wanted: str = STATUS
    # Whether the process stays until the run ends, and so can replace a pending status.
    waits: bool = True
    clock: Clock = field(default_factory=SystemClock)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitReport:
    """What a finished run found, for hosts that show more of it than a status."""

    headline: str
    # Page of the run, "" when there is none.
    url: str
    passed: bool
    # Number of nodes by node status, without zeros: `{"failed": 2, "passed": 31}`.
    counts: Mapping[str, int]
    annotations: Sequence[Annotation]


class Host(Protocol):
    """Shows the state of the run on the commit, and comments on the pull request.

    Each method takes limited time and raises nothing: a failure is logged, the first one as a warning.
    """

    def set_status(self, state: CommitState, description: str, url: str) -> bool:
        """Post a status. False: it was not posted, and a later try may succeed."""

    def comment(self, body: str, marker: str, *, only_change: bool = False) -> None:
        """Make `body` (Markdown) the text of the comment that has `marker`, a short text that the host hides.

        The comment is looked for on all pages and changed; without one it is created, unless `only_change`.
        """

    def post_report(self, build: Callable[[], CommitReport]) -> None:
        """Show the report on the commit and its files, if the host can; `build` is called only then."""


class NoHost:
    """The host when nothing is posted: not wanted, or not possible."""

    def set_status(self, state: CommitState, description: str, url: str) -> bool:
        """Do nothing."""
        del state, description, url
        return True

    def comment(self, body: str, marker: str, *, only_change: bool = False) -> None:
        """Do nothing."""
        del body, marker, only_change

    def post_report(self, build: Callable[[], CommitReport]) -> None:
        """Do nothing."""
        del build


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFiles:
    """The files that a pull request or a push changes: paths from the root of the repository.

    A renamed file is there by both names. `gap` says why the list may not be whole, as a clause ("GitHub lists at most
    3,000 files"); "" when it is.
    """

    paths: tuple[str, ...]
    gap: str = ""


class ChangeReader(Protocol):
    """Reads what a build is about, before anything is started. Each method sends requests and raises HostError."""

    def pull_request_files(self) -> ChangedFiles:
        """The files that the pull request changes."""

    def pushed_files(self, before: str, after: str) -> ChangedFiles:
        """The files that differ between two commits, of which `before` was the head of the branch before the push."""

    def labels(self) -> frozenset[str]:
        """The names of the pull request's labels, as they are now."""

    def is_draft(self) -> bool:
        """Whether the pull request is a draft now."""

    def commit_message(self, sha: str) -> str:
        """The whole message of a commit."""


class MissingAddressError(Exception):
    """A variable that says where the host is has no value; the text names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostType(Generic[AddressT]):
    """One kind of host. A module of this package that has such a `HOST_TYPE` is found by itself.

    `AddressT` is the host's own frozen type for all that is known about it before anything is posted: the address of
    its API, the repository, the pull request.
    """

    # As in `CiContext.host`.
    key: str
    # The input with its token, and what kind of token it takes, as a clause.
    token: input_types.Input
    credential_hint: str
    # Pure; the only place where a host reads variables. Raises MissingAddressError.
    read_address: Callable[[Mapping[str, str], CiContext], AddressT]
    # The address of the API, which is sent the token, and the variable that it comes from.
    api_url: Callable[[AddressT], str]
    api_variable: str
    # The host for an address and a token. May import a library, sends nothing.
    connect: Callable[[AddressT, HostSettings, str], Host]
    # What reads changed files and labels, for an address and a token, on a clock. Sends nothing here.
    read_changes: Callable[[AddressT, str, Clock], ChangeReader]
    # Whether the token may post statuses, asked without posting one; None where nobody can ask.
    may_post_status: Callable[[AddressT, str, Clock], bool | None] = lambda _address, _token, _clock: None
    # What the token needs for that, as a sentence.
    changes_hint: str = ""
    # A pending status can be posted again with another description.
    renews_pending: bool = True
    # Pull requests have labels there.
    has_labels: bool = True
    # The same as `connect` without a token, for what the host can show all the same.
    connect_without_token: Callable[[AddressT, HostSettings], Host] = lambda _address, _settings: NoHost()


def token_input(key: str, variable: str, help_text: str, *, also: tuple[str, ...] = ()) -> input_types.Input:
    """Return the row of a host's token in the table of inputs; `also` are other names of its variable."""
    return input_types.Input(
        name=f"{key}-token",
        input_type=input_types.InputType.TOKEN,
        help=help_text,
        secret=True,
        environment=also,
        variable_name=variable,
    )
