"""Runs by real dbt on DuckDB: clone, profile, artifacts, failures, retry, cancel, environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from emulator import Emulator
from tests.support import repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.emulator.conftest import Client

pytest.importorskip("dbt.version", reason="dbt-core is not installed (it does not run on this Python)")

pytestmark = pytest.mark.dbt

Json: TypeAlias = Any
"""Whatever JSON or a keyword may hold."""

DEMO = Path(__file__).resolve().parents[2] / "demo"
ENVIRON = """
select 1 as id -- {{ env_var('DBT_CLOUD_PR_ID', 'none') }} {{ env_var('DBT_CLOUD_RUN_REASON') }}
    -- {{ env_var('GITHUB_TOKEN', 'no GITHUB_TOKEN') }} {{ env_var('DBT_SECRET_THING', 'no DBT_SECRET_THING') }}
    -- {{ target.name }} {{ target.schema }} {{ target.threads }} {{ env_var('CI', 'no CI') }}
"""


@dataclass(frozen=True)
class Shop:
    """The demo project as a git repository, one branch for each scenario."""

    path: Path

    def git(self, *arguments: str) -> str:
        return repository.git(self.path, *arguments)

    def branch(self, name: str, files: dict[str, str], scenario: str = "") -> None:
        self.git("checkout", "--quiet", "-b", name, "main")
        if scenario:
            shutil.copytree(DEMO / "scenarios" / scenario, self.path, dirs_exist_ok=True)
        for path, content in files.items():
            (self.path / path).write_text(content, encoding="utf-8")
        self.git("add", ".")
        self.git("commit", "--quiet", "-m", name)
        self.git("checkout", "--quiet", "main")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop(tmp_path_factory.mktemp("repository") / "shop")
    shutil.copytree(DEMO / "project", shop.path, ignore=shutil.ignore_patterns("target", "logs"))
    shop.git("init", "--quiet", "-b", "main")
    shop.git("add", ".")
    shop.git("commit", "--quiet", "-m", "main")
    shop.branch("failing-test", {}, "failing-test")
    shop.branch("failing-model", {}, "failing-model")
    shop.branch("environ", {"models/environ.sql": ENVIRON})
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


def results(client: Client, run_id: int, step: int) -> dict[str, str]:
    answer = client.send("GET", f"runs/{run_id}/artifacts/run_results.json", params={"step": step})
    return {result["unique_id"]: result["status"] for result in answer.json()["results"]}


@pytest.fixture(scope="module")
def green(cloud: Emulator, client_of: Callable[[Emulator], Client]) -> Json:
    """Return a run in which all is well, as the API shows it."""
    return run(client_of(cloud), generate_docs_override=True)


def test_green__has_steps_and_logs(green: Json, shop: Shop) -> None:
    done = green

    assert (10, shop.git("rev-parse", "main"), "main") == (done["status"], done["git_sha"], done["git_branch"])
    assert [step["name"] for step in done["run_steps"]] == [
        "Clone Git Repository",
        "Create Profile from Connection DuckDB ",
        "Invoke dbt with `dbt deps`",
        "Invoke dbt with `dbt build`",
        "Invoke dbt with `dbt docs generate`",
    ]
    log = done["run_steps"][3]["logs"]
    assert "\x1b[" in log
    assert "PASS=26 WARN=1 ERROR=0" in log
    assert "Command end result" in done["run_steps"][3]["debug_logs"]


def test_green__has_artifacts(green: Json, cloud: Emulator, client_of: Callable[[Emulator], Client]) -> None:
    client, done = client_of(cloud), green

    statuses = set(results(client, done["id"], 4).values())
    assert statuses == {"success", "pass", "warn"}
    artifacts = client.get(f"runs/{done['id']}/artifacts/")
    assert {"manifest.json", "run_results.json", "catalog.json"} <= set(artifacts)
    assert any(path.startswith("compiled/shop/models/") for path in artifacts)
    catalog = client.send("GET", f"runs/{done['id']}/artifacts/catalog.json").json()
    assert "model.shop.customer_value" in catalog["nodes"]
    manifest = client.send("GET", f"runs/{done['id']}/artifacts/manifest.json", params={"step": 4}).json()
    assert manifest["metadata"]["dbt_schema_version"].endswith("/manifest/v12.json")
    assert manifest["metadata"]["project_name"] == "shop"


def test_failure__can_be_retried(cloud: Emulator, shop: Shop, client_of: Callable[[Emulator], Client]) -> None:
    """The failing test is retried, and the model below it that was skipped."""
    client = client_of(cloud)
    failed = run(client, git_branch="failing-test")

    retried = client.send("POST", f"runs/{failed['id']}/retry/").json()["data"]
    cloud.wait_idle(60)

    nodes = results(client, failed["id"], 4)
    assert (failed["status"], failed["can_retry"]) == (20, True)
    assert (nodes["test.shop.assert_no_negative_amounts"], nodes["model.shop.order_payments"]) == ("fail", "skipped")
    again = client.get(f"runs/{retried['id']}/", include_related='["run_steps"]')
    assert (20, shop.git("rev-parse", "failing-test")) == (again["status"], again["git_sha"])
    assert again["run_steps"][3]["name"] == "Invoke dbt with `dbt retry`"
    assert set(results(client, again["id"], 4)) == {
        node for node, status in nodes.items() if status in {"fail", "skipped"}
    }


def test_overrides__reach_dbt_and_the_parent_s_environment_does_not(
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

    assert [step["status"] for step in done["run_steps"]] == [10, 10, 10, 10]
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

    assert (done["status"], done["git_sha"]) == (20, None)
    assert [(step["name"], step["status"]) for step in done["run_steps"]] == [("Clone Git Repository", 20)]
    assert log in done["run_steps"][0]["logs"]
    assert done["retry_not_supported_reason"] == "RETRY_NO_RUN_RESULTS"


def test_checkout__does_not_find_a_commit_that_no_branch_reaches(
    cloud: Emulator, shop: Shop, client_of: Callable[[Emulator], Client]
) -> None:
    """As with the commit of a fork."""
    lost = shop.git("commit-tree", "main^{tree}", "-m", "lost")

    done = run(client_of(cloud), git_sha=lost)

    assert "reference is not a tree" in done["run_steps"][0]["logs"]


def test_cancel__kills_the_command(cloud: Emulator, client_of: Callable[[Emulator], Client]) -> None:
    client = client_of(cloud)
    run_id = client.trigger()["id"]
    _wait(lambda: len(cloud.run(run_id).steps) == 3 and bool(_children()))

    cancelled = client.send("POST", f"runs/{run_id}/cancel/").json()["data"]

    assert (cancelled["status"], cancelled["status_message"]) == (30, "Cancelled by user.")
    _wait(lambda: not _children())


def test_step__must_be_a_dbt_command(cloud: Emulator, client_of: Callable[[Emulator], Client]) -> None:
    done = run(client_of(cloud), steps_override=["echo 'pwned"], git_branch="main")

    assert (done["status"], done["run_steps"][3]["logs"].strip()[-20:]) == (20, "is not a dbt command")


def test_limit__kills_the_command(cloud: Emulator, client_of: Callable[[Emulator], Client]) -> None:
    done = run(client_of(cloud), timeout_seconds_override=1)

    message = "This run timed out after running for 1 second, which exceeded the configured timeout of 1 seconds."
    assert (30, message) == (done["status"], done["status_message"])


def test_scenario__differs_from_the_project_in_one_line() -> None:
    """What dbt makes of it is seen in the demo; here only that the overlay still fits the project."""
    overlays = [path for path in (DEMO / "scenarios").rglob("*") if path.is_file()]

    for overlay in overlays:
        original = DEMO / "project" / overlay.relative_to(DEMO / "scenarios").relative_to(_scenario(overlay))
        before, after = original.read_text().splitlines(), overlay.read_text().splitlines()
        assert [sum(a != b for a, b in zip(before, after, strict=True))] == [1]
    assert {"failing-model", "failing-test"} == {str(_scenario(path)) for path in overlays}


def _scenario(path: Path) -> Path:
    return Path(path.relative_to(DEMO / "scenarios").parts[0])


def _wait(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


def _children() -> list[str]:
    """List this process's children that still run dbt."""
    answer = subprocess.run(["ps", "-A", "-o", "ppid=,args="], check=True, capture_output=True, text=True)
    lines = [line.split(maxsplit=1) for line in answer.stdout.splitlines()]
    return [args for parent, args in lines if int(parent) == os.getpid() and "/dbt" in args]
