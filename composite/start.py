"""Starts the composite action with the packages of the lock: `start.py <folder of the packages> <program>`.

Run with `-I -S`, so that Python itself imports nothing but its own library: no packages of the system or the user, no
modules of the working directory, none that the environment names.
"""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What the program imports; the rest is needed by these.
IMPORTED = ("certifi", "github", "ijson", "requests", "urllib3", "yaml")
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", re.MULTILINE)
_INSTALLED = re.compile(r"(.+)-([^-]+)\.dist-info")


def problems(packages: Path) -> list[str]:
    """What is wrong with the folder: packages of other versions than the lock has, and such as are missing."""
    pinned = {(_plain(name), version) for name, version in _PINNED.findall((ROOT / "requirements.txt").read_text())}
    found = [_INSTALLED.fullmatch(path.name) for path in packages.glob("*.dist-info")]
    installed = {(_plain(match[1]), match[2]) for match in found if match}
    return [
        *(f"{name} {version} is not in the lock" for name, version in sorted(installed - pinned)),
        *(f"{name} is missing" for name in IMPORTED if not (packages / name / "__init__.py").is_file()),
        *([] if installed else ["nothing is installed"]),
    ]


def _plain(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


def main(packages: Path, program: str) -> int:
    """Check what was installed, once, and run the program."""
    ready = packages.with_name(f"{packages.name}.ready")
    if not ready.exists():
        if found := problems(packages):
            sys.stderr.write("".join(f"{problem}\n" for problem in found))
            return 2
        ready.touch()
    sys.path[:0] = [str(packages), str(ROOT)]
    sys.argv = [str(ROOT / program)]
    runpy.run_path(sys.argv[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
