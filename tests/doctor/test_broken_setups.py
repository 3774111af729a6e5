"""`doctor` names what is wrong: set-ups with one thing broken each, against the emulators."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from dbt_action import app
from dbt_action.errors import ExitCode
from emulator import GitHub
from emulator.hosts.base import Changes
from tests.support import git
from tests.support.events import in_pull_request, pull
from tests.support.workflow_step import CLOUD_TOKEN, GITHUB_TOKEN, REPOSITORY, SHA, WorkflowStep

MakeStep = Callable[..., WorkflowStep]
Change = Callable[[WorkflowStep], None]
CONNECTED = {"repository": REPOSITORY, "git_clone_strategy": "github_app"}


def examine(
    step: WorkflowStep,
    chosen: Mapping[str, str] | None = None,
    *,
    probe: bool = False,
    as_json: bool = False,
    **inputs: str,
) -> ExitCode:
    named = {**(chosen or {}), **inputs}
    given = {f"INPUT_{name.upper().replace('_', '-')}": value for name, value in named.items()}
    return app.examine(
        {**step.environ, **given},
        out=step.out,
        clock=step.clock,
        interrupts=step.interrupts,
        probe=probe,
        as_json=as_json,
        http_timeouts=step.timeouts,
    )


def job(**fields: Any) -> Change:  # noqa: ANN401 - of Job
    return lambda step: step.cloud.change_job(step.cloud.job_id, **fields)


def project(**fields: Any) -> Change:  # noqa: ANN401 - of Project
    def change(step: WorkflowStep) -> None:
        for name, value in fields.items():
            setattr(step.cloud.project, name, value)

    return change


def environ(**variables: str) -> Change:
    return lambda step: step.environ.update({name.replace("__", "-"): value for name, value in variables.items()})


def in_request(step: WorkflowStep) -> None:
    step.environ |= in_pull_request()
    step.event("pull_request", {"number": 7, "pull_request": pull()})
    step.github.changes = Changes(files=(("models/a.sql", None),), labels=("dbt",))


def into_production(step: WorkflowStep) -> None:
    in_request(step)
    step.cloud.change_job(step.cloud.job_id, deployment_type="production")


def refused_changes(step: WorkflowStep) -> None:
    in_request(step)
    step.github.changes.refused = True


def slow_runs(step: WorkflowStep) -> None:
    url = f"{step.cloud.url}/api/v2/accounts/{step.cloud.account_id}/jobs/{step.cloud.job_id}/run/"
    requests.post(url, json={"cause": "x"}, headers={"Authorization": f"Token {CLOUD_TOKEN}"}, timeout=10)
    step.clock.sleep(3_600.0)
    step.cloud.release()


def read_only(step: WorkflowStep) -> None:
    step.github.read_only = True


def unknown_commit(step: WorkflowStep) -> None:
    step.github.faults.add(kind="status", code=404, method="GET", path="/commits/", times=None)


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A set-up with one thing broken: the line that names it, and the exit code."""

    line: str
    code: ExitCode
    change: Change = lambda _step: None
    inputs: Mapping[str, str] = field(default_factory=dict)
    probe: bool = False


