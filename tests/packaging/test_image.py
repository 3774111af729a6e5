"""The Dockerfile: a pinned base, the locked packages, and only files of the product. tests/e2e builds the image."""

from __future__ import annotations

import fnmatch
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
INSTRUCTIONS = [
    line for line in DOCKERFILE.replace("\\\n", " ").splitlines() if line and not line.lstrip().startswith("#")
]


def test_base__is_pinned_once_by_tag_and_digest_in_the_form_that_dependabot_updates() -> None:
    """It does not understand `ARG` and `FROM ${…}` (dependabot-core#2057)."""
    start = INSTRUCTIONS[0]

    assert re.fullmatch(r"FROM python:3\.\d+-slim@sha256:[0-9a-f]{64} AS base", start)
    assert 1 == len(re.findall(r"python:", DOCKERFILE))
    # What is built in the stage between the two stays there.
    assert ["FROM base AS packages", "FROM base"] == [line for line in INSTRUCTIONS[1:] if line.startswith("FROM ")]


def test_packages__are_installed_from_the_lock_with_hashes() -> None:
    installs = [line for line in INSTRUCTIONS if "pip install" in line]

    assert 1 == len(installs)
    assert "--require-hashes" in installs[0]
    assert "--only-binary :all:" in installs[0]
    assert "-r /app/requirements.txt &&" in " ".join(installs[0].split())


def test_instructions__have_no_user_no_workdir_and_an_entrypoint_without_shell() -> None:
    words = [line.split()[0] for line in INSTRUCTIONS]

    assert set() == {"USER", "WORKDIR", "CMD", "ADD", "VOLUME", "HEALTHCHECK"} & set(words)
    assert 1 == words.count("ENTRYPOINT")
    assert 'ENTRYPOINT ["/app/entrypoint.py"]' == INSTRUCTIONS[-1]


def test_dockerignore__only_files_of_the_product_reach_the_image() -> None:
    """Docker applies the last pattern that matches a path or one of its folders."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = listing.stdout.splitlines()

    passed = {path for path in files if not _ignored(path, patterns)}

    assert "dbt_action/__init__.py" in passed
    others = {path for path in passed if not path.startswith("dbt_action/")}
    assert {"requirements.txt", "entrypoint.py", "post.py"} == others


def _ignored(path: str, patterns: list[str]) -> bool:
    parts = path.split("/")
    prefixes = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    ignored = False
    for pattern in patterns:
        bare = pattern.removeprefix("!").removeprefix("**/")
        if any(fnmatch.fnmatch(prefix, bare) for prefix in prefixes):
            ignored = not pattern.startswith("!")
    return ignored
