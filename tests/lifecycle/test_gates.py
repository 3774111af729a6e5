"""Reasons not to run: which apply to a build, and what follows from an answer of the host."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.config.context import CommitOrigin, PullRequest
from dbt_action.hosts.base import ChangedFiles
from dbt_action.lifecycle import gates
from dbt_action.lifecycle.gates import Gate
from tests.support.values import a_config, a_context

# The example on Datafold's page.
EXAMPLE = "*\n!dbt/*\ndbt/*.md"
ZEROS = "0" * 40
PULL: dict[str, Any] = {"pull_request": PullRequest(number=7), "event": "pull_request"}
PUSH: dict[str, Any] = {"before_sha": "c" * 40}
MESSAGE: dict[str, Any] = {"commit_message": "Fix it"}
ALL = {"files_to_ignore": EXAMPLE, "require_label": "run dbt", "skip_drafts": "true"}

# Build, inputs, the gates that apply.
APPLY: list[tuple[str, dict[str, Any], dict[str, str], set[Gate]]] = [
    ("no gate is given", PULL, {}, set()),
    ("a message that is known", PUSH | MESSAGE, {}, {Gate.MESSAGE}),
    ("a message that is switched off", PUSH | MESSAGE, {"skip_commit_message": "none"}, set()),
    ("a message of somebody else", PUSH | MESSAGE | {"origin": CommitOrigin.OTHER}, {}, set()),
    ("a message of perhaps somebody else", PUSH | MESSAGE | {"origin": CommitOrigin.UNKNOWN}, {}, set()),
    ("a pull request", PULL, ALL, set(Gate)),
    ("a push", PUSH, ALL, {Gate.MESSAGE, Gate.FILES}),
    ("a new branch", {"before_sha": ZEROS}, ALL, {Gate.MESSAGE, Gate.FILES}),
    ("no push", {}, ALL, set()),
    ("no push, its message is known", MESSAGE, ALL, {Gate.MESSAGE}),
    ("a push, but another commit is run", PUSH, ALL | {"git_sha": "d" * 40}, set()),
    ("a push, but another branch is run", PUSH, ALL | {"branch": "release"}, set()),
    ("a push, its own branch is run", PUSH, ALL | {"branch": "main"}, {Gate.MESSAGE, Gate.FILES}),
    ("a push whose commit is not known", PUSH | {"sha": ""}, ALL, set()),
]


@pytest.mark.parametrize("build, inputs, expected", [pytest.param(*row[1:], id=row[0]) for row in APPLY])
def test_asked__by_build_and_inputs(build: dict[str, Any], inputs: dict[str, str], expected: set[Gate]) -> None:
    asked = gates.asked(a_config(**inputs), a_context(**build))

    assert expected == set(asked)
    assert sorted(asked, key=list(Gate).index) == list(asked)


@pytest.mark.parametrize(
    "path, ignored",
    [
        ("README.md", True),
        ("airflow/dag.py", True),
        ("dbt/README.md", True),
        # Real git, and the class for .gitignore files of the library, would ignore these three.
        ("dbt/models/a.sql", False),
        ("dbt/models/sub/b.sql", False),
        ("dbt/models/doc.md", False),
        ("dbt/dbt_project.yml", False),
    ],
)
def test_not_ignored__the_example_of_datafold(path: str, ignored: bool) -> None:  # noqa: FBT001
    assert ignored is (gates.not_ignored(EXAMPLE.split("\n"), (path,)) == ())


@pytest.mark.parametrize(
    "patterns, path, ignored",
    [
        ("docs/", "docs/deep/a.md", True),
        ("docs", "docs/deep/a.md", True),
        ("/docs", "dbt/docs/a.md", False),
        ("*.md", "a/b/c.md", True),
        ("*.md\n!important.md", "a/important.md", False),
        ("!a.sql\n*.sql", "a.sql", True),
        ("docs/**/x.sql", "docs/a/b/x.sql", True),
        ("with space.md", "with space.md", True),
        ("ünï*", "ünïcode.md", True),
    ],
)
def test_not_ignored__the_last_pattern_that_matches_counts(
    patterns: str,
    path: str,
    ignored: bool,  # noqa: FBT001
) -> None:
    assert ignored is (gates.not_ignored(patterns.split("\n"), (path,)) == ())


CONFIG = a_config(files_to_ignore=EXAMPLE, require_label="run dbt", skip_drafts="true")


@pytest.mark.parametrize(
    "paths, gap, skips, doubts",
    [
        (("README.md",), "", True, False),
        (("README.md", "dbt/a.sql"), "", False, False),
        (("README.md",), "more than 300 files", False, True),
        (("dbt/a.sql",), "more than 300 files", False, False),
        ((), "", False, True),
        ((), "forced push", False, True),
    ],
)
def test_by_files__only_a_whole_list_that_is_not_empty_can_skip(
    paths: tuple[str, ...],
    gap: str,
    skips: bool,  # noqa: FBT001
    doubts: bool,  # noqa: FBT001
) -> None:
    decision = gates.by_files(CONFIG, ChangedFiles(paths=paths, gap=gap))

    assert (skips, doubts) == (bool(decision.skip), bool(decision.doubt))


@given(st.lists(st.sampled_from(["a.md", "dbt/a.sql", "dbt/a.md"])), st.sampled_from(["", "cut"]))
def test_by_files__a_file_that_counts_is_never_skipped(paths: list[str], gap: str) -> None:
    decision = gates.by_files(CONFIG, ChangedFiles(paths=tuple(paths), gap=gap))

    assert not decision.skip or (paths and not gap and "dbt/a.sql" not in paths)


def test_by_labels__the_whole_name_counts() -> None:
    assert gates.by_labels(CONFIG, frozenset({"bug", "run dbt"})) == gates.RUN
    assert gates.by_labels(CONFIG, frozenset({"do not run dbt"})).skip
    assert gates.by_labels(CONFIG, frozenset()).skip


def test_by_message__anywhere_in_it() -> None:
    assert gates.by_message(CONFIG, "Docs only\n\n[skip dbt] please").skip
    assert gates.by_message(CONFIG, "Skip dbt") == gates.RUN


def test_by_draft() -> None:
    assert gates.by_draft(is_draft=True).skip
    assert gates.by_draft(is_draft=False) == gates.RUN


@pytest.mark.parametrize(
    "patterns, warns",
    [
        ("*!dbt/*dbt/*.md", True),
        ("* !dbt/* dbt/*.md", True),
        (EXAMPLE, False),
        ("!dbt/*", False),
        ("wow\\!.md", False),
    ],
)
def test_pattern_warning__for_patterns_that_have_lost_their_line_ends(patterns: str, warns: bool) -> None:  # noqa: FBT001
    assert warns is bool(gates.pattern_warning(tuple(patterns.split("\n"))))
