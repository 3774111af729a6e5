"""The checkout of a dbt project by git, and its profiles.yml."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.processes import Command, Processes, clean_environ

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

SHA = re.compile(r"^[0-9a-f]{4,40}$", re.IGNORECASE)
PROFILE = re.compile(r"""^profile:\s*['"]?([^'"#\s]+)""", re.MULTILINE)
GIT_SETTINGS = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    # git refuses a repository of another user, which is what it is when a container mounts it.
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
}


@dataclass(frozen=True)
class Revision:
    """The commit that was checked out, and its branch."""

    sha: str
    branch: str | None


class Checkout:
    """A checkout made by the git command, so that its errors are those that dbt Cloud shows."""

    def __init__(self, processes: Processes, environ: Mapping[str, str], on_line: Callable[[str], None]) -> None:
        """`on_line` is called with each line of git's output."""
        self._processes = processes
        self._environ = environ
        self._on_line = on_line

    def fetch(self, repository: str, into: Path, trigger: Mapping[str, Any]) -> Revision | None:
        """Clone `repository` and check out the commit, the branch or the default branch; None when git fails."""
        into.mkdir(parents=True)
        # Without --no-local git copies every object of a local repository, also commits on no branch. A commit of a
        # fork must not be found, as in dbt Cloud.
        if self._git(into, "clone", "--quiet", "--no-local", "--", repository, "."):
            return None
        sha, branch = trigger["git_sha"], trigger["git_branch"]
        if sha is not None:
            if not SHA.match(sha) or self._git(into, "checkout", "--quiet", "--detach", sha):
                self._on_line(f"Failed to checkout to specified revision {sha}\n")
                return None
        elif branch is not None and self._checkout_name(into, branch):
            self._on_line(f"Failed to checkout to specified revision {branch}\n")
            return None
        # Unverified: the branch that dbt Cloud shows when only a commit was requested. None is assumed.
        shown = branch if sha or branch else self._output(into, "rev-parse", "--abbrev-ref", "HEAD")
        return Revision(self._output(into, "rev-parse", "HEAD"), shown)

    def _checkout_name(self, into: Path, name: str) -> int:
        """Check out a branch or a tag; `git_branch` may name either (documented)."""
        for ref in (f"refs/remotes/origin/{name}", f"refs/tags/{name}"):
            if self._output(into, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"):
                return self._git(into, "checkout", "--quiet", "--detach", ref)
        self._on_line(f"error: pathspec '{name}' did not match any file(s) known to git\n")
        return 1

    def _git(self, cwd: Path, *arguments: str) -> int:
        return self._run(cwd, arguments, self._on_line)

    def _output(self, cwd: Path, *arguments: str) -> str:
        lines: list[str] = []
        self._run(cwd, arguments, lines.append)
        return "".join(lines).strip()

    def _run(self, cwd: Path, arguments: Sequence[str], on_line: Callable[[str], None]) -> int:
        environ = clean_environ(self._environ, cwd, **GIT_SETTINGS)
        return self._processes.run(lambda: Command(["git", *arguments], cwd=cwd, environ=environ), on_line)


def write_profile(project: Path, profiles: Path, *, target: str, schema: str, threads: int, database: Path) -> str:
    """Write profiles.yml and return the name of the profile that dbt_project.yml names."""
    found = PROFILE.search((project / "dbt_project.yml").read_text(encoding="utf-8"))
    name = found[1] if found else "default"
    output = {"type": "duckdb", "path": str(database), "schema": schema, "threads": threads}
    profiles.mkdir(parents=True, exist_ok=True)
    database.parent.mkdir(parents=True, exist_ok=True)
    content = {name: {"target": target, "outputs": {target: output}}}
    # Every JSON document is a YAML document.
    (profiles / "profiles.yml").write_text(json.dumps(content, indent=2), encoding="utf-8")
    return name
