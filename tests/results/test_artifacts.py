"""Which artifacts patterns match; and no name, which comes from a server, leads out of its folder on any system."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dbt_action.results import artifacts

NAMES = st.text() | st.lists(
    st.sampled_from(
        ["..", ".", "/", "\\", "a", "b.json", "C:", "c:", "//", "~", " ", "...", ".. ", "\0", "\n", ":", "nul", "?"]
    ),
    max_size=8,
).map("".join)


@given(NAMES)
@example("../x")
@example("a/../../x")
@example("/etc/passwd")
@example("C:\\x")
@example("C:x")
@example("\\\\server\\share\\x")
@example("a/b:stream")
@example("a/.. /x")
@example("a/.../x")
def test_safe_path__of_any_name_stays_in_its_folder(name: str) -> None:
    path = artifacts.safe_path(name)

    if path is None:
        return
    for kind in (PurePosixPath, PureWindowsPath):
        inside = kind("folder") / kind(path.as_posix())
        assert not kind(path.as_posix()).is_absolute()
        assert "" == kind(path.as_posix()).anchor
        assert kind("folder") in inside.parents
        # Windows drops blanks and dots at the end of a name.
        assert not [part for part in inside.parts if part.rstrip(". ") == ""]


@pytest.mark.parametrize(
    "name",
    [
        "manifest.json",
        "compiled/shop/models/orders.sql",
        "run/shop/models/a b.sql",
        "metadata/telemetry-4-otel.parquet",
        ".hidden",
        "a..b",
        "ünï.json",
        "a/..b/c",
    ],
)
def test_safe_path__of_a_real_name_is_the_name(name: str) -> None:
    assert PurePosixPath(name) == artifacts.safe_path(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        ".",
        "..",
        "../x",
        "x/..",
        "a//b",
        "/a",
        "a/",
        "a\\b",
        "C:a",
        "a:b",
        "a\nb",
        "a\0",
        "a.",
        "a /b",
        'a"b',
        "a|b",
    ],
)
def test_safe_path__of_a_name_that_is_no_file_is_none(name: str) -> None:
    assert artifacts.safe_path(name) is None


NAMES_OF_A_RUN = ("manifest.json", "run_results.json", "compiled/shop/models/orders.sql", "compiled/shop/schema.yml")


@pytest.mark.parametrize(
    "patterns, expected",
    [
        (["*"], NAMES_OF_A_RUN),
        (["manifest.json"], ("manifest.json",)),
        (["*.json"], ("manifest.json", "run_results.json")),
        (["compiled/*.sql"], ("compiled/shop/models/orders.sql",)),
        (["Manifest.json"], ()),
        (["manifest.json", "*.json"], ("manifest.json", "run_results.json")),
        (["[mr]*.json"], ("manifest.json", "run_results.json")),
        ([], ()),
    ],
)
def test_chosen__are_the_names_that_a_pattern_matches(patterns: list[str], expected: tuple[str, ...]) -> None:
    assert expected == artifacts.chosen(NAMES_OF_A_RUN, patterns)


def test_unmatched__are_the_patterns_that_match_no_name() -> None:
    assert ("x*",) == artifacts.unmatched(NAMES_OF_A_RUN, ["x*", "*.json"])


@given(st.lists(st.text(max_size=20)), st.lists(st.text(max_size=20)))
def test_chosen_and_unmatched__are_of_what_was_given(names: list[str], patterns: list[str]) -> None:
    assert set(artifacts.chosen(names, patterns)) <= set(names)
    assert set(artifacts.unmatched(names, patterns)) <= set(patterns)
