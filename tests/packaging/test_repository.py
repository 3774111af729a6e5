"""Rules for all files of the repository, and for the targets of the Makefile."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# In two parts each, so that this file itself does not contain them.
REGISTRIES = ("pypi" + ".org", "files.python" + "hosted", "registry.npm" + "js", "deb.deb" + "ian.org")


@pytest.fixture(scope="module")
def files() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def test_files__contain_no_registry_hosts_and_no_paths_of_this_machine(files: list[Path]) -> None:
    unwanted = (*REGISTRIES, f"{ROOT}/", f"{Path.home()}/")
    found = [
        (path.relative_to(ROOT).as_posix(), text)
        for path in files
        for text in unwanted
        if text in path.read_text(encoding="utf-8", errors="replace")
    ]

    assert [] == found


def test_files__are_not_javascript(files: list[Path]) -> None:
    scripts = {".js", ".cjs", ".mjs", ".ts", ".tsx", ".jsx"}

    assert [] == [path for path in files if path.suffix in scripts or path.name == "package.json"]


def test_makefile__its_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony

    for target in set(phony[1].split()) - {"help"}:
        assert re.search(rf'^\t@echo "make {target} ', makefile, re.MULTILINE), target
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_ci_run__makes_everything() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    assert re.search(r"^(exec )?make lint test e2e release-rehearsal$", script, re.MULTILINE)
