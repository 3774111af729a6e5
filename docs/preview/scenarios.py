"""The runs whose summaries are shown as pictures: by real dbt in the emulator, and one that is too large for it."""

from __future__ import annotations

import io
import json
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import requests

from dbt_action import app
from dbt_action.clock import Clock, SystemClock
from dbt_action.interrupts import Interrupts
from demo.run import REPOSITORY, make_repository, push_event, push_variables, run_good_commit
from docs.preview import pull_request
from docs.preview.pictures import render
from emulator import Emulator, GitHub, Script, ScriptedStep
from emulator.dbt_runner import DbtRunner

Meanwhile = Callable[[Emulator], None]
"""What is done with dbt Cloud while the run goes on."""

LARGE = 5_000
UNKNOWN_COMMIT = "c0ffee00" * 5
_THREADS = 16


class QuickClock:
    """A virtual clock: only `sleep` changes its time, and takes none."""

    def __init__(self) -> None:
        """The first time is an arbitrary one."""
        self.time = datetime(2026, 3, 2, 6, 30, tzinfo=timezone.utc).timestamp()

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Add to the time."""
        self.time += seconds


def green() -> str:
    """A run with one warning, after another run, so that the usual duration is known."""
    return render(_real("green", times=2))


def failing_model() -> str:
    """A model with a database error after a good run, and everything below it is skipped."""
    return render(_real("failing-model", good_run_before=True))


def failing_test() -> str:
    """A test that fails for the second time, and everything below the tested model is skipped."""
    return render(_real("failing-test", times=2, good_run_before=True))


def cancelled() -> str:
    """The run is cancelled in dbt Cloud while dbt builds."""

    def cancel(cloud: Emulator) -> None:
        while not (cloud.runs and len(cloud.runs[-1].steps) > 3):  # noqa: PLR2004 - clone, profile, deps
            time.sleep(0.05)
        time.sleep(1)
        url = f"{cloud.url}/api/v2/accounts/{cloud.account_id}/runs/{cloud.runs[-1].id}/cancel/"
        requests.post(url, headers={"Authorization": f"Token {cloud.token}"}, timeout=10)

    return render(_real("green", meanwhile=cancel))


def empty() -> str:
    """The commit is not in the repository that dbt Cloud clones, so that dbt is not started."""
    return render(_real("green", sha=UNKNOWN_COMMIT))


def huge() -> str:
    """5,000 nodes, some hundred of which fail, warn or are skipped. Made up, because real dbt would take too long."""
    clock = QuickClock()
    steps = tuple(_large_steps(clock.now() + 95))
    script = Script(steps=steps, queue_seconds=95.0)
    with Emulator(script, now=clock.now) as cloud:
        return render(_summary(cloud, clock, sha="5eed0fda" * 5, times=1))


SCENARIOS = {
    "pull-request": pull_request.body,
    "summary-green": green,
    "summary-failing-model": failing_model,
    "summary-failing-test": failing_test,
    "summary-cancelled": cancelled,
    "summary-empty": empty,
    "summary-huge": huge,
}


def _real(
    scenario: str,
    *,
    sha: str = "",
    times: int = 1,
    meanwhile: Meanwhile | None = None,
    good_run_before: bool = False,
) -> str:
    with tempfile.TemporaryDirectory(prefix="summary-preview-", ignore_cleanup_errors=True) as folder:
        repository = Path(folder) / "repository"
        commit = make_repository(repository, scenario)
        with Emulator(DbtRunner(repository)) as cloud:
            if good_run_before:
                run_good_commit(cloud, repository)
            return _summary(cloud, SystemClock(), sha=sha or commit, times=times, meanwhile=meanwhile)


def _summary(cloud: Emulator, clock: Clock, *, sha: str, times: int, meanwhile: Meanwhile | None = None) -> str:
    """Return the summary of the last of `times` runs, as a workflow step in a private repository writes it."""
    with GitHub(repository=REPOSITORY) as github, tempfile.TemporaryDirectory() as folder:
        if meanwhile:
            threading.Thread(target=meanwhile, args=(cloud,), daemon=True).start()
        event = push_event(sha)
        event["repository"]["private"] = True
        (Path(folder) / "event.json").write_text(json.dumps(event), encoding="utf-8")
        page = Path(folder) / "summary.md"
        environ = {
            **push_variables(sha, github.url),
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_PATH": str(Path(folder) / "event.json"),
            "GITHUB_STEP_SUMMARY": str(page),
            "INPUT_DBT-URL": cloud.url,
            "INPUT_DBT-TOKEN": cloud.token,
            "INPUT_ACCOUNT-ID": str(cloud.account_id),
            "INPUT_JOB-ID": str(cloud.job_id),
            "INPUT_GITHUB-TOKEN": github.token,
            "INPUT_POLL-INTERVAL": "1",
            "INPUT_COMPILED-SQL": "always",
            "INPUT_TIMEOUT-MINUTES": "600",
        }
        for number in range(times):
            page.write_text("", encoding="utf-8")
            again = {"GITHUB_RUN_ID": str(number + 1)}
            app.run({**environ, **again}, out=io.StringIO(), clock=clock, interrupts=Interrupts())
        return page.read_text(encoding="utf-8")


# The large project: models in layers, each with tests, on sixteen threads.


def _large_steps(start: float) -> Iterator[ScriptedStep]:
    rng = random.Random(5_000)  # noqa: S311 - the same picture every time
    free = [start + 40.0] * _THREADS
    stopped: set[str] = set()
    results, nodes = [], {}
    for number in range(LARGE):
        uid, path, needs = _large_node(number, rng)
        status, message = ("skipped", "") if stopped & set(needs) else _large_status(number, uid, path)
        if status in ("error", "skipped"):
            stopped.add(uid)
        model = uid.startswith("model")
        seconds = rng.lognormvariate(1.2 if model else 0.1, 1.1) if status != "skipped" else 0.0
        thread = free.index(min(free))
        span = {"name": "execute", "started_at": _moment(free[thread]), "completed_at": _moment(free[thread] + seconds)}
        free[thread] += seconds
        result = {
            "unique_id": uid,
            "status": status,
            "timing": [span] if seconds else [],
            "thread_id": f"Thread-{thread + 1} (worker)",
            "execution_time": seconds,
            "message": message,
            "compiled_code": f"select *\nfrom warehouse.analytics.{uid.split('.')[2]}",
        }
        results.append(result)
        nodes[uid] = {"package_name": "shop", "original_file_path": path, "depends_on": {"nodes": needs}}
    manifest = {"metadata": {"project_name": "shop"}, "nodes": nodes}
    yield ScriptedStep(
        command="dbt build",
        status=20,
        seconds=max(free) - start,
        logs="Completed with errors\n",
        artifacts={
            "run_results.json": json.dumps({"results": results}).encode(),
            "manifest.json": json.dumps(manifest).encode(),
        },
    )


def _large_node(number: int, rng: random.Random) -> tuple[str, str, list[str]]:
    """Every fourth node is a model, the next three are its tests: (unique_id, file, needs)."""
    model = number // 4
    layer = model * 7 // (LARGE // 4)
    name = f"layer_{layer}_entity_{model:04}"
    if number % 4:
        check = ("not_null", "unique", "accepted_values")[number % 4 - 1]
        return f"test.shop.{check}_{name}_id.{number:010x}", f"models/layer_{layer}/schema.yml", [f"model.shop.{name}"]
    before = model - rng.randint(20, 60)
    needs = [f"model.shop.layer_{before * 7 // (LARGE // 4)}_entity_{before:04}"] if before > 0 else []
    return f"model.shop.{name}", f"models/layer_{layer}/{name}.sql", needs


def _large_status(number: int, uid: str, path: str) -> tuple[str, str]:
    if uid.startswith("model"):
        if number in (2_480, 3_472, 3_968, 4_464):
            return "error", f'Database Error in model {uid.split(".")[2]} ({path})\n  column "amount" does not exist'
        return "success", "OK"
    if number % 331 == 0 and number:
        return "fail", f"Got {number % 97 + 1} results, configured to fail if != 0"
    return ("warn", "Got 2 results, configured to warn if != 0") if number % 229 == 0 and number else ("pass", "")


def _moment(seconds: float) -> str:
    return (datetime.fromtimestamp(0, timezone.utc) + timedelta(seconds=seconds)).isoformat()
