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
MAX_SECONDS_TO_CANCEL, MAX_SECONDS_TO_END = 1.0, 5.0
SHA = "c" * 40

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")


@dataclass
class StepProcess:
    """A step that runs in a process of its own."""

    cloud: Emulator
    github: GitHub
    folder: Path
    # What a run does; tests replace the one element.
    scripts: list[Script]
    inputs: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "SYSTEMROOT", "TMPDIR"}}
        return own | {
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
    def started(self, command: list[str] = MAIN) -> Iterator[subprocess.Popen[bytes]]:
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

    def has_requested(self, method: str, end: str) -> bool:
        """Whether dbt Cloud has got a request whose path ends so."""
        return any(request.method == method and request.path.endswith(end) for request in self.cloud.requests)

    def is_watching(self) -> bool:
        """Whether the step has asked for its run."""
        return bool(self.cloud.runs) and self.has_requested("GET", f"/runs/{self.cloud.runs[0].id}/")

    @property
    def log(self) -> str:
        return self._file("log")

    def _file(self, name: str) -> str:
        path = self.folder / name
        return path.read_text(encoding="utf-8") if path.exists() else ""


@pytest.fixture
def step(tmp_path: Path) -> Iterator[StepProcess]:
    scripts = [ENDLESS]
    cloud = Emulator(lambda _trigger, _job: scripts[0], token=CLOUD_TOKEN)
    github = GitHub(token=GITHUB_TOKEN, repository=REPOSITORY)
    with cloud, github:
        yield StepProcess(cloud, github, tmp_path, scripts)


def seconds_until(condition: Callable[[], bool], *, limit: float = 20.0) -> float:
    """Wait until `condition` holds; the real seconds that took."""
    started_at = time.monotonic()
    while not condition():
        assert limit > time.monotonic() - started_at, "the condition does not become true"
        time.sleep(0.01)
    return time.monotonic() - started_at


def fault_happened(step: StepProcess) -> Callable[[], bool]:
    """A condition: a fault has hit a request."""
    return lambda: any(rule.hits for server in (step.cloud, step.github) for rule in server.faults.rules)


# Sends itself a signal in the middle of an import: a module whose import was broken off cannot be imported again.
SIGNAL_DURING_IMPORT = """
import importlib.abc, os, signal, sys
class SignalDuringImport(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "github.Repository":
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, SignalDuringImport())
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
def test_process__cancels_in_a_second_and_is_gone_in_five(step: StepProcess, case: str) -> None:
    fault, server = CASES[case]
    number = signal.SIGTERM if "not" in case else signal.SIGINT
    if fault:
        faults = step.cloud.faults if server == "cloud" else step.github.faults
        faults.add(times=None, **fault)
    with step.started() as process:
        seconds_until(fault_happened(step) if fault else step.is_watching)
        process.send_signal(number)
        to_cancel = seconds_until(lambda: step.has_requested("POST", "/cancel/"))
        to_end = to_cancel + seconds_until(lambda: process.poll() is not None)

    assert MAX_SECONDS_TO_CANCEL >= to_cancel
    assert MAX_SECONDS_TO_END >= to_end
    assert 130 == process.returncode
    assert step.cloud.runs[0].cancelled_by_api
    assert "Traceback" not in step.log
    if server != "github":
        assert "error" == step.github.statuses[-1].state


def test_process__is_gone_in_five_seconds_when_github_hangs_at_the_end(step: StepProcess) -> None:
    """At the end of a run for a pull request a status and a comment are posted."""
    payload = step.folder / "event.json"
    pull = {"number": 7, "head": {"sha": SHA, "ref": "f", "repo": {"full_name": REPOSITORY}}, "base": {"ref": "main"}}
    payload.write_text(json.dumps({"pull_request": pull}), encoding="utf-8")
    step.inputs = {
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(payload),
        "INPUT_COMMENT": "always",
        "INPUT_SCHEMA-OVERRIDE": "auto",
    }
    step.github.faults.add(kind="hang", after=1, times=None)
    step.scripts[0] = Script(steps=(ScriptedStep(seconds=1, artifacts=RESULTS),))
    with step.started() as process:
        seconds_until(fault_happened(step))
        process.send_signal(signal.SIGTERM)
        to_end = seconds_until(lambda: process.poll() is not None)

    assert MAX_SECONDS_TO_END >= to_end
    assert "Traceback" not in step.log


def test_process__finds_and_cancels_a_run_that_appears_after_the_signal(step: StepProcess) -> None:
    late: dict[str, Any] = {"kind": "late", "seconds": 1.2, "method": "POST", "path": "/run/$"}
    step.cloud.faults.add(**late)
    with step.started() as process:
        seconds_until(fault_happened(step))
        process.send_signal(signal.SIGTERM)
        to_end = seconds_until(lambda: process.poll() is not None)

    assert MAX_SECONDS_TO_END >= to_end
    assert 130 == process.returncode
    assert [True] == [run.cancelled_by_api for run in step.cloud.runs]


def test_process__is_not_stopped_by_more_signals_while_it_cancels(step: StepProcess) -> None:
    step.cloud.faults.add(kind="slow", seconds=0.4, method="POST", path="/cancel/$")
    with step.started() as process:
        seconds_until(step.is_watching)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            process.send_signal(number)
            time.sleep(0.05)
        to_end = seconds_until(lambda: process.poll() is not None)

    assert MAX_SECONDS_TO_END >= to_end
    assert 130 == process.returncode
    assert step.cloud.runs[0].cancelled_by_api
    assert "error" == step.github.statuses[-1].state


def test_signal__while_pygithub_is_imported_does_no_harm(step: StepProcess) -> None:
    """PyGithub is imported right after the trigger and takes a while, so signals often come then."""
    with step.started([sys.executable, "-c", SIGNAL_DURING_IMPORT]) as process:
        seconds_until(lambda: process.poll() is not None)

    assert 130 == process.returncode, step.log
    assert [True] == [run.cancelled_by_api for run in step.cloud.runs]
    assert "error" == step.github.statuses[-1].state


def test_sigkill__is_cleaned_up_by_the_post_step(step: StepProcess) -> None:
    with step.started() as process:
        seconds_until(step.is_watching)
        process.kill()
        process.wait()
    assert not step.cloud.runs[0].over

    step.clean_up()

    assert step.cloud.runs[0].cancelled_by_api
    assert "error" == step.github.statuses[-1].state
    assert 1 == len(step.cloud.runs)


def test_sigkill__while_the_trigger_is_unanswered_is_cleaned_up_by_the_post_step(step: StepProcess) -> None:
    step.cloud.faults.add(kind="late", seconds=0.3, method="POST", path="/run/$")
    with step.started() as process:
        seconds_until(fault_happened(step))
        process.kill()
        process.wait()

    step.clean_up()

    assert [True] == [run.cancelled_by_api for run in step.cloud.runs]
    assert "error" == step.github.statuses[-1].state


def test_post_step__after_an_ordinary_end_sends_nothing(step: StepProcess) -> None:
    step.inputs = {"INPUT_WAIT": "false"}
    with step.started() as process:
        seconds_until(lambda: process.poll() is not None)
    requests = (len(step.cloud.requests), len(step.github.requests))

    step.clean_up()

    assert 0 == process.returncode
    assert requests == (len(step.cloud.requests), len(step.github.requests))
