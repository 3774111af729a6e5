"""Tests do not see the environment variables of the CI that runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

VARIABLES = """
    CI TF_BUILD BUILD_BUILDID BUILD_SOURCEVERSION SYSTEM_TEAMPROJECT SYSTEM_ACCESSTOKEN AGENT_NAME
    GITHUB_ACTIONS GITHUB_TOKEN GITHUB_SHA GITHUB_OUTPUT GITHUB_STEP_SUMMARY GITHUB_EVENT_PATH
    INPUT_JOB-ID INPUT_JOB_ID RUNNER_TEMP RUNNER_DEBUG STATE_RUN ACTIONS_RUNTIME_TOKEN
    GITLAB_CI CI_COMMIT_SHA CI_JOB_NAME BITBUCKET_COMMIT BITBUCKET_BUILD_NUMBER JENKINS_URL
    DBT_URL DBT_TOKEN DBT_API_KEY DBT_JOB_ID DBT_PR_JOB_ID DBT_CLOUD_API_KEY
    HTTP_PROXY http_proxy HTTPS_PROXY https_proxy NO_PROXY no_proxy ALL_PROXY all_proxy
""".split()

WRITES_ITS_ENVIRONMENT = """
import json, os, pathlib

def test_environment():
    pathlib.Path("seen.json").write_text(json.dumps(list(os.environ)))
"""


def test_environment__no_variable_of_a_ci_reaches_a_test(root: Path, tmp_path: Path) -> None:
    """A pytest with the fixtures of this suite, started with all those variables, runs one test outside of it."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_environment.py").write_text(WRITES_ITS_ENVIRONMENT)
    variables = {*VARIABLES, *_recorded(root)}

    pytest_run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.conftest"],
        cwd=tmp_path,
        env={**os.environ, **dict.fromkeys(variables, "set"), "UNRELATED": "1", "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert 0 == pytest_run.returncode, pytest_run.stdout + pytest_run.stderr
    seen = set(json.loads((tmp_path / "seen.json").read_text()))
    assert "UNRELATED" in seen
    assert set() == seen & variables


def _recorded(root: Path) -> set[str]:
    """The variables of recorded CI jobs, if there is a file of them beside the checkout."""
    recording = root.parent / "shared" / "data" / "ci-environments.json"
    if not recording.exists():
        return set()
    jobs = json.loads(recording.read_text())
    names = {name for job, variables in jobs.items() if not job.startswith("_") for name in variables}
    # Variables of Jenkins whose names other programs use, too.
    return names - {"GIT_PREVIOUS_COMMIT", "GIT_TERMINAL_PROMPT", "GIT_URL", "JOB_NAME", "JOB_URL"}
