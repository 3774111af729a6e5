"""`make demo` runs every scenario to its end, with real dbt."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from demo.run import SCENARIOS

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.dbt,
    pytest.mark.skipif(importlib.util.find_spec("dbt") is None, reason="dbt-core does not run on this Python yet"),
]


@pytest.mark.parametrize("name", SCENARIOS)
def test_demo__shows_log_statuses_outputs_and_summary(name: str) -> None:
    # Variables that are set for other work must not change the demo.
    environ = {**os.environ, "GITHUB_SHA": "0" * 40, "DBT_JOB_ID": "7", "HTTP_PROXY": "http://127.0.0.1:9"}

    demo = subprocess.run(
        [sys.executable, "-m", "demo", name],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )

    assert 0 == demo.returncode, demo.stdout
    assert f"This is how {name} should end." in demo.stdout
    titles = [line for line in demo.stdout.splitlines() if line.startswith("── ")]
    assert 6 == len(titles)
    assert "dbt Cloud / Production build" in demo.stdout
    assert f"The exit code of the step: {SCENARIOS[name].exit_code}" in demo.stdout
    assert "emulator-token" not in demo.stdout
    assert "::" not in demo.stdout
