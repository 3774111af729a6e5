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


def persist(
    call: Callable[[], T],
    *,
    clock: Clock,
    patience: float,
    longest: float = COOL_DOWN,
    also: tuple[type[CloudError], ...] = (),
    jitter: Jitter = random.random,
) -> T:
    """The answer of `call`, repeated after transient errors for `patience` seconds, the last time at their end.

    No pause is longer than `longest`; `also` are errors that pass here too. Raises the last CloudError. Only for
    calls that change nothing, or that may be repeated.
    """
    deadline = clock.now() + patience
    failures = 0
    while True:
        try:
            return call()
        except CloudError as error:
            failures += 1
            left = deadline - clock.now()
            if left <= 0 or not (error.transient or isinstance(error, also)):
                raise
            wait = min(pause(failures, error, jitter), longest, left)
        clock.sleep(wait)
