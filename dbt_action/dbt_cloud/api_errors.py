"""What dbt Cloud's error answers mean, and what to tell about them; answers with 4xx and 5xx only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

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

_MAX_WORDS = 300
# 408 and 5xx pass, as the terraform provider for dbt Cloud treats them too.
_PASSING = frozenset({408, 425, 500, 502, 503, 504})
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
    "The account admits only certain IP addresses, and GitHub's own runners have none of them. Use a runner "
    "whose address is on the list."
)
_NO_PERMISSION = "The token may not do this: running a job needs the permission set Job Admin or Job Runner."
_NOT_THERE = (
    "Either it does not exist in this account, or the token may not see it. Compare `account-id` and `job-id` "
    "with the address of the job's page in dbt Cloud."
)
_TOO_MANY = "The account's limit of requests a minute is used up; dbt Cloud wants a pause of five minutes."
_TROUBLE = "dbt Cloud, or a proxy in front of it, has a problem of its own; status.getdbt.com may know."
_NOT_THE_API = "This does not look like dbt Cloud's API. Compare `dbt-url` with the Access URL under Account settings."


def refusal(status: int, body: str, headers: Mapping[str, str], *, host: str) -> CloudError:
    """The error for an answer with `status` >= 400; `body` is free of secrets."""
    parsed = _parse(body)
    words = _words(parsed, body)
    said = f"{host} answered {status}: {words}" if words else f"{host} answered {status}."
    build, hint = _meaning(status, parsed, words)
    return build(said, hint=hint, retry_after=_retry_after(headers))


def _meaning(status: int, parsed: Mapping[str, Any] | None, words: str) -> tuple[type[CloudError], str]:
    if status in _PASSING or status >= _SERVER_ERROR:
        return Unavailable, _TROUBLE
    return _KINDS.get(status, Rejected), _hint(status, parsed, words.lower())


def _hint(status: int, parsed: Mapping[str, Any] | None, words: str) -> str:
    data = parsed.get("data") if parsed else None
    # The first that applies. Recorded: 401 and the wrong account; documented: the IP restriction.
    hints = (
        (401, "unpaid" in words, _UNPAID),
        (401, True, _WRONG_HOST),
        (403, "not scoped to account" in words, _WRONG_ACCOUNT),
        (403, isinstance(data, Mapping) and "is_service_token" in data, _IP_RESTRICTED),
        (403, True, _NO_PERMISSION),
        (404, parsed is not None and "status" in parsed, _NOT_THERE),
        (404, True, _NOT_THE_API),
        (429, True, _TOO_MANY),
    )
    return next((hint for code, applies, hint in hints if code == status and applies), "")


_KINDS: dict[int, type[CloudError]] = {401: Unauthorized, 403: Forbidden, 404: NotFound, 429: RateLimited}


def _parse(body: str) -> Mapping[str, Any] | None:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, Mapping) else None


def _words(parsed: Mapping[str, Any] | None, body: str) -> str:
    """What the answer says: `user_message`, the messages of fields, `developer_message`, `detail`, or its text."""
    if parsed is None:
        return "" if body.lstrip().startswith("<") else cut(one_line(body), _MAX_WORDS)
    status = parsed.get("status")
    status = status if isinstance(status, Mapping) else {}
    data = parsed.get("data")
    fields = (
        [f"{name}: {words}" for name, words in data.items() if isinstance(words, str)]
        # The object that comes with an IP restriction has no messages in it.
        if isinstance(data, Mapping) and "is_service_token" not in data
        else []
    )
    said = [status.get("user_message"), *fields]
    if not any(said):
        said = [status.get("developer_message") or parsed.get("detail") or body]
    return cut(one_line(" ".join(str(part) for part in said if part)), _MAX_WORDS)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds; the second name is documented for another part of dbt Cloud's API. Proxies send dates, too."""
    for name in ("Retry-After", "x-rate-limit-retry-after-seconds"):
        value = headers.get(name, "").strip()
        if value.isascii() and value.isdigit():
            return float(value[:9])
        try:
            then, now = (parsedate_to_datetime(date) for date in (value, headers.get("Date", "")))
            return max(0.0, (then - now).total_seconds())
        except (TypeError, ValueError):
            # No date, or one with a time zone and one without.
            continue
    return None
