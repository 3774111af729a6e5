"""Files of our own: written as a whole, never through a link that somebody has put below the base."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from dbt_action import safe_files
from dbt_action.safe_files import LinkError

needs_links = pytest.mark.skipif(os.name == "nt", reason="making a link needs a privilege on Windows")


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a folder beside it that nobody may write to."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("theirs")
    monkeypatch.chdir(folder)
    return folder


def write(path: str | Path, content: bytes = b"ours", base: Path | None = None) -> None:
    with safe_files.replaced(Path(path), base=base) as file:
        file.write(content)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def untouched(folder: Path) -> bool:
    """Whether nothing has been written outside."""
    outside = folder.parent / "outside"
    return ["file"] == names(outside) and "theirs" == (outside / "file").read_text()


@pytest.mark.parametrize("path", ["a", "a/b/c", "./a", "../elsewhere/a"])
def test_file__is_written_with_its_folders(checkout: Path, path: str) -> None:
    write(path)
    write(path, b"again")

    assert b"again" == (checkout / path).read_bytes()
    assert [(checkout / path).name] == [file.name for file in (checkout / path).parent.iterdir()]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such mode")
def test_file__is_readable_for_others_whatever_the_umask(checkout: Path) -> None:
    before = os.umask(0o077)
    try:
        write("a")
    finally:
        os.umask(before)

    assert 0o644 == (checkout / "a").stat().st_mode & 0o777


def test_file__stays_as_it_was_when_something_goes_wrong(checkout: Path) -> None:
    write("a")
    with suppress(KeyError), safe_files.replaced(Path("a")) as file:
        file.write(b"half")
        raise KeyError

    assert ["a"] == names(checkout)
    assert b"ours" == (checkout / "a").read_bytes()


@needs_links
@pytest.mark.parametrize("path", ["link/new", "link/file", "a/link/new", "a/link/b/new"])
def test_folder__that_is_a_link_is_not_entered(checkout: Path, path: str) -> None:
    (checkout / "a").mkdir()
    for folder in (checkout, checkout / "a"):
        (folder / "link").symlink_to(checkout.parent / "outside")

    with pytest.raises(LinkError, match="is a link"):
        write(path)
    assert untouched(checkout)


@needs_links
def test_link__in_the_place_of_the_file_is_replaced(checkout: Path) -> None:
    (checkout / "a").symlink_to(checkout.parent / "outside" / "file")

    write("a")

    assert untouched(checkout)
    assert not (checkout / "a").is_symlink()
    assert b"ours" == (checkout / "a").read_bytes()


@needs_links
def test_link__below_an_absolute_base_is_not_followed_and_above_it_is(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "users").symlink_to(checkout)
    base = tmp_path / "users" / "target"
    write(base / "a" / "file", base=base)
    assert b"ours" == (checkout / "target" / "a" / "file").read_bytes()

    (base / "b").symlink_to(tmp_path / "outside")
    with pytest.raises(LinkError):
        write(base / "b" / "file", base=base)
    assert untouched(checkout)


@needs_links
def test_link__of_the_name_of_a_temporary_file_cannot_be_prepared(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if somebody guesses the name."""
    monkeypatch.setattr(os, "urandom", bytes)
    (checkout / f".a.{bytes(8).hex()}").symlink_to(checkout.parent / "outside" / "file")

    with pytest.raises(FileExistsError):
        write("a")
    assert untouched(checkout)


def test_temporary_name__is_another_each_time(checkout: Path) -> None:
    found = set()
    for _ in range(8):
        with safe_files.replaced(Path("a")):
            found |= set(names(checkout))

    assert 9 == len(found)


def test_read__gives_regular_files_of_limited_size(checkout: Path) -> None:
    (checkout / "a").write_bytes(b"12345")
    (checkout / "folder").mkdir()

    assert b"12345" == safe_files.read(Path("a"), max_bytes=5)
    assert None is safe_files.read(Path("a"), max_bytes=4)
    assert None is safe_files.read(Path("folder"), max_bytes=5)
    with pytest.raises(FileNotFoundError):
        safe_files.read(Path("missing"), max_bytes=5)


@needs_links
def test_read__follows_no_link_and_waits_for_no_pipe(checkout: Path) -> None:
    (checkout / "link").symlink_to(checkout.parent / "outside" / "file")
    (checkout / "folder").symlink_to(checkout.parent / "outside")
    os.mkfifo(checkout / "pipe")

    assert None is safe_files.read(Path("link"), max_bytes=100)
    assert None is safe_files.read(Path("pipe"), max_bytes=100)
    with pytest.raises(LinkError):
        safe_files.read(Path("folder/file"), max_bytes=100)


def test_remove__takes_files_only(checkout: Path) -> None:
    (checkout / "a").write_text("x")
    (checkout / "folder").mkdir()

    assert ["", "", "", "", "it is not a file"] == [
        safe_files.remove(Path(name)) for name in ("a", "missing", "missing/a", "a/b", "folder")
    ]
    assert ["folder"] == names(checkout)
    assert "null" in safe_files.remove(Path("a\0b"))


@needs_links
def test_remove__takes_a_link_and_not_what_it_leads_to(checkout: Path) -> None:
    (checkout / "link").symlink_to(checkout.parent / "outside" / "file")
    (checkout / "folder").symlink_to(checkout.parent / "outside")

    assert "" == safe_files.remove(Path("link"))
    assert "is a link" in safe_files.remove(Path("folder/file"))
    assert untouched(checkout)
    assert ["folder"] == names(checkout)


@needs_links
def test_windows__looks_at_each_part_of_the_path(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows opens no file relative to an open folder; this is the way that is taken there."""
    monkeypatch.setattr(safe_files, "_RELATIVE_TO_FOLDERS", False)
    (checkout / "link").symlink_to(checkout.parent / "outside")
    (checkout / "file").symlink_to(checkout.parent / "outside" / "file")

    write("a/b/c")
    write("file")
    with pytest.raises(LinkError):
        write("link/new")
    assert "is a link" in safe_files.remove(Path("link/file"))
    assert None is safe_files.read(Path("link"), max_bytes=100)
    assert b"ours" == safe_files.read(Path("a/b/c"), max_bytes=100)
    assert untouched(checkout)
