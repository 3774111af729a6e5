"""Cancelling outside of GitHub Actions: `dbt-cloud-run cancel` after a killed process, and signals to the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from dbt_action.errors import ExitCode
from emulator import Emulator, Status
from emulator.hosts import GitLab
from emulator.hosts.gitlab import Pipeline
from tests.support import environments as env
from tests.support.platform_fixtures import Build, Serve
from tests.support.scripts import ENDLESS
from tests.support.workflow_step import CLOUD_TOKEN

ROOT = Path(__file__).resolve().parents[2]
MakeBuild = Callable[..., Build]
# How a CI's shell may start the command. The examples use `exec`, so that the signal reaches the command itself.
SHELL_SCRIPTS = {
    "exec": "exec {}",
    "a shell that passes the signal on": "trap 'kill -TERM $p' INT TERM; {} & p=$!; wait $p; wait $p",
}


@pytest.fixture
def killed(build: MakeBuild, tmp_path: Path) -> tuple[Build, Path]:
    """A step that was killed while its run was going, and the file of its saved state."""
    step = build(ENDLESS).on(env.GITLAB_PUSH)
    step.run_and_be_killed()
    return step, tmp_path / ".dbt-cloud-run.json"


def test_cancel__closes_the_status_of_the_killed_step(build: MakeBuild, serve: Serve) -> None:
    host = serve(GitLab(pipelines=(Pipeline(77, env.PUSHED, "main"),)))
    step = build(ENDLESS).on(env.GITLAB_PUSH, CI_API_V4_URL=host.url, GITLAB_TOKEN="glpat-token")
    step.run_and_be_killed()
    assert ["running"] == [status.status for status in host.statuses]

    step.cancel()
    assert ["canceled"] == [status.status for status in host.statuses]


@pytest.fixture
def command(killed: tuple[Build, Path]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`dbt-cloud-run cancel` in a process of its own, in the folder of the step."""
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

    assert ExitCode.OK == done.returncode, done.stdout
    assert killed[0].cloud.runs[0].cancelled_by_api
    assert "was cancelled" in done.stdout


def test_command__without_a_token_says_that_a_run_may_still_be_going(
    command: Callable[..., subprocess.CompletedProcess[str]], killed: tuple[Build, Path]
) -> None:
    """On Azure Pipelines each step gets only the secrets that its own `env` names."""
    done = command(DBT_TOKEN="$(DBT_TOKEN)")

    assert ExitCode.CONFIG == done.returncode
    assert "A dbt Cloud run may still be going." in done.stdout
    assert "`dbt-token`" in done.stdout
    assert not killed[0].cloud.runs[0].cancelled_by_api


@pytest.fixture
def not_ignored() -> Iterator[None]:
    """A suite that was started in the background ignores SIGINT, and so would a shell that it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("not_ignored")
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("script", SHELL_SCRIPTS.values(), ids=SHELL_SCRIPTS)
def test_signal__cancels_the_run_within_seconds(tmp_path: Path, number: signal.Signals, script: str) -> None:
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
            try:
                _wait_for(lambda: bool(cloud.runs) and (tmp_path / "dbt.env").exists())
                signalled_at = time.monotonic()
                process.send_signal(number)
                process.communicate(timeout=20)
            finally:
                # Nothing else ends a process that hangs; the end of the block would wait for it.
                process.kill()

        assert 5 > time.monotonic() - signalled_at
        assert Status.CANCELLED == cloud.runs[0].status
        if script.startswith("exec"):
            assert ExitCode.INTERRUPTED == process.returncode


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert deadline > time.monotonic(), "the condition does not become true"
        time.sleep(0.01)


@pytest.mark.parametrize("variables, cancelled", [({}, False), ({"DBT_ON_CANCEL": "cancel"}, True)])
def test_cancel__of_a_run_that_was_only_watched_is_asked_for_or_does_not_happen(
    build: Callable[..., Build],
    variables: dict[str, str],
    cancelled: bool,  # noqa: FBT001 - of a table
) -> None:
    step = build(ENDLESS).on(DBT_WATCH_RUN_ID="latest", DBT_STATE_FILE="state.json", DBT_CI="none", **variables)
    url = f"{step.cloud.url}/api/v2/accounts/{step.cloud.account_id}/jobs/{step.cloud.job_id}/run/"
    requests.post(url, json={"cause": "x"}, headers={"Authorization": f"Token {CLOUD_TOKEN}"}, timeout=10)
    step.run_and_be_killed()

    assert ExitCode.OK is step.cancel()

    assert cancelled is step.cloud.runs[0].over
    assert 1 == len(step.cloud.runs)
