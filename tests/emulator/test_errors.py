"""The errors of the API: each body as recorded; what is assumed has `assumption` in its name."""

from __future__ import annotations

from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest
import requests

from emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.emulator.conftest import Client


def refusal(code: int, message: str) -> dict[str, Any]:
    status = {"code": code, "is_success": False, "user_message": message, "developer_message": None}
    return {"status": status, "data": None}


def test_token__unknown_one_is_refused(client: Client) -> None:
    answer = client.send("GET", "runs/", token="wrong")

    assert (401, refusal(401, "Invalid token.")) == (answer.status_code, answer.json())


@pytest.mark.parametrize("scheme", ["Token", "Bearer"])
def test_token__is_accepted_under_both_schemes(client: Client, scheme: str) -> None:
    url = f"{client.cloud.url}/api/v2/accounts/{client.cloud.account_id}/runs/"

    answer = requests.get(url, headers={"Authorization": f"{scheme} {client.cloud.token}"}, timeout=5)

    assert answer.status_code == 200


def test_account__wrong_one_is_forbidden_not_missing(client: Client) -> None:
    url = f"{client.cloud.url}/api/v2/accounts/1/runs/"

    answer = requests.get(url, headers={"Authorization": f"Token {client.cloud.token}"}, timeout=5)

    assert answer.json() == refusal(403, "Access denied: Token is not scoped to account.")


def test_assumption__read_only_token_is_forbidden_to_trigger(client: Client) -> None:
    token = client.cloud.read_only_token

    answers = (
        client.send("GET", "runs/", token=token),
        client.send("POST", f"jobs/{client.cloud.job_id}/run/", token=token, json={"cause": "x"}),
    )

    assert [answer.status_code for answer in answers] == [200, 403]
    assert client.cloud.runs == ()


@pytest.mark.parametrize(
    "path", ["runs/1/", "jobs/1/", "steps/1/", "runs/1/artifacts/", "runs/1/artifacts/manifest.json", "runs/1/retry/"]
)
def test_unknown_id__is_answered_by_an_envelope_with_404(client: Client, path: str) -> None:
    answer = client.send("GET", path)

    assert (answer.status_code, answer.json()["status"]["code"]) == (404, 404)


@pytest.mark.parametrize("path", ["/api/v2/accounts/{}/nothing/", "//api/v2/accounts/{}/runs/", "/api/v3/"])
def test_path__unknown_one_is_answered_without_envelope(client: Client, path: str) -> None:
    """Sent with http.client, because requests replaces a double slash."""
    connection = HTTPConnection(client.cloud.url.removeprefix("http://"), timeout=5)
    headers = {"Authorization": f"Token {client.cloud.token}"}

    connection.request("GET", path.format(client.cloud.account_id), headers=headers)
    answer = connection.getresponse()
    connection.close()

    assert (answer.status, "html" in str(answer.getheader("Content-Type"))) == (404, True)


def test_method__not_allowed_is_answered_without_envelope(client: Client) -> None:
    answer = client.send("GET", f"jobs/{client.cloud.job_id}/run/")

    assert (answer.status_code, answer.json()) == (405, {"detail": 'Method "GET" not allowed.'})


@pytest.mark.parametrize("code", [301, 308])
def test_slash__missing_one_redirects_and_triggers_nothing(client_of: Callable[[Emulator], Client], code: int) -> None:
    with Emulator(redirect_code=code) as cloud:
        answers = (
            client_of(cloud).send("POST", f"jobs/{cloud.job_id}/run", json={"cause": "x"}),
            client_of(cloud).send("GET", "runs"),
        )

        assert [code, code] == [answer.status_code for answer in answers]
        assert answers[0].headers["Location"].endswith("/run/")
        assert cloud.runs == ()


@pytest.mark.parametrize(
    "body, field",
    [
        ({}, "cause"),
        ({"cause": ""}, "cause"),
        ({"cause": None}, "cause"),
        ({"cause": "x", "github_pull_request_id": "3209"}, "github_pull_request_id"),
        ({"cause": "x", "threads_override": True}, "threads_override"),
        ({"cause": "x", "git_branch": ""}, "git_branch"),
        ({"cause": "x", "steps_override": "dbt build"}, "steps_override"),
        ({"cause": "x", "steps_override": [""]}, "steps_override"),
        ({"cause": "x", "generate_docs_override": "true"}, "generate_docs_override"),
        ({"cause": "x" * 256}, "cause"),
        ({"cause": "x", "git_sha": "a1b2", "git_branch": "main"}, "_model"),
        (["cause"], "_model"),
    ],
)
def test_trigger__invalid_body_is_refused(client: Client, body: object, field: str) -> None:
    """The shape is recorded; that a long cause and sha with branch have this code is assumed."""
    answer = client.send("POST", f"jobs/{client.cloud.job_id}/run/", json=body)

    assert answer.status_code == 400
    assert [field] == list(answer.json()["data"])
    assert (answer.json()["extra"], answer.json()["error_code"]) == ({}, None)
    assert client.cloud.runs == ()


def test_trigger__refuses_form_data(client: Client) -> None:
    answer = client.send("POST", f"jobs/{client.cloud.job_id}/run/", data={"cause": "x"})

    assert answer.status_code == 400


def test_trigger__has_the_recorded_message_for_text_in_place_of_a_number(client: Client) -> None:
    answer = client.send(
        "POST", f"jobs/{client.cloud.job_id}/run/", json={"cause": "x", "azure_pull_request_id": "3209"}
    )

    message = answer.json()["data"]["azure_pull_request_id"]
    assert message == "'3209' is not valid under any of the given schemas"


def test_trigger__reads_null_as_unset_and_ignores_unknown_keys(client: Client) -> None:
    run = client.trigger(git_branch=None, no_such_key=1)

    assert run["trigger"]["git_branch"] is None
    assert "no_such_key" not in run["trigger"]


@pytest.mark.parametrize("query", [{"order_by": "name"}, {"limit": "x"}, {"status": "x"}, {"created_at__range": "[1]"}])
def test_assumption__bad_filter_is_refused(client: Client, query: dict[str, str]) -> None:
    client.trigger()

    assert client.send("GET", "runs/", params=query).status_code == 400
