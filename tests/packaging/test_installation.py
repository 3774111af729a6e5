"""Every line that installs the command, in pages, examples and templates: by hash, or the image by digest."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from release import facts

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    ROOT / "README.md",
    ROOT / "pipe.yml",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "templates").rglob("*.yml")),
    *sorted((ROOT / "examples").rglob("*.yml")),
    *sorted((ROOT / "tests" / "platforms" / "guide").glob("*.yml")),
]
INSTALLS = re.compile(r"pip install|\b(?:uvx|pipx run|uv tool)\b")
# What pip installs besides the command: by version, and as wheels only.
OTHERS = re.compile(r'--only-binary ":all:" "?(?:sqlfluff|uv)==[0-9.]+"?$')
# What stands for the address of the requirements.
PLACES = (
    facts.REQUIREMENTS,
    '"$DBT_CLOUD_RUN"',
    '"$(dbtCloudRun)"',
    '"$SOURCE"',
    '"$[[ inputs.source ]]"',
    '"${DBT_CLOUD_RUN:-' + facts.REQUIREMENTS + '}"',
)


def installs() -> list[tuple[str, str]]:
    """File and command of each line that installs something."""
    return [
        (str(path.relative_to(ROOT)), command.strip(" `-$>"))
        for path in FILES
        for line in path.read_text(encoding="utf-8").splitlines()
        for command in re.split(r"&&|;", line)
        if INSTALLS.search(command)
    ]


def test_lines__are_found() -> None:
    assert len(installs()) > 20
    assert {"README.md", "docs/platforms.md", "templates/dbt-cloud-run.yml"} <= {name for name, _ in installs()}


@pytest.mark.parametrize("name, command", installs(), ids=lambda value: value[:60])
def test_line__installs_what_was_locked(name: str, command: str) -> None:
    if command.startswith("uv=") or OTHERS.search(command):
        assert "==" in command, name
        return
    # Words about it, and what dbt's guide itself installs.
    words = ("description:", "**In another CI or a terminal**")
    if "takes the same arguments" in command or command.startswith(words) or command.endswith("requests"):
        return
    options, _, place = command.partition(facts.PIP_OPTIONS)

    assert place.strip() in PLACES, f"{name}: {command}"
    assert "--index-url" not in options


def test_addresses__are_those_of_the_one_version() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")

        assert "/archive/refs/tags/" not in text, path
        assert {facts.REQUIREMENTS} >= set(
            re.findall(r"https://github\.com/[^\s\"'}`]+/releases/download/[^\s\"'}`)]+", text)
        )
        images = re.findall(r"ghcr\.io/[\w./-]+(?:[:@][\w.:]+)?", text)
        assert {facts.IMAGE} >= set(images), path


def test_requirements__are_the_lock_and_our_wheel_with_its_hash() -> None:
    text = facts.requirements("requests==2 --hash=sha256:aa\n", wheel="./x.whl", sha256="bb")

    assert "requests==2 --hash=sha256:aa\n./x.whl --hash=sha256:bb\n" == text
