"""Which project a pull request is compared with: that of the run, or of the job, that was deferred to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests

from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.dbt_cloud.runs import Job
from dbt_action.dbt_cloud.session import ApiSession
from dbt_action.lifecycle import base_project
from dbt_action.results import manifest
from dbt_action.timeouts import HttpTimeouts
from emulator import Emulator, Script, ScriptedStep
from tests.support.clock import FakeClock
from tests.support.results import defined, manifest_document
from tests.support.values import a_run

BEFORE = manifest_document({"nodes": {"model.shop.a": defined("a.sql")}})
HEAD = manifest.read([manifest_document({"nodes": {"model.shop.b": defined("b.sql")}})], with_columns=True)
RUN = a_run(id=999_999_999_999_999)


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    clock = FakeClock()
    script = Script(steps=(ScriptedStep(artifacts={"manifest.json": BEFORE}),))
    with Emulator(script, now=clock.now) as server:
        yield server


@pytest.fixture
def client(cloud: Emulator) -> DbtCloud:
    limits = HttpTimeouts(connect_seconds=5.0, read_seconds=5.0)
    session = ApiSession(cloud.url, cloud.token, clock=FakeClock(), http_timeouts=limits)
    return DbtCloud(session, account_id=cloud.account_id)


def start(cloud: Emulator) -> int:
    url = f"{cloud.url}/api/v2/accounts/{cloud.account_id}/jobs/{cloud.job_id}/run/"
    answer = requests.post(url, json={"cause": "x"}, headers={"Authorization": f"Token {cloud.token}"}, timeout=10)
    return int(answer.json()["data"]["id"])


def job(client: DbtCloud, cloud: Emulator, deferring: int | None) -> Job:
    return replace(client.get_job(cloud.job_id), id=7, deferring_job_id=deferring)


def test_compare__with_the_run_deferred_to(cloud: Emulator, client: DbtCloud) -> None:
    found = base_project.compare(client, replace(RUN, deferring_run_id=start(cloud)), None, HEAD)

    assert found is not None
    assert {("a", "removed"), ("b", "added")} == {(model.name, model.what) for model in found.models}


def test_compare__else_with_the_last_success_of_the_job_deferred_to(cloud: Emulator, client: DbtCloud) -> None:
    start(cloud)

    found = base_project.compare(client, RUN, job(client, cloud, cloud.job_id), HEAD)

    assert found is not None
    assert 2 == len(found.models)


def test_compare__never_with_our_own_job(cloud: Emulator, client: DbtCloud) -> None:
    """Its last run may be another pull request's."""
    start(cloud)

    assert base_project.compare(client, RUN, job(client, cloud, 7), HEAD) is None
    assert base_project.compare(client, RUN, None, HEAD) is None


def test_compare__without_a_success_or_without_our_own_project_there_is_nothing(
    cloud: Emulator, client: DbtCloud
) -> None:
    assert base_project.compare(client, RUN, job(client, cloud, cloud.job_id), HEAD) is None
    start(cloud)
    assert base_project.compare(client, RUN, job(client, cloud, cloud.job_id), manifest.NO_MANIFEST) is None


def test_compare__a_project_that_is_no_json_is_left_out(cloud: Emulator, client: DbtCloud) -> None:
    start(cloud)
    cloud.faults.add(kind="status", code=200, body=json.dumps("x"), method="GET", path="manifest.json", times=None)

    found = base_project.compare(client, RUN, job(client, cloud, cloud.job_id), HEAD)

    # It says nothing about any model, so all of ours are new.
    assert found is None or {"added"} == {model.what for model in found.models}
