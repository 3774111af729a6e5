"""Comments on pull requests on GitHub, from GitHub Actions and from elsewhere, through PyGithub."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dbt_action import hosts
from dbt_action.context import CiContext, PullRequest
from dbt_action.hosts.place import Place
from emulator.hosts.github import MAX_BODY, GitHub
from tests.platforms.conftest import Serve
from tests.support.clock import FakeClock

Comment = Callable[..., None]


@pytest.fixture
def github(serve: Serve) -> GitHub:
    host: GitHub = serve(GitHub(token="ghp-token", repository="acme/shop"))
    return host


def comment(host: GitHub, body: str, *, platform: str = "GitHub Actions", only_change: bool = False) -> list[str]:
    """Comment in a process of its own, as it were; the warnings."""
    warnings: list[str] = []
    context = CiContext(
        platform=platform, host="github", repository="acme/shop", sha="a" * 40, pull_request=PullRequest(number=9)
    )
    place = Place(sha="a" * 40, name="dbt Cloud / job", warn=warnings.append, timeout=2, clock=FakeClock())
    tokens = {"github-token": "ghp-token"}
    connected = hosts.connect({"GITHUB_API_URL": host.url}, context, place, tokens=tokens, info=warnings.append)
    connected.comment(body, "marker", only_change=only_change)
    return warnings


def test_comment__is_written_once_and_then_changed(github: GitHub) -> None:
    assert comment(github, "first") == comment(github, "second") == []
    assert list(github.comments[9].values()) == ["<!-- marker -->\n\nsecond"]
    assert [asked.method for asked in github.requests] == ["GET", "POST", "GET", "PATCH"]


@pytest.mark.parametrize("others", [99, 100, 101, 250])
def test_comment__is_found_over_all_pages(github: GitHub, others: int) -> None:
    github.comments[9] = {number: f"> <!-- marker --> says {number}" for number in range(1, others + 1)}
    comment(github, "first")
    comment(github, "second")

    assert len(github.comments[9]) == others + 1
    assert list(github.comments[9].values())[-1] == "<!-- marker -->\n\nsecond"


def test_comment__can_be_for_changes_only(github: GitHub) -> None:
    comment(github, "all is well", only_change=True)
    assert github.comments == {}

    comment(github, "red")
    comment(github, "all is well", only_change=True)
    assert list(github.comments[9].values()) == ["<!-- marker -->\n\nall is well"]


def test_comment__fits(github: GitHub) -> None:
    assert comment(github, "x" * 100_000) == []
    assert len(next(iter(github.comments[9].values()))) <= MAX_BODY


@pytest.mark.parametrize(
    "platform,words", [("GitHub Actions", "pull-requests: write"), ("GitLab CI", "Pull requests (write)")]
)
def test_comment__a_missing_permission_is_told(serve: Serve, platform: str, words: str) -> None:
    host = serve(GitHub(token="ghp-token", repository="acme/shop", silent=True))
    (warning,) = comment(host, "red", platform=platform)

    assert words in warning.replace("\n", " ")


@pytest.mark.parametrize("fault", ["reset", "html", "truncate", "hang"])
def test_comment__trouble_is_one_warning(github: GitHub, fault: str) -> None:
    github.faults.add(kind=fault, times=None)

    assert len(comment(github, "red")) == 1
