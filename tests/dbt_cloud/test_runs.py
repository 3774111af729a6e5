"""dbt Cloud's JSON as recorded: nulls, ids beyond 32 bits, unknown statuses. What cannot be read is Malformed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.dbt_cloud import runs
from dbt_action.dbt_cloud.runs import RunStatus
from dbt_action.errors import Malformed
from tests.support.values import RECORDED, a_run, a_step


def test_run__as_recorded_right_after_the_trigger() -> None:
    run = a_run()

    assert (70403110257794, RunStatus.QUEUED, "", "", "", (), ()) == (
        run.id,
        run.status,
        run.status_message,
        run.git_sha,
        run.git_branch,
        run.blocked_by,
        run.steps,
    )
    assert RECORDED["href"] == run.url
    assert 70403103936332 == run.project_id
    assert not run.final


def test_run__needs_only_id_and_status() -> None:
    run = runs.read_run({"id": 1, "status": 3})

    assert (1, 3, "", "", None, None) == (run.id, run.status, run.url, run.cause, run.project_id, run.duration)


def test_run__with_any_type_in_any_field() -> None:
    values: list[Any] = [None, 0, True, "x", [], {}, [None], 1.5]
    for field in sorted(set(RECORDED) - {"id", "status"}):
        for value in values:
            assert RECORDED["id"] == a_run(**{field: value}).id, f"{field}: {value!r}"


@pytest.mark.parametrize(
    "status, complete, final, words",
    [
        (1, False, False, "Queued"),
        (2, False, False, "Starting"),
        (3, False, False, "Running"),
        (10, True, True, "Success"),
        (20, True, True, "Error"),
        (30, True, True, "Cancelled"),
        (10, False, True, "Success"),
        (3, True, False, "Running"),
        (7, False, False, "status 7"),
        (7, True, True, "status 7"),
        (0, False, False, "status 0"),
        (-1, False, False, "status -1"),
    ],
)
def test_run__status_decides_whether_it_is_final(status: int, complete: bool, final: bool, words: str) -> None:  # noqa: FBT001
    run = a_run(status=status, is_complete=complete)

    assert (final, words) == (run.final, run.status_in_words)


@pytest.mark.parametrize(
    "spelling, seconds",
    [
        ("00:00:00", 0.0),
        ("00:01:05", 65.0),
        ("24:00:36", 86_436.0),
        ("100:00:00", 360_000.0),
        ("1 day, 0:00:36", None),
        ("0:00", None),
        ("", None),
        (None, None),
        (65, None),
    ],
)
def test_run__duration_has_hours_beyond_23(spelling: object, seconds: float | None) -> None:
    assert seconds == a_run(duration=spelling).duration


@pytest.mark.parametrize(
    "spelling",
    [
        "2024-07-03 13:59:00.653171+00:00",
        "2024-03-25T13:47:20.129690Z",
        "2024-03-25T13:47:20.129690+00:00",
        "0 minutes from now",
        None,
        5,
    ],
)
def test_run__timestamps_do_not_matter(spelling: object) -> None:
    times = {name: spelling for name in RECORDED if name.endswith("_at")}

    assert 70403110257794 == a_run(**times).id


@pytest.mark.parametrize(
    "href",
    [
        "https://cloud.getdbt.com/#/accounts/1/projects/2/runs/3/",
        "https://cloud.getdbt.com/next/deploy/1/projects/2/runs/3",
        "https://ab123.us1.dbt.com/deploy/1/projects/2/runs/3/",
    ],
)
def test_run__url_is_as_given(href: str) -> None:
    assert href == a_run(href=href).url


def test_run__status_message_is_one_line() -> None:
    assert "a b" == a_run(status_message="a\r\n\x1b[31mb\x1b[0m").status_message


def test_run__cause_is_that_of_the_trigger() -> None:
    assert "why [x]" == a_run(trigger={"cause": "why [x]"}).cause
    assert "" == a_run(trigger=None).cause


@pytest.mark.parametrize("blocked", [[5, 70403110257790], [5, "x", None, True, 70403110257790]])
def test_run__blocked_by_has_ids_only(blocked: list[Any]) -> None:
    assert (5, 70403110257790) == a_run(blocked_by=blocked).blocked_by


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "x",
        5,
        True,
        {},
        {"id": 1},
        {"status": 1},
        {"id": None, "status": 1},
        {"id": "70403110257794", "status": 1},
        {"id": 1.5, "status": 1},
        {"id": True, "status": 1},
        {"id": 1, "status": None},
        {"id": 1, "status": "10"},
        {"id": 1, "status": True},
    ],
    ids=repr,
)
def test_run__without_id_or_status_is_malformed(data: object) -> None:
    with pytest.raises(Malformed):
        runs.read_run(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(sorted(RECORDED)) | st.sampled_from(["index", "name", "logs", "cause"]), inner, max_size=8
        )
    ),
    max_leaves=30,
)


@given(JSON)
def test_any_json__is_read_or_malformed(data: Any) -> None:  # noqa: ANN401
    for read in (runs.read_run, runs.read_job, runs.read_runs):
        with suppress(Malformed):
            read(data)
    assert isinstance(runs.read_artifact_names(data), tuple)


@given(st.dictionaries(st.sampled_from(sorted(RECORDED)), JSON))
def test_any_field__is_read_or_malformed(fields: dict[str, Any]) -> None:
    try:
        run = a_run(**fields)
    except Malformed:
        return
    assert isinstance(run.id, int)
    assert isinstance(run.status, int)


@given(st.integers(-(2**63), 2**63 - 1))
def test_ids__keep_64_bits(number: int) -> None:
    assert number == a_run(id=number).id


@pytest.mark.parametrize(
    "name, command",
    [
        ("Clone Git Repository", ""),
        ("Create Profile from Connection Snowflake ", ""),
        ("Invoke dbt with `dbt deps`", "dbt deps"),
        ("Invoke dbt with `dbt build --select a+`", "dbt build --select a+"),
        ("", ""),
        ("``", ""),
    ],
)
def test_step__command_is_between_backticks(name: str, command: str) -> None:
    (step,) = a_run(run_steps=[a_step(name=name)]).steps

    assert command == step.command


@pytest.mark.parametrize(
    "logs, truncated, expected",
    [("a", "b", "a"), (None, "b", ""), ("", "b", ""), ("a", None, "a"), (None, None, "")],
)
def test_step__the_truncated_debug_log_is_not_its_log(logs: str | None, truncated: str | None, expected: str) -> None:
    (step,) = a_run(run_steps=[a_step(logs=logs, truncated_debug_logs=truncated)]).steps

    assert expected == step.logs


@pytest.mark.parametrize(
    "audit, expected",
    [
        (None, ""),
        ({}, ""),
        ({"cancellation": None}, ""),
        ({"cancellation": {"actor": {"id": 1, "type": "user", "name": "Jane\nDoe"}}}, "by Jane Doe"),
        ({"cancellation": {"actor": None}}, "by dbt Cloud itself"),
        ({"cancellation": {"actor": {"id": 1, "type": "system"}}}, "by dbt Cloud itself"),
    ],
)
def test_run__says_who_has_cancelled_it(audit: object, expected: str) -> None:
    assert expected == a_run(audit=audit).cancelled_by


def test_run__has_what_is_said_about_it() -> None:
    run = a_run(
        finished_at="2024-07-03 14:00:00.5+00:00",
        dbt_version="1.11.2",
        deferring_run_id=7,
        has_docs_generated=True,
        trigger={"schema_override": "dbt_cloud_pr_3_7"},
    )

    assert (1720015200.5, "1.11.2", 7, True, "dbt_cloud_pr_3_7") == (
        run.finished_at,
        run.dbt_version,
        run.deferring_run_id,
        run.has_docs,
        run.schema,
    )
    assert (None, None, False, "") == (
        a_run().finished_at,
        a_run().deferring_run_id,
        a_run().has_docs,
        a_run().schema,
    )


def test_run__failed_steps_are_all_that_failed() -> None:
    """A failed freshness check does not fail the run, and may stand before the step that did."""
    run = a_run(
        run_steps=[a_step(1, status=10), a_step(4, command="dbt source freshness"), None, "x", a_step(5), a_step(6)]
    )

    assert [4, 5, 6] == [step.index for step in run.failed_steps]


def test_run__steps_may_be_null() -> None:
    assert () == a_run(run_steps=None).steps


@pytest.mark.parametrize(
    "triggers, expected",
    [
        ({"github_webhook": True, "git_provider_webhook": False}, True),
        ({"github_webhook": False, "git_provider_webhook": True}, True),
        ({"github_webhook": False, "schedule": True}, False),
        ({"github_webhook": "true"}, False),
        ({}, False),
        (None, False),
        ([], False),
    ],
)
def test_job__is_triggered_by_pull_requests(triggers: object, expected: bool) -> None:  # noqa: FBT001
    job = runs.read_job({"id": 3, "name": "x", "triggers": triggers})

    assert expected is job.triggered_by_pull_requests


def test_job__needs_only_an_id() -> None:
    job = runs.read_job({"id": 70403103937390, "name": None})

    assert (70403103937390, "") == (job.id, job.name)
    assert ("", (), False, 0, False, "", "", "", "") == (
        job.job_type,
        job.steps,
        job.defers,
        job.timeout_seconds,
        job.deactivated,
        job.deactivation_reason,
        job.deployment_type,
        job.environment_name,
        job.project_folder,
    )


@pytest.mark.parametrize(
    "fields, field, expected",
    [
        ({"job_type": "ci"}, "is_ci", True),
        ({"job_type": "scheduled"}, "is_ci", False),
        ({"execute_steps": ["dbt seed", None, "dbt run"]}, "steps", ("dbt seed", "dbt run")),
        ({"deferring_environment_id": 4}, "defers", True),
        ({"deferring_job_definition_id": 4}, "defers", True),
        ({"deferring_environment_id": None, "deferring_job_definition_id": None}, "defers", False),
        ({"execution": {"timeout_seconds": 600}}, "timeout_seconds", 600),
        ({"execution": {"timeout_seconds": None}}, "timeout_seconds", 0),
        ({"deactivated": True}, "deactivated", True),
        ({"deactivated": "yes"}, "deactivated", False),
        ({"deactivated": True, "deactivated_reason": "Too many\nfailures"}, "deactivation_reason", "Too many failures"),
        ({"deactivated": True}, "deactivation_reason", ""),
        ({"environment": {"deployment_type": "staging"}}, "deployment_type", "staging"),
        ({"environment": {"deployment_type": None}}, "deployment_type", ""),
        ({"environment": {"name": "Pro\nduction"}}, "environment_name", "Pro duction"),
        ({"environment": {"dbt_project_subdirectory": "/dbt/"}}, "project_folder", "dbt"),
        ({"environment": "x", "execution": 3, "execute_steps": "dbt run"}, "steps", ()),
    ],
)
def test_job__what_decides_whether_it_may_run(fields: dict[str, object], field: str, expected: object) -> None:
    assert expected == getattr(runs.read_job({"id": 3, **fields}), field)


@pytest.mark.parametrize("data", [None, {}, {"name": "x"}, {"id": "3"}, []], ids=repr)
def test_job__without_an_id_is_malformed(data: object) -> None:
    with pytest.raises(Malformed):
        runs.read_job(data)


@pytest.mark.parametrize("data", [None, {}, "x"], ids=repr)
def test_runs__that_are_no_list_are_malformed(data: object) -> None:
    with pytest.raises(Malformed):
        runs.read_runs(data)


@pytest.mark.parametrize("odd", [None, {}, {"id": 1}, {"id": 1, "status": None}], ids=repr)
def test_runs__one_that_cannot_be_read_does_not_hide_the_others(odd: object) -> None:
    assert [RECORDED["id"]] == [run.id for run in runs.read_runs([odd, RECORDED, odd])]


@pytest.mark.parametrize(
    "data, expected",
    [(None, ()), ([], ()), (["a.json", "b/c.sql"], ("a.json", "b/c.sql")), (["a", None, 5], ("a",)), ({}, ())],
)
def test_artifact_names__are_the_texts_of_the_list(data: object, expected: tuple[str, ...]) -> None:
    """Null when the run made none (recorded)."""
    assert expected == runs.read_artifact_names(data)
