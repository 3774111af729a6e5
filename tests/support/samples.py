"""Types of the `SAMPLE` in the tests of each CI and code host: what the tests of all of them need to know.

The sample of `dbt_action/ci/x.py` is in `tests/ci/test_x.py`, that of `dbt_action/hosts/x.py` in
`tests/hosts/test_x.py`. There is no other list of platforms to keep.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dbt_action import ci, hosts
from dbt_action.config.context import CiContext
from dbt_action.report.outcome import CommitState
from tests.support import environments


class Known(NamedTuple):
    """What a CI is expected to know about a build; an empty value is "unknown" or "there is none"."""

    host: str = ""
    sha: str = ""
    branch: str = ""
    tag: str = ""
    # Of the pull request.
    number: int = 0

    @classmethod
    def of(cls, context: CiContext) -> Known:
        """The same values as the CI has read them."""
        return cls(context.host, context.sha, context.branch, context.tag, context.number)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of the table in docs/platforms.md: what works, and the tests that show it; or why it is not possible."""

    words: str
    tests: tuple[Callable[..., None], ...] = ()


def cell(words: str, *tests: Callable[..., None]) -> Cell:
    """The cell with this text and these tests."""
    return Cell(words=words, tests=tests)


@dataclass(frozen=True, kw_only=True)
class Examples:
    """The pipelines for users to copy, in `examples/<id of the CI>/`."""

    # Name of the vendor's schema in check-jsonschema, and more arguments for it.
    schema: tuple[str, ...]
    # What the CI calls a pull request; part of the names of the files.
    request: str
    # Setting of the CI with a time limit for the job, as (name, value): it has to be longer than our own, so that we
    # can cancel the run. None: the CI has no such setting.
    limit: tuple[str, object] | None
    # The jobs or steps of a document that run our command.
    jobs: Callable[[Any], list[dict[str, Any]]]
    # Options of SQLFluff for the CI's annotations.
    lint: str


@dataclass(frozen=True, kw_only=True)
class CiSample:
    """Environments of builds on one CI, and what is expected in each."""

    # All variables of a job that was started by a push. Empty for a terminal.
    push: Mapping[str, str]
    # The fewest variables by which the CI is recognised, one set each.
    detected_by: tuple[Mapping[str, str], ...]
    # Name of the case -> its environment, and what is known in it.
    builds: Mapping[str, tuple[Mapping[str, str], Known]]
    # Name of a recorded environment (`environments.RECORDED`) -> what is known in it.
    recorded: Mapping[str, Known] = field(default_factory=dict)
    # Builds of pull requests from the repository itself, and from forks.
    own: tuple[Mapping[str, str], ...] = ()
    forks: tuple[Mapping[str, str], ...] = ()
    # Where a step saves its state, relative to its working directory, and the variables that make it save it there.
    state_file: str = ""
    state_variables: Mapping[str, str] = field(default_factory=dict)
    # Commands to the CI that one `info`, one `untrusted_block` and one `error` print, as `decoders.all_commands` has
    # them.
    commands: tuple[str, ...] = ()
    examples: Examples | None = None
    # The row of the table in docs/platforms.md, by column.
    row: Callable[[], Mapping[str, Cell]]

    @property
    def cases(self) -> Mapping[str, tuple[Mapping[str, str], Known]]:
        """`builds`, and the recorded environments that are at hand."""
        at_hand = {job: known for job, known in self.recorded.items() if job in environments.RECORDED}
        return {**self.builds, **{job: (environments.RECORDED[job], known) for job, known in at_hand.items()}}


@dataclass(frozen=True, kw_only=True)
class HostSample:
    """An emulated code host, and a build of a pull request on it."""

    # Starts the emulator; keyword arguments are those of its class. It has `requests`, `faults`, and `page`, the
    # number of comments on a page.
    start: Callable[..., Any]
    # The environment of the build, for an emulator that has been started.
    environ: Callable[[Any], Mapping[str, str]]
    # Variables that a user has to set in a terminal for the same repository, except for the token.
    by_hand: Callable[[Any], Mapping[str, str]]
    words: Mapping[CommitState, str]
    # Every state that was posted, in the host's own words; and those that are shown in the end.
    posted: Callable[[Any], list[str]]
    shown: Callable[[Any], list[str]]
    # Number of statuses that are posted for one state.
    parts: int = 1
    # Bodies of the comments, the oldest first; and a function that adds comments of other authors.
    comments: Callable[[Any], list[str]]
    chat: Callable[[Any, list[str]], None]
    longest_comment: int
    # Answers in place of the list of changed files that have not its shape.
    odd_lists: tuple[object, ...]
    # The files of a push are known too.
    compares: bool = False
    # Field of the trigger's body that has the number of the pull request.
    field: str
    number: int


def of_ci(platform: type[ci.CiPlatform]) -> CiSample:
    """The sample of a CI."""
    found: CiSample = _sample("ci", platform.__module__)
    return found


def of_host(key: str) -> HostSample:
    """The sample of a host."""
    found: HostSample = _sample("hosts", hosts.KNOWN[key].connect.__module__)
    return found


def _sample(folder: str, module: str) -> Any:  # noqa: ANN401 - one of the two
    return importlib.import_module(f"tests.{folder}.test_{module.rpartition('.')[2]}").SAMPLE


# By the id of the CI.
CIS: Mapping[str, type[ci.CiPlatform]] = {platform.id: platform for platform in ci.KNOWN}
HOSTS = tuple(hosts.KNOWN)
