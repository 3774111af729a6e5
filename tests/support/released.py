"""The file of requirements that a release has, for a wheel that was built here."""

from __future__ import annotations

import hashlib
from pathlib import Path

from release import facts

ROOT = Path(__file__).resolve().parents[2]


def requirements_of(wheel: Path, place: str) -> str:
    """Name the lock and `wheel`, which pip finds at `place`: a path, or `name @ address`."""
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return facts.requirements(lock, wheel=place, sha256=sha256)