BROKEN: dict[str, Broken] = {
    "inputs": Broken(
        inputs={"job_id": "three", "wait": "maybe"}, line="✗ Inputs\n  `job-id` is 'three', which", code=ExitCode.CONFIG
    ),
    "token": Broken(
        change=environ(INPUT_DBT__TOKEN="dbtc_wrong"),
        line="✗ dbt Cloud at {host} does not accept the token",
        code=ExitCode.CONFIG,
    ),
    "account": Broken(
        inputs={"account_id": "7"},
        line="✗ dbt Cloud at {host} does not let the token into the account",
        code=ExitCode.CONFIG,
    ),
    "job": Broken(inputs={"job_id": "7"}, line="✗ The job does not exist", code=ExitCode.CONFIG),
    "deactivated": Broken(change=job(deactivated=True), line="✗ The job is deactivated", code=ExitCode.CONFIG),
    "production": Broken(
        change=into_production, line="✗ Pull requests would be built into production", code=ExitCode.CONFIG
    ),
    "repository": Broken(
        change=project(repository="acme/other"),
        line="✗ The job's project is of the repository acme/other, but this is acme/shop",
        code=ExitCode.CONFIG,
    ),
    "trigger": Broken(
        change=environ(INPUT_DBT__TOKEN="emulator-read-only-token"),
        probe=True,
        line="✗ The token may not start runs of this job",
        code=ExitCode.CONFIG,
    ),
    "project": Broken(
        inputs={"project_id": "7"}, line="! The job belongs to project {project}, not to 7", code=ExitCode.OK
    ),
    "double builds": Broken(
        change=job(triggers={"github_webhook": True}),
        line="! dbt Cloud builds pull requests with this job, too",
        code=ExitCode.OK,
    ),
    "deferral": Broken(
        change=job(execute_steps=("dbt build --select state:modified+",)),
        line="! The job selects by state, but defers to nothing",
        code=ExitCode.OK,
    ),
    "limit": Broken(
        change=job(timeout_seconds=50_000), line="! The wait is shorter than the job's own limit", code=ExitCode.OK
    ),
    "duration": Broken(
        change=slow_runs,
        inputs={"timeout_minutes": "1"},
        line="! The wait is shorter than the job usually takes",
        code=ExitCode.OK,
    ),
    "folder": Broken(
        change=job(project_subdirectory="dbt"),
        inputs={"project_directory": "other"},
        line="! `project-directory` is 'other', but the job's project is in 'dbt'",
        code=ExitCode.OK,
    ),
    "connection": Broken(
        change=project(**{**CONNECTED, "git_clone_strategy": "deploy_key"}),
        line="! dbt Cloud is connected by deploy_key, but the number of a pull request is sent as github_pull",
        code=ExitCode.OK,
    ),
    "host token": Broken(
        change=unknown_commit,
        line="! The commit aaaaaaa is not shown to the token by the host of acme/shop",
        code=ExitCode.OK,
    ),
    "no host token": Broken(
        change=environ(INPUT_GITHUB__TOKEN=""), line="! There is no token for the host of acme/shop", code=ExitCode.OK
    ),
    "no host": Broken(
        change=environ(GITHUB_REPOSITORY=""), line="! It is not known where the code lives", code=ExitCode.OK
    ),
    "status": Broken(
        change=read_only,
        probe=True,
        line="! The token may not post statuses to the host of acme/shop",
        code=ExitCode.OK,
    ),
    "files": Broken(
        change=refused_changes,
        inputs={"files_to_ignore": "*.md"},
        line="! The changed files that a gate asks for cannot be read",
        code=ExitCode.OK,
    ),
    "labels": Broken(
        change=refused_changes,
        inputs={"require_label": "dbt"},
        line="! The labels that a gate asks for cannot be read",
        code=ExitCode.OK,
    ),
}


