"""Fetching a dbt project from a git repository, and the profile for it; running dbt is `dbt.py`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.processes import Processes, clean_environ

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

SHA = re.compile(r"^[0-9a-f]{4,40}$", re.IGNORECASE)
PROFILE = re.compile(r"""^profile:\s*['"]?([^'"#\s]+)""", re.MULTILINE)
GIT_SETTINGS = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    # The repository may belong to somebody else, for instance when a container mounts it.
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
}


@dataclass(frozen=True)
class Revision:
    """What was checked out."""

    sha: str
    branch: str | None


class Checkout:
    """One working copy, made by git itself so that its errors are git's own."""

    def __init__(self, processes: Processes, environ: Mapping[str, str], say: Callable[[str], None]) -> None:
        """Take what is needed to run git; `say` gets each line of its output."""
        self._processes = processes
        self._environ = environ
        self._say = say

    def fetch(self, repository: str, into: Path, trigger: Mapping[str, Any]) -> Revision | None:
        """Clone and check out commit, branch or default branch; None when git refuses."""
        into.mkdir(parents=True)
        # Without --no-local objects are copied that no branch reaches: a fork's commit would be found.
        if self._git(into, "clone", "--quiet", "--no-local", "--", repository, "."):
            return None
        sha, branch = trigger["git_sha"], trigger["git_branch"]
        if sha is not None:
            if not SHA.match(sha) or self._git(into, "checkout", "--quiet", "--detach", sha):
                self._say(f"Failed to checkout to specified revision {sha}\n")
                return None
        elif branch is not None and self._checkout_name(into, branch):
            self._say(f"Failed to checkout to specified revision {branch}\n")
            return None
        # Which branch is shown next to a requested commit is unverified; none is assumed.
        shown = branch if sha or branch else self._output(into, "rev-parse", "--abbrev-ref", "HEAD")
        return Revision(self._output(into, "rev-parse", "HEAD"), shown)

    def _checkout_name(self, into: Path, name: str) -> int:
        """Check out a branch or a tag, of which git_branch may name either (documented)."""
        for ref in (f"refs/remotes/origin/{name}", f"refs/tags/{name}"):
            if self._output(into, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"):
                return self._git(into, "checkout", "--quiet", "--detach", ref)
        self._say(f"error: pathspec '{name}' did not match any file(s) known to git\n")
        return 1

    def _git(self, cwd: Path, *arguments: str) -> int:
        return self._processes.run(["git", *arguments], cwd=cwd, environ=self._settings(cwd), say=self._say)

    def _output(self, cwd: Path, *arguments: str) -> str:
        lines: list[str] = []
        self._processes.run(["git", *arguments], cwd=cwd, environ=self._settings(cwd), say=lines.append)
        return "".join(lines).strip()

    def _settings(self, cwd: Path) -> dict[str, str]:
        return clean_environ(self._environ, cwd, **GIT_SETTINGS)


def write_profile(project: Path, profiles: Path, *, target: str, schema: str, threads: int, database: Path) -> str:
    """Write profiles.yml (JSON is YAML, too) and return the name of the profile that the project asks for."""
    found = PROFILE.search((project / "dbt_project.yml").read_text(encoding="utf-8"))
    name = found[1] if found else "default"
    output = {"type": "duckdb", "path": str(database), "schema": schema, "threads": threads}
    profiles.mkdir(parents=True, exist_ok=True)
    database.parent.mkdir(parents=True, exist_ok=True)
    content = {name: {"target": target, "outputs": {target: output}}}
    (profiles / "profiles.yml").write_text(json.dumps(content, indent=2), encoding="utf-8")
    return name
