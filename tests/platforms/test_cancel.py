"""`dbt-cloud-run cancel` after a killed process, on every platform, by the state file; and signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dbt_action.errors import ExitCode
from emulator import Emulator, Status
from emulator.hosts import GitLab
from emulator.hosts.gitlab import Pipeline
from tests.platforms import environments as env
from tests.platforms.conftest import Build, Serve
from tests.support.corridor import CLOUD_TOKEN
from tests.support.scripts import ENDLESS

ROOT = Path(__file__).resolve().parents[2]
MakeBuild = Callable[..., Build]
PLACES = {
    "gitlab": (env.GITLAB_PUSH, ".dbt-cloud-run.json"),
    "azure": (env.AZURE_PUSH, "temp/dbt-cloud-run.json"),
    "bitbucket": (env.BITBUCKET, ".dbt-cloud-run.json"),
    "terminal": ({"DBT_STATE_FILE": "my.json", "DBT_RUN_ON": "job"}, "my.json"),
}


class KilledError(BaseException):
    """The process is gone; nothing may catch this."""


@pytest.fixture(params=list(PLACES))
def killed(request: pytest.FixtureRequest, build: MakeBuild, tmp_path: Path) -> tuple[Build, Path]:
    """A step that was killed while its run was going."""
    environ, file = PLACES[request.param]
    step = build(ENDLESS).on(environ, AGENT_TEMPDIRECTORY=str(tmp_path / "temp"))

    def kill(_seconds: float) -> None:
        if step.cloud.runs:
            raise KilledError

    step.clock.on_sleep = kill
    with pytest.raises(KilledError):
        step.run()
    step.clock.on_sleep = lambda _seconds: None
    return step, tmp_path / file


def test_cancel__finds_the_run_by_the_state_file(killed: tuple[Build, Path]) -> None:
    step, file = killed
    assert json.loads(file.read_text())["run_id"] == step.cloud.runs[0].id

    assert step.cancel() is ExitCode.OK
    assert step.cloud.runs[0].cancelled_by_api
    assert len(step.cloud.runs) == 1
    assert CLOUD_TOKEN not in file.read_text()


def test_cancel__a_second_time_does_nothing(killed: tuple[Build, Path]) -> None:
    step, _ = killed
    step.cancel()
    before = len(step.cloud.requests)

    assert step.cancel() is ExitCode.OK
    assert len(step.cloud.requests) == before


def test_cancel__leaves_a_finished_run_alone(build: MakeBuild) -> None:
    step = build().on(env.GITLAB_PUSH)
    step.run()
    before = len(step.cloud.requests)

    assert step.cancel() is ExitCode.OK
    assert len(step.cloud.requests) == before


def test_cancel__closes_the_status_of_the_killed_step(build: MakeBuild, serve: Serve) -> None:
    host = serve(GitLab(pipelines=(Pipeline(77, env.PUSHED, "main"),)))
    step = build(ENDLESS).on(env.GITLAB_PUSH, CI_API_V4_URL=host.url, GITLAB_TOKEN="glpat-token")

    def kill(_seconds: float) -> None:
        if step.cloud.runs:
            raise KilledError

    step.clock.on_sleep = kill
    with pytest.raises(KilledError):
        step.run()
    step.clock.on_sleep = lambda _seconds: None
    assert [status.status for status in host.statuses] == ["running"]

    step.cancel()
    assert [status.status for status in host.statuses] == ["canceled"]


@pytest.fixture
def command(killed: tuple[Build, Path]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`dbt-cloud-run cancel` in a process of its own, where the step was."""
    step, file = killed

    def run(**variables: str) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, **step.environ, "DBT_STATE_FILE": str(file), **variables}
        return subprocess.run(
            [sys.executable, str(ROOT / "entrypoint.py"), "cancel"],
            cwd=step.folder,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            encoding="utf-8",
        )

    return run


def test_command__cancels_and_says_so(
    command: Callable[..., subprocess.CompletedProcess[str]], killed: tuple[Build, Path]
) -> None:
    done = command()

    assert done.returncode == ExitCode.OK, done.stdout
    assert killed[0].cloud.runs[0].cancelled_by_api
    assert "was cancelled" in done.stdout


def test_command__with_inputs_that_are_missing_here_says_that_a_run_may_still_be_going(
    command: Callable[..., subprocess.CompletedProcess[str]], killed: tuple[Build, Path]
) -> None:
    """On Azure every step has to be given its secrets."""
    done = command(DBT_TOKEN="$(DBT_TOKEN)")

    assert done.returncode == ExitCode.CONFIG
    assert "A dbt Cloud run may still be going." in done.stdout
    assert "`dbt-token`" in done.stdout
    assert not killed[0].cloud.runs[0].cancelled_by_api


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("script", ["exec {}", "{}\n"], ids=["exec", "a script of one command"])
def test_signal__cancels_the_run_within_seconds(tmp_path: Path, number: signal.Signals, script: str) -> None:
    """A process of its own, as a runner starts it; `exec` is what the examples say."""
    if script == "{}\n":
        script = "trap 'kill -TERM $p' INT TERM; {} & p=$!; wait $p; wait $p"
    command = f'"{sys.executable}" "{ROOT / "entrypoint.py"}"'
    with Emulator(ENDLESS, token=CLOUD_TOKEN) as cloud:
        environ = {
            **os.environ,
            **env.GITLAB_PUSH,
            "DBT_URL": cloud.url,
            "DBT_TOKEN": CLOUD_TOKEN,
            "DBT_ACCOUNT_ID": str(cloud.account_id),
            "DBT_JOB_ID": str(cloud.job_id),
        }
        with subprocess.Popen(
            ["bash", "-c", script.format(command)], cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True
        ) as process:
            _wait_for(lambda: bool(cloud.runs) and (tmp_path / "dbt.env").exists())
            began = time.monotonic()
            process.send_signal(number)
            process.communicate(timeout=20)

        assert time.monotonic() - began < 5
        assert cloud.runs[0].status == Status.CANCELLED
        if script.startswith("exec"):
            assert process.returncode == ExitCode.INTERRUPTED


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
