"""Which artifacts are wanted and where each may be written; fetching them is `collect`'s work."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

# Names come from a server: none of these may reach a file system (the last ones mean something on Windows).
_FORBIDDEN = frozenset('\\:*?"<>|')


def chosen(names: Iterable[str], patterns: Iterable[str]) -> tuple[str, ...]:
    """The names that a pattern matches; `*` matches across folders, so it alone is "everything"."""
    wanted = tuple(patterns)
    return tuple(name for name in names if any(fnmatchcase(name, pattern) for pattern in wanted))


def unmatched(names: Iterable[str], patterns: Iterable[str]) -> tuple[str, ...]:
    """The patterns that match nothing."""
    known = tuple(names)
    return tuple(pattern for pattern in patterns if not chosen(known, (pattern,)))


def safe_path(name: str) -> PurePosixPath | None:
    """`name` as a path below some folder, None when it would lead out of it or is no plain file name."""
    parts = name.split("/")
    odd = any(part in ("", ".", "..") or (part != part.strip(". ") and part.endswith((".", " "))) for part in parts)
    if odd or any(character in _FORBIDDEN or ord(character) < ord(" ") for character in name):
        return None
    return PurePosixPath(*parts)
