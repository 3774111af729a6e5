"""Git repositories for tests, made by git itself and without the settings of this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

_SETTINGS = ("user.name=x", "user.email=x@example.com", "commit.gpgsign=false", "core.hooksPath=/dev/null")


def run(folder: Path, *arguments: str) -> str:
    """What git prints."""
    options = [option for setting in _SETTINGS for option in ("-c", setting)]
    done = subprocess.run(["git", *options, "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def init(folder: Path) -> None:
    """Make a repository with one commit on `main`."""
    folder.mkdir(exist_ok=True)
    run(folder, "init", "--quiet")
    run(folder, "symbolic-ref", "HEAD", "refs/heads/main")
    commit(folder)


def commit(folder: Path) -> None:
    """Commit everything, or nothing."""
    run(folder, "add", "--all")
    run(folder, "commit", "--quiet", "--allow-empty", "--message", "x")


def head(folder: Path) -> str:
    """The commit that is checked out."""
    return run(folder, "rev-parse", "HEAD")


def push(folder: Path, address: str) -> None:
    """Push `main` to a remote, which then gets this address."""
    origin = folder.parent / f"{folder.name}-origin.git"
    run(folder.parent, "init", "--quiet", "--bare", str(origin))
    run(folder, "remote", "add", "origin", str(origin))
    run(folder, "push", "--quiet", "origin", "main")
    run(folder, "remote", "set-url", "origin", address)
