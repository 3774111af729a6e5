"""What a git checkout says: commit, branch, repository, and whether the commit was pushed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dbt_action import checkout
from tests.support import git

ADDRESS = "git@github.com:acme/shop.git"
pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit on `main`."""
    git.init(tmp_path / "work")
    return tmp_path / "work"


def test_read__commit_branch_repository_and_that_it_was_pushed(repository: Path) -> None:
    git.push(repository, ADDRESS)
    folder = repository / "models"
    folder.mkdir()

    found = checkout.read(folder)

    assert found is not None
    assert (git.run(repository, "rev-parse", "HEAD"), "main", True) == (found.sha, found.branch, found.pushed)
    assert ("github.com", "acme/shop") == (found.remote_host, found.remote_path)
    assert checkout.has_commit(folder, found.sha)
    assert not checkout.has_commit(folder, "0" * 40)
    assert not checkout.has_commit(folder, "--help")


def test_read__a_commit_after_the_push_is_not_pushed(repository: Path) -> None:
    git.push(repository, ADDRESS)
    git.commit(repository)

    found = checkout.read(repository)

    assert found is not None
    assert not found.pushed


def test_read__a_detached_head_without_a_remote(repository: Path) -> None:
    git.run(repository, "checkout", "--quiet", "--detach")

    found = checkout.read(repository)

    assert found is not None
    assert ("", False, "", "") == (found.branch, found.pushed, found.remote_host, found.remote_path)


def test_read__no_repository_and_no_commit_are_nothing(tmp_path: Path) -> None:
    assert checkout.read(tmp_path) is None
    git.run(tmp_path, "init", "--quiet")
    assert checkout.read(tmp_path) is None
    assert checkout.read(tmp_path / "missing") is None


def test_read__without_git_is_nothing(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    assert checkout.read(repository) is None


def test_read__runs_no_program_that_the_checkout_names(repository: Path) -> None:
    """Whoever can write the configuration of a checkout must not run programs in our process's name."""
    trace = repository.parent / "trace"
    script = repository / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {trace}\n", encoding="utf-8")
    script.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "core.sshCommand", "diff.external"):
        git.run(repository, "config", name, str(script))
    trace.unlink(missing_ok=True)

    checkout.read(repository)

    assert not trace.exists()


def test_has_commit__a_partial_clone_fetches_nothing(repository: Path, tmp_path: Path) -> None:
    """A partial clone would ask its remote for a missing commit, by whatever program its configuration names."""
    for name in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
        git.run(repository, "config", name, "true")
    clone = tmp_path / "clone"
    git.run(tmp_path, "clone", "--quiet", "--filter=blob:none", repository.as_uri(), str(clone))
    git.commit(repository)
    newer = git.run(repository, "rev-parse", "HEAD")

    assert not checkout.has_commit(clone, newer)

    git.run(clone, "fetch", "--quiet")
    assert checkout.has_commit(clone, newer)


@pytest.mark.parametrize(
    "address, expected",
    [
        ("git@github.com:acme/shop.git", ("github.com", "acme/shop")),
        ("github.com:acme/shop", ("github.com", "acme/shop")),
        ("https://github.com/acme/shop.git", ("github.com", "acme/shop")),
        ("https://user:token@GitHub.com/acme/shop/", ("github.com", "acme/shop")),
        ("ssh://git@gitlab.example:2222/group/sub/shop.git", ("gitlab.example", "group/sub/shop")),
        ("/srv/git/shop.git", ("", "")),
        ("../shop.git", ("", "")),
        ("https://[::1/shop", ("", "")),
        ("", ("", "")),
    ],
)
def test_parse_remote__host_and_path(address: str, expected: tuple[str, str]) -> None:
    assert expected == checkout.parse_remote(address)
