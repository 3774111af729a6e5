"""What every test gets: an environment without its CI, and how hypothesis works; no doubles of anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = (
    "tests.support.platform_fixtures",
    "tests.support.real_run_fixtures",
    "tests.support.workflow_step_fixtures",
)

# The gate tries the same examples each time; `pytest --hypothesis-profile=explore` looks for new ones.
_PROPERTIES = settings(max_examples=80, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("reproducible", _PROPERTIES, derandomize=True)
settings.register_profile("explore", _PROPERTIES, max_examples=2000)
settings.load_profile("reproducible")

# Modules that take seconds, the slowest first. They start first, so that no worker is left alone with one at the end.
# This needs `--no-loadscope-reorder`: pytest-xdist would start the modules with the most tests first.
SLOWEST = (
    "tests/reliability/test_table.py",
    "tests/emulator/test_dbt_runner.py",
    "tests/packaging/test_demo.py",
    "tests/main_flow/test_real_runs.py",
)

CI_PREFIXES = (
    "ACTIONS_",
    "AGENT_",
    "AZURE_",
    "BITBUCKET_",
    "BUILD_",
    "CI_",
    "CIRCLE_",
    "DATAFOLD_",
    "DBT_",
    "ENDPOINT_",
    "GITHUB_",
    "GITLAB_",
    "INPUT_",
    "JENKINS_",
    "RELEASE_",
    "RUNNER_",
    "STATE_",
    "SYSTEM_",
)
CI_NAMES = frozenset(
    {
        "ALL_PROXY",
        "BUILDKITE",
        "CI",
        "CIRCLECI",
        "FTP_PROXY",
        "GH_TOKEN",
        "GIT_BRANCH",
        "GIT_COMMIT",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "NO_PROXY",
        "TF_BUILD",
    }
)

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_position)


def _position(item: pytest.Item) -> int:
    name = item.path.relative_to(ROOT).as_posix() if item.path.is_relative_to(ROOT) else ""
    return SLOWEST.index(name) if name in SLOWEST else len(SLOWEST)


def speaks_of_ci(name: str) -> bool:
    return name.upper().startswith(CI_PREFIXES) or name.upper() in CI_NAMES


@pytest.fixture(autouse=True)
def _outside_of_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite says the same on a laptop, in GitHub Actions and behind a proxy."""
    for name in list(os.environ):
        if speaks_of_ci(name):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the checkout."""
    return ROOT
