"""How many small changes of the pure modules the tests notice: reads what `mutmut run` has found (`make mutation`).

mutmut changes one thing in a function at a time (an operator, a constant, an argument) and runs the tests that call
the function. A changed function that passes them has "survived": the tests do not hold what the change broke, or the
change makes no difference. Those of the second sort are listed here with the reason. Which modules and tests take
part is set in pyproject.toml. Constants, dataclass fields and functions with a decorator are not changed.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

MIN_NOTICED = 0.95
NOTICED = frozenset({"killed", "timeout"})


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: a line of a function, and what mutmut makes of it ("" where it removes the line)."""

    function: str
    line: str
    changed: str


# No test can notice these, because they make no difference; with the reason.
EQUIVALENT: dict[Mutant, str] = {}


def main() -> int:
    """Print the score and each change that should have been noticed; 1 when the tests notice too few."""
    results = dict(line.split(": ") for line in _mutmut("results", "--all", "true").split("\n") if ": " in line)
    survived = {_read(name.strip()) for name, result in results.items() if result not in NOTICED}
    missed = survived - set(EQUIVALENT)
    total = len(results) - len(survived & set(EQUIVALENT))
    score = 1 - len(missed) / total if total else 0.0
    for mutant in sorted(missed, key=str):
        _print(f"not noticed: {mutant.function}\n  - {mutant.line}\n  + {mutant.changed}")
    outdated = set(EQUIVALENT) - survived
    for mutant in sorted(outdated, key=str):
        _print(f"listed as equivalent, but noticed or gone: {mutant.function}: {mutant.changed}")
    equivalent = len(results) - total
    _print(f"{total - len(missed)} of {total} changes noticed ({score:.1%}); {equivalent} more make no difference.")
    return int(score < MIN_NOTICED or bool(outdated))


def _read(name: str) -> Mutant:
    """The change that mutmut calls `name`; its own numbers move with every edit of the function."""
    lines = _mutmut("show", name).split("\n")
    removed = [line[1:].strip() for line in lines if line.startswith("-") and not line.startswith("---")]
    added = [line[1:].strip() for line in lines if line.startswith("+") and not line.startswith("+++")]
    function = name.rpartition("__mutmut_")[0].replace(".x_", ".").replace(".xǁ", ".").replace("ǁ", ".")
    return Mutant(function, " ".join(removed), " ".join(added))


def _mutmut(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments], capture_output=True, text=True, check=True
    ).stdout


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
