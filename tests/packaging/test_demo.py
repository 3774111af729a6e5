"""`make demo`: every scenario ends as it should, with real dbt. What the action reports is tested elsewhere."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo.__main__ import main
from demo.run import PLANS, SCENARIOS
from tests.support.real_run_fixtures import RealRuns

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.dbt,
    pytest.mark.skipif(importlib.util.find_spec("dbt") is None, reason="dbt-core does not run on this Python yet"),
]


def assert_shows_everything(output: str, scenario: str) -> None:
    titles = [line for line in output.splitlines() if line.startswith("── ")]
    assert 5 + PLANS[scenario].times == len(titles), output
    assert "dbt Cloud / Production build" in output
    assert f"The exit code of the step: {SCENARIOS[scenario].exit_code}" in output
    assert "emulator-token" not in output
    assert "::" not in output


def test_demo__green_shows_log_statuses_outputs_and_summary() -> None:
    # Variables that a machine may have set for other programs must not change the demo.
    environ = {**os.environ, "GITHUB_SHA": "0" * 40, "DBT_JOB_ID": "7", "HTTP_PROXY": "http://127.0.0.1:9"}

    demo = subprocess.run(
        [sys.executable, "-m", "demo"],
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
    assert "This is how green should end." in demo.stdout
    assert_shows_everything(demo.stdout, "green")


@pytest.mark.parametrize("scenario", ["failing-test", "failing-model"])
def test_demo__failing_scenario_shows_the_same(real_runs: RealRuns, scenario: str) -> None:
    """That exit code, commit status and output are those of the scenario is checked when it is run."""
    assert_shows_everything(real_runs[scenario].output, scenario)


def test_demo__failing_model_says_what_it_means_and_the_second_time_since_when(real_runs: RealRuns) -> None:
    output = real_runs["failing-model"].output

    what = "order_payments failed → 9 nodes were not built → 2 dashboards are stale."
    assert re.search(rf"{what} New since run \d+ \(green, \d\d:\d\d UTC\)\. Owner: Finance data\.", output)
    assert re.search(rf"{what} Known since run \d+ \(1 earlier run\)\. Owner: Finance data\.", output)
    assert "order_payments failed · 9 not built · new" in output
    assert re.search(r"order_payments failed · 9 not built · known since run \d+", output)


def test_demo__late_source_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["late-source"])

    output = capsys.readouterr().out
    assert re.search(r"Late source:\*\* shop\\_system\.orders is \d+ days old, the limit is 12 hours", output)


def test_demo__datafold_shows_an_upload_a_skip_and_a_soft_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """How each of the three builds ends is checked by the scenario itself."""
    assert 0 == main(["datafold"])

    output = capsys.readouterr().out
    assert "At Datafold:    manifest.json, run_results.json as pull_request of" in output
    assert "success  dbt Cloud / Production build  ·  Skipped: only ignored files changed" in output
    assert "success  dbt Cloud / Production build  ·  Failed (not blocking): " in output
    assert "This is how datafold should end." in output


def test_demo__has_no_scenario_that_is_not_tested() -> None:
    assert {"green", "failing-test", "failing-model", "late-source"} == set(SCENARIOS)


@pytest.mark.parametrize("as_it_should", [True, False])
def test_demo__exit_code_says_whether_the_scenario_ended_as_it_should(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, as_it_should: bool
) -> None:
    from demo import run as demo  # noqa: PLC0415 - for monkeypatch

    result = SCENARIOS["failing-test" if as_it_should else "green"]
    monkeypatch.setattr(demo, "play", lambda *_, **__: demo.Played("a" * 40, (), result))

    code = main(["failing-test"])

    assert (0 if as_it_should else 1) == code
    assert ("This is how failing-test should end." in capsys.readouterr().out) is as_it_should
