"""Which artifacts the patterns of the user match, and how a name becomes a path that stays in its folder. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

# Characters that mean something in a path on Windows. Names come from a server, so these never reach a file system.
_FORBIDDEN = frozenset('\\:*?"<>|')


def chosen(names: Iterable[str], patterns: Iterable[str]) -> tuple[str, ...]:
    """The names that a pattern matches. `*` matches `/` too, so that alone it matches every name."""
    every = tuple(patterns)
    return tuple(name for name in names if any(fnmatchcase(name, pattern) for pattern in every))


def unmatched(names: Iterable[str], patterns: Iterable[str]) -> tuple[str, ...]:
    """The patterns that match no name."""
    known = tuple(names)
    return tuple(pattern for pattern in patterns if not chosen(known, (pattern,)))


def safe_path(name: str) -> PurePosixPath | None:
    """`name` as a path below a folder; None when it would lead out of the folder or cannot be a file's name."""
    parts = name.split("/")
    odd = any(part in ("", ".", "..") or (part != part.strip(". ") and part.endswith((".", " "))) for part in parts)
    if odd or any(character in _FORBIDDEN or ord(character) < ord(" ") for character in name):
        return None
    return PurePosixPath(*parts)
