"""The HTML pages that `href` links to: complete, and escaped whatever a log or a name contains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from emulator import Emulator, Script, ScriptedStep

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.emulator.conftest import Client

EVIL = '<script>alert("1")</script>'


def test_run__shows_steps_and_logs_escaped(client_of: Callable[[Emulator], Client]) -> None:
    step = ScriptedStep(status=20, logs=f"\x1b[31mERROR\x1b[0m {EVIL}")
    with Emulator(Script(steps=(step,), status_message=EVIL)) as cloud:
        run = client_of(cloud).trigger(cause=EVIL, git_branch=EVIL, schema_override=EVIL)

        page = requests.get(run["href"], timeout=5).text

    assert run["href"].startswith(f"{cloud.url}/deploy/{cloud.account_id}/projects/{cloud.project_id}/runs/")
    assert "Invoke dbt with `dbt build`" in page
    assert "ERROR &lt;script&gt;" in page
    assert EVIL not in page
    assert "\x1b" not in page


def test_job__lists_its_runs_newest_first(client: Client) -> None:
    first, second = client.trigger()["id"], client.trigger()["id"]
    cloud = client.cloud
    url = f"{cloud.url}/deploy/{cloud.account_id}/projects/{cloud.project_id}/jobs/{cloud.job_id}"

    page = requests.get(url, timeout=5).text

    assert 0 < page.index(str(second)) < page.index(str(first))
    assert "dbt build" in page


@pytest.mark.parametrize("path", ["1/projects/1/runs/{run}/", "1/projects/1/jobs/{job}"])
def test_page__of_another_account_does_not_exist(client: Client, path: str) -> None:
    url = f"{client.cloud.url}/deploy/" + path.format(run=client.trigger()["id"], job=client.cloud.job_id)

    assert requests.get(url, timeout=5).status_code == 404
