"""What the git checkout in a folder says: commit, branch, repository. It asks no server, and runs nothing of it."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from dbt_action import timeouts

# Without these, settings of a checkout could run a program, and a partial clone would fetch what it does not have.
_SETTINGS = ("core.fsmonitor=false", "core.hooksPath=/dev/null", "protocol.allow=never")
_SAFE = (*(word for setting in _SETTINGS for word in ("-c", setting)), "--no-pager", "--no-optional-locks")
_COMMIT = re.compile("[0-9a-f]{40}")
# `git@github.com:acme/shop.git`, the form of an address that is none.
_SCP_ADDRESS = re.compile(r"(?:[\w.-]+@)?([\w.-]+):(?!//)(.+)")
# Names of remotes that are looked at, in this order; else the first one.
_USUAL_REMOTE = "origin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A commit that is checked out. `branch` is "" for a detached head, `remote` is "" when there is none.

    `pushed`: the commit is on a branch of a remote, as of the last fetch or push.
    """

    sha: str
    branch: str
    pushed: bool
    # Host name and path of the repository there: ("github.com", "acme/shop").
    remote_host: str
    remote_path: str


def read(folder: Path) -> Checkout | None:
    """The checkout of which `folder` is a part; None when there is none, or no git."""
    sha = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    if not _COMMIT.fullmatch(sha):
        return None
    names = _git(folder, "remote").split("\n")
    remote = _USUAL_REMOTE if _USUAL_REMOTE in names else names[0]
    host, path = parse_remote(_git(folder, "remote", "get-url", "--", remote)) if remote else ("", "")
    return Checkout(
        sha=sha,
        branch=_git(folder, "symbolic-ref", "--quiet", "--short", "HEAD"),
        pushed=bool(_git(folder, "for-each-ref", "--count=1", f"--contains={sha}", "refs/remotes")),
        remote_host=host,
        remote_path=path,
    )


def default_branch(folder: Path) -> str:
    """The branch that the remote shows first, as of the clone; else the one that is checked out; "" for none."""
    remote = _git(folder, "symbolic-ref", "--quiet", "--short", f"refs/remotes/{_USUAL_REMOTE}/HEAD")
    return remote.removeprefix(f"{_USUAL_REMOTE}/") or _git(folder, "symbolic-ref", "--quiet", "--short", "HEAD")


def has_commit(folder: Path, sha: str) -> bool:
    """Whether the checkout has this commit; `sha` is a full hash."""
    return bool(_COMMIT.fullmatch(sha)) and _git(folder, "cat-file", "-t", sha) == "commit"


def parse_remote(address: str) -> tuple[str, str]:
    """Host name and path of a remote's address; ("", "") for a folder of this machine."""
    found = _SCP_ADDRESS.fullmatch(address)
    if found and "://" not in address:
        host, path = found[1], found[2]
    else:
        try:
            parts = urlsplit(address)
            host, path = parts.hostname or "", parts.path
        except ValueError:
            return "", ""
    return (host.lower(), path.strip("/").removesuffix(".git")) if host else ("", "")


def _git(folder: Path, *arguments: str) -> str:
    """What git prints, "" when it fails, is not installed or takes too long."""
    command = ["git", *_SAFE, "-C", str(folder), *arguments]
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, and a hash
            command,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeouts.GIT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
