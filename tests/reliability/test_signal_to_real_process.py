"""Real processes and real signals: the request to cancel leaves within a second, the process is gone within five."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from emulator import Emulator, GitHub, Script, ScriptedStep
from tests.reliability.typical_steps import ENDLESS, RESULTS
from tests.support.runner import assignments
from tests.support.workflow_step import CLOUD_TOKEN, GITHUB_TOKEN, REPOSITORY

ROOT = Path(__file__).resolve().parents[2]
MAIN = [sys.executable, str(ROOT / "entrypoint.py")]
POST = [sys.executable, "-c", "import sys; from dbt_action import app; sys.exit(app.post())"]
TO_CANCEL, TO_END = 1.0, 5.0
SHA = "c" * 40

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")


@dataclass
class Step:
    """A step as a process; `begin` it, `wait_for` something, send it signals."""

    cloud: Emulator
    github: GitHub
    folder: Path
    # The one that runs follow.
    scripts: list[Script]
    inputs: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "SYSTEMROOT", "TMPDIR"}}
        return kept | {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.github.url,
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_OUTPUT": str(self.folder / "outputs"),
            "GITHUB_REF_NAME": "main",
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_RUN_ID": "5",
            "GITHUB_SHA": SHA,
            "GITHUB_STATE": str(self.folder / "state"),
            "INPUT_ACCOUNT-ID": str(self.cloud.account_id),
            "INPUT_DBT-TOKEN": CLOUD_TOKEN,
            "INPUT_DBT-URL": self.cloud.url,
            "INPUT_GITHUB-TOKEN": GITHUB_TOKEN,
            "INPUT_JOB-ID": str(self.cloud.job_id),
            "INPUT_POLL-INTERVAL": "1",
            **self.inputs,
        }

    @contextmanager
    def begun(self, command: list[str] = MAIN) -> Iterator[subprocess.Popen[bytes]]:
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command, env=self.environ, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
            try:
                yield process
            finally:
                process.kill()
                process.wait()

    def clean_up(self) -> None:
        """The post step of the same action."""
        saved = {f"STATE_{name}": value for name, value in assignments(self._file("state")).items()}
        subprocess.run(POST, env=self.environ | saved, cwd=ROOT, check=True, capture_output=True, timeout=60)

    def asked(self, method: str, end: str) -> bool:
        return any(request.method == method and request.path.endswith(end) for request in self.cloud.requests)

    def watched(self) -> bool:
        """Whether the run has been looked at."""
        return bool(self.cloud.runs) and self.asked("GET", f"/runs/{self.cloud.runs[0].id}/")

    @property
    def log(self) -> str:
        return self._file("log")

    def _file(self, name: str) -> str:
        path = self.folder / name
        return path.read_text(encoding="utf-8") if path.exists() else ""


@pytest.fixture
def step(tmp_path: Path) -> Iterator[Step]:
    scripts = [ENDLESS]
    cloud = Emulator(lambda _trigger, _job: scripts[0], token=CLOUD_TOKEN)
    github = GitHub(token=GITHUB_TOKEN, repository=REPOSITORY)
    with cloud, github:
        yield Step(cloud, github, tmp_path, scripts)


def seconds_until(there: Callable[[], bool], *, patience: float = 20.0) -> float:
    began = time.monotonic()
    while not there():
        assert time.monotonic() - began < patience, "it does not happen"
        time.sleep(0.01)
    return time.monotonic() - began


def hit(step: Step) -> Callable[[], bool]:
    """Whether a fault has caught its request."""
    return lambda: any(rule.hits for server in (step.cloud, step.github) for rule in server.faults.rules)


# A signal at the worst moment of an import: a module that stays half made cannot be imported again.
MEDDLER = """
import importlib.abc, os, signal, sys
class Meddler(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "github.Repository":
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Meddler())
from dbt_action import app
sys.exit(app.main())
"""

CASES = {
    "while polling": (None, None),
    "while dbt Cloud is down": ({"kind": "status", "code": 503, "method": "GET", "path": r"/runs/\d+/$"}, "cloud"),
    "while dbt Cloud does not answer": ({"kind": "hang", "method": "GET", "path": r"/runs/\d+/$"}, "cloud"),
    "while GitHub does not answer": ({"kind": "hang"}, "github"),
}


@pytest.mark.parametrize("case", CASES)
def test_process__cancels_in_a_second_and_is_gone_in_five(step: Step, case: str) -> None:
    fault, server = CASES[case]
    by = signal.SIGTERM if "not" in case else signal.SIGINT
    if fault:
        faults = step.cloud.faults if server == "cloud" else step.github.faults
        faults.add(times=None, **fault)
    with step.begun() as process:
        seconds_until(hit(step) if fault else step.watched)
        process.send_signal(by)
        to_cancel = seconds_until(lambda: step.asked("POST", "/cancel/"))
        to_end = to_cancel + seconds_until(lambda: process.poll() is not None)

    assert to_cancel <= TO_CANCEL
    assert to_end <= TO_END
    assert process.returncode == 130
    assert step.cloud.runs[0].cancelled_by_api
    assert "Traceback" not in step.log
    if server != "github":
        assert step.github.statuses[-1].state == "error"


def test_process__is_gone_in_five_seconds_when_the_last_word_to_github_hangs(step: Step) -> None:
    """The last word of a pull request is a status and a comment."""
    payload = step.folder / "event.json"
    pull = {"number": 7, "head": {"sha": SHA, "ref": "f", "repo": {"full_name": REPOSITORY}}, "base": {"ref": "main"}}
    payload.write_text(json.dumps({"pull_request": pull}), encoding="utf-8")
    step.inputs = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(payload), "INPUT_COMMENT": "always"}
    step.github.faults.add(kind="hang", after=1, times=None)
    step.scripts[0] = Script(steps=(ScriptedStep(seconds=1, artifacts=RESULTS),))
    with step.begun() as process:
        seconds_until(hit(step))
        process.send_signal(signal.SIGTERM)
        to_end = seconds_until(lambda: process.poll() is not None)

    assert to_end <= TO_END
    assert "Traceback" not in step.log


def test_process__finds_and_cancels_a_run_that_appears_after_the_signal(step: Step) -> None:
    late: dict[str, Any] = {"kind": "late", "seconds": 1.2, "method": "POST", "path": "/run/$"}
    step.cloud.faults.add(**late)
    with step.begun() as process:
        seconds_until(hit(step))
        process.send_signal(signal.SIGTERM)
        to_end = seconds_until(lambda: process.poll() is not None)

    assert to_end <= TO_END
    assert process.returncode == 130
    assert [run.cancelled_by_api for run in step.cloud.runs] == [True]


def test_process__is_not_stopped_by_more_signals_while_it_cancels(step: Step) -> None:
    step.cloud.faults.add(kind="slow", seconds=0.7, method="POST", path="/cancel/$")
    with step.begun() as process:
        seconds_until(step.watched)
        for by in (signal.SIGINT, signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            process.send_signal(by)
            time.sleep(0.1)
        to_end = seconds_until(lambda: process.poll() is not None)

    assert to_end <= TO_END
    assert process.returncode == 130
    assert step.cloud.runs[0].cancelled_by_api
    assert step.github.statuses[-1].state == "error"


def test_signal__while_pygithub_is_imported_does_no_harm(step: Step) -> None:
    """That is right after the trigger, the one moment at which every step is busy for a while."""
    with step.begun([sys.executable, "-c", MEDDLER]) as process:
        seconds_until(lambda: process.poll() is not None)

    assert process.returncode == 130, step.log
    assert [run.cancelled_by_api for run in step.cloud.runs] == [True]
    assert step.github.statuses[-1].state == "error"


def test_sigkill__is_cleaned_up_by_the_post_step(step: Step) -> None:
    with step.begun() as process:
        seconds_until(step.watched)
        process.kill()
        process.wait()
    assert not step.cloud.runs[0].over

    step.clean_up()

    assert step.cloud.runs[0].cancelled_by_api
    assert step.github.statuses[-1].state == "error"
    assert len(step.cloud.runs) == 1


def test_sigkill__while_the_trigger_is_unanswered_is_cleaned_up_by_the_post_step(step: Step) -> None:
    step.cloud.faults.add(kind="late", seconds=1.0, method="POST", path="/run/$")
    with step.begun() as process:
        seconds_until(hit(step))
        process.kill()
        process.wait()

    step.clean_up()

    assert [run.cancelled_by_api for run in step.cloud.runs] == [True]
    assert step.github.statuses[-1].state == "error"


def test_post_step__after_an_ordinary_end_sends_nothing(step: Step) -> None:
    step.inputs = {"INPUT_WAIT": "false"}
    with step.begun() as process:
        seconds_until(lambda: process.poll() is not None)
    asked = (len(step.cloud.requests), len(step.github.requests))

    step.clean_up()

    assert process.returncode == 0
    assert (len(step.cloud.requests), len(step.github.requests)) == asked
