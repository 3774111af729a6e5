"""What a run leaves behind, all of it, and no token in it; and what happens when we ourselves are broken."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbt_action.errors import ExitCode
from dbt_action.report import headline
from emulator import Script, ScriptedStep, Status
from tests.support.scripts import RED, run_results
from tests.support.workflow_step import CLOUD_TOKEN, GITHUB_TOKEN, HEAD_SHA, WorkflowStep

MakeStep = Callable[..., WorkflowStep]

# Foreign text that holds the tokens wherever dbt Cloud or GitHub could put them.
BOTH = f"{CLOUD_TOKEN} and {GITHUB_TOKEN}"
LEAKY = Script(
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
    """Log, files, names of files, statuses and causes, as one text."""
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


def no_secret(workflow_step: WorkflowStep) -> None:
    everything = left_behind(workflow_step)
    # Markdown shows a character behind a backslash as itself.
    everything += html.unescape(everything.replace("\\", ""))
    for secret in (CLOUD_TOKEN, GITHUB_TOKEN):
        for form in (secret, base64.b64encode(secret.encode()).decode(), json.dumps(secret)[1:-1]):
            assert form not in everything


def test_masks_come_first(workflow_step: WorkflowStep) -> None:
    """Nothing is printed before the runner knows what to hide."""
    workflow_step.run()

    lines = workflow_step.out.getvalue().splitlines()
    assert {f"::add-mask::{CLOUD_TOKEN}", f"::add-mask::{GITHUB_TOKEN}"} == set(lines[:2])
    assert not any(line.startswith("::add-mask::") for line in lines[2:])


def test_leaky_dbt__no_token_anywhere(make_step: MakeStep) -> None:
    workflow_step = make_step(LEAKY)

    assert ExitCode.FAILED == workflow_step.run(artifacts="*")

    no_secret(workflow_step)
    assert "could not log in with *** and ***" in workflow_step.log


def test_leaky_names__no_token_anywhere(make_step: MakeStep) -> None:
    workflow_step = make_step(RED)
    workflow_step.cloud.change_job(workflow_step.cloud.job_id, name=f"build {BOTH}")

    workflow_step.run()

    no_secret(workflow_step)


def test_leaky_cause__no_token_anywhere(workflow_step: WorkflowStep) -> None:
    workflow_step.run(cause=f"because of {BOTH}")

    no_secret(workflow_step)


def test_leaky_branch__no_token_anywhere(workflow_step: WorkflowStep) -> None:
    head = {"sha": HEAD_SHA, "ref": f"fix/{CLOUD_TOKEN}", "repo": {"full_name": "acme/shop"}}
    workflow_step.event("pull_request", {"pull_request": {"number": 7, "head": head, "base": {"ref": "main"}}})

    workflow_step.run()

    no_secret(workflow_step)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 500])
def test_leaky_error_answers__no_token_anywhere(workflow_step: WorkflowStep, code: int) -> None:
    body = {"status": {"code": code, "user_message": f"not with {BOTH}"}, "data": {"token": BOTH}}
    workflow_step.cloud.faults.add(kind="status", code=code, body=body, times=None)

    workflow_step.run()

    no_secret(workflow_step)


def test_leaky_redirect__no_token_anywhere(workflow_step: WorkflowStep) -> None:
    there = {"Location": f"https://elsewhere.example/?token={CLOUD_TOKEN}"}
    workflow_step.cloud.faults.add(kind="status", code=302, headers=there, times=None)

    workflow_step.run()

    no_secret(workflow_step)


def test_leaky_github__no_token_anywhere(workflow_step: WorkflowStep) -> None:
    workflow_step.github.faults.add(kind="status", code=422, body={"message": f"no, {BOTH}"}, times=None)

    workflow_step.run()

    no_secret(workflow_step)


@pytest.mark.parametrize("wrong", ["dbt-token", "github-token"])
def test_tokens_in_the_wrong_inputs__no_token_anywhere(workflow_step: WorkflowStep, wrong: str) -> None:
    for name in ("job-id", "dbt-url", "poll-interval", "branch", "git-sha", "run-on", "steps-override"):
        workflow_step.environ[f"INPUT_{name.upper()}"] = workflow_step.environ[f"INPUT_{wrong.upper()}"]

    assert ExitCode.CONFIG == workflow_step.run()
    no_secret(workflow_step)


def test_token_is_not_in_addresses(workflow_step: WorkflowStep) -> None:
    workflow_step.run(artifacts="*")

    for asked in (*workflow_step.cloud.requests, *workflow_step.github.requests):
        assert CLOUD_TOKEN not in asked.path + repr(asked.query)
        assert GITHUB_TOKEN not in asked.path + repr(asked.query)


def test_each_token_goes_to_its_own_server_only(workflow_step: WorkflowStep) -> None:
    workflow_step.run(artifacts="*")

    assert all(GITHUB_TOKEN not in repr(asked) for asked in workflow_step.cloud.requests)
    assert all(CLOUD_TOKEN not in repr(asked) for asked in workflow_step.github.requests)


class Broken(Exception):
    """Something that must not happen."""


def defect(*_args: object, **_more: object) -> Any:  # noqa: ANN401
    message = f"broken with {BOTH}\n::error::and loud"
    raise Broken(message)


def test_bug__exit_code_and_a_block_to_paste(workflow_step: WorkflowStep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headline, "build", defect)

    assert ExitCode.BUG == workflow_step.run()

    assert "Traceback" in workflow_step.log
    assert "Broken" in workflow_step.log
    assert "dbt-cloud-run-action " in workflow_step.log
    assert "Python " in workflow_step.log
    (told,) = workflow_step.told("error")
    assert "https://" in told
    no_secret(workflow_step)


def test_bug__in_the_very_beginning(workflow_step: WorkflowStep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbt_action.config.loader.read", defect)

    assert ExitCode.BUG == workflow_step.run()
    no_secret(workflow_step)
