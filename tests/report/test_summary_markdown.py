"""The page about a run: whatever text comes in, it stays in its place, and the page stays readable in size."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.report import comment, summary
from dbt_action.report.outcome import Outcome, RunFacts, Subject
from dbt_action.results.run_results import Node, NodeStatus, Results
from tests.support.values import RECORDED, a_run, a_step
from tests.test_text import ANY

SUBJECT = Subject(
    job_name="Production build",
    sha="a" * 40,
    commit_url="https://github.example/acme/shop/commit/a",
    branch="main",
    file_url="https://github.example/acme/shop/blob/a/{path}",
)
ADDRESSES = ("https://github.example/acme/shop/", str(RECORDED["href"]))
# The last one keeps GitHub from mentioning people.
OUR_TAGS = {"<details>", "</details>", "<summary>", "</summary>", "<!-- -->"}


def prose(page: str) -> Iterator[str]:
    """The lines that are not in a fenced block, by the rules of CommonMark; every block must be closed."""
    fence = ""
    for line in page.split("\n"):
        opened = re.match(r" {0,3}(`{3,}|~{3,})", line)
        if not fence and opened:
            fence = opened[1]
        elif fence and re.fullmatch(rf" {{0,3}}{fence[0]}{{{len(fence)},}}[ \t]*", line):
            fence = ""
        elif not fence:
            yield line
    assert not fence, "a block without an end"


def check(page: str) -> None:
    """Tags, links and tables are ours alone."""
    width = 0
    for line in prose(page):
        # What stands in a code span is shown as it is; one that is not closed stays here and is found below.
        plain = re.sub(r"`[^`|<>\\]+`", "", re.sub(r"\\[!-/:-@\[-`{-~]", "", line))
        assert set(re.findall("<[^>]*>?", plain)) <= OUR_TAGS
        assert [] == [link for link in re.findall(r"\]\(([^)]*)\)", plain) if not link.startswith(ADDRESSES)]
        assert not re.search("@[A-Za-z0-9]", plain)
        assert "`" not in plain
        if line.startswith("|"):
            width = width or plain.count("|")
            assert width == plain.count("|")
        else:
            width = 0


NODES = st.lists(
    st.builds(
        Node,
        unique_id=st.builds("{}.shop.{}".format, st.sampled_from(["model", "test"]) | ANY, ANY),
        dbt_status=ANY,
        status=st.sampled_from(NodeStatus),
        message=ANY,
        seconds=st.floats(0, 1e5),
        started_at=st.just(1_800_000_000.0),
        completed_at=st.floats(1_800_000_001.0, 1_800_001_000.0),
        thread=ANY,
        step=st.just(4),
        sql=ANY,
    ),
    max_size=4,
).map(tuple)


@given(
    st.sampled_from(list(Outcome)),
    ANY,
    ANY,
    ANY,
    NODES,
    st.booleans(),
)
def test_any_facts__stay_in_their_places(
    outcome: Outcome,
    name: str,
    branch: str,
    log: str,
    nodes: tuple[Node, ...],
    with_sql: bool,  # noqa: FBT001
) -> None:
    run = a_run(status=20, is_complete=True, status_message=log, run_steps=[a_step(4, name=name, logs=log)])
    subject = Subject(job_name=name, branch=branch, sha="a" * 40, commit_url=SUBJECT.commit_url)
    facts = RunFacts(outcome=outcome, seconds=5, run=run, results=Results(nodes), aftermath=branch)

    check(summary.page(facts, subject, with_sql=with_sql))
    check(comment.overview(facts, subject))


@pytest.mark.parametrize(
    "href", ["javascript:alert(1)", "https://x/)[evil](https://evil.example", "https://x\n\n# evil", "", "https://x|y"]
)
def test_link_of_the_run__that_is_none(href: str) -> None:
    run = a_run(status=10, is_complete=True, href=href)
    page = summary.page(RunFacts(outcome=Outcome.SUCCEEDED, seconds=5, run=run), SUBJECT, with_sql=False)

    check(page)
    assert "evil" not in page


def test_huge_project__is_a_page_all_the_same() -> None:
    """GitHub drops a page of more than 1 MiB as a whole."""
    nodes = tuple(
        Node(
            unique_id=f"model.shop.{'m' * 200}{number}",
            dbt_status="error",
            status=NodeStatus.FAILED if number % 2 else NodeStatus.WARNED,
            message="💥\n" * 20_000,
            seconds=float(number),
            started_at=1_800_000_000.0,
            completed_at=1_800_000_100.0,
            sql="select 1\n" * 20_000,
        )
        for number in range(5_000)
    )
    steps = [a_step(number, name="n" * 10_000, logs="l\n" * 50_000) for number in range(1, 200)]
    run = a_run(status=20, is_complete=True, status_message="x" * 100_000, run_steps=steps)
    page = summary.page(
        RunFacts(outcome=Outcome.FAILED, seconds=5, run=run, results=Results(nodes)), SUBJECT, with_sql=True
    )

    assert len(page.encode()) < 1_000_000
    check(page)
