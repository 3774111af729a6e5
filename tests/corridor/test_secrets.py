"""What a run leaves behind, all of it, and no token in it; and what happens when we ourselves are broken."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbt_action import report
from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep, Status
from tests.support.corridor import CLOUD_TOKEN, GITHUB_TOKEN, HEAD_SHA, Corridor
from tests.support.scripts import RED, run_results

Build = Callable[..., Corridor]

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


def left_behind(corridor: Corridor) -> str:
    """Log, files, names of files, statuses and causes, as one text."""
    files = [
        f"{path.relative_to(corridor.folder)}\n{path.read_text(errors='replace') if _ours(path) else ''}"
        for path in corridor.folder.rglob("*")
        if path.is_file() and path.name != "event.json"
    ]
    causes = [run.cause for run in corridor.cloud.runs]
    return "\n".join([corridor.log, *files, *map(repr, corridor.statuses), *causes])


def _ours(path: Path) -> bool:
    # The contents of artifacts are dbt's.
    return "target" not in path.parts


def no_secret(corridor: Corridor) -> None:
    everything = left_behind(corridor)
    # Markdown shows a character behind a backslash as itself.
    everything += html.unescape(everything.replace("\\", ""))
    for secret in (CLOUD_TOKEN, GITHUB_TOKEN):
        for form in (secret, base64.b64encode(secret.encode()).decode(), json.dumps(secret)[1:-1]):
            assert form not in everything


def test_masks_come_first(corridor: Corridor) -> None:
    """Nothing is printed before the runner knows what to hide."""
    corridor.run()

    lines = corridor.out.getvalue().splitlines()
    assert {f"::add-mask::{CLOUD_TOKEN}", f"::add-mask::{GITHUB_TOKEN}"} == set(lines[:2])
    assert not any(line.startswith("::add-mask::") for line in lines[2:])


def test_leaky_dbt__no_token_anywhere(build: Build) -> None:
    corridor = build(LEAKY)

    assert ExitCode.FAILED == corridor.run(artifacts="*")

    no_secret(corridor)
    assert "could not log in with *** and ***" in corridor.log


def test_leaky_names__no_token_anywhere(build: Build) -> None:
    corridor = build(RED)
    corridor.cloud.change_job(corridor.cloud.job_id, name=f"build {BOTH}")

    corridor.run()

    no_secret(corridor)


def test_leaky_cause__no_token_anywhere(corridor: Corridor) -> None:
    corridor.run(cause=f"because of {BOTH}")

    no_secret(corridor)


def test_leaky_branch__no_token_anywhere(corridor: Corridor) -> None:
    head = {"sha": HEAD_SHA, "ref": f"fix/{CLOUD_TOKEN}", "repo": {"full_name": "acme/shop"}}
    corridor.event("pull_request", {"pull_request": {"number": 7, "head": head, "base": {"ref": "main"}}})

    corridor.run()

    no_secret(corridor)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 500])
def test_leaky_error_answers__no_token_anywhere(corridor: Corridor, code: int) -> None:
    body = {"status": {"code": code, "user_message": f"not with {BOTH}"}, "data": {"token": BOTH}}
    corridor.cloud.faults.add(kind="status", code=code, body=body, times=None)

    corridor.run()

    no_secret(corridor)


def test_leaky_redirect__no_token_anywhere(corridor: Corridor) -> None:
    there = {"Location": f"https://elsewhere.example/?token={CLOUD_TOKEN}"}
    corridor.cloud.faults.add(kind="status", code=302, headers=there, times=None)

    corridor.run()

    no_secret(corridor)


def test_leaky_github__no_token_anywhere(corridor: Corridor) -> None:
    corridor.github.faults.add(kind="status", code=422, body={"message": f"no, {BOTH}"}, times=None)

    corridor.run()

    no_secret(corridor)


@pytest.mark.parametrize("wrong", ["dbt-token", "github-token"])
def test_tokens_in_the_wrong_inputs__no_token_anywhere(corridor: Corridor, wrong: str) -> None:
    for name in ("job-id", "dbt-url", "poll-interval", "branch", "git-sha", "run-on", "steps-override"):
        corridor.environ[f"INPUT_{name.upper()}"] = corridor.environ[f"INPUT_{wrong.upper()}"]

    assert ExitCode.CONFIG == corridor.run()
    no_secret(corridor)


def test_token_is_not_in_addresses(corridor: Corridor) -> None:
    corridor.run(artifacts="*")

    for asked in (*corridor.cloud.requests, *corridor.github.requests):
        assert CLOUD_TOKEN not in asked.path + repr(asked.query)
        assert GITHUB_TOKEN not in asked.path + repr(asked.query)


def test_each_token_goes_to_its_own_server_only(corridor: Corridor) -> None:
    corridor.run(artifacts="*")

    assert all(GITHUB_TOKEN not in repr(asked) for asked in corridor.cloud.requests)
    assert all(CLOUD_TOKEN not in repr(asked) for asked in corridor.github.requests)


class Broken(Exception):
    """Something that must not happen."""


def defect(*_args: object, **_more: object) -> Any:  # noqa: ANN401
    message = f"broken with {BOTH}\n::error::and loud"
    raise Broken(message)


def test_bug__exit_code_and_a_block_to_paste(corridor: Corridor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "build", defect)

    assert ExitCode.BUG == corridor.run()

    assert "Traceback" in corridor.log
    assert "Broken" in corridor.log
    assert "dbt-cloud-run-action " in corridor.log
    assert "Python " in corridor.log
    (told,) = corridor.told("error")
    assert "https://" in told
    no_secret(corridor)


def test_bug__in_the_very_beginning(corridor: Corridor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbt_action.config.read", defect)

    assert ExitCode.BUG == corridor.run()
    no_secret(corridor)
