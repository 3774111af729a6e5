"""Error answers of dbt Cloud, recorded and documented ones: the error, its message and its hint."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.dbt_cloud.api_errors import refusal
from dbt_action.errors import (
    CloudError,
    Forbidden,
    NotFound,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
)

HOST = "ab123.us1.dbt.com"


def envelope(code: int, message: str | None, *, data: object = None, developer: str | None = None) -> str:
    status = {"code": code, "is_success": False, "user_message": message, "developer_message": developer}
    return json.dumps({"status": status, "data": data})


INVALID = "The request was invalid. Please double check the provided data and try again."
SUPPORT = "There was a server error. Please contact support at support@getdbt.com."
RESTRICTED = {"account_id": 1, "user_id": None, "is_service_token": True, "account_identifier": "act_x"}

# id, code, body, error, words that the explanation must have
ANSWERS: list[tuple[str, int, str, type[CloudError], list[str]]] = [
    (
        "400 of a field",
        400,
        envelope(400, INVALID, data={"threads_override": "not an integer"}),
        Rejected,
        [INVALID, "threads_override: not an integer"],
    ),
    ("400 of the whole", 400, envelope(400, INVALID, data={"_model": "no such job"}), Rejected, ["no such job"]),
    (
        "400 of sha and branch",
        400,
        envelope(400, "git_branch and git_sha cannot both be specified"),
        Rejected,
        ["git_branch and git_sha cannot both be specified"],
    ),
    ("401 of the token", 401, envelope(401, "Invalid token."), Unauthorized, ["Invalid token.", HOST, "dbt-url"]),
    (
        "401 of an unpaid account",
        401,
        envelope(401, "The API is not accessible to unpaid accounts."),
        Unauthorized,
        ["unpaid accounts", "plans"],
    ),
    (
        "403 of the account",
        403,
        envelope(403, "Access denied: Token is not scoped to account."),
        Forbidden,
        ["not scoped", "account-id"],
    ),
    (
        "403 of the address",
        403,
        envelope(403, "Forbidden: Access denied", data=RESTRICTED),
        Forbidden,
        ["IP addresses", "runner"],
    ),
    ("403 of a permission", 403, envelope(403, "Access denied"), Forbidden, ["Job Admin"]),
    ("404 with an envelope", 404, envelope(404, "Not found."), NotFound, ["job-id", "account-id"]),
    ("404 of another server", 404, "<html>nginx</html>", NotFound, ["dbt-url"]),
    ("404 of another API", 404, '{"message": "no Route matched"}', NotFound, ["dbt-url"]),
    ("405", 405, '{"detail": "Method \\"GET\\" not allowed."}', Rejected, ['Method "GET" not allowed.']),
    ("429", 429, "", RateLimited, ["five minutes"]),
    ("500 with a detail", 500, json.dumps({"detail": SUPPORT}), Unavailable, [SUPPORT]),
    ("502 with a page", 502, "<html><body>Bad gateway</body></html>", Unavailable, ["502"]),
    ("503 with nothing", 503, "", Unavailable, ["503"]),
    ("504 with text", 504, "upstream request timeout", Unavailable, ["upstream request timeout"]),
    ("408", 408, "", Unavailable, ["408"]),
    ("520 of a proxy", 520, "error code: 520", Unavailable, ["error code: 520"]),
    ("developer_message only", 400, envelope(400, None, developer="KeyError"), Rejected, ["KeyError"]),
    ("418", 418, "short and stout", Rejected, ["short and stout"]),
]


@pytest.mark.parametrize("code, body, kind, words", [pytest.param(*row[1:], id=row[0]) for row in ANSWERS])
def test_answer__is_an_error_with_reason_and_hint(
    code: int, body: str, kind: type[CloudError], words: list[str]
) -> None:
    error = refusal(code, body, {}, host=HOST)

    assert kind is type(error)
    assert HOST in error.message
    assert str(code) in error.message
    assert [] == [word for word in words if word not in error.explanation]
    assert "<" not in error.message


def test_ip_restriction__its_object_is_not_printed() -> None:
    """It has ids of the account and the user."""
    error = refusal(403, envelope(403, "Forbidden: Access denied", data=RESTRICTED), {}, host=HOST)

    assert "act_x" not in error.explanation


@pytest.mark.parametrize(
    "headers, expected",
    [
        ({}, None),
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": " 5 "}, 5.0),
        ({"x-rate-limit-retry-after-seconds": "60"}, 60.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 07:26:30 GMT"}, 90.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 08:00:00 GMT"}, 0.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "yesterday"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "²"}, None),
        ({"Retry-After": "9" * 400}, 999_999_999.0),
        ({"Retry-After": ""}, None),
    ],
)
def test_retry_after__is_seconds_or_a_date_relative_to_the_answer(
    headers: dict[str, str], expected: float | None
) -> None:
    assert expected == refusal(429, "", headers, host=HOST).retry_after


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from("status code user_message developer_message data detail is_service_token".split()),
            inner,
            max_size=5,
        )
    ),
)


@given(
    st.integers(400, 599),
    st.text(max_size=500) | JSON.map(json.dumps) | st.just("[" * 10_000),
    st.dictionaries(st.sampled_from(["Retry-After", "x-rate-limit-retry-after-seconds"]), st.text(max_size=12)),
)
def test_any_answer__is_one_short_line(code: int, body: str, headers: dict[str, str]) -> None:
    error: Any = refusal(code, body, headers, host=HOST)

    assert isinstance(error, CloudError)
    assert 1 == len(error.message.splitlines())
    assert len(error.message) <= 400
