"""Lists of changed files, put together from the pages of a host's API. A doubtful list is an error or has a gap.

A file that is missing in a list that looks whole would let a change be skipped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from dbt_action import timeouts
from dbt_action.clock import Clock
from dbt_action.hosts.base import ChangedFiles
from dbt_action.hosts.transport import Answer, HostError

MAX_PAGES = 100
_COMMIT = re.compile("[0-9a-f]{40}(?:[0-9a-f]{24})?")

Entry = Mapping[str, Any]


def collect(
    pages: Iterable[Sequence[Entry]],
    names: Callable[[Entry], Sequence[object]],
    *,
    clock: Clock,
    most: int | None = None,
    host: str = "",
) -> ChangedFiles:
    """Put the list together. `names` returns the names of one file, None for one that it does not have.

    `most` is how many files `host` lists at most. Raises HostError when the name of a file is missing.
    """
    deadline = clock.now() + timeouts.GATE_SECONDS
    paths: list[str] = []
    files = 0
    for number, page in enumerate(pages, 1):
        for entry in page:
            files += 1
            paths += _names(names(entry))
        if most is not None and files >= most:
            return ChangedFiles(paths=tuple(paths), gap=f"{host} lists at most {most:,} files")
        if number == MAX_PAGES or clock.now() > deadline:
            return ChangedFiles(paths=tuple(paths), gap="the list is long, and reading it took too long")
    return ChangedFiles(paths=tuple(paths))


def _names(values: Sequence[object]) -> list[str]:
    given = [value for value in values if value is not None]
    names = [value for value in given if isinstance(value, str) and value]
    if not names or len(names) < len(given):
        raise HostError(0, "an answer without the names of the files", transient=False)
    return names


def entries(answer: Answer, name: str = "") -> list[Entry]:
    """Return the objects of a list. Raises HostError when something else is among them."""
    found = answer.objects(name)
    values = answer.json.get(name) if name else answer.json
    if len(found) < len(values):
        raise HostError(0, "an answer with a list of an unknown shape", transient=False)
    return found


def field(answer: Answer, name: str, kind: type[Any]) -> Any:  # noqa: ANN401 - of the type `kind`
    """Return a field of the object. Raises HostError when it is missing or of another type."""
    value = answer.object().get(name)
    if not isinstance(value, kind):
        raise HostError(0, f"an answer without `{name}`", transient=False)
    return value


def label_names(labels: Sequence[object]) -> frozenset[str]:
    """Return the names of labels. Raises HostError when one is no text: that one may be the label in question."""
    if not all(isinstance(label, str) for label in labels):
        raise HostError(0, "an answer without the names of the labels", transient=False)
    return frozenset(str(label) for label in labels)


def commit(value: str) -> str:
    """Return the hash of a commit, which becomes a part of an address. Raises HostError when it is something else."""
    if not _COMMIT.fullmatch(value):
        raise HostError(0, "the commits are not known by their whole hash", transient=False)
    return value