@pytest.fixture
def step(make_step: MakeStep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkflowStep:
    """A good set-up, outside of any checkout."""
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    made = make_step(queue_seconds=0.0, read_only_token="emulator-read-only-token")
    for name, value in CONNECTED.items():
        setattr(made.cloud.project, name, value)
    return made


@pytest.mark.parametrize("name", BROKEN)
def test_broken__is_named_with_the_right_exit_code(step: WorkflowStep, name: str) -> None:
    broken = BROKEN[name]
    if name == "duration":
        step.cloud.hold = True
    broken.change(step)
    before = len(step.cloud.requests)

    code = examine(step, broken.inputs, probe=broken.probe)

    line = broken.line.format(host=step.cloud.url.removeprefix("http://"), project=step.cloud.project_id)
    assert f"{line}" in step.log, step.log
    assert broken.code is code
    sent = [*step.cloud.requests[before:], *step.github.requests]
    assert 8 >= len(sent)
    assert broken.probe or all(request.method == "GET" for request in sent)
    # Only the one thing is bad.
    bad = [words for words in step.log.splitlines() if words.startswith("✗")]
    assert (1 if broken.code is ExitCode.CONFIG and name != "inputs" else len(bad)) == len(bad)


def test_good__has_nothing_to_complain_about(step: WorkflowStep) -> None:
    assert ExitCode.OK is examine(step)

    assert {"✓", "?"} == {line[0] for line in step.log.splitlines() if line and not line.startswith(" ")}
    assert "✓ The job's project is that of this repository, acme/shop" in step.log
    assert () == step.cloud.runs


def test_good__probe_knows_everything_and_starts_nothing(step: WorkflowStep) -> None:
    before = len(step.cloud.requests)
    in_request(step)
    step.cloud.change_job(step.cloud.job_id, job_type="ci")

    code = examine(step, probe=True, files_to_ignore="*.md", require_label="dbt", skip_commit_message="none")

    assert ExitCode.OK is code
    assert "✓ The token may start runs" in step.log
    assert "✓ The token may post statuses to the host of acme/shop" in step.log
    assert "✓ The changed files that a gate asks for can be read" in step.log
    assert "✓ The labels that a gate asks for can be read" in step.log
    assert ((), ()) == (step.cloud.runs, step.statuses)
    assert 8 >= len(step.cloud.requests) - before + len(step.github.requests)


def test_probe__a_trigger_that_is_accepted_all_the_same_is_cancelled(step: WorkflowStep) -> None:
    answer = {"status": {"code": 200}, "data": {"id": 5, "status": 1}}
    step.cloud.faults.add(kind="status", code=200, body=answer, method="POST", path="/run/$")
    step.cloud.faults.add(kind="status", code=200, body=answer, method="POST", path="/runs/5/cancel/")

    assert ExitCode.OK is examine(step, probe=True)
    assert "/runs/5/cancel/" in step.cloud.requests[-1].path


@pytest.mark.parametrize("code", [500, 503])
def test_out_of_reach__is_exit_code_3(step: WorkflowStep, code: int) -> None:
    step.cloud.faults.add(kind="status", code=code, method="GET", path="/", times=None)

    assert ExitCode.CLOUD is examine(step)
    assert "cannot be reached" in step.log
    assert "✗" not in step.log


def test_ip_restriction__is_told_apart_from_a_wrong_account(step: WorkflowStep) -> None:
    body = {
        "status": {"code": 403, "user_message": "Forbidden: Access denied"},
        "data": {"account_id": 1, "is_service_token": True},
    }
    step.cloud.faults.add(kind="status", code=403, body=body, method="GET", path="/", times=None)

    assert ExitCode.CONFIG is examine(step)
    assert "IP" in step.log


def test_token_that_may_not_read_projects__leaves_a_question(step: WorkflowStep) -> None:
    step.cloud.project.forbidden = True

    assert ExitCode.OK is examine(step)
    assert "? Whether the job's project is of this repository is not known" in step.log


def test_checkout__shows_that_the_commit_was_not_pushed_and_where_the_project_is(
    step: WorkflowStep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "checkout"
    git.init(folder)
    monkeypatch.chdir(folder)

    assert ExitCode.OK is examine(step)

    assert f"! The commit {git.head(folder)[:7]} is on no branch of a remote" in step.log
    assert "! There is no dbt_project.yml in 'the root' of this checkout" in step.log


def test_checkout__has_the_commit_of_the_newest_run(
    step: WorkflowStep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "checkout"
    git.init(folder)
    (folder / "dbt_project.yml").touch()
    monkeypatch.chdir(folder)
    step.cloud.project.forbidden = True
    url = f"{step.cloud.url}/api/v2/accounts/{step.cloud.account_id}/jobs/{step.cloud.job_id}/run/"
    body = {"cause": "x", "git_sha": git.head(folder)}
    requests.post(url, json=body, headers={"Authorization": f"Token {CLOUD_TOKEN}"}, timeout=10)
    step.clock.sleep(60.0)

    assert ExitCode.OK is examine(step)
    assert "✓ The commit of the job's newest run is in this checkout" in step.log


def test_queue__that_is_long_is_a_warning(make_step: MakeStep) -> None:
    step = make_step(queue_seconds=600.0)
    url = f"{step.cloud.url}/api/v2/accounts/{step.cloud.account_id}/jobs/{step.cloud.job_id}/run/"
    requests.post(url, json={"cause": "x"}, headers={"Authorization": f"Token {CLOUD_TOKEN}"}, timeout=10)
    step.clock.sleep(1_200.0)

    assert ExitCode.OK is examine(step)
    assert "! The job usually takes 10m 00s, 10m 00s of it in the queue" in step.log


def test_json__is_one_document_and_nothing_else(step: WorkflowStep) -> None:
    step.environ = {
        name: value for name, value in step.environ.items() if name.startswith("INPUT_") and "GITHUB" not in name
    }

    code = examine(step, as_json=True, ci="none")

    document = json.loads(step.out.getvalue())
    assert code == document["exit_code"]
    assert {"good", "warning", "bad", "unknown"} >= {check["result"] for check in document["checks"]}
    assert "Inputs" == document["checks"][0]["title"]


def test_json__of_inputs_that_cannot_be_used(step: WorkflowStep) -> None:
    assert ExitCode.CONFIG is examine(step, as_json=True, ci="none", job_id="x")
    assert "bad" == json.loads(step.log)["checks"][0]["result"]


def test_mode__doctor_is_the_same_as_a_step_of_a_workflow(step: WorkflowStep) -> None:
    assert ExitCode.OK is step.run(mode="Doctor")

    assert "✓ The job 'Production build' exists" in step.log
    assert () == step.cloud.runs
    assert GITHUB_TOKEN not in step.log
    assert SHA[:7] in step.log
    assert isinstance(step.github, GitHub)


def test_job_name__that_does_not_exist_is_a_problem_of_the_inputs(step: WorkflowStep) -> None:
    step.environ.pop("INPUT_JOB-ID")

    assert ExitCode.CONFIG is examine(step, job_name="Nightly", project_id=str(step.cloud.project_id))
    assert "✗ Inputs\n  `job-name` is 'Nightly', which no job is called" in step.log
