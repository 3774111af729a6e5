"""What is to be released: read from the changelog, the version of the package and the tags. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from release.facts import VERSION, ReleaseError

UNRELEASED = "Unreleased"
_SECTION = re.compile(r"^## (?P<title>.+?)\s*$", re.MULTILINE)
_TAG = re.compile(rf"v{VERSION.pattern}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The version, what kind of step it is, and what users will read about it."""

    version: str
    # `first`, `major`, `minor` or `patch`.
    bump: str
    notes: str

    @property
    def tag(self) -> str:
        """The tag of the release."""
        return f"v{self.version}"

    @property
    def major_tag(self) -> str:
        """The tag that moves with each release of the same major version."""
        return f"v{self.version.partition('.')[0]}"


def make(changelog: str, version: str, tags: Collection[str]) -> Plan:
    """The plan. `tags` are all tags of the repository. Raises ReleaseError with every problem."""
    problems = []
    title, notes = newest_section(changelog)
    if title not in (UNRELEASED, version) and not title.startswith(f"{version} "):
        problems.append(
            f"CHANGELOG.md: the first section is {title!r}, but dbt_action/__init__.py says {version}. Write what is "
            f"new under `## {UNRELEASED}`, or correct the version."
        )
    if not notes:
        problems.append(f"CHANGELOG.md: the section {title!r} is empty. Say what users get.")
    if not VERSION.fullmatch(version):
        problems.append(f"dbt_action/__init__.py: {version!r} is not a version such as 1.2.3.")
    if f"v{version}" in tags:
        problems.append(f"The tag v{version} exists. Raise `__version__` in dbt_action/__init__.py.")
    bump = "" if problems else bump_of(version, tags)
    if not problems and not bump:
        problems.append(
            f"dbt_action/__init__.py: {version} does not follow {_newest(tags)}. Raise one part of it by one, and set "
            "those after it to 0."
        )
    if problems:
        raise ReleaseError(*problems)
    return Plan(version=version, bump=bump, notes=notes)


def newest_section(changelog: str) -> tuple[str, str]:
    """Title and text of the first section, ("", "") without one."""
    sections = list(_SECTION.finditer(changelog))
    if not sections:
        return "", ""
    end = sections[1].start() if len(sections) > 1 else len(changelog)
    return sections[0]["title"], changelog[sections[0].end() : end].strip()


def bump_of(version: str, tags: Collection[str]) -> str:
    """What kind of step it is from the newest tag, "" when it is none."""
    newest = _newest(tags)
    if not newest:
        return "first"
    major, minor, patch = _parts(newest[1:])
    steps = {"major": (major + 1, 0, 0), "minor": (major, minor + 1, 0), "patch": (major, minor, patch + 1)}
    return next((name for name, step in steps.items() if step == _parts(version)), "")


def _newest(tags: Collection[str]) -> str:
    return max((tag for tag in tags if _TAG.fullmatch(tag)), key=lambda tag: _parts(tag[1:]), default="")


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
