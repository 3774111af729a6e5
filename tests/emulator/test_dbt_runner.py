"""Runs by real dbt on DuckDB: clone, profile, artifacts, failures, retry, cancel, environment."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from emulator import Emulator
from tests.support import repository
from tests.support.real_run_fixtures import BUILD, RealRuns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.emulator.conftest import Client

pytest.importorskip("dbt.version", reason="dbt-core is not installed (it does not run on this Python)")

pytestmark = pytest.mark.dbt

Json: TypeAlias = Any
"""Whatever JSON or a keyword may hold."""

DEMO = Path(__file__).resolve().parents[2] / "demo"

# The smallest project with something to skip: dbt spends most of its time on macros of its own.
PROJECT = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\nconfig-version: 2\nprofile: shop\n",
    "models/orders.sql": "select 1 as id",
    "models/revenue.sql": "select * from {{ ref('orders') }}",
}
FAILING_TEST = {"tests/no_orders.sql": "select * from {{ ref('orders') }}"}
ENDLESS = {"models/endless.sql": "select sum(range) as total from range(1000000000000000)"}
ENVIRON = {
    "models/environ.sql": """
select 1 as id -- {{ env_var('DBT_CLOUD_PR_ID', 'none') }} {{ env_var('DBT_CLOUD_RUN_REASON') }}
    -- {{ env_var('GITHUB_TOKEN', 'no GITHUB_TOKEN') }} {{ env_var('DBT_SECRET_THING', 'no DBT_SECRET_THING') }}
    -- {{ target.name }} {{ target.schema }} {{ target.threads }} {{ env_var('CI', 'no CI') }}
