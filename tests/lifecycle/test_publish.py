"""Annotations, statuses, summary, SQL and logs of a whole step: what is shown, how much, and which input says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dbt_action.errors import ExitCode
from emulator import Script, ScriptedStep, Status
from tests.support.results import a_result, defined, document, manifest_document
from tests.support.scripts import FAILED_LOG
from tests.support.workflow_step import REPOSITORY, SHA, WorkflowStep

MakeStep = Callable[..., WorkflowStep]
Json = Any
TEST = "test.shop.unique_orders_id.0123456789"
MANIFEST = manifest_document(
    {
        "nodes": {
            "model.shop.orders": defined("models/orders.sql"),
            "model.shop.marts": defined("models/marts.sql", "model.shop.orders"),
            "model.utils.dates": defined("models/dates.sql", package="utils"),
            TEST: defined("models/orders.yml", "model.shop.orders"),
        }
    }
)
DEPS_LOG = "".join(f"deps {n}\n" for n in range(40))


def build_step(*entries: Json, status: int = Status.ERROR, logs: str = FAILED_LOG) -> ScriptedStep:
    artifacts = {"run_results.json": document(*entries), "manifest.json": MANIFEST}
    return ScriptedStep(command="dbt build", status=status, logs=logs, artifacts=artifacts)


FAILING = a_result(TEST, "fail", message="Got 3 results, configured to fail if != 0", compiled_code="select 'value'")
RED = Script(steps=(ScriptedStep(command="dbt seed", logs=DEPS_LOG), build_step(a_result(), FAILING)))
WARNED = Script(steps=(build_step(a_result(TEST, "warn", message="Got 1 result"), status=Status.SUCCESS),))


# --- Annotations ---


def test_annotation__on_the_file_with_dbt_s_own_message(make_step: MakeStep) -> None:
    workflow_step = make_step(RED)

    workflow_step.run()

    first = next(command for command in workflow_step.commands if command.name == "error")
    assert {"file": "models/orders.yml", "title": "unique_orders_id (test)"} == first.properties
    assert "Got 3 results, configured to fail if != 0" == first.data


def test_annotation__of_a_warned_node_on_a_green_run(make_step: MakeStep) -> None:
    workflow_step = make_step(WARNED)

    assert ExitCode.OK == workflow_step.run()

    (warning,) = [command for command in workflow_step.commands if command.name == "warning"]
    assert "models/orders.yml" == warning.properties["file"]
    assert [] == workflow_step.annotations("error")


@pytest.mark.parametrize(
    "inputs, subdirectory, file",
    [
        ({}, None, "models/orders.yml"),
        ({}, "transform/dbt", "transform/dbt/models/orders.yml"),
        ({}, "/dbt/", "dbt/models/orders.yml"),
        ({"project_directory": "elsewhere"}, "transform/dbt", "elsewhere/models/orders.yml"),
        ({"project_directory": "."}, "transform/dbt", "models/orders.yml"),
        ({"project_directory": "./dbt/"}, None, "dbt/models/orders.yml"),
    ],
)
def test_annotation__below_the_project_s_folder(
    make_step: MakeStep, inputs: dict[str, str], subdirectory: str | None, file: str
) -> None:
    workflow_step = make_step(RED)
    workflow_step.cloud.change_job(workflow_step.cloud.job_id, project_subdirectory=subdirectory)

    workflow_step.run(**inputs)

    files = [command.properties["file"] for command in workflow_step.commands if "file" in command.properties]
    assert [file] == files


def test_annotation__is_not_for_nodes_of_packages(make_step: MakeStep) -> None:
    workflow_step = make_step(Script(steps=(build_step(a_result("model.utils.dates", "error", message="theirs")),)))

    workflow_step.run()

    assert [] == [command for command in workflow_step.commands if "file" in command.properties]
    assert "theirs" in workflow_step.summary


def test_annotations__are_limited_and_the_log_says_how_many_more_there_are(make_step: MakeStep) -> None:
    entries = [a_result(f"model.shop.m{n}", "error", message="x" * 5_000) for n in range(30)]
    entries += [a_result(f"model.shop.w{n}", "warn") for n in range(20)]
    artifacts = {"run_results.json": document(*entries)}
    workflow_step = make_step(Script(steps=(ScriptedStep(status=Status.ERROR, artifacts=artifacts),)))

    workflow_step.run()

    assert 10 >= len(workflow_step.annotations("error")) > 5
    assert 10 >= len(workflow_step.annotations("warning")) > 5
    assert all(4096 >= len(message) for message in workflow_step.annotations("error"))
    shown = len(workflow_step.annotations("error")) - 1 + len(workflow_step.annotations("warning"))
    assert f"{50 - shown} more nodes failed or warned" in workflow_step.log


def test_annotations__have_no_colour_codes(make_step: MakeStep) -> None:
    workflow_step = make_step(
        Script(steps=(build_step(a_result(status="error", message="\x1b[31mBinder Error\x1b[0m: x")),))
    )

    workflow_step.run()

    assert "Binder Error: x" == workflow_step.annotations("error")[0]


def test_annotations__off_puts_the_reason_into_the_log(make_step: MakeStep) -> None:
    workflow_step = make_step(RED)

    workflow_step.run(annotations="false")

    assert [] == workflow_step.annotations("error") + workflow_step.annotations("warning")
    assert "unique_orders_id" in workflow_step.log
    assert "Got 3 results" in workflow_step.log


# --- Statuses and summary ---


@pytest.mark.parametrize(
    "script, words", [(RED, "unique_orders_id failed"), (WARNED, "1 warned")], ids=["a failure", "a warning"]
)
def test_status__has_the_counts(make_step: MakeStep, script: Script, words: str) -> None:
    workflow_step = make_step(script)

    workflow_step.run()

    assert words in str(workflow_step.statuses[-1].description)


def test_summary__links_the_file_at_the_commit(make_step: MakeStep) -> None:
    workflow_step = make_step(RED)

    workflow_step.run()

    assert f"](https://github.example/{REPOSITORY}/blob/{SHA}/models/orders.yml)" in workflow_step.summary


def test_summary__off_writes_nothing(make_step: MakeStep) -> None:
    workflow_step = make_step(RED)

    workflow_step.run(summary="false")

    assert "" == workflow_step.summary


@pytest.mark.parametrize(
    "wanted, private, is_shown",
    [
        ("auto", True, True),
        ("auto", False, False),
        ("auto", None, False),
        ("always", False, True),
        ("never", True, False),
        ("never", False, False),
    ],
)
def test_compiled_sql__is_shown_in_private_repositories_only_unless_the_input_says_otherwise(
    make_step: MakeStep,
    wanted: str,
    private: bool | None,  # noqa: FBT001 - of a table
    is_shown: bool,  # noqa: FBT001 - of a table
) -> None:
    workflow_step = make_step(RED)
    repository = {} if private is None else {"repository": {"full_name": REPOSITORY, "private": private}}
    workflow_step.event("push", {"ref": "refs/heads/main", "deleted": False, **repository})

    workflow_step.run(
        compiled_sql=wanted,
        results_path=str(workflow_step.folder / "r.json"),
        junit_path=str(workflow_step.folder / "j"),
    )

    assert is_shown == ("select 'value'" in workflow_step.summary)
    everything_else = (
        workflow_step.log + workflow_step.file("r.json") + workflow_step.file("j") + workflow_step.file("outputs")
    )
    assert "select 'value'" not in everything_else


# --- The log ---


def groups(workflow_step: WorkflowStep) -> dict[str, list[str]]:
    """Title and lines of every group in the log."""
    found: dict[str, list[str]] = {}
    title = ""
    for line in workflow_step.log.splitlines():
        if line.startswith("::group::"):
            title = line.removeprefix("::group::")
            found[title] = []
        elif line == "::endgroup::":
            title = ""
        elif title:
            found[title].append(line.removeprefix("│ "))
    return found


def test_log_failed__has_whole_logs_of_failed_steps_and_the_end_of_others(make_step: MakeStep) -> None:
    workflow_step = make_step(RED)

    workflow_step.run()

    found = groups(workflow_step)
    assert (
        "10:00:02  2 of 2 FAIL 3 not_null_orders_id .................... [FAIL 3 in 0.1s]"
        in found["Log of step 5: Invoke dbt with `dbt build`"]
    )
    (end,) = [lines for title, lines in found.items() if "step 4" in title]
    assert [f"deps {n}" for n in range(30, 40)] == end


def test_log_failed__has_nothing_after_a_success(make_step: MakeStep) -> None:
    workflow_step = make_step(WARNED)

    workflow_step.run()

    assert {} == groups(workflow_step)


def test_log_none__has_nothing_after_a_failure(make_step: MakeStep) -> None:
    workflow_step = make_step(RED)

    workflow_step.run(log="none")

    assert {} == groups(workflow_step)


def test_log_live__has_every_line_once_as_it_comes(make_step: MakeStep) -> None:
    """A scripted step has its log when it is over."""
    steps = tuple(ScriptedStep(command=f"dbt run -s {n}", seconds=30.0, logs=f"one {n}\ntwo {n}\n") for n in range(3))
    workflow_step = make_step(Script(steps=steps))

    workflow_step.run(log="live")

    lines = [line for part in groups(workflow_step).values() for line in part]
    assert [f"{word} {n}" for n in range(3) for word in ("one", "two")] == [x for x in lines if x[:3] in ("one", "two")]
    assert workflow_step.log.index("two 0") < workflow_step.log.index("step 5")


def test_log_live__is_not_repeated_after_a_failure(make_step: MakeStep) -> None:
    workflow_step = make_step(RED)

    workflow_step.run(log="live")

    assert 1 == workflow_step.log.count("2 of 2 FAIL 3 not_null_orders_id")
