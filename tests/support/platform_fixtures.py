"""A build on any platform: its environment, its dbt Cloud and code host, and everything the step leaves behind."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dbt_action import app
from dbt_action.errors import ExitCode
from dbt_action.interrupts import Interrupts
from dbt_action.timeouts import HttpTimeouts
from emulator import Emulator
from tests.support import samples
from tests.support.clock import FakeClock
from tests.support.host_cases import Case, MakeCase
from tests.support.scripts import GREEN
from tests.support.workflow_step import CLOUD_TOKEN

Serve = Callable[[Any], Any]


class KilledError(BaseException):
    """Stands for SIGKILL: the product catches no exception of this kind."""


class Build:
    """One step on some platform: call `run`, then look at log, files and requests."""

    def __init__(self, cloud: Emulator, clock: FakeClock, folder: Path) -> None:
        self.cloud, self.clock, self.folder = cloud, clock, folder
        # Where pull requests may be built without any further input.
        cloud.change_job(cloud.job_id, deployment_type="staging")
        self.out = io.StringIO()
        self.interrupts = Interrupts()
        self.timeouts = HttpTimeouts(connect_seconds=5.0, read_seconds=5.0)
        self.environ: dict[str, str] = {
            "DBT_URL": cloud.url,
            "DBT_TOKEN": CLOUD_TOKEN,
            "DBT_ACCOUNT_ID": str(cloud.account_id),
            "DBT_JOB_ID": str(cloud.job_id),
        }

    def on(self, *environments: Mapping[str, str], **variables: str) -> Build:
        """Add to the environment."""
        for environment in environments:
            self.environ |= environment
        self.environ |= variables
        return self

    def run(self, **variables: str) -> ExitCode:
        environ = {**self.environ, **variables}
        return app.run(environ, out=self.out, clock=self.clock, interrupts=self.interrupts, http_timeouts=self.timeouts)

    def run_and_be_killed(self) -> None:
        """Run the step, and kill it in its first sleep after the run has started."""

        def kill(_seconds: float) -> None:
            if self.cloud.runs:
                raise KilledError

        self.clock.on_sleep = kill
        with pytest.raises(KilledError):
            self.run()
        self.clock.on_sleep = lambda _seconds: None

    def cancel(self) -> ExitCode:
        return app.clean_up(self.environ, out=self.out, clock=self.clock, http_timeouts=self.timeouts, by_user=True)

    @property
    def log(self) -> str:
        return self.out.getvalue()

    def file(self, name: str) -> str:
        path = self.folder / name
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def body(self) -> Any:  # noqa: ANN401 - JSON
        """What the one trigger asked for."""
        (trigger,) = [asked for asked in self.cloud.requests if asked.method == "POST" and asked.path.endswith("/run/")]
        return trigger.json


@pytest.fixture
def servers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def serve(servers: ExitStack) -> Serve:
    """Start a host of code for this test."""
    return servers.enter_context


@pytest.fixture
def build(servers: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Build]:
    """`build(script)`: a build in a working directory of its own, with such a dbt Cloud."""
    monkeypatch.chdir(tmp_path)

    def made(script: Any = GREEN, **habits: Any) -> Build:  # noqa: ANN401
        clock = FakeClock()
        cloud = servers.enter_context(Emulator(script, token=CLOUD_TOKEN, now=clock.now, **habits))
        return Build(cloud, clock, tmp_path)

    return made


@pytest.fixture
def make_case(servers: ExitStack) -> MakeCase:
    """`make_case(key, **habits)`: a host with these habits."""

    def made(key: str, **habits: Any) -> Case:  # noqa: ANN401 - of the stand-in
        sample = samples.of_host(key)
        host = servers.enter_context(sample.start(**habits))
        return Case(key, host, dict(sample.environ(host)))

    return made


@pytest.fixture(params=samples.HOSTS)
def case(request: pytest.FixtureRequest, make_case: MakeCase) -> Case:
    return make_case(request.param)