"""
}


@dataclass(frozen=True)
class Shop:
    """A small project in a git repository, with a branch for each thing that a test needs."""

    path: Path

    def git(self, *arguments: str) -> str:
        return repository.git(self.path, *arguments)

    def commit(self, message: str, files: dict[str, str]) -> None:
        for name, content in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(content, encoding="utf-8")
        self.git("add", ".")
        self.git("commit", "--quiet", "-m", message)

    def branch(self, name: str, files: dict[str, str]) -> None:
        self.git("checkout", "--quiet", "-b", name, "main")
        self.commit(name, files)
        self.git("checkout", "--quiet", "main")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop(tmp_path_factory.mktemp("repository"))
    shop.git("init", "--quiet", "-b", "main")
    shop.commit("main", PROJECT)
    shop.branch("failing-test", FAILING_TEST)
    shop.branch("endless", ENDLESS)
    shop.branch("environ", ENVIRON)
    return shop


@pytest.fixture(scope="module")
def cloud(shop: Shop) -> Iterator[Emulator]:
    from emulator.dbt_runner import DbtRunner  # noqa: PLC0415 - only where dbt is installed

    environ = {**os.environ, "GITHUB_TOKEN": "x", "DBT_SECRET_THING": "x", "CI": "true", "DBT_TARGET": "nowhere"}
    with Emulator(DbtRunner(shop.path, environ=environ)) as cloud:
        yield cloud


def run(client: Client, **fields: Json) -> Json:
    """Run to the end and return the run with its steps."""
    run_id = client.trigger(**fields)["id"]
    client.cloud.wait_idle(60)
    return client.get(f"runs/{run_id}/", include_related='["run_steps","debug_logs"]')


def node_statuses(client: Client, run_id: int, step: int) -> dict[str, str]:
    answer = client.send("GET", f"runs/{run_id}/artifacts/run_results.json", params={"step": step})
    return {result["unique_id"]: result["status"] for result in answer.json()["results"]}


def test_green__has_steps_and_logs(real_runs: RealRuns) -> None:
    green = real_runs["green"]

    assert (10, green.commit, "main") == (green.status, green.git_sha, green.git_branch)
    assert [
        "Clone Git Repository",
        "Create Profile from Connection DuckDB ",
        "Invoke dbt with `dbt deps`",
        "Invoke dbt with `dbt build`",
        "Invoke dbt with `dbt docs generate`",
    ] == [step.name for step in green.steps]
    build = green.steps[BUILD - 1]
    assert "\x1b[" in str(build.logs)
    assert "PASS=26 WARN=1 ERROR=0" in str(build.logs)
    assert "Command end result" in str(build.debug_logs)


def test_green__has_artifacts(real_runs: RealRuns) -> None:
    green = real_runs["green"]

    results = json.loads(green.artifact("run_results.json"))["results"]
    assert {"success", "pass", "warn", "no-op"} == {result["status"] for result in results}
    artifacts = {path for step in green.steps for path in step.artifacts}
    assert {"manifest.json", "run_results.json", "catalog.json"} <= artifacts
    assert any(path.startswith("compiled/shop/models/") for path in artifacts)
    assert "model.shop.customer_value" in json.loads(green.artifact("catalog.json", step=5))["nodes"]
    metadata = json.loads(green.artifact("manifest.json"))["metadata"]
    assert metadata["dbt_schema_version"].endswith("/manifest/v12.json")
    assert "shop" == metadata["project_name"]


def test_failure__can_be_retried(cloud: Emulator, shop: Shop, client_of: Callable[[Emulator], Client]) -> None:
    """The failing test is retried, and the model below it that was skipped."""
    client = client_of(cloud)
    failed = run(client, git_branch="failing-test")

    retried = client.send("POST", f"runs/{failed['id']}/retry/").json()["data"]
    cloud.wait_idle(60)

    nodes = node_statuses(client, failed["id"], 4)
    assert (20, True) == (failed["status"], failed["can_retry"])
    assert {"model.shop.orders": "success", "test.shop.no_orders": "fail", "model.shop.revenue": "skipped"} == nodes
    again = client.get(f"runs/{retried['id']}/", include_related='["run_steps"]')
    assert (20, shop.git("rev-parse", "failing-test")) == (again["status"], again["git_sha"])
    assert "Invoke dbt with `dbt retry`" == again["run_steps"][3]["name"]
    assert {"test.shop.no_orders", "model.shop.revenue"} == set(node_statuses(client, again["id"], 4))


def test_artifacts__of_a_run_are_served(cloud: Emulator, client_of: Callable[[Emulator], Client]) -> None:
    client = client_of(cloud)
    done = run(client, steps_override=["dbt compile"])

    listed = client.get(f"runs/{done['id']}/artifacts/")
    manifest = client.send("GET", f"runs/{done['id']}/artifacts/manifest.json").json()

    assert {"manifest.json", "run_results.json", "compiled/shop/models/revenue.sql"} <= set(listed)
    assert {"model.shop.orders", "model.shop.revenue"} == set(manifest["nodes"])


def test_overrides__reach_dbt_and_the_environment_of_the_parent_does_not(
    cloud: Emulator, client_of: Callable[[Emulator], Client]
) -> None:
    client = client_of(cloud)

    done = run(
        client,
        cause="because",
        git_branch="environ",
        github_pull_request_id=7,
        schema_override="pr_7",
        target_name_override="ci",
        threads_override=3,
        steps_override=["dbt compile --select environ"],
    )

    assert [10, 10, 10, 10] == [step["status"] for step in done["run_steps"]]
    compiled = client.send("GET", f"runs/{done['id']}/artifacts/compiled/shop/models/environ.sql").text
    assert "7 because" in compiled
    assert "no GITHUB_TOKEN no DBT_SECRET_THING" in compiled
    assert "ci pr_7 3 no CI" in compiled


@pytest.mark.parametrize(
    "fields, log",
    [
        ({"git_sha": "0" * 40}, f"fatal: reference is not a tree: {'0' * 40}"),
        ({"git_sha": "--help"}, "Failed to checkout to specified revision --help"),
        ({"git_branch": "nowhere"}, "error: pathspec 'nowhere' did not match any file(s) known to git"),
    ],
)
def test_checkout__fails_in_the_first_step(
    cloud: Emulator, client_of: Callable[[Emulator], Client], fields: dict[str, str], log: str
) -> None:
    """The trigger itself answers 200 (documented)."""
    done = run(client_of(cloud), **fields)

    assert (20, None) == (done["status"], done["git_sha"])
    assert [("Clone Git Repository", 20)] == [(step["name"], step["status"]) for step in done["run_steps"]]
    assert log in done["run_steps"][0]["logs"]
    assert "RETRY_NO_RUN_RESULTS" == done["retry_not_supported_reason"]


def test_checkout__does_not_find_a_commit_that_is_on_no_branch(
    cloud: Emulator, shop: Shop, client_of: Callable[[Emulator], Client]
) -> None:
    """Such as the commit of a fork."""
    commit = shop.git("commit-tree", "main^{tree}", "-m", "on no branch")

    done = run(client_of(cloud), git_sha=commit)

    assert "reference is not a tree" in done["run_steps"][0]["logs"]


def test_cancel__kills_the_command(cloud: Emulator, client_of: Callable[[Emulator], Client]) -> None:
    client = client_of(cloud)
    run_id = client.trigger(git_branch="endless")["id"]
    _wait(lambda: "START sql view model analytics.endless" in str(cloud.run(run_id).steps[-1:]))
    commands = [child.pid for child in multiprocessing.active_children()]
    assert [True] == [_is_alive(pid) for pid in commands]

    cancelled = client.send("POST", f"runs/{run_id}/cancel/").json()["data"]

    assert (30, "Cancelled by user.") == (cancelled["status"], cancelled["status_message"])
    _wait(lambda: not any(_is_alive(pid) for pid in commands))


def test_step__must_be_a_dbt_command(cloud: Emulator, client_of: Callable[[Emulator], Client]) -> None:
    done = run(client_of(cloud), steps_override=["echo 'pwned"], git_branch="main")

    assert (20, "is not a dbt command") == (done["status"], done["run_steps"][3]["logs"].strip()[-20:])


def test_time_limit__ends_the_run(cloud: Emulator, client_of: Callable[[Emulator], Client]) -> None:
    done = run(client_of(cloud), git_branch="endless", timeout_seconds_override=1)

    message = "This run timed out after running for 1 second, which exceeded the configured timeout of 1 seconds."
    assert (30, message) == (done["status"], done["status_message"])


def test_scenario__differs_from_the_project_in_one_line() -> None:
    """What dbt makes of it is seen in the demo; here only that its files still fit those of the project."""
    overlays = [path for path in (DEMO / "scenarios").rglob("*") if path.is_file()]

    for overlay in overlays:
        original = DEMO / "project" / overlay.relative_to(DEMO / "scenarios").relative_to(_scenario(overlay))
        before, after = original.read_text().splitlines(), overlay.read_text().splitlines()
        assert [1] == [sum(a != b for a, b in zip(before, after, strict=True))]
    assert {"failing-model", "failing-test"} == {str(_scenario(path)) for path in overlays}


def _scenario(path: Path) -> Path:
    return Path(path.relative_to(DEMO / "scenarios").parts[0])


def _wait(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


def _is_alive(pid: int | None) -> bool:
    try:
        os.kill(pid or 0, 0)
    except ProcessLookupError:
        return False
    return True
