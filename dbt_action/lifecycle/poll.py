"""When to look at a run again and when to stop. The loop knows no network and no real clock."""

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

# What one look at the run gives: the run, or why dbt Cloud did not answer with it.
Look = Run | CloudError


class WatchEnd(Enum):
    """Why the watch is over."""

    FINISHED = "finished"
    TIMED_OUT = "timed out"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class PollPolicy:
    """How often to look and for how long, in seconds. `interval_seconds` None is `poll-interval: auto`."""

    interval_seconds: float | None
    timeout_seconds: float
    # The job's usual duration, where it is known.
    usual_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PollState:
    """When wait and run started, the failed looks in a row, and when the first of those was. Moments of the clock."""

    wait_started_at: float
    run_started_at: float
    failures: int = 0
    failing_since: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchResult:
    """The end of a watch; `error` is why the last look failed, if it did."""

    end: WatchEnd
    error: CloudError | None = None


def watch(
    look: Callable[[], Look],
    *,
    clock: Clock,
    policy: PollPolicy,
    on_look: Callable[[Look], None],
    wait_started_at: float,
    run_started_at: float,
    jitter: backoff.Jitter = random.random,
) -> WatchResult:
    """Look until the run is over, the time is up, or dbt Cloud has been unreachable for too long.

    The first look is at once. The two moments are those of `clock`; a retry starts later than the wait for it.
    """
    state = PollState(wait_started_at=wait_started_at, run_started_at=run_started_at)
    while True:
        found = look()
        on_look(found)
        state, decision = advance(found, state, clock.now(), policy, jitter)
        if isinstance(decision, WatchResult):
            return decision
        clock.sleep(decision)


def advance(
    look: Look, state: PollState, now: float, policy: PollPolicy, jitter: backoff.Jitter = random.random
) -> tuple[PollState, float | WatchResult]:
    """The next state after one look, and the seconds until the next look or the end of the watch.

    A run that is over ends the watch as finished even after the time limit. A pause never goes beyond the limit, so
    that the last look is at the limit.
    """
    left = state.wait_started_at + policy.timeout_seconds - now
    if isinstance(look, CloudError):
        return _after_failed_look(look, state, now, left, jitter)
    if look.final:
        return state, WatchResult(end=WatchEnd.FINISHED)
    if left <= 0:
        return state, WatchResult(end=WatchEnd.TIMED_OUT)
    return replace(state, failures=0), min(pause_seconds(now - state.wait_started_at, policy), left)


def _after_failed_look(
    error: CloudError, state: PollState, now: float, left: float, jitter: backoff.Jitter
) -> tuple[PollState, float | WatchResult]:
    failing_since = state.failing_since if state.failures else now
    new_run = now - state.run_started_at < timeouts.NEW_RUN_NOT_FOUND_SECONDS
    may_pass = error.transient or (isinstance(error, NotFound) and new_run)
    if not may_pass or now - failing_since > timeouts.OUTAGE_SECONDS:
        return state, WatchResult(end=WatchEnd.LOST, error=error)
    if left <= 0:
        return state, WatchResult(end=WatchEnd.TIMED_OUT, error=error)
    state = replace(state, failures=state.failures + 1, failing_since=failing_since)
    return state, min(backoff.pause(state.failures, error, jitter), left)


def pause_seconds(age: float, policy: PollPolicy) -> float:
    """Seconds until the next look, `age` seconds after the start of the wait."""
    if policy.interval_seconds is not None:
        return policy.interval_seconds
    regular = next(
        (seconds for limit, seconds in timeouts.AUTO_INTERVALS_SECONDS if age < limit),
        timeouts.LONGEST_INTERVAL_SECONDS,
    )
    if policy.usual_seconds is None or age > policy.usual_seconds * 1.25 + timeouts.NEAR_END_INTERVAL_SECONDS:
        return regular
    # Look again at 90 % of the usual duration, and often from then on.
    until_near_end = policy.usual_seconds * 0.9 - age
    return min(regular, max(until_near_end, timeouts.NEAR_END_INTERVAL_SECONDS))
