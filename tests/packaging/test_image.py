"""That the Dockerfile takes the lock, a pinned base and only the product; building it is for tests/e2e."""

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


def test_base__is_named_once_with_tag_and_digest() -> None:
    argument, start = INSTRUCTIONS[:2]

    assert re.fullmatch(r"ARG BASE=python:3\.\d+-slim@sha256:[0-9a-f]{64}", argument)
    assert start == "FROM ${BASE}"
    assert len(re.findall(r"python:", DOCKERFILE)) == 1


def test_packages__come_from_the_lock_with_hashes() -> None:
    installs = [line for line in INSTRUCTIONS if "pip install" in line]

    assert len(installs) == 1
    assert "--require-hashes" in installs[0]
    assert "--only-binary :all:" in installs[0]
    assert installs[0].endswith("-r /app/requirements.txt")


def test_instructions__have_no_shell_form_entrypoint_no_user_and_no_workdir() -> None:
    words = [line.split()[0] for line in INSTRUCTIONS]

    assert {"USER", "WORKDIR", "CMD", "ADD", "VOLUME", "HEALTHCHECK"} & set(words) == set()
    assert words.count("ENTRYPOINT") == 1
    assert INSTRUCTIONS[-1] == 'ENTRYPOINT ["/app/entrypoint.py"]'


def test_dockerignore__lets_only_the_product_through() -> None:
    """Docker's rule: the last pattern that fits a path or one of its folders decides."""
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
    assert {path for path in passed if not path.startswith("dbt_action/")} == {
        "requirements.txt",
        "entrypoint.py",
        "post.py",
    }


def _ignored(path: str, patterns: list[str]) -> bool:
    parts = path.split("/")
    places = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    ignored = False
    for pattern in patterns:
        bare = pattern.removeprefix("!").removeprefix("**/")
        if any(fnmatch.fnmatch(place, bare) for place in places):
            ignored = not pattern.startswith("!")
    return ignored
