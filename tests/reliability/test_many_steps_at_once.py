"""A hundred steps at the same moment on one dbt Cloud: each starts one run and reports that one."""

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

STEPS = 100
# Seconds on the clock for each real second.
SPEED = 20.0


class FastClock:
    """Real time, but faster; threads sleep on it at the same time, which a virtual clock does not allow."""

    def __init__(self) -> None:
        self.started_at = time.monotonic()

    def now(self) -> float:
        return 1_800_000_000.0 + (time.monotonic() - self.started_at) * SPEED

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds) / SPEED)


def test_hundred_steps__get_a_run_each_although_every_tenth_answer_is_lost(tmp_path: Path) -> None:
    clock = FastClock()
    script = Script(steps=(ScriptedStep(seconds=4, artifacts={"run_results.json": b'{"results": []}'}),))
    cloud = Emulator(script, token=CLOUD_TOKEN, now=clock.now)
    github = GitHub(token=GITHUB_TOKEN, repository=REPOSITORY)
    with cloud, github:
        # Runs of this type of job do not wait for one another.
        job_id = cloud.add_job("CI build", job_type="ci")
        for number in range(0, STEPS, 10):
            cloud.faults.add(kind="lose", method="POST", path="/run/$", after=number)
        together = threading.Barrier(STEPS)

        def run_step(number: int) -> ExitCode:
            environ = {
                "GITHUB_ACTIONS": "true",
                "GITHUB_API_URL": github.url,
                "GITHUB_EVENT_NAME": "push",
                "GITHUB_OUTPUT": str(tmp_path / f"{number}"),
                "GITHUB_REF_NAME": "main",
                "GITHUB_REPOSITORY": REPOSITORY,
                "GITHUB_RUN_ID": "5",
                "GITHUB_SHA": f"{number + 1:040x}",
                "INPUT_ACCOUNT-ID": str(cloud.account_id),
                "INPUT_CAUSE": "the same words for all",
                "INPUT_DBT-TOKEN": CLOUD_TOKEN,
                "INPUT_DBT-URL": cloud.url,
                "INPUT_GITHUB-TOKEN": GITHUB_TOKEN,
                "INPUT_JOB-ID": str(job_id),
            }
            together.wait()
            limits = HttpTimeouts(connect_seconds=30, read_seconds=30)
            return app.run(environ, out=io.StringIO(), clock=clock, interrupts=Interrupts(), http_timeouts=limits)

        with ThreadPoolExecutor(STEPS) as pool:
            codes = Counter(pool.map(run_step, range(STEPS)))
        outputs = [assignments((tmp_path / f"{number}").read_text(encoding="utf-8")) for number in range(STEPS)]
        runs = cloud.runs

    assert {ExitCode.OK: STEPS} == codes
    assert STEPS == len(runs)
    assert {str(run.id) for run in runs} == {out["run-id"] for out in outputs}
    by_sha = {run.trigger["git_sha"]: str(run.id) for run in runs}
    assert [by_sha[out["git-sha"]] for out in outputs] == [out["run-id"] for out in outputs]
    last = {status.sha: status for status in github.statuses}
    assert STEPS == len(last)
    assert all(status.state == "success" and by_sha[sha] in str(status.target_url) for sha, status in last.items())
