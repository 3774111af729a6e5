"""What an outsider may have prepared for a step, and what has to be untouched after it; the soak draws these."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import requests

from dbt_action import app
from dbt_action.ci import saved_state
from dbt_action.ci.saved_state import PendingStatus, SavedState
from dbt_action.dbt_cloud.marker import digest
from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep
from emulator.hosts.github import STRANGER
from tests.reliability.steps import Step

# What is broken, in words.
Check = Callable[[], Iterator[str]]
GREEN_STATUS = PendingStatus(state="success", description="All good", url="https://evil.example")
PULL_REQUEST = 7


def prepare(step: Step, name: str, dice: random.Random) -> Check:
    """Prepare the attack of this name for `step`; the check is for the time after its clean-up."""
    return ATTACKS[name](step, dice)


def _forged_state(step: Step, dice: random.Random) -> Check:
    """A saved state that the step has not signed, for a run of somebody else or with a status of its author."""
    victim = step.servers.new_step(Script(steps=(ScriptedStep(seconds=10_000.0),)))
    url = f"{step.servers.cloud.url}/api/v2/accounts/{step.servers.cloud.account_id}/jobs/{victim.job_id}/run/"
    headers = {"Authorization": f"Token {step.environ['INPUT_DBT-TOKEN']}"}
    run_id = requests.post(url, json={"cause": "by hand"}, headers=headers, timeout=9).json()["data"]["id"]
    marker = "[dra 00000000.00000000.00000000.1.abcdef]"

    def check() -> Iterator[str]:
        genuine = json.loads(step.saved.get("run") or "{}")
        forged = dice.choice(
            (
                SavedState(marker=marker, run_id=run_id),
                SavedState(marker=marker, in_flight=True),
                SavedState(marker=marker, run_closed=True, pending_status=GREEN_STATUS),
            )
        )
        text = saved_state.to_text(forged, b"a key that the attacker has")
        if genuine and dice.random() < 0.5:
            # A state of the step itself, with its signature and another run.
            text = json.dumps({**genuine, "run_id": run_id, "run_closed": False})
        requests_before, statuses_before = len(step.servers.cloud.requests), len(step.servers.github.statuses)
        environ = {**step.environ, "STATE_run": text}
        code = app.clean_up(environ, out=step.out, clock=step.servers.clock)
        if code != ExitCode.OK:
            yield f"the clean-up with a forged state ended with {int(code)}"
        if len(step.servers.cloud.requests) > requests_before or len(step.servers.github.statuses) > statuses_before:
            yield "a forged state was believed"
        if victim.runs[0].cancelled_by_api:
            yield "the run of somebody else was cancelled"

    return check


def _links(step: Step, dice: random.Random) -> Check:
    """Links below the folder of the artifacts, and in the place of the results."""
    outside = step.folder / "outside"
    outside.mkdir()
    (outside / "secret").write_text("theirs", encoding="utf-8")
    target = step.folder / "target"
    target.mkdir()
    (target / "compiled").symlink_to(dice.choice((outside, Path("../outside"))))
    (target / "run_results.json").symlink_to(outside / "secret")
    (step.folder / "results.json").symlink_to(outside / "secret")
    step.given(artifacts="*", results_path=str(step.folder / "results.json"))

    def check() -> Iterator[str]:
        if [path.name for path in outside.iterdir()] != ["secret"] or (outside / "secret").read_text() != "theirs":
            yield "something was written through a link"

    return check


def _foreign_comment(step: Step, _dice: random.Random) -> Check:
    """A comment of somebody else that begins like ours."""
    step.given(comment="always")
    step.pull_request(PULL_REQUEST)
    job = next(job for job in step.servers.cloud.jobs if job.id == step.job_id)
    text = f"<!-- dbt-cloud-run {digest(f'dbt Cloud / {job.name}')} -->\n\ntheirs"
    comment = step.servers.github.add_comment(text, pull_request=PULL_REQUEST)

    def check() -> Iterator[str]:
        if (comment.body, comment.user) != (text, STRANGER):
            yield "the comment of somebody else was changed"

    return check


ATTACKS: dict[str, Callable[[Step, random.Random], Check]] = {
    "forged state": _forged_state,
    "links": _links,
    "foreign comment": _foreign_comment,
}


def broken_by_fork(step: Step) -> Iterator[str]:
    """A pull request of a fork, in a build that has secrets."""
    step.pull_request(PULL_REQUEST, repository="stranger/shop")
    step.environ["GITHUB_EVENT_NAME"] = "pull_request_target"
    code = step.run()
    if code != ExitCode.CONFIG or step.requests or step.runs:
        yield f"the code of a fork was not refused (exit code {int(code)}, {len(step.requests)} requests)"
