"""Real dbt runs that several modules share: each scenario is run once."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from emulator import Emulator
from emulator.runs import Step

SCENARIOS = {"green": ["dbt build", "dbt docs generate"], "failing-test": None, "failing-model": None}


@dataclass(frozen=True)
class RealRun:
    """What a run of real dbt left behind."""

    sha: str
    steps: tuple[Step, ...]

    def artifact(self, name: str, step: int = 4) -> bytes:
        return self.steps[step - 1].artifacts[name]


def _play(scenario: str, folder: Path) -> RealRun:
    from demo.run import make_repository  # noqa: PLC0415 - only where dbt is installed
    from emulator.dbt_runner import DbtRunner  # noqa: PLC0415 - the same

    sha = make_repository(folder, scenario)
    with Emulator(DbtRunner(folder)) as cloud:
        url = f"{cloud.url}/api/v2/accounts/{cloud.account_id}/jobs/{cloud.job_id}/run/"
        asked = {"cause": "a test", "steps_override": SCENARIOS[scenario]}
        answer = requests.post(url, json=asked, headers={"Authorization": f"Token {cloud.token}"}, timeout=10)
        cloud.wait_idle(120)
        return RealRun(sha, cloud.run(answer.json()["data"]["id"]).steps)


@pytest.fixture(scope="session")
def real_runs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, RealRun]:
    """The run of each scenario, all at the same time."""
    pytest.importorskip("dbt.version", reason="dbt-core is not installed (it does not run on this Python)")
    folder = tmp_path_factory.mktemp("real")
    with ThreadPoolExecutor() as pool:
        played = {name: pool.submit(_play, name, folder / name) for name in SCENARIOS}
        return {name: future.result() for name, future in played.items()}
