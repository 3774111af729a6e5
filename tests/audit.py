"""Looks for known holes in the locks with pip-audit, and says plainly when their database cannot be reached."""

from __future__ import annotations

import subprocess
import sys

# How pip-audit, and the libraries below it, say that there was no answer; or one that knows no package at all, such as
# that of a mirror without advisories. pip-audit itself calls the latter a success.
_NOT_CHECKED = (
    "could not be audited",
    "ConnectionError",
    "ServiceError",
    "Max retries exceeded",
    "Temporary failure",
    "timed out",
    "Connection refused",
)


def main(pip_audit: str, *locks: str) -> int:
    """Check each lock; 1 when a package has a known hole, 0 also when that could not be found out."""
    worst = 0
    for lock in locks:
        # The lock is complete, and nothing of it is installed for this.
        command = [pip_audit, "--requirement", lock, "--disable-pip", "--require-hashes", "--progress-spinner", "off"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found, words = verdict(done.returncode, done.stdout + done.stderr)
        sys.stdout.write(f"{lock}: {words}\n")
        worst = max(worst, found)
    return worst


def verdict(code: int, output: str) -> tuple[int, str]:
    """The exit code, and what is said about a lock."""
    if any(words in output for words in _NOT_CHECKED):
        return 0, "NOT CHECKED, because the database of known holes cannot be reached from here."
    return (0, "no known holes.") if code == 0 else (1, f"there are known holes.\n{output}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
