"""A hundred actions at the same moment on one dbt Cloud: each has its own run and takes nobody else's."""

from __future__ import annotations

import io
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dbt_action import app
from dbt_action.errors import ExitCode
from dbt_action.interrupts import Interrupts
from dbt_action.timeouts import HttpTimeouts
from emulator import Emulator, GitHub, Script, ScriptedStep
from tests.support.runner import assignments
from tests.support.workflow_step import CLOUD_TOKEN, GITHUB_TOKEN, REPOSITORY

CROWD = 100
# Seconds of the clock in a real one.
SPEED = 20.0


class FastClock:
    """Real time, but faster: all of the crowd see the same."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def now(self) -> float:
        return 1_800_000_000.0 + (time.monotonic() - self.began) * SPEED

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds) / SPEED)


def test_crowd__of_a_hundred_gets_a_run_each_although_every_tenth_answer_is_lost(tmp_path: Path) -> None:
    clock = FastClock()
    script = Script(steps=(ScriptedStep(seconds=20, artifacts={"run_results.json": b'{"results": []}'}),))
    cloud = Emulator(script, token=CLOUD_TOKEN, now=clock.now)
    github = GitHub(token=GITHUB_TOKEN, repository=REPOSITORY)
    with cloud, github:
        # Jobs of this kind do not wait for one another.
        job_id = cloud.add_job("CI build", job_type="ci")
        for number in range(0, CROWD, 10):
            cloud.faults.add(kind="lose", method="POST", path="/run/$", after=number)
        together = threading.Barrier(CROWD)

        def act(number: int) -> ExitCode:
            environ = {
                "GITHUB_ACTIONS": "true",
                "GITHUB_API_URL": github.url,
                "GITHUB_EVENT_NAME": "push",
                "GITHUB_OUTPUT": str(tmp_path / f"{number}"),
                "GITHUB_REF_NAME": "main",
                "GITHUB_REPOSITORY": REPOSITORY,
                "GITHUB_RUN_ID": "5",
                "GITHUB_SHA": f"{number:040x}",
                "INPUT_ACCOUNT-ID": str(cloud.account_id),
                "INPUT_CAUSE": "the same words for all",
                "INPUT_DBT-TOKEN": CLOUD_TOKEN,
                "INPUT_DBT-URL": cloud.url,
                "INPUT_GITHUB-TOKEN": GITHUB_TOKEN,
                "INPUT_JOB-ID": str(job_id),
            }
            together.wait()
            patience = HttpTimeouts(connect_seconds=30, read_seconds=30)
            return app.run(environ, out=io.StringIO(), clock=clock, interrupts=Interrupts(), http_timeouts=patience)

        with ThreadPoolExecutor(CROWD) as pool:
            codes = Counter(pool.map(act, range(CROWD)))
        outputs = [assignments((tmp_path / f"{number}").read_text(encoding="utf-8")) for number in range(CROWD)]
        runs = cloud.runs

    assert codes == {ExitCode.OK: CROWD}
    assert len(runs) == CROWD
    assert {out["run-id"] for out in outputs} == {str(run.id) for run in runs}
    by_sha = {run.trigger["git_sha"]: str(run.id) for run in runs}
    assert all(out["run-id"] == by_sha[out["git-sha"]] for out in outputs)
    last = {status.sha: status for status in github.statuses}
    assert len(last) == CROWD
    assert all(status.state == "success" and by_sha[sha] in str(status.target_url) for sha, status in last.items())
