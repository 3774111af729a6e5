"""A CI with its log, in a working directory of its own."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from dbt_action import ci
from dbt_action.config.context import CiContext
from tests.support import samples
from tests.support.samples import CiSample


def context(environ: Mapping[str, str]) -> CiContext:
    """What is known in this environment."""
    return ci.detect(environ, io.StringIO()).context()


def detected(environ: Mapping[str, str]) -> str:
    """The key of the CI that is recognised."""
    return ci.detect(environ, io.StringIO()).key


class Place:
    """A CI in a build, and what it has printed."""

    def __init__(self, key: str, **variables: str) -> None:
        self.sample = samples.of_ci(samples.CIS[key])
        self.out = io.StringIO()
        environ = {**self.sample.push, **self.sample.state_variables, **variables, "DBT_CI": key}
        self.ci: ci.CiPlatform = ci.detect(environ, self.out)

    @property
    def log(self) -> str:
        return self.out.getvalue()


MakePlace = Callable[..., Place]


@pytest.fixture
def make_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakePlace:
    """`make_place(key, **variables)`."""
    monkeypatch.chdir(tmp_path)
    return Place


@pytest.fixture(params=list(samples.CIS))
def key(request: pytest.FixtureRequest) -> str:
    """Every CI by its key."""
    found: str = request.param
    return found


@pytest.fixture
def sample(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CiSample:
    """What is known about each, away from any checkout."""
    monkeypatch.chdir(tmp_path)
    return samples.of_ci(samples.CIS[key])


@pytest.fixture
def place(key: str, make_place: MakePlace) -> Place:
    return make_place(key)
