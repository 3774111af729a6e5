"""A step of a build on each CI, with its log, in a working directory of its own."""

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
    """What is known about the build in this environment."""
    return ci.detect(environ, io.StringIO()).context()


def detected(environ: Mapping[str, str]) -> str:
    """The id of the CI that is recognised."""
    return ci.detect(environ, io.StringIO()).id


class Step:
    """A step of a push on one CI; `log` is what it has printed."""

    def __init__(self, ci_id: str, **variables: str) -> None:
        self.sample = samples.of_ci(samples.CIS[ci_id])
        self.out = io.StringIO()
        environ = {**self.sample.push, **self.sample.state_variables, **variables, "DBT_CI": ci_id}
        self.ci: ci.CiPlatform = ci.detect(environ, self.out)

    @property
    def log(self) -> str:
        return self.out.getvalue()


MakeStep = Callable[..., Step]


@pytest.fixture
def make_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeStep:
    """`make_step(ci_id, **variables)`: a step in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return Step


@pytest.fixture(params=list(samples.CIS))
def ci_id(request: pytest.FixtureRequest) -> str:
    """Each CI in turn, by its id."""
    found: str = request.param
    return found


@pytest.fixture
def sample(ci_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CiSample:
    """The sample of each CI, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return samples.of_ci(samples.CIS[ci_id])
