"""Artifacts at Datafold: which runs are uploaded and as what, and that no failure there changes the outcome."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from dbt_action.errors import ExitCode
from dbt_action.integrations.datafold import DatafoldApi
from emulator import Datafold, Script, Status
from tests.support import environments as env
from tests.support.events import pull
from tests.support.platform_fixtures import Build
from tests.support.scripts import ENDLESS, GREEN, RED, RED_WITH_MANIFEST
from tests.support.workflow_step import HEAD_SHA, SHA, WorkflowStep

MakeStep = Callable[..., WorkflowStep]
MakeBuild = Callable[..., Build]

MANIFEST = b'{"nodes": {}}'
DOCUMENTED = Script(
    steps=(replace(GREEN.steps[0], artifacts={**GREEN.steps[0].artifacts, "catalog.json": b'{"sources": {}}'}),)
)


@pytest.fixture
def datafold() -> Iterator[Datafold]:
    with Datafold() as server:
        yield server


def upload_to(datafold: Datafold, step: WorkflowStep, **inputs: str) -> ExitCode:
    return step.run(datafold_ci_config_id="77", datafold_api_key=datafold.api_key, datafold_host=datafold.url, **inputs)


def in_a_pull_request(step: WorkflowStep) -> WorkflowStep:
    request = pull()
    request["head"]["sha"] = HEAD_SHA
    step.event("pull_request", {"number": 7, "pull_request": request})
    return step


def test_upload__after_a_push_as_production(workflow_step: WorkflowStep, datafold: Datafold) -> None:
    assert ExitCode.OK is upload_to(datafold, workflow_step)

    (upload,) = datafold.uploads
    results = GREEN.steps[0].artifacts["run_results.json"]
    assert (77, SHA, "production", None) == (upload.config_id, upload.commit_sha, upload.run_type, upload.run_id)
    assert {
        "manifest.json": hashlib.sha256(MANIFEST).hexdigest(),
        "run_results.json": hashlib.sha256(results).hexdigest(),
    } == {name: file.sha256 for name, file in upload.files.items()}
    assert "true" == workflow_step.outputs["datafold-uploaded"]
    for place in (workflow_step.log, workflow_step.summary):
        assert "uploaded as production of" in place.replace("\\", "")


def test_upload__in_a_pull_request_as_its_head(make_step: MakeStep, datafold: Datafold) -> None:
    step = in_a_pull_request(make_step(DOCUMENTED))

    assert ExitCode.OK is upload_to(datafold, step, comment="always")

    (upload,) = datafold.uploads
    assert (HEAD_SHA, "pull_request") == (upload.commit_sha, upload.run_type)
    assert {"manifest.json", "run_results.json", "catalog.json"} == set(upload.files)
    assert "pull\\_request of" in step.summary


def test_upload__of_a_failed_run_too(make_step: MakeStep, datafold: Datafold) -> None:
    """A failed test must not cost the comparison."""
    step = make_step(RED_WITH_MANIFEST)

    assert ExitCode.FAILED is upload_to(datafold, step)
    assert 1 == len(datafold.uploads)
    assert "true" == step.outputs["datafold-uploaded"]


def test_upload__of_a_cancelled_run_too(make_step: MakeStep, datafold: Datafold) -> None:
    cancelled = replace(RED_WITH_MANIFEST.steps[0], status=Status.CANCELLED)
    step = make_step(Script(steps=(cancelled,), status=Status.CANCELLED))

    assert ExitCode.FAILED is upload_to(datafold, step)
    assert 1 == len(datafold.uploads)


def test_upload__comes_after_the_status(workflow_step: WorkflowStep, datafold: Datafold) -> None:
    datafold.faults.add(kind="status", code=503, times=None)
    order: list[str] = []
    workflow_step.clock.on_sleep = lambda _seconds: order.append(
        f"{len(datafold.requests)} requests, {workflow_step.states[-1] if workflow_step.states else 'none'}"
    )

    assert ExitCode.OK is upload_to(datafold, workflow_step)
    assert {"success"} == {moment.partition(", ")[2] for moment in order if not moment.startswith("0 ")}


def test_upload__uses_the_file_that_artifacts_has_saved(workflow_step: WorkflowStep, datafold: Datafold) -> None:
    upload_to(datafold, workflow_step, artifacts="*")

    assert 1 == len(workflow_step.requests("GET", "/artifacts/manifest.json"))
    assert 1 == len(datafold.uploads)


@pytest.mark.parametrize("artifacts", ["", "*"])
def test_upload__leaves_no_file_of_its_own(workflow_step: WorkflowStep, datafold: Datafold, artifacts: str) -> None:
    before = {path.name for path in workflow_step.folder.iterdir()}
    upload_to(datafold, workflow_step, artifacts=artifacts)

    made = {path.name for path in workflow_step.folder.iterdir()} - before
    assert made <= {"outputs", "state", "summary", "target"}


# What is not uploaded, and that it is no warning.


def not_uploaded(step: WorkflowStep, datafold: Datafold, words: str) -> None:
    assert () == datafold.uploads
    assert "false" == step.outputs["datafold-uploaded"]
    assert words in step.log
    assert [] == [text for text in step.annotations("warning") if "Datafold" in text]


def test_no_upload__without_a_manifest(make_step: MakeStep, datafold: Datafold) -> None:
    step = make_step(RED)

    assert ExitCode.FAILED is upload_to(datafold, step)
    not_uploaded(step, datafold, "not uploaded: there is no manifest.json")


def test_no_upload__in_a_merge_queue(workflow_step: WorkflowStep, datafold: Datafold) -> None:
    payload = {"merge_group": {"head_sha": SHA, "base_ref": "refs/heads/main"}}
    workflow_step.event("merge_group", payload)

    assert ExitCode.OK is upload_to(datafold, workflow_step)
    not_uploaded(workflow_step, datafold, "merge queue")


def test_upload__in_a_merge_queue_if_the_user_says_as_what(workflow_step: WorkflowStep, datafold: Datafold) -> None:
    payload = {"merge_group": {"head_sha": SHA, "base_ref": "refs/heads/main"}}
    workflow_step.event("merge_group", payload)

    upload_to(datafold, workflow_step, datafold_run_type="production")
    assert ["production"] == [upload.run_type for upload in datafold.uploads]


def test_no_upload__without_waiting(workflow_step: WorkflowStep, datafold: Datafold) -> None:
    assert ExitCode.OK is upload_to(datafold, workflow_step, wait="false")
    not_uploaded(workflow_step, datafold, "does not wait for the run")


def test_no_upload__of_a_run_that_was_not_started(workflow_step: WorkflowStep, datafold: Datafold) -> None:
    workflow_step.cloud.faults.add(kind="status", path="/jobs/", code=401, times=None)

    assert ExitCode.CLOUD is upload_to(datafold, workflow_step)
    not_uploaded(workflow_step, datafold, "no results of a finished run")


def test_no_upload__of_a_run_that_took_too_long(make_step: MakeStep, datafold: Datafold) -> None:
    step = make_step(ENDLESS)

    assert ExitCode.TIMED_OUT is upload_to(datafold, step, timeout_minutes="1")
    not_uploaded(step, datafold, "no results of a finished run")


def test_no_upload__without_the_configuration(workflow_step: WorkflowStep, datafold: Datafold) -> None:
    workflow_step.run(datafold_api_key=datafold.api_key, datafold_host=datafold.url)

    assert () == tuple(datafold.requests)
    assert "datafold-uploaded" not in workflow_step.outputs


# Failures of Datafold.

FAULTS: list[tuple[dict[str, Any], int, str]] = [
    ({"kind": "status", "code": 401, "body": {"detail": "Unauthorized"}}, 1, "`datafold-api-key` is wrong"),
    ({"kind": "status", "code": 403}, 1, "may not upload"),
    ({"kind": "status", "code": 404}, 1, "`datafold-ci-config-id` is not the number"),
    ({"kind": "status", "code": 422, "body": {"detail": [{"msg": "Field required"}]}}, 1, "Field required"),
    ({"kind": "status", "code": 302, "headers": {"Location": "https://elsewhere.example/"}}, 1, "a redirect"),
    ({"kind": "status", "code": 500}, 3, "500"),
    ({"kind": "html", "code": 200}, 3, "a page instead of an answer"),
    ({"kind": "reset"}, 3, "Connection"),
]


@pytest.mark.parametrize("fault, tries, words", FAULTS, ids=[str(row[0].get("code", "reset")) for row in FAULTS])
def test_failure__is_one_warning_and_not_the_outcome(
    workflow_step: WorkflowStep, datafold: Datafold, fault: dict[str, Any], tries: int, words: str
) -> None:
    datafold.faults.add(**fault, times=None)

    assert ExitCode.OK is upload_to(datafold, workflow_step)
    (warning,) = (text for text in workflow_step.annotations("warning") if "Datafold" in text)
    assert words in warning
    assert tries == len(datafold.requests)
    assert "false" == workflow_step.outputs["datafold-uploaded"]
    assert "success" == workflow_step.states[-1]


def test_failure__that_passes_is_none(workflow_step: WorkflowStep, datafold: Datafold) -> None:
    datafold.faults.add(kind="status", code=503, times=1)

    assert ExitCode.OK is upload_to(datafold, workflow_step)
    assert 1 == len(datafold.uploads)
    assert "true" == workflow_step.outputs["datafold-uploaded"]


def test_failure__the_key_is_never_shown(workflow_step: WorkflowStep, datafold: Datafold) -> None:
    datafold.faults.add(kind="status", code=400, body={"detail": f"bad key {datafold.api_key}"}, times=None)

    upload_to(datafold, workflow_step, comment="always")
    shown = [workflow_step.log, workflow_step.summary, *workflow_step.outputs.values()]
    assert "bad key ***" in workflow_step.log
    assert not any(datafold.api_key in text for text in shown)


# Datafold's own run.


@pytest.mark.parametrize(
    "statuses, minutes, words, seconds",
    [
        (("running", "done"), "10", "is done", 5),
        (("failed",), "10", "is failed", 0),
        (("waiting", "cancelled"), "10", "is cancelled", 5),
        (("running",), "1", "is not over after 1m 00s (`running`)", 60),
        ((), "10", "no CI run of this commit after 1m 00s", 60),
    ],
)
def test_wait__the_result_is_shown_and_changes_nothing(
    workflow_step: WorkflowStep,
    datafold: Datafold,
    statuses: tuple[str, ...],
    minutes: str,
    words: str,
    seconds: int,
) -> None:
    step = in_a_pull_request(workflow_step)
    if statuses:
        datafold.add_ci_run(77, HEAD_SHA, statuses=statuses)
    started = step.clock.now()

    assert ExitCode.OK is upload_to(datafold, step, datafold_wait_minutes=minutes)
    assert words in step.log
    assert words.partition(" (")[0] in step.summary.replace("\\", "")
    assert seconds <= step.clock.now() - started < seconds + 10
    assert ["pending", "success"] == step.states


def test_wait__that_cannot_be_done_changes_nothing(workflow_step: WorkflowStep, datafold: Datafold) -> None:
    datafold.faults.add(kind="status", method="GET", code=403, times=None)

    assert ExitCode.OK is upload_to(datafold, in_a_pull_request(workflow_step), datafold_wait_minutes="10")
    assert "its CI run is not known (403)" in workflow_step.log
    assert "true" == workflow_step.outputs["datafold-uploaded"]


def test_wait__only_in_pull_requests(workflow_step: WorkflowStep, datafold: Datafold) -> None:
    upload_to(datafold, workflow_step, datafold_wait_minutes="10")

    assert ["POST"] == [request.method for request in datafold.requests]


@pytest.mark.parametrize(
    "environ, kind",
    [
        (env.GITLAB_PUSH, "production"),
        (env.GITLAB_DETACHED, "pull_request"),
        (env.AZURE_PULL_REQUEST, "pull_request"),
        (env.AZURE_PUSH, "production"),
        (env.BITBUCKET, "production"),
        ({"DBT_GIT_SHA": SHA}, "production"),
    ],
    ids=["gitlab push", "gitlab merge request", "azure pull request", "azure push", "bitbucket", "terminal"],
)
def test_upload__on_every_ci(build: MakeBuild, datafold: Datafold, environ: dict[str, str], kind: str) -> None:
    variables = {"DATAFOLD_CI_CONFIG_ID": "77", "DATAFOLD_APIKEY": datafold.api_key, "DATAFOLD_HOST": datafold.url}
    step = build().on(environ, variables)

    assert ExitCode.OK is step.run()
    assert [kind] == [upload.run_type for upload in datafold.uploads]


def test_soft__a_failed_run_does_not_block(make_step: MakeStep) -> None:
    step = make_step(RED_WITH_MANIFEST)

    assert ExitCode.FAILED is step.run(commit_status="soft")
    assert "success" == step.states[-1]
    assert (step.statuses[-1].description or "").startswith("Failed (not blocking): not_null_orders_id.abc failed")
    assert "error" == step.outputs["status"]


def test_soft__only_the_status_is_soft(make_step: MakeStep) -> None:
    step = make_step(RED_WITH_MANIFEST)

    assert ExitCode.OK is step.run(commit_status="soft", fail_on_error="false")
    assert "success" == step.states[-1]


def test_soft__a_run_that_was_not_started_blocks(workflow_step: WorkflowStep) -> None:
    workflow_step.cloud.faults.add(kind="status", path="/jobs/", code=401, times=None)

    assert ExitCode.CLOUD is workflow_step.run(commit_status="soft")
    assert ["error"] == workflow_step.states


def test_no_upload__when_there_is_no_place_for_the_files(
    workflow_step: WorkflowStep, datafold: Datafold, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object, **_settings: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(DatafoldApi, "upload", full)

    assert ExitCode.OK is upload_to(datafold, workflow_step)
    assert "could not be prepared for Datafold: No space left on device" in workflow_step.log
    assert "false" == workflow_step.outputs["datafold-uploaded"]
