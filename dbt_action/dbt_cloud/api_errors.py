"""Turns dbt Cloud's error answers (4xx and 5xx) into errors with a hint: what it usually means, what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dbt_action import http_limits
from dbt_action.errors import (
    CloudError,
    Forbidden,
    NotFound,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
)
from dbt_action.text import cut, one_line

_MAX_MESSAGE = 300
# These and 5xx are transient; the terraform provider for dbt Cloud repeats 408 and 5xx too.
_TRANSIENT = frozenset({408, 425})
_SERVER_ERROR = 500

_WRONG_HOST = (
    "The token is wrong, expired or revoked, or it belongs to another host: a valid token gets this same "
    "answer from a host that does not know its account. Check `dbt-token`, and compare `dbt-url` with the "
    "Access URL under Account settings in dbt Cloud."
)
_UNPAID = "The API is part of the Starter and Enterprise plans."
_WRONG_ACCOUNT = (
    "A wrong `account-id` gets this answer. Compare it with the number after `/deploy/` in the address of your job."
)
_IP_RESTRICTED = (
    "The account admits only certain IP addresses, and this runner has none of them. The runners that a CI offers to "
    "everybody have changing addresses: use a runner whose address is on the list."
)
_NO_PERMISSION = "The token may not do this: running a job needs the permission set Job Admin or Job Runner."
_NO_SUCH_THING = (
    "Either it does not exist in this account, or the token may not see it. Compare `account-id` and `job-id` "
    "with the address of the job's page in dbt Cloud."
)
_TOO_MANY = "The account's limit of requests a minute is used up; dbt Cloud asks for a pause of five minutes."
_SERVER_TROUBLE = "dbt Cloud, or a proxy in front of it, has a problem of its own; see status.getdbt.com."
_NOT_THE_API = "This does not look like dbt Cloud's API. Compare `dbt-url` with the Access URL under Account settings."


def refusal(status: int, body: str, headers: Mapping[str, str], *, host: str) -> CloudError:
    """Return the error for an answer with `status` >= 400; `body` is free of secrets."""
    parsed = _parse(body)
    reason = _reason(parsed, body)
    message = f"{host} answered {status}: {reason}" if reason else f"{host} answered {status}."
    error, hint = _classify(status, parsed, reason)
    return error(message, hint=hint, retry_after=http_limits.retry_after_seconds(headers))


def _classify(status: int, parsed: Mapping[str, Any] | None, reason: str) -> tuple[type[CloudError], str]:
    if status in _TRANSIENT or status >= _SERVER_ERROR:
        return Unavailable, _SERVER_TROUBLE
    return _ERRORS.get(status, Rejected), _hint(status, parsed, reason.lower())


def _hint(status: int, parsed: Mapping[str, Any] | None, reason: str) -> str:
    data = parsed.get("data") if parsed else None
    # The first that applies. The answers of 401 and of a wrong account are recorded, that of IPs is documented.
    hints = (
        (401, "unpaid" in reason, _UNPAID),
        (401, True, _WRONG_HOST),
        (403, "not scoped to account" in reason, _WRONG_ACCOUNT),
        (403, isinstance(data, Mapping) and "is_service_token" in data, _IP_RESTRICTED),
        (403, True, _NO_PERMISSION),
        (404, parsed is not None and "status" in parsed, _NO_SUCH_THING),
        (404, True, _NOT_THE_API),
        (429, True, _TOO_MANY),
    )
    return next((hint for code, applies, hint in hints if code == status and applies), "")


_ERRORS: dict[int, type[CloudError]] = {401: Unauthorized, 403: Forbidden, 404: NotFound, 429: RateLimited}


def _parse(body: str) -> Mapping[str, Any] | None:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, Mapping) else None


def _reason(parsed: Mapping[str, Any] | None, body: str) -> str:
    """Return the reason in the answer: `user_message` and the messages of fields, else another field, else its text."""
    if parsed is None:
        return "" if body.lstrip().startswith("<") else cut(one_line(body), _MAX_MESSAGE)
    status = parsed.get("status")
    status = status if isinstance(status, Mapping) else {}
    data = parsed.get("data")
    fields = (
        [f"{name}: {message}" for name, message in data.items() if isinstance(message, str)]
        # The object that comes with an IP restriction has ids of the account, not messages.
        if isinstance(data, Mapping) and "is_service_token" not in data
        else []
    )
    messages = [status.get("user_message"), *fields]
    if not any(messages):
        messages = [status.get("developer_message") or parsed.get("detail") or body]
    return cut(one_line(" ".join(str(message) for message in messages if message)), _MAX_MESSAGE)
