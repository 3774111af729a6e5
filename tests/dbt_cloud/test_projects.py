"""dbt Cloud's projects, as far as their repository is asked for."""

from __future__ import annotations

import pytest

from dbt_action.dbt_cloud import projects
from dbt_action.dbt_cloud.projects import Project
from dbt_action.errors import Malformed


def test_project__has_its_repository_and_how_it_is_connected() -> None:
    repository = {
        "full_name": "acme/shop",
        "remote_url": "git://github.com/acme/shop.git",
        "git_clone_strategy": "github_app",
    }

    assert Project(
        name="Shop",
        repository="acme/shop",
        remote_url="git://github.com/acme/shop.git",
        clone_strategy="github_app",
    ) == projects.read_project({"name": "Shop", "repository": repository})


@pytest.mark.parametrize("data", [{}, {"name": None, "repository": None}, {"repository": [7]}])
def test_project__everything_may_be_absent(data: object) -> None:
    assert Project(name="", repository="", remote_url="", clone_strategy="") == projects.read_project(data)


@pytest.mark.parametrize("data", [None, [], "x"])
def test_project__that_is_none_is_malformed(data: object) -> None:
    with pytest.raises(Malformed):
        projects.read_project(data)
