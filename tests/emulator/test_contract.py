"""Every answer of the emulator, and what triggers a run, against the schema of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsonschema
import pytest

from emulator import Emulator, Script, ScriptedStep
from tests.emulator import api_schema as api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.emulator.conftest import Client


def validate(schema: api.Schema, value: object) -> None:
    jsonschema.Draft202012Validator(schema).validate(value)


@pytest.fixture
def failing(client_of: Callable[[Emulator], Client]) -> Iterator[Client]:
    """A client of an emulator in which runs fail, so that as many fields as possible have a value."""
    artifacts = {"run_results.json": b"{}", "catalog.json": b"{}"}
    with Emulator(Script(steps=(ScriptedStep(status=20, logs="a\n", artifacts=artifacts),))) as cloud:
        yield client_of(cloud)


def test_trigger__body_and_answer(failing: Client) -> None:
    body = {
        "cause": "x",
        "git_sha": "a1b2",
        "github_pull_request_id": 7,
        "steps_override": ["dbt build"],
        "threads_override": 2,
    }

    answer = failing.send("POST", f"jobs/{failing.cloud.job_id}/run/", json=body)

    validate(api.TRIGGER_BODY, body)
    validate(api.envelope(api.RUN), answer.json())
    validate(api.TRIGGER, answer.json()["data"]["trigger"])
    validate(api.JOB_OF_A_RUN, answer.json()["data"]["job"])


ALL_RELATIONS = 'include_related=["trigger","job","environment","run_steps","debug_logs"]'


@pytest.mark.parametrize(
    "path, schema",
    [
        ("runs/{run}/", api.envelope(api.RUN)),
        (f"runs/{{run}}/?{ALL_RELATIONS}", api.envelope(api.RUN)),
        ('runs/?include_related=["trigger","job"]', api.list_envelope(api.RUN)),
        ("runs/{run}/retry/", api.envelope(api.RETRY_DETAILS)),
        ("runs/{run}/artifacts/", api.envelope(api.ARTIFACTS)),
        ("jobs/", api.list_envelope(api.JOB)),
        ("jobs/{job}/", api.envelope(api.JOB)),
        ("steps/{run}04/", api.envelope(api.STEP)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_get__answer(failing: Client, path: str, schema: api.Schema) -> None:
    run = failing.trigger(git_branch="main")

    answer = failing.send("GET", path.format(run=run["id"], job=failing.cloud.job_id))

    assert 200 == answer.status_code
    validate(schema, answer.json())


def test_run__relations_have_their_schemas(failing: Client) -> None:
    """Each of them may also be null or empty, so that it is checked here that they are not."""
    run = failing.send("GET", f"runs/{failing.trigger()['id']}/?{ALL_RELATIONS}").json()["data"]

    validate(api.TRIGGER, run["trigger"])
    validate(api.JOB_OF_A_RUN, run["job"])
    validate(api.ENVIRONMENT, run["environment"])
    assert 4 == len(run["run_steps"])
    for step in run["run_steps"]:
        validate(api.STEP, step)


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_post__answer(failing: Client, verb: str) -> None:
    run = failing.trigger()
    failing.get(f"runs/{run['id']}/")

    answer = failing.send("POST", f"runs/{run['id']}/{verb}/")

    assert 200 == answer.status_code
    validate(api.envelope(api.RUN), answer.json())


def test_artifacts__none_is_null(client: Client) -> None:
    answer = client.send("GET", f"runs/{client.trigger()['id']}/artifacts/").json()

    validate(api.envelope(api.ARTIFACTS), answer)
    assert answer["data"] is None


@pytest.mark.parametrize(
    "method, path, token, code, schema",
    [
        ("GET", "runs/", "wrong", 401, api.ERROR),
        ("GET", "runs/1/", "", 404, api.ERROR),
        ("POST", "jobs/{job}/run/", "", 400, api.INVALID_REQUEST),
        ("GET", "jobs/{job}/run/", "", 405, api.METHOD_NOT_ALLOWED),
    ],
    ids=["401", "404", "400", "405"],
)
def test_error__answer(client: Client, method: str, path: str, token: str, code: int, schema: api.Schema) -> None:
    answer = client.send(method, path.format(job=client.cloud.job_id), token=token, json={})

    assert code == answer.status_code
    validate(schema, answer.json())


def test_error__403_of_a_token_that_may_only_read(client: Client) -> None:
    path = f"jobs/{client.cloud.job_id}/run/"

    answer = client.send("POST", path, token=client.cloud.read_only_token, json={"cause": "x"})

    assert 403 == answer.status_code
    validate(api.ERROR, answer.json())


@pytest.mark.parametrize("body", [{}, {"cause": ""}, {"cause": "x", "threads_override": "2"}, {"cause": "x", "no": 1}])
def test_schema__refuses_a_wrong_trigger(body: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate(api.TRIGGER_BODY, body)


def test_schema__refuses_a_run_with_one_field_less_more_or_null(failing: Client) -> None:
    run = failing.trigger()

    for wrong in (
        {name: value for name, value in run.items() if name != "is_complete"},
        {**run, "no_such_field": 1},
        {**run, "status": None},
        {**run, "created_at": "2024-07-03T13:59:00Z"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            validate(api.RUN, wrong)
