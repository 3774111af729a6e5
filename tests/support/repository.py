"""git in a repository of a test, by nobody in particular."""

from __future__ import annotations

import subprocess
from pathlib import Path

_SOMEBODY = ("-c", "user.name=Jane", "-c", "user.email=jane@example.com", "-c", "commit.gpgsign=false")


def git(folder: Path, *arguments: str) -> str:
    """One command in `folder`; what it prints."""
    command = ["git", *_SOMEBODY, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
