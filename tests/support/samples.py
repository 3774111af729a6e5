"""What the tests of all platforms have to know about each: a `SAMPLE` in the test file of that platform.

A CI `dbt_action/ci/x.py` has it in `tests/ci/test_x.py`, a host `dbt_action/hosts/x.py` in
`tests/hosts/test_x.py`; nothing else has to be told that a platform is there.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dbt_action import ci, hosts
from dbt_action.config.context import CiContext
from dbt_action.report.outcome import CommitState


class Known(NamedTuple):
    """What a CI knows about a build; empty is "not known" or "none"."""

    host: str = ""
    sha: str = ""
    branch: str = ""
    tag: str = ""
    # Number of the pull request, and the branch that it is for.
    number: int = 0
    base: str = ""

    @classmethod
    def of(cls, context: CiContext) -> Known:
        """From what was read."""
        pull = context.pull_request
        number, base = (pull.number, pull.base_branch) if pull else (0, "")
        return cls(context.host, context.sha, context.branch, context.tag, number, base)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of the table in the docs: what there is, and the tests that show it; or why it cannot be."""

    words: str
    tests: tuple[Callable[..., None], ...] = ()


def cell(words: str, *tests: Callable[..., None]) -> Cell:
    """A cell."""
    return Cell(words=words, tests=tests)


@dataclass(frozen=True, kw_only=True)
class Examples:
    """The files to copy in `examples/<key of the CI>/`."""

    # Of check-jsonschema: the vendor's, and more arguments.
    schema: tuple[str, ...]
    # What the CI calls a pull request, as in the names of the files.
    request: str
    # The CI's own limit of time for a job, which leaves us time to cancel: its name and value. None: it has none.
    limit: tuple[str, object] | None
    # The jobs or steps of a document that run our command.
    jobs: Callable[[Any], list[dict[str, Any]]]
    # How SQLFluff is told to speak.
    lint: str


@dataclass(frozen=True, kw_only=True)
class CiSample:
    """Builds on one CI."""

    # A whole environment of a push; {} is a terminal.
    push: Mapping[str, str]
    # Few variables by which it is recognised, each by itself.
    signs: tuple[Mapping[str, str], ...]
    # What is known in which environment, by a name for the case.
    builds: Mapping[str, tuple[Mapping[str, str], Known]]
    # The same for jobs of the collection of recorded environments.
    recorded: Mapping[str, Known] = field(default_factory=dict)
    # Pull requests from the repository itself, and from forks.
    own: tuple[Mapping[str, str], ...] = ()
    forks: tuple[Mapping[str, str], ...] = ()
    # Where a step leaves its state, in its working directory, and variables that it takes for that.
    state_file: str = ""
    state_variables: Mapping[str, str] = field(default_factory=dict)
    # Commands of the CI that `error`, `foreign` and `info` consist of, as `decoders.orders` tells them.
    orders: tuple[str, ...] = ()
    examples: Examples | None = None
    # The row of docs/platforms.md, by column.
    row: Callable[[], Mapping[str, Cell]]


@dataclass(frozen=True, kw_only=True)
class HostSample:
    """A stand-in for one host, and a build of a pull request on it."""

    # Starts the stand-in, which has `requests` and `faults`, and `page` for how many comments are on one; keyword
    # arguments are its habits.
    start: Callable[..., Any]
    # The environment of the build, for a stand-in that has been started.
    environ: Callable[[Any], Mapping[str, str]]
    # What one has to say in a terminal, beside the token, for the same repository.
    by_hand: Callable[[Any], Mapping[str, str]]
    words: Mapping[CommitState, str]
    # Every state that was posted, in the host's own words; and those that people see in the end.
    posted: Callable[[Any], list[str]]
    shown: Callable[[Any], list[str]]
    # As many statuses there are for one state.
    parts: int = 1
    # Bodies of the comments, the oldest first; and how other people write some.
    comments: Callable[[Any], list[str]]
    chat: Callable[[Any, list[str]], None]
    longest_comment: int
    # The field of the trigger with the number of the pull request.
    field: str
    number: int


def of_ci(kind: type[ci.CiPlatform]) -> CiSample:
    """The sample of a CI."""
    found: CiSample = _sample("ci", kind.__module__)
    return found


def of_host(key: str) -> HostSample:
    """The sample of a host."""
    found: HostSample = _sample("hosts", hosts.KNOWN[key].connect.__module__)
    return found


def _sample(folder: str, module: str) -> Any:  # noqa: ANN401 - one of the two
    return importlib.import_module(f"tests.{folder}.test_{module.rpartition('.')[2]}").SAMPLE


CIS: Mapping[str, type[ci.CiPlatform]] = {kind.key: kind for kind in ci.KNOWN}
HOSTS = tuple(hosts.KNOWN)
