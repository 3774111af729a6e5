"""How long to pause after a failed call, and the loop that repeats a harmless one; which errors exist says `errors`."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from dbt_action.clock import Clock
from dbt_action.errors import CloudError, RateLimited

T = TypeVar("T")

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
# Exceeding the rate limit costs a cool-down of five minutes (documented); a longer `Retry-After` is not
# believed, since nothing would be shown for all that time.
COOL_DOWN = 300.0
# Long enough for two cool-downs: whoever is rate-limited has at least found dbt Cloud.
RATE_LIMIT_PATIENCE = 2 * COOL_DOWN

Jitter = Callable[[], float]


def pause(failures: int, error: CloudError, jitter: Jitter = random.random) -> float:
    """Seconds until the next try after `failures` failures in a row, `error` the last of them.

    dbt Cloud's own wish comes first, capped; otherwise the pause doubles, and is shortened by up to a
    half at random so that a hundred pipelines do not come back at once.
    """
    if error.retry_after is not None:
        return min(max(error.retry_after, FIRST_PAUSE), COOL_DOWN)
    if isinstance(error, RateLimited):
        return COOL_DOWN
    grown = FIRST_PAUSE * 2.0 ** min(failures - 1, 10)
    return min(grown, LONGEST_PAUSE) * (1 - jitter() / 2)


def worth_it(error: CloudError, waited: float, patience: float) -> bool:
    """Whether another try is due, when it would come `waited` seconds after the first."""
    limit = max(patience, RATE_LIMIT_PATIENCE) if isinstance(error, RateLimited) else patience
    return error.transient and waited <= limit


def persist(call: Callable[[], T], *, clock: Clock, patience: float, jitter: Jitter = random.random) -> T:
    """The answer of `call`, repeated after transient errors as long as `patience` (seconds) would last.

    Raises the last CloudError. Only for calls that change nothing, or that may be repeated.
    """
    began = clock.now()
    failures = 0
    while True:
        try:
            return call()
        except CloudError as error:
            failures += 1
            wait = pause(failures, error, jitter)
            if not worth_it(error, clock.now() + wait - began, patience):
                raise
        clock.sleep(wait)
