"""Builds that have nothing to run: each event on each host with every kind of list, and the status that is closed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbt_action.errors import ExitCode
from dbt_action.report.outcome import CommitState
from emulator.hosts.base import Changes, File
from tests.support import environments as env
from tests.support import samples
from tests.support.events import ZERO_SHA, pull, workflow_run
from tests.support.host_cases import NAME, Case, MakeCase
from tests.support.platform_fixtures import Build
from tests.support.workflow_step import HEAD_SHA, SHA, WorkflowStep

MakeBuild = Callable[..., Build]

BEFORE = "d" * 40
GATE = {"DBT_FILES_TO_IGNORE": "*\n!dbt/*\ndbt/*.md"}
DOUBT = "Whether this build could be skipped is not known"

IGNORED: tuple[File, ...] = (("README.md", None), ("dbt/README.md", None))
NAMELESS: tuple[File, ...] = (*IGNORED, ("", None))
MANY = tuple((f"docs/{number}.md", None) for number in range(3_000))
# The list of changed files, and whether it may be read.
LISTS: dict[str, tuple[tuple[File, ...], bool]] = {
    "ignored": (IGNORED, True),
    "not ignored": ((*IGNORED, ("dbt/models/a.sql", None)), True),
    "moved out of dbt": ((("docs/a.md", "dbt/models/a.sql"),), True),
    "incomplete": (NAMELESS, True),
    "refused": (IGNORED, False),
    "empty": ((), True),
}
SKIP, RUN, DOUBTFUL = "skip", "run", "run with a warning"
# What follows from each list, where there is one.
BY_LIST = {
    "ignored": SKIP,
    "not ignored": RUN,
    "moved out of dbt": RUN,
    "incomplete": DOUBTFUL,
    "refused": DOUBTFUL,
    "empty": DOUBTFUL,
}
WITHOUT_LIST = dict.fromkeys(LISTS, RUN)
NEVER_SKIPPED = dict.fromkeys(LISTS, DOUBTFUL)
FORCED = {**NEVER_SKIPPED, "not ignored": RUN, "moved out of dbt": RUN}

# By host and event: variables in place of those of its pull request, and what follows from each list.
EVENTS: dict[str, dict[str, tuple[dict[str, str], dict[str, str]]]] = {
    "github": {
        "pull request": ({}, BY_LIST),
        "push": ({"event": "push"}, BY_LIST),
        "new branch": ({"event": "push", "before": ZERO_SHA}, NEVER_SKIPPED),
        "forced push": ({"event": "push", "forced": "true"}, FORCED),
        "tag": ({"event": "push", "GITHUB_REF_TYPE": "tag"}, WITHOUT_LIST),
        "schedule": ({"event": "schedule"}, WITHOUT_LIST),
        "by hand": ({"event": "workflow_dispatch"}, WITHOUT_LIST),
        "merge queue": ({"event": "merge_group"}, WITHOUT_LIST),
    },
    "gitlab": {
        "pull request": ({}, BY_LIST),
        "push": (dict(env.GITLAB_PUSH), BY_LIST),
        "new branch": ({**env.GITLAB_PUSH, "CI_COMMIT_BEFORE_SHA": ZERO_SHA}, NEVER_SKIPPED),
        "forced push": ({**env.GITLAB_PUSH, "forced": "true"}, FORCED),
        "tag": (dict(env.GITLAB_TAG), WITHOUT_LIST),
        "schedule": ({**env.GITLAB_PUSH, "CI_PIPELINE_SOURCE": "schedule"}, WITHOUT_LIST),
        "by hand": ({**env.GITLAB_PUSH, "CI_PIPELINE_SOURCE": "web"}, WITHOUT_LIST),
    },
    "azure": {
        "pull request": ({}, BY_LIST),
        "push": (dict(env.AZURE_PUSH), WITHOUT_LIST),
        "schedule": ({**env.AZURE_PUSH, "BUILD_REASON": "Schedule"}, WITHOUT_LIST),
    },
    "bitbucket": {
        "pull request": ({}, BY_LIST),
        "push": (dict(env.BITBUCKET), WITHOUT_LIST),
    },
}
for added in samples.HOSTS:
    EVENTS.setdefault(added, {"pull request": ({}, BY_LIST)})
CELLS = [(key, event) for key, events in EVENTS.items() for event in events]


def test_table__has_an_outcome_in_every_cell() -> None:
    assert all(set(LISTS) == set(outcomes) for events in EVENTS.values() for _, outcomes in events.values())


def environment(case: Case, event: str, folder: Path) -> dict[str, str]:
    """The variables of a build for this event, instead of those of the sample."""
    given = dict(EVENTS[case.key][event][0])
    given.pop("forced", "")
    name, before = given.pop("event", ""), given.pop("before", BEFORE)
    if case.key == "github" and name:
        payload = {"before": before, "after": env.PUSHED} if name == "push" else {}
        if name == "merge_group":
            payload = {"merge_group": {"head_sha": env.PUSHED, "base_ref": "refs/heads/main"}}  # type: ignore[dict-item]
        path = folder / "event.json"
        path.write_text(json.dumps(payload), encoding="utf-8")
        variables = {**env.GITHUB_PUSH, "GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(path), **given}
        return {**variables, **{kept: case.environ[kept] for kept in ("GITHUB_API_URL", "GITHUB_TOKEN")}}
    if not given:
        return case.environ
    own = {name: value for name, value in case.environ.items() if name.endswith(("_URL", "TOKEN", "COLLECTIONURI"))}
    return {"CI_COMMIT_BEFORE_SHA": BEFORE, **given, **own}


@pytest.mark.parametrize("key, event", CELLS)
def test_table__each_list_has_its_outcome(
    build: MakeBuild, make_case: MakeCase, tmp_path: Path, key: str, event: str
) -> None:
    case = make_case(key)
    outcomes = EVENTS[key][event][1]
    step = build()
    variables = environment(case, event, tmp_path)
    found = {}
    for name, (files, readable) in LISTS.items():
        case.host.changes = Changes(
            files=files,
            pushes={(BEFORE, env.PUSHED): files},
            forced="forced" in EVENTS[key][event][0],
            refused=not readable,
        )
        started, printed = len(step.cloud.runs), len(step.log)

        assert ExitCode.OK is step.on(variables, GATE).run()

        ran, warned = len(step.cloud.runs) > started, DOUBT in step.log[printed:]
        found[name] = {(False, False): SKIP, (True, False): RUN, (True, True): DOUBTFUL}[ran, warned]
    assert outcomes == found


def test_skip__closes_the_status_and_asks_dbt_cloud_for_its_name_only(build: MakeBuild, case: Case) -> None:
    case.host.changes = Changes(files=IGNORED)
    step = build().on(case.environ, GATE)

    assert ExitCode.OK is step.run()
    assert ["GET"] == [request.method for request in step.cloud.requests]
    assert case.words(CommitState.SUCCESS) == case.posted
    assert "Skipped: only ignored files changed. No run of Production build was started." in step.log


def test_skip__with_a_name_for_the_status_asks_dbt_cloud_nothing(build: MakeBuild, case: Case) -> None:
    case.host.changes = Changes(files=IGNORED)
    step = build().on(case.environ, GATE, DBT_STATUS_CONTEXT="warehouse")

    assert ExitCode.OK is step.run()
    assert () == tuple(step.cloud.requests)
    assert case.words(CommitState.SUCCESS) == case.posted


def test_skip__whose_status_has_no_name_is_an_error(build: MakeBuild, case: Case) -> None:
    """A status under another name would leave the required one pending."""
    case.host.changes = Changes(files=IGNORED)
    step = build().on(case.environ, GATE)
    step.cloud.faults.add(kind="status", path="/jobs/", code=401, times=None)

    assert ExitCode.CLOUD is step.run()


def test_gates__without_any_the_host_is_asked_nothing(build: MakeBuild, case: Case) -> None:
    step = build().on(case.environ)

    assert ExitCode.OK is step.run()
    # Azure Repos is asked for the iteration that gets the status.
    asked = [request.path for request in case.host.requests if request.method == "GET"]
    assert [] == [path for path in asked if not path.endswith("/iterations")]


@pytest.mark.parametrize("token", ["", "wrong"])
def test_gates__without_a_good_token_run(build: MakeBuild, case: Case, token: str) -> None:
    step = build().on({**case.environ, case.token: token}, GATE)

    assert ExitCode.OK is step.run()
    assert 1 == len(step.cloud.runs)
    assert 1 == step.log.count(DOUBT)


def in_pull_request(step: WorkflowStep, **fields: Any) -> WorkflowStep:  # noqa: ANN401 - of the payload
    request = pull(**fields)
    request["head"]["sha"] = HEAD_SHA
    step.event("pull_request", {"number": 7, "pull_request": request})
    return step


def test_label__is_asked_of_the_host_and_not_of_the_event(workflow_step: WorkflowStep) -> None:
    """In a re-run the event is that of the first attempt."""
    step = in_pull_request(workflow_step, labels=[{"name": "datafold"}])

    assert ExitCode.OK is step.run(require_label="datafold")
    assert "skipped" == step.outputs["status"]
    assert "Skipped: without the label `datafold`" == step.statuses[-1].description

    step.github.changes = Changes(labels=("bug", "datafold"))
    assert ExitCode.OK is step.run(require_label="datafold")
    assert "success" == step.outputs["status"]


def test_draft__is_asked_of_the_host_and_not_of_the_event(workflow_step: WorkflowStep) -> None:
    step = in_pull_request(workflow_step, draft=True)

    assert ExitCode.OK is step.run(skip_drafts="true")
    assert "success" == step.outputs["status"]

    step.github.changes = Changes(draft=True)
    assert ExitCode.OK is step.run(skip_drafts="true")
    assert "Skipped: the pull request is a draft" == step.statuses[-1].description


def test_label__does_not_apply_to_pushes(workflow_step: WorkflowStep) -> None:
    assert ExitCode.OK is workflow_step.run(require_label="datafold", skip_drafts="true")
    assert "success" == workflow_step.outputs["status"]


def test_label__on_a_host_without_labels_is_a_configuration_error(build: MakeBuild, make_case: MakeCase) -> None:
    case = make_case("bitbucket")
    step = build().on(case.environ, DBT_REQUIRE_LABEL="datafold")

    assert ExitCode.CONFIG is step.run()
    assert "`require-label` cannot be used" in step.log
    assert () == tuple(step.cloud.requests)


def pushed(message: str) -> dict[str, Any]:
    return {"before": BEFORE, "after": SHA, "head_commit": {"id": SHA, "message": message}}


@pytest.mark.parametrize(
    "message, inputs, status",
    [
        ("Docs [skip dbt]", {}, "skipped"),
        ("Docs [skip dbt]", {"skip_commit_message": "none"}, "success"),
        ("Docs [skip dbt]", {"skip_commit_message": "no dbt"}, "success"),
        ("Docs, no dbt", {"skip_commit_message": "no dbt"}, "skipped"),
        ("Docs", {}, "success"),
    ],
)
def test_message__of_the_event(workflow_step: WorkflowStep, message: str, inputs: dict[str, str], status: str) -> None:
    workflow_step.event("push", pushed(message))

    assert ExitCode.OK is workflow_step.run(**inputs)
    assert status == workflow_step.outputs["status"]


def test_message__is_asked_only_with_another_gate(workflow_step: WorkflowStep) -> None:
    step = in_pull_request(workflow_step)
    step.github.changes = Changes(messages={HEAD_SHA: "Docs [skip dbt]"}, labels=("datafold",))

    step.run()
    assert "success" == step.outputs["status"]
    step.run(require_label="datafold")
    assert "skipped" == step.outputs["status"]
    assert "[skip dbt]" in (step.statuses[-1].description or "")


def test_message__of_a_fork_is_not_believed(workflow_step: WorkflowStep) -> None:
    """Whoever opens a pull request would turn a required status green."""
    payload = workflow_run("push")
    run = payload["workflow_run"]
    run["head_repository"] = {"full_name": "stranger/shop"}
    run["head_commit"] = {"id": run["head_sha"], "message": "[skip dbt]"}
    workflow_step.event("workflow_run", payload)

    assert ExitCode.OK is workflow_step.run(allow_forks="true", schema_override="ci")
    assert "success" == workflow_step.outputs["status"]


def test_skip__has_one_line_in_log_and_summary_and_its_outputs(workflow_step: WorkflowStep) -> None:
    workflow_step.event("push", pushed("[skip dbt]"))

    workflow_step.run()

    lines = [line for line in workflow_step.log.splitlines() if not line.startswith("::")]
    assert 1 == len(lines)
    assert lines[0].startswith("Skipped: ")
    assert "Nothing was run: the commit message has" in workflow_step.summary
    assert "run-id" not in workflow_step.outputs
    assert [("success", NAME)] == [(status.state, status.context) for status in workflow_step.statuses]


def test_skip__changes_the_comment_of_an_earlier_run_and_makes_no_new_one(workflow_step: WorkflowStep) -> None:
    step = in_pull_request(workflow_step)
    step.github.changes = Changes(draft=True)

    step.run(comment="always", skip_drafts="true")
    assert [] == step.github.comments
    step.run(comment="always")
    step.run(comment="always", skip_drafts="true")
    (comment,) = step.github.comments
    assert "Nothing was run: the pull request is a draft" in comment.body


def test_patterns__on_one_line_are_one_warning(workflow_step: WorkflowStep) -> None:
    in_pull_request(workflow_step).github.changes = Changes(files=(("dbt/models/a.sql", None),))

    assert ExitCode.OK is workflow_step.run(files_to_ignore="*!dbt/*dbt/*.md")
    assert 1 == len([text for text in workflow_step.annotations("warning") if "without their line ends" in text])


def test_github__a_list_that_is_cut_runs(workflow_step: WorkflowStep) -> None:
    in_pull_request(workflow_step).github.changes = Changes(files=MANY)

    assert ExitCode.OK is workflow_step.run(files_to_ignore="docs/")
    assert "success" == workflow_step.outputs["status"]
    assert "GitHub lists at most 3,000 files" in workflow_step.log
