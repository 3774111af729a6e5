"""What is to be released: from the changelog, the version and the tags."""

from __future__ import annotations

import pytest

from release import plan
from release.facts import ReleaseError

CHANGELOG = """# Changelog

Words about it.

## Unreleased

### Added

- A thing.

## 1.0.0 - 2026-01-01

- The first.
"""


def made(changelog: str = CHANGELOG, version: str = "1.1.0", tags: tuple[str, ...] = ("v1.0.0", "v1")) -> plan.Plan:
    return plan.make(changelog, version, tags)


def test_plan__has_version_tags_bump_and_notes() -> None:
    found = made()

    assert ("1.1.0", "v1.1.0", "v1", "minor") == (found.version, found.tag, found.major_tag, found.bump)
    assert "### Added\n\n- A thing." == found.notes


@pytest.mark.parametrize(
    "version, tags, bump",
    [
        ("1.0.0", (), "first"),
        ("0.1.0", ("v1", "nightly", "v1.0"), "first"),
        ("2.0.0", ("v1.9.3",), "major"),
        ("1.10.0", ("v1.9.3", "v1.2.0"), "minor"),
        ("1.9.4", ("v1.9.3", "v1.10"), "patch"),
        ("1.9.5", ("v1.9.3",), ""),
        ("1.10.1", ("v1.9.3",), ""),
        ("3.0.0", ("v1.9.3",), ""),
        ("1.9.3", ("v1.9.3",), ""),
        ("1.0.0", ("v1.9.3",), ""),
    ],
)
def test_bump__is_one_step_from_the_newest_tag(version: str, tags: tuple[str, ...], bump: str) -> None:
    assert bump == plan.bump_of(version, tags)


@pytest.mark.parametrize(
    "title, good",
    [("Unreleased", True), ("1.1.0", True), ("1.1.0 - 2026-11-26", True), ("1.0.0", False), ("Next", False)],
)
def test_changelog__begins_with_what_is_released(title: str, good: bool) -> None:  # noqa: FBT001
    changelog = f"# Changelog\n\n## {title}\n\n- A thing.\n"
    if good:
        assert "- A thing." == made(changelog).notes
    else:
        with pytest.raises(ReleaseError, match="first section"):
            made(changelog)


@pytest.mark.parametrize(
    "changelog, version, tags, words",
    [
        ("# Changelog\n\n## Unreleased\n\n## 1.0.0\n\n- x\n", "1.1.0", (), "is empty"),
        ("# Changelog\n", "1.1.0", (), "first section"),
        (CHANGELOG, "1.1", (), "is not a version"),
        (CHANGELOG, "1.0.0", ("v1.0.0",), "The tag v1.0.0 exists"),
        (CHANGELOG, "1.3.0", ("v1.0.0",), "does not follow v1.0.0"),
    ],
)
def test_plan__names_the_file_and_what_to_do(changelog: str, version: str, tags: tuple[str, ...], words: str) -> None:
    with pytest.raises(ReleaseError) as raised:
        made(changelog, version, tags)

    (problem,) = (text for text in raised.value.problems if words in text)
    assert "CHANGELOG.md" in problem or "dbt_action/__init__.py" in problem
