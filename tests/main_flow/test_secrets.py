"""No token is in anything that a step leaves behind; a bug of the action ends in a report without tokens."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep, Status
from tests.support.scripts import RED, run_results
from tests.support.workflow_step import CLOUD_TOKEN, GITHUB_TOKEN, HEAD_SHA, WorkflowStep

MakeStep = Callable[..., WorkflowStep]

# Text of others that has both tokens in it, wherever dbt Cloud or GitHub could put them.
BOTH = f"{CLOUD_TOKEN} and {GITHUB_TOKEN}"
WITH_TOKENS = Script(
    status_message=f"failed with {BOTH}",
    steps=(
        ScriptedStep(
            command="dbt build",
            status=Status.ERROR,
            logs=f"could not log in with {BOTH}\n",
            artifacts={
                "run_results.json": run_results(("model.shop.orders", "error", f"password {BOTH}")),
                "a/b.json": b"{}",
            },
        ),
    ),
)


def left_behind(workflow_step: WorkflowStep) -> str:
    """Log, files, names of files, statuses and causes of runs, as one text."""
    files = [
        f"{path.relative_to(workflow_step.folder)}\n{path.read_text(errors='replace') if _ours(path) else ''}"
        for path in workflow_step.folder.rglob("*")
        if path.is_file() and path.name != "event.json"
    ]
    causes = [run.cause for run in workflow_step.cloud.runs]
    return "\n".join([workflow_step.log, *files, *map(repr, workflow_step.statuses), *causes])


def _ours(path: Path) -> bool:
    # The contents of artifacts are dbt's.
    return "target" not in path.parts


def assert_no_secret(workflow_step: WorkflowStep) -> None:
    everything = left_behind(workflow_step)
    # Markdown shows a character behind a backslash as itself.
    everything += html.unescape(everything.replace("\\", ""))
    for secret in (CLOUD_TOKEN, GITHUB_TOKEN):
        for form in (secret, base64.b64encode(secret.encode()).decode(), json.dumps(secret)[1:-1]):
            assert form not in everything


def test_masks__are_printed_before_anything_else(workflow_step: WorkflowStep) -> None:
    workflow_step.run()

    lines = workflow_step.out.getvalue().splitlines()
    assert {f"::add-mask::{CLOUD_TOKEN}", f"::add-mask::{GITHUB_TOKEN}"} == set(lines[:2])
    assert not any(line.startswith("::add-mask::") for line in lines[2:])


def test_tokens_in_logs_and_results__are_not_passed_on(make_step: MakeStep) -> None:
    workflow_step = make_step(WITH_TOKENS)

    assert ExitCode.FAILED == workflow_step.run(artifacts="*")

    assert_no_secret(workflow_step)
    assert "could not log in with *** and ***" in workflow_step.log


def test_tokens_in_the_name_of_the_job__are_not_passed_on(make_step: MakeStep) -> None:
    workflow_step = make_step(RED)
    workflow_step.cloud.change_job(workflow_step.cloud.job_id, name=f"build {BOTH}")

    workflow_step.run()

    assert_no_secret(workflow_step)


def test_tokens_in_the_cause__are_not_passed_on(workflow_step: WorkflowStep) -> None:
    workflow_step.run(cause=f"because of {BOTH}")

    assert_no_secret(workflow_step)


def test_token_in_the_name_of_the_branch__is_not_passed_on(workflow_step: WorkflowStep) -> None:
    head = {"sha": HEAD_SHA, "ref": f"fix/{CLOUD_TOKEN}", "repo": {"full_name": "acme/shop"}}
    workflow_step.event("pull_request", {"pull_request": {"number": 7, "head": head, "base": {"ref": "main"}}})

    workflow_step.run()

    assert_no_secret(workflow_step)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 500])
def test_tokens_in_answers_of_dbt_cloud__are_not_passed_on(workflow_step: WorkflowStep, code: int) -> None:
    body = {"status": {"code": code, "user_message": f"not with {BOTH}"}, "data": {"token": BOTH}}
    workflow_step.cloud.faults.add(kind="status", code=code, body=body, times=None)

    workflow_step.run()

    assert_no_secret(workflow_step)


def test_token_in_a_redirect__is_not_passed_on(workflow_step: WorkflowStep) -> None:
    location = {"Location": f"https://elsewhere.example/?token={CLOUD_TOKEN}"}
    workflow_step.cloud.faults.add(kind="status", code=302, headers=location, times=None)

    workflow_step.run()

    assert_no_secret(workflow_step)


def test_tokens_in_answers_of_github__are_not_passed_on(workflow_step: WorkflowStep) -> None:
    workflow_step.github.faults.add(kind="status", code=422, body={"message": f"no, {BOTH}"}, times=None)

    workflow_step.run()

    assert_no_secret(workflow_step)


@pytest.mark.parametrize("wrong", ["dbt-token", "github-token"])
def test_tokens_in_other_inputs__are_not_shown(workflow_step: WorkflowStep, wrong: str) -> None:
    for name in ("job-id", "dbt-url", "poll-interval", "branch", "git-sha", "run-on", "steps-override"):
        workflow_step.environ[f"INPUT_{name.upper()}"] = workflow_step.environ[f"INPUT_{wrong.upper()}"]

    assert ExitCode.CONFIG == workflow_step.run()
    assert_no_secret(workflow_step)


def test_tokens__are_not_in_addresses(workflow_step: WorkflowStep) -> None:
    workflow_step.run(artifacts="*")

    for request in (*workflow_step.cloud.requests, *workflow_step.github.requests):
        assert CLOUD_TOKEN not in request.path + repr(request.query)
        assert GITHUB_TOKEN not in request.path + repr(request.query)


def test_tokens__are_sent_to_their_own_server_only(workflow_step: WorkflowStep) -> None:
    workflow_step.run(artifacts="*")

    assert all(GITHUB_TOKEN not in repr(request) for request in workflow_step.cloud.requests)
    assert all(CLOUD_TOKEN not in repr(request) for request in workflow_step.github.requests)


class BugError(Exception):
    """What a bug of the action raises."""


def raise_bug(*_args: object, **_more: object) -> Any:  # noqa: ANN401
    message = f"broken with {BOTH}\n::error::and loud"
    raise BugError(message)


def test_bug__ends_with_its_exit_code_and_a_report_to_paste(
    workflow_step: WorkflowStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DbtCloud, "get_run", raise_bug)

    assert ExitCode.BUG == workflow_step.run()

    assert "Traceback" in workflow_step.log
    assert "BugError" in workflow_step.log
    assert "dbt-cloud-run-action " in workflow_step.log
    assert "Python " in workflow_step.log
    (annotation,) = workflow_step.annotations("error")
    assert "https://" in annotation
    assert_no_secret(workflow_step)


def test_bug__while_the_inputs_are_read_shows_no_token(
    workflow_step: WorkflowStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbt_action.config.loader.read", raise_bug)

    assert ExitCode.BUG == workflow_step.run()
    assert_no_secret(workflow_step)
