"""How long to pause after a failed call, and the loop that repeats a call that is safe to repeat."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from dbt_action import timeouts
from dbt_action.clock import Clock
from dbt_action.errors import CloudError, RateLimited

T = TypeVar("T")
# Random numbers from 0 up to 1.
Jitter = Callable[[], float]


def pause(failures: int, error: CloudError, jitter: Jitter = random.random) -> float:
    """Seconds until the next try after `failures` failures in a row, of which `error` is the last.

    `Retry-After` comes first, within bounds. Otherwise the pause doubles each time, and is shortened by up to a
    half at random, so that a hundred pipelines do not come back in the same second.
    """
    if error.retry_after is not None:
        return min(max(error.retry_after, timeouts.FIRST_PAUSE_SECONDS), timeouts.RATE_LIMIT_PAUSE_SECONDS)
    if isinstance(error, RateLimited):
        return timeouts.RATE_LIMIT_PAUSE_SECONDS
    doubled = timeouts.FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 10)
    return min(doubled, timeouts.LONGEST_PAUSE_SECONDS) * (1 - jitter() / 2)


def retry_transient(
    call: Callable[[], T],
    *,
    clock: Clock,
    time_limit: float,
    max_pause: float = timeouts.RATE_LIMIT_PAUSE_SECONDS,
    also_transient: tuple[type[CloudError], ...] = (),
    jitter: Jitter = random.random,
) -> T:
    """The answer of `call`, repeated after transient errors for `time_limit` seconds, the last time at their end.

    No pause is longer than `max_pause` seconds. `also_transient` are errors that are permanent elsewhere and may go
    away here. Raises the last CloudError. Only for calls that change nothing or have the same effect when repeated.
    """
    deadline = clock.now() + time_limit
    failures = 0
    while True:
        try:
            return call()
        except CloudError as error:
            failures += 1
            left = deadline - clock.now()
            if left <= 0 or not (error.transient or isinstance(error, also_transient)):
                raise
            wait = min(pause(failures, error, jitter), max_pause, left)
        clock.sleep(wait)
