"""The clean-up after a step that was killed by SIGKILL: in containers, and by the last step of the composite action."""

from __future__ import annotations

import os
import subprocess
import uuid
from pathlib import Path

import pytest

from emulator import Emulator, GitHub
from tests.e2e.processes import SHA, composite_step, container, last_value, started, wait_until_watched

pytestmark = pytest.mark.e2e


def assert_run_and_status_are_closed(endless: Emulator, github: GitHub, log: Path) -> None:
    [run] = endless.runs
    assert run.cancelled_by_api, log.read_text()
    assert run.over
    assert [status.state for status in github.statuses] == ["pending", "error"]
    assert github.statuses[-1].sha == SHA
    triggers = [request for request in endless.requests if request.path.endswith("/run/")]
    assert len(triggers) == 1


def test_container__killed_outright_is_tidied_up_by_the_post_container(
    image: str, variables: dict[str, str], endless: Emulator, github: GitHub, tmp_path: Path
) -> None:
    name, log = f"e2e-{uuid.uuid4().hex[:12]}", tmp_path / "log"
    with started(
        container(image, name, variables, tmp_path, "/app/entrypoint.py"), {**os.environ, **variables}, log
    ) as client:
        wait_until_watched(endless, client, log, seconds=30)
        subprocess.run(["docker", "kill", "--signal", "KILL", name], check=True, stdout=subprocess.DEVNULL)
        client.wait(timeout=15)
    assert [status.state for status in github.statuses] == ["pending"]
    assert not endless.runs[0].over

    after = variables | {"STATE_run": last_value(tmp_path / "state", "run")}
    post = container(image, f"{name}-post", after, tmp_path, "/app/post.py")
    with started(post, {**os.environ, **after}, log) as client:
        assert client.wait(timeout=60) == 0, log.read_text()

    assert_run_and_status_are_closed(endless, github, log)


def test_composite_step__killed_by_sigkill_is_cleaned_up_by_the_last_step(
    variables: dict[str, str], endless: Emulator, github: GitHub, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    command, environ = composite_step(0, tmp_path)
    with started(command, environ | variables, log) as process:
        wait_until_watched(endless, process, log, seconds=180)  # it installs its packages first
        process.kill()
        process.wait(timeout=15)
    assert last_value(tmp_path / "output", "closed") == "false"

    command, environ = composite_step(1, tmp_path)
    with started(command, environ | variables | {"STATE_run": last_value(tmp_path / "output", "run")}, log) as process:
        assert process.wait(timeout=60) == 0, log.read_text()

    assert_run_and_status_are_closed(endless, github, log)


def test_container__that_has_ended_itself_leaves_nothing_to_do_for_the_post_container(
    image: str, variables: dict[str, str], endless: Emulator, github: GitHub, tmp_path: Path
) -> None:
    name, log = f"e2e-{uuid.uuid4().hex[:12]}", tmp_path / "log"
    limited = variables | {"DBT_TIMEOUT_MINUTES": "0.02"}
    with started(
        container(image, name, limited, tmp_path, "/app/entrypoint.py"), {**os.environ, **limited}, log
    ) as client:
        assert client.wait(timeout=60) == 4, log.read_text()
    requests, statuses = len(endless.requests), len(github.statuses)

    after = variables | {"STATE_run": last_value(tmp_path / "state", "run")}
    post = container(image, f"{name}-post", after, tmp_path, "/app/post.py")
    with started(post, {**os.environ, **after}, log) as client:
        assert client.wait(timeout=60) == 0, log.read_text()

    assert (len(endless.requests), len(github.statuses)) == (requests, statuses)
