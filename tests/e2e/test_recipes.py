"""The workflows of examples/datafold and examples/recipes, run by act against the emulators."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from emulator import Datafold, Emulator, GitHub, Script, Status
from emulator.dbt_runner import DbtRunner
from emulator.hosts.base import Changes
from tests.e2e.runner import REPOSITORY, Checkout, Finished
from tests.support import repository
from tests.support.scripts import GREEN, RED_WITH_MANIFEST

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
HEAD = "c0ffee0000000000000000000000000000000001"
DOCUMENTED = Script(
    steps=(replace(GREEN.steps[0], artifacts={**GREEN.steps[0].artifacts, "catalog.json": b'{"sources": {}}'}),)
)


class Recipes:
    """Runs a workflow of the examples with our action, our servers and nothing else changed."""

    def __init__(self, checkout: Checkout, base: str, github: GitHub, datafold: Datafold) -> None:
        self.checkout, self.base, self.github, self.datafold = checkout, base, github, datafold

    def run(self, name: str, event: str, cloud: Emulator, **payload: Any) -> Finished:  # noqa: ANN401 - JSON
        return self.run_text((ROOT / "examples" / name).read_text(encoding="utf-8"), event, cloud, **payload)

    def run_text(self, text: str, event: str, cloud: Emulator, **payload: Any) -> Finished:  # noqa: ANN401 - JSON
        """Run the workflow in `text`."""
        job = f"{cloud.url}/deploy/{cloud.account_id}/projects/{cloud.project_id}/jobs/{cloud.job_id}"
        text = re.sub(r"job-url: \S+", f"job-url: {job}", text)
        # The action of this checkout, which act brings into the container for such a step.
        text = re.sub(
            r"^(\s+)- ((?:id: dbt\n\s+)?)uses: org/dbt-cloud-run-action@v1",
            r"\1- uses: actions/checkout@v7\n\1- \2uses: ./",
            text,
            flags=re.MULTILINE,
        )
        assert "uses: ./" in text
        path = self.checkout.folder / ".github" / "workflows" / "recipe.yml"
        path.write_text(text, encoding="utf-8")
        repository = {"full_name": REPOSITORY, "name": "shop", "owner": {"login": "acme"}, "default_branch": "main"}
        return self.checkout.run_workflow(
            "recipe",
            event=event,
            payload={"repository": repository, "after": self.checkout.sha, "ref": "refs/heads/main", **payload},
            image=self.base,
            variables={},
            secrets={
                "DBT_TOKEN": cloud.token,
                "GITHUB_TOKEN": self.github.token,
                "DATAFOLD_API_KEY": self.datafold.api_key,
            },
            environ={
                "GITHUB_API_URL": self.github.url,
                "DBT_DATAFOLD_HOST": self.datafold.url,
                "DATAFOLD_HOST": self.datafold.url,
            },
        )


@pytest.fixture
def datafold() -> Iterator[Datafold]:
    with Datafold() as server:
        yield server


@pytest.fixture
def recipes(checkout: Checkout, base: str, github: GitHub, datafold: Datafold) -> Recipes:
    return Recipes(checkout, base, github, datafold)


def a_pull_request(action: str = "synchronize") -> dict[str, Any]:
    own = {"full_name": REPOSITORY, "fork": False}
    request = {
        "number": 7,
        "head": {"sha": HEAD, "ref": "feature/orders", "repo": own},
        "base": {"sha": "0" * 40, "ref": "main", "repo": own},
    }
    return {"action": action, "number": 7, "pull_request": request}


def test_merge__is_uploaded_as_production(recipes: Recipes) -> None:
    with Emulator(RED_WITH_MANIFEST) as cloud:
        finished = recipes.run("datafold/github-merge.yml", "push", cloud)

    # A failed test fails the workflow, and does not cost the comparison.
    assert not finished.succeeded
    (upload,) = recipes.datafold.uploads
    assert (recipes.checkout.sha, "production") == (upload.commit_sha, upload.run_type), finished.log


def test_pull_request__is_uploaded_with_its_head(recipes: Recipes) -> None:
    recipes.github.changes = Changes(files=(("dbt/models/a.sql", None),), labels=("datafold",))
    with Emulator(GREEN) as cloud:
        finished = recipes.run("datafold/github-pull-request.yml", "pull_request", cloud, **a_pull_request())
        schema = cloud.runs[0].trigger["schema_override"]

    assert finished.succeeded, finished.log
    assert f"dbt_cloud_pr_{cloud.job_id}_7" == schema
    (upload,) = recipes.datafold.uploads
    assert (HEAD, "pull_request") == (upload.commit_sha, upload.run_type)


def test_pull_request__with_nothing_to_build_is_green(recipes: Recipes) -> None:
    recipes.github.changes = Changes(files=(("dbt/README.md", None),), labels=("datafold",))
    with Emulator(GREEN) as cloud:
        finished = recipes.run("datafold/github-pull-request.yml", "pull_request", cloud, **a_pull_request())

        assert () == tuple(cloud.runs)
    assert finished.succeeded, finished.log
    assert [("success", "Skipped: only ignored files changed")] == [
        (status.state, status.description) for status in recipes.github.statuses
    ]
    assert () == recipes.datafold.uploads


def test_artifacts__by_hand_as_on_the_schedule(recipes: Recipes) -> None:
    with Emulator(GREEN) as cloud:
        finished = recipes.run("datafold/github-artifacts.yml", "workflow_dispatch", cloud, inputs={})

    assert finished.succeeded, finished.log
    assert ["dbt ls"] == cloud.runs[0].trigger["steps_override"]
    assert ["production"] == [upload.run_type for upload in recipes.datafold.uploads]
    assert () == recipes.github.statuses


def test_client__uploads_what_the_action_has_saved(recipes: Recipes) -> None:
    with Emulator(DOCUMENTED) as cloud:
        finished = recipes.run("datafold/github-client.yml", "push", cloud)

    assert finished.succeeded, finished.log
    (upload,) = recipes.datafold.uploads
    assert (recipes.checkout.sha, "production") == (upload.commit_sha, upload.run_type)
    assert {"manifest.json", "run_results.json", "catalog.json"} == set(upload.files)


def test_clean_up__drops_the_schema_of_the_closed_pull_request(recipes: Recipes) -> None:
    with Emulator(GREEN) as cloud:
        finished = recipes.run("recipes/drop-schema.yml", "pull_request", cloud, **a_pull_request("closed"))

    assert finished.succeeded, finished.log
    trigger = cloud.runs[0].trigger
    assert ["dbt run-operation drop_pull_request_schema"] == trigger["steps_override"]
    assert f"dbt_cloud_pr_{cloud.job_id}_7" == trigger["schema_override"]
    # The macro is that of the default branch.
    assert trigger.get("git_sha") is None


def test_macro__drops_the_schema_of_a_pull_request_and_no_other(tmp_path: Path) -> None:
    """With real dbt."""
    macro = (ROOT / "examples" / "recipes" / "drop_pull_request_schema.sql").read_text(encoding="utf-8")
    files = {
        "dbt_project.yml": "name: shop\nversion: '1.0'\nconfig-version: 2\nprofile: shop\n",
        "models/orders.sql": "select 1 as id",
        "macros/drop.sql": macro,
        "macros/gone.sql": """
            {% macro gone() %}
              {% if adapter.check_schema_exists(target.database, target.schema) %}
                {{ exceptions.raise_compiler_error('still there') }}
              {% endif %}
            {% endmacro %}
        """,
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    for arguments in (("init", "--quiet", "-b", "main"), ("add", "."), ("commit", "--quiet", "-m", "The shop")):
        repository.git(tmp_path, *arguments)
    operations = [f"dbt run-operation {name}" for name in ("drop_pull_request_schema", "gone")]
    with Emulator(DbtRunner(tmp_path)) as cloud:
        url = f"{cloud.url}/api/v2/accounts/{cloud.account_id}/jobs/{cloud.job_id}/run/"
        headers = {"Authorization": f"Token {cloud.token}"}
        for schema, steps in (
            ("dbt_cloud_pr_1_7", ["dbt run", *operations]),
            ("production", ["dbt run", operations[0]]),
        ):
            body = {"cause": "test", "schema_override": schema, "steps_override": steps}
            requests.post(url, json=body, headers=headers, timeout=10).raise_for_status()
            cloud.wait_idle(120)
        dropped, kept = cloud.runs

    assert (Status.SUCCESS, Status.ERROR) == (dropped.status, kept.status)
    assert "Not the schema of a pull request: production" in str(kept.steps[-1].logs)


def test_datadog__the_run_has_number_and_head(recipes: Recipes) -> None:
    with Emulator(GREEN) as cloud:
        cloud.change_job(cloud.job_id, job_type="ci")
        finished = recipes.run("recipes/datadog.yml", "pull_request", cloud, **a_pull_request())

    assert finished.succeeded, finished.log
    trigger = cloud.runs[0].trigger
    assert (HEAD, 7) == (trigger["git_sha"], trigger["non_native_pull_request_id"])
