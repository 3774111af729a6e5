"""Runs of real dbt that several test modules share. Each scenario of the demo runs once in a test session."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from emulator import Emulator, Run
from emulator.runs import Step

SCENARIOS = ("green", "failing-test", "failing-model")
BUILD = 4
"""The step of `dbt build`: clone, profile and deps come before it."""


@dataclass(frozen=True, kw_only=True)
class RealRun:
    """A run of real dbt. `commit` is what was pushed, `output` what the demo printed if it made the run."""

    commit: str
    status: int
    git_sha: str | None
    git_branch: str | None
    steps: tuple[Step, ...]
    output: str = ""

    def artifact(self, name: str, step: int = BUILD) -> bytes:
        return self.steps[step - 1].artifacts[name]


class RealRuns(Mapping[str, RealRun]):
    """The run of each scenario, made by the process that asks first and read from `folder` by the others."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, RealRun] = {}

    def __getitem__(self, scenario: str) -> RealRun:
        if scenario not in self._known:
            self._known[scenario] = self._shared(scenario)
        return self._known[scenario]

    def __iter__(self) -> Iterator[str]:
        return iter(SCENARIOS)

    def __len__(self) -> int:
        return len(SCENARIOS)

    def _shared(self, scenario: str) -> RealRun:
        import fcntl  # noqa: PLC0415 - Windows does not have it, and does not get here

        file = self._folder / f"{scenario}.pickle"
        with file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not file.exists():
                folder = self._folder / scenario
                run = _run_green(folder) if scenario == "green" else _play_demo(scenario, folder)
                file.write_bytes(pickle.dumps(run))
            run = pickle.loads(file.read_bytes())  # noqa: S301 - our own file of a moment ago
            assert isinstance(run, RealRun)
            return run


def _run_green(folder: Path) -> RealRun:
    """The project of the demo with `dbt docs generate` after the build."""
    from demo.run import make_repository  # noqa: PLC0415 - only where dbt is installed
    from emulator.dbt_runner import DbtRunner  # noqa: PLC0415 - the same

    commit = make_repository(folder / "repository", "green")
    with Emulator(DbtRunner(folder / "repository")) as cloud:
        url = f"{cloud.url}/api/v2/accounts/{cloud.account_id}/jobs/{cloud.job_id}/run/"
        body = {"cause": "a test", "generate_docs_override": True}
        answer = requests.post(url, json=body, headers={"Authorization": f"Token {cloud.token}"}, timeout=10)
        cloud.wait_idle(120)
        return _real_run(commit, cloud.run(answer.json()["data"]["id"]))


def _play_demo(scenario: str, folder: Path) -> RealRun:
    from demo import run as demo  # noqa: PLC0415 - only where dbt is installed

    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        played = demo.play(scenario, folder)
    assert demo.SCENARIOS[scenario] == played.result, output.getvalue()
    run = played.runs[-1]
    return _real_run(played.sha, run, output.getvalue())


def _real_run(commit: str, run: Run, output: str = "") -> RealRun:
    return RealRun(
        commit=commit,
        status=run.status,
        git_sha=run.git_sha,
        git_branch=run.git_branch,
        steps=run.steps,
        output=output,
    )


@pytest.fixture(scope="session")
def real_runs(tmp_path_factory: pytest.TempPathFactory) -> RealRuns:
    pytest.importorskip("dbt.version", reason="dbt-core is not installed (it does not run on this Python)")
    folder = tmp_path_factory.getbasetemp()
    # The workers of pytest-xdist have folders of their own in one that they share.
    return RealRuns(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)
