"""The `docker run` line of docs/platforms.md in another CI: variables, files and the status arrive."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from emulator import Emulator
from emulator.hosts import GitLab
from emulator.hosts.gitlab import Pipeline
from release import facts
from tests.support import environments as env
from tests.support.decoders import dotenv
from tests.support.scripts import GREEN
from tests.support.workflow_step import CLOUD_TOKEN

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = facts.IMAGE

pytestmark = pytest.mark.e2e


def test_line__of_the_docs_runs_the_job_as_the_command_would(image: str, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")
    found = re.search(rf"^docker run .*?{re.escape(PUBLISHED)}$", page, re.MULTILINE | re.DOTALL)
    assert found
    line = found[0].replace(PUBLISHED, f"--network host {image}")
    with (
        Emulator(GREEN, token=CLOUD_TOKEN) as cloud,
        GitLab(pipelines=(Pipeline(77, env.PUSHED, "main"),)) as host,
    ):
        environ = {
            **os.environ,
            **env.GITLAB_PUSH,
            "CI_API_V4_URL": host.url,
            "CI_COMMIT_MESSAGE": "words\nCI_EVIL --privileged",
            "GITLAB_TOKEN": "glpat-token",
            "DBT_URL": cloud.url,
            "DBT_TOKEN": CLOUD_TOKEN,
            "DBT_ACCOUNT_ID": str(cloud.account_id),
            "DBT_JOB_ID": str(cloud.job_id),
        }
        done = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        statuses = [(one.pipeline, one.status) for one in host.statuses]

    assert statuses == [(77, "success")]
    assert dotenv((tmp_path / "dbt.env").read_text(encoding="utf-8"))["DBT_RUN_STATUS"] == "success"
    assert CLOUD_TOKEN not in done.stdout
