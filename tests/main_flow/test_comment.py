"""The one comment on a pull request: when it is written, when it is changed, and when none is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dbt_action.errors import ExitCode
from emulator import Emulator, Script, ScriptedStep, Status
from tests.support.clock import FakeClock
from tests.support.comments import CommentingGitHub
from tests.support.events import FORK, pull
from tests.support.results import a_result, document
from tests.support.scripts import GREEN
from tests.support.workflow_step import CLOUD_TOKEN, GITHUB_TOKEN, HEAD_SHA, REPOSITORY, WorkflowStep

RED = Script(
    steps=(
        ScriptedStep(
            status=Status.ERROR,
            artifacts={"run_results.json": document(a_result(status="error", message="Binder Error: x"))},
        ),
    )
)
Made = tuple[WorkflowStep, CommentingGitHub]
Make = Callable[..., Made]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """`make(*scripts)`: a workflow_step in pull request 7 whose runs follow these scripts, one after the other."""
    with ExitStack() as servers:

        def made(*scripts: Script, fork: bool = False, **github: Any) -> Made:  # noqa: ANN401 - of CommentingGitHub
            clock, left = FakeClock(), list(scripts)
            cloud = servers.enter_context(
                Emulator(lambda _trigger, _job: left.pop(0), token=CLOUD_TOKEN, now=clock.now)
            )
            host = servers.enter_context(CommentingGitHub(token=GITHUB_TOKEN, repository=REPOSITORY, **github))
            workflow_step = WorkflowStep(cloud, host, clock, tmp_path)
            # The usual job for pull requests, without any warning.
            cloud.change_job(cloud.job_id, job_type="ci")
            event = pull(repo=FORK) if fork else pull()
            event["head"]["sha"] = HEAD_SHA
            workflow_step.event("pull_request", {"number": 7, "pull_request": event})
            return workflow_step, host

        yield made


def again(workflow_step: WorkflowStep, run_id: int = 6) -> None:
    """The next push to the same pull request is another workflow run."""
    workflow_step.environ["GITHUB_RUN_ID"] = str(run_id)


def test_never__is_the_default(make: Make) -> None:
    workflow_step, github = make(RED)

    assert ExitCode.FAILED == workflow_step.run()

    assert [] == github.comments
    assert [] == [request for request in github.requests if "/issues/" in request.path]


@pytest.mark.parametrize("wanted", ["on-failure", "always"])
def test_failure__is_told_with_its_reason(make: Make, wanted: str) -> None:
    workflow_step, github = make(RED)

    assert ExitCode.FAILED == workflow_step.run(comment=wanted)

    (comment,) = github.comments
    assert 7 == comment.pull_request
    assert "Production build failed" in comment.body
    assert "Binder Error: x" in comment.body
    assert comment.body.startswith("<!--")


@pytest.mark.parametrize("wanted, count", [("on-failure", 0), ("always", 1)])
def test_success__is_told_only_when_asked_for(make: Make, wanted: str, count: int) -> None:
    workflow_step, github = make(GREEN)

    assert ExitCode.OK == workflow_step.run(comment=wanted)

    assert count == len(github.comments)


@pytest.mark.parametrize("wanted", ["on-failure", "always"])
def test_next_push__changes_the_comment_in_place(make: Make, wanted: str) -> None:
    workflow_step, github = make(RED, GREEN)
    workflow_step.run(comment=wanted)
    again(workflow_step)

    assert ExitCode.OK == workflow_step.run(comment=wanted)

    (comment,) = github.comments
    assert 1 == comment.edits
    assert "Production build succeeded" in comment.body
    assert "failed" not in comment.body


def test_among_many__it_is_found_on_whatever_page(make: Make) -> None:
    workflow_step, github = make(RED, RED)
    for number in range(150):
        github.add(f"I think {number}")
    workflow_step.run(comment="always")
    for number in range(150):
        github.add(f"I also think {number}")
    again(workflow_step)

    workflow_step.run(comment="always")

    assert 301 == len(github.comments)
    assert [1] == [comment.edits for comment in github.comments if comment.edits]


def test_somebody_quotes_it__their_comment_is_left_alone(make: Make) -> None:
    workflow_step, github = make(RED, RED)
    github.add("placeholder")
    workflow_step.run(comment="always")
    ours = github.comments[-1]
    github.comments[0].body = f"> {ours.body}\n\nWhy?"
    again(workflow_step)

    workflow_step.run(comment="always")

    assert [0, 1] == [comment.edits for comment in github.comments]


def test_one_for_each_status(make: Make) -> None:
    workflow_step, github = make(RED, RED, RED)
    workflow_step.run(comment="always", status_context="dbt / one")
    again(workflow_step, 6)
    workflow_step.run(comment="always", status_context="dbt / two")
    again(workflow_step, 7)
    workflow_step.run(comment="always", status_context="dbt / one")

    assert [1, 0] == [comment.edits for comment in github.comments]


def test_push__has_no_pull_request_to_comment_on(make: Make) -> None:
    workflow_step, github = make(RED)
    workflow_step.event("push", {"ref": "refs/heads/main"})

    assert ExitCode.FAILED == workflow_step.run(comment="always")

    assert [] == github.comments


def test_fork__gets_one_when_the_token_may(make: Make) -> None:
    """In `pull_request_target` it may."""
    workflow_step, github = make(RED, fork=True)
    workflow_step.environ["GITHUB_EVENT_NAME"] = "pull_request_target"

    assert ExitCode.FAILED == workflow_step.run(comment="always", run_on="job")

    assert 1 == len(github.comments)


def test_forbidden__is_one_warning_that_says_what_to_do(make: Make) -> None:
    workflow_step, github = make(GREEN, mute=True)

    assert ExitCode.OK == workflow_step.run(comment="always")

    assert [] == github.comments
    (annotation,) = workflow_step.annotations("warning")
    assert "pull-requests: write" in annotation


@pytest.mark.parametrize("kind", ["status", "reset", "html", "truncate", "empty"])
def test_trouble__never_decides(make: Make, kind: str) -> None:
    workflow_step, github = make(GREEN)
    github.faults.add(kind=kind, path="/issues/", times=None)

    assert ExitCode.OK == workflow_step.run(comment="always")

    assert "success" == workflow_step.states[-1]
    assert 1 == len(workflow_step.annotations("warning"))


def test_no_status__but_a_comment(make: Make) -> None:
    """`commit-status: false` is about the status alone."""
    workflow_step, github = make(RED)

    workflow_step.run(comment="always", commit_status="false")

    assert [] == list(github.statuses)
    assert 1 == len(github.comments)


def test_secrets__are_not_in_it(make: Make) -> None:
    message = f"Error: token {CLOUD_TOKEN} was refused"
    leaking = ScriptedStep(
        status=Status.ERROR, artifacts={"run_results.json": document(a_result(status="error", message=message))}
    )
    workflow_step, github = make(Script(steps=(leaking,)))

    workflow_step.run(comment="always")

    assert "was refused" in github.comments[0].body
    assert CLOUD_TOKEN not in github.comments[0].body
