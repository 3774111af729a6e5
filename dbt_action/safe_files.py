"""Files that this program writes, reads and removes without following a link that somebody else has put there.

Whoever can commit to the repository can put a link in the checkout: to `.git/config`, or to a folder outside. So below
its base no part of a path may be a link. The base of a relative path is the working directory; an absolute path is
the user's own choice up to its base. Links above the base are the user's.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

# Windows cannot open a file relative to an open folder; there each part of a path is looked at before it is used.
_RELATIVE_TO_FOLDERS = {os.open, os.mkdir, os.unlink, os.stat, os.rename} <= os.supports_dir_fd
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_EXISTING_FILE = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_DIRECTORY", 0)
# A CI may collect files as another user.
_READABLE_FOR_ALL = 0o644


class LinkError(OSError):
    """A part of the path is a link."""

    def __init__(self, path: Path) -> None:
        """`path` is the link."""
        super().__init__(None, f"{path} is a link, and links are not followed here; give an absolute path", str(path))


@contextmanager
def replaced(path: Path, *, base: Path | None = None) -> Iterator[BinaryIO]:
    """A new file, which takes the place of `path` if the block ends without an exception, and vanishes otherwise.

    Readers never find half of it, even if this process is killed. Folders that are missing are made. A link in the
    place of the file itself is replaced. `base` is a part of the path. Raises OSError.
    """
    with _folder_of(path, base, create=True) as folder:
        part = f".{path.name}.{os.urandom(8).hex()}"
        file = os.fdopen(folder.open(part, _NEW_FILE), "wb")
        try:
            with file:
                yield file
            folder.replace(part, path.name)
        except BaseException:
            with suppress(OSError):
                folder.unlink(part)
            raise


def read(path: Path, *, max_bytes: int) -> bytes | None:
    """The content of a regular file; None when it is longer, or not a regular file. Raises OSError."""
    with _folder_of(path, None, create=False) as folder:
        if not stat.S_ISREG(folder.mode(path.name)):
            return None
        with os.fdopen(folder.open(path.name, _EXISTING_FILE), "rb") as file:
            content = file.read(max_bytes + 1)
        return content if len(content) <= max_bytes else None


def remove(path: Path) -> str:
    """Remove a file, or the link in its place; why that was not possible, "" when nothing is there any more."""
    try:
        with _folder_of(path, None, create=False) as folder:
            mode = folder.mode(path.name)
            if not stat.S_ISREG(mode) and not stat.S_ISLNK(mode):
                return "it is not a file"
            folder.unlink(path.name)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    return ""


class _Folder:
    """A folder that was reached without following a link: an open descriptor, or on Windows its path."""

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self.path, self.descriptor = path, descriptor

    def open(self, name: str, flags: int) -> int:
        """Open a file of the folder; the descriptor."""
        descriptor = os.open(self._name(name), flags, _READABLE_FOR_ALL, dir_fd=self.descriptor)
        if flags == _NEW_FILE and hasattr(os, "fchmod"):
            # Whatever the umask is.
            os.fchmod(descriptor, _READABLE_FOR_ALL)
        return descriptor

    def replace(self, name: str, target: str) -> None:
        os.replace(self._name(name), self._name(target), src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def unlink(self, name: str) -> None:
        os.unlink(self._name(name), dir_fd=self.descriptor)

    def mode(self, name: str) -> int:
        """What kind of file it is, as in `stat`."""
        return os.stat(self._name(name), dir_fd=self.descriptor, follow_symlinks=False).st_mode

    def make(self, name: str) -> None:
        """Make a folder in it if there is nothing of that name."""
        with suppress(FileExistsError):
            os.mkdir(self._name(name), dir_fd=self.descriptor)

    def enter(self, name: str) -> _Folder:
        """The folder of that name in it. Raises LinkError."""
        path = self.path / name
        try:
            descriptor = os.open(name, _FOLDER, dir_fd=self.descriptor) if self.descriptor is not None else None
        except OSError:
            # Systems differ in the error for a link.
            if stat.S_ISLNK(self.mode(name)):
                raise LinkError(path) from None
            raise
        if descriptor is None and _is_link(os.lstat(path)):
            raise LinkError(path)
        return _Folder(path, descriptor)

    def close(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)

    def _name(self, name: str) -> str:
        return name if self.descriptor is not None else str(self.path / name)


@contextmanager
def _folder_of(path: Path, base: Path | None, *, create: bool) -> Iterator[_Folder]:
    """The folder of the file, reached from the base without following a link."""
    if base is None:
        base = path.parent if path.is_absolute() else Path()
    if create:
        base.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(base, os.O_RDONLY | os.O_DIRECTORY) if _RELATIVE_TO_FOLDERS else None
    folder = _Folder(base, descriptor)
    try:
        for name in path.parent.relative_to(base).parts:
            if create:
                folder.make(name)
            below = folder.enter(name)
            folder.close()
            folder = below
        yield folder
    finally:
        folder.close()


def _is_link(found: os.stat_result) -> bool:
    """Whether this is a symbolic link, or a junction of Windows."""
    reparse_point = getattr(stat, "FILE_ATTRIBUTE_REPARSE_POINT", 0)
    return stat.S_ISLNK(found.st_mode) or bool(getattr(found, "st_file_attributes", 0) & reparse_point)
