"""When to look at a run again and when to stop; the loop knows no network and no real clock."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from dbt_action import timeouts
from dbt_action.clock import Clock
from dbt_action.dbt_cloud import backoff
from dbt_action.dbt_cloud.runs import Run
from dbt_action.errors import CloudError, NotFound

Look = Run | CloudError


class End(Enum):
    """Why the watch is over."""

    FINISHED = "finished"
    TIMED_OUT = "timed out"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The limits of a watch, in seconds. `interval` None is `auto`; `usual` is the job's usual duration."""

    interval: float | None
    timeout: float
    usual: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the loop remembers: when wait and run began, and the failures in a row since when."""

    since: float
    born: float
    failures: int = 0
    failing_since: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """The end of a watch; `error` says why a run is lost."""

    end: End
    error: CloudError | None = None


def watch(
    look: Callable[[], Look],
    *,
    clock: Clock,
    policy: Policy,
    tell: Callable[[Look], None],
    since: float,
    born: float,
    jitter: backoff.Jitter = random.random,
) -> Watched:
    """Look until the run is over, the time is up, or dbt Cloud stays out of reach; the first look is at once.

    `since` is when the wait began, `born` when the run did; a retry is younger than its wait.
    """
    seen = Seen(since=since, born=born)
    while True:
        now_seen = look()
        tell(now_seen)
        seen, verdict = step(now_seen, seen, clock.now(), policy, jitter)
        if isinstance(verdict, Watched):
            return verdict
        clock.sleep(verdict)


def step(
    look: Look, seen: Seen, now: float, policy: Policy, jitter: backoff.Jitter = random.random
) -> tuple[Seen, float | Watched]:
    """What one look means: seconds until the next one, or the end.

    A final run wins even past the limit; the pause never reaches beyond it, so that the last look falls
    on it.
    """
    left = seen.since + policy.timeout - now
    if isinstance(look, CloudError):
        return _after_miss(look, seen, now, left, jitter)
    if look.final:
        return seen, Watched(end=End.FINISHED)
    if left <= 0:
        return seen, Watched(end=End.TIMED_OUT)
    return replace(seen, failures=0), min(interval(now - seen.since, policy), left)


def _after_miss(
    error: CloudError, seen: Seen, now: float, left: float, jitter: backoff.Jitter
) -> tuple[Seen, float | Watched]:
    failing_since = seen.failing_since if seen.failures else now
    young = isinstance(error, NotFound) and now - seen.born < timeouts.NEW_RUN_NOT_FOUND_SECONDS
    hopeless = not error.transient and not young
    if hopeless or now - failing_since > timeouts.OUTAGE_SECONDS:
        return seen, Watched(end=End.LOST, error=error)
    if left <= 0:
        return seen, Watched(end=End.TIMED_OUT, error=error)
    seen = replace(seen, failures=seen.failures + 1, failing_since=failing_since)
    return seen, min(backoff.pause(seen.failures, error, jitter), left)


def interval(age: float, policy: Policy) -> float:
    """Seconds between two looks at a wait of `age` seconds."""
    if policy.interval is not None:
        return policy.interval
    steady = next(
        (seconds for limit, seconds in timeouts.AUTO_INTERVALS_SECONDS if age < limit),
        timeouts.LONGEST_INTERVAL_SECONDS,
    )
    if policy.usual is None or age > policy.usual * 1.25 + timeouts.NEAR_END_INTERVAL_SECONDS:
        return steady
    # Not past the moment from which the end is near.
    until_near = policy.usual * 0.9 - age
    return min(steady, max(until_near, timeouts.NEAR_END_INTERVAL_SECONDS))
