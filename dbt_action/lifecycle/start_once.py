"""Start a run exactly once, although answers get lost: decides what to send after each answer. Sends nothing itself.

Neither a trigger nor a retry can be repeated blindly: when its answer is lost, the run may have started all the same.
So the run is looked for first, and the trigger is sent again only when there is no run. Here "trigger" stands for
either of the two requests, and "look" for the search for their run.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from dbt_action import timeouts
from dbt_action.clock import Clock
from dbt_action.dbt_cloud import backoff
from dbt_action.dbt_cloud.runs import Run
from dbt_action.errors import CloudError, RateLimited, Unavailable

MAX_TRIGGERS = 3
# Looks between two triggers.
_LOOKS = len(timeouts.FIND_RUN_PAUSES_SECONDS)


class Request(Enum):
    """What to send next."""

    TRIGGER = "trigger"
    LOOK = "look"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartState:
    """What has been sent so far, and how it was answered."""

    # Triggers that dbt Cloud may have accepted.
    triggers: int = 0
    # Looks since the last trigger that found no run.
    looks: int = 0
    # Requests in a row that failed, and the seconds that they and the pauses between them took.
    failures: int = 0
    waited: float = 0.0
    # The error of the last trigger whose effect is unknown.
    unanswered: CloudError | None = None
    # Seconds for which a look that fails is repeated.
    time_limit: float = timeouts.FIND_RUN_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """Wait `pause` seconds, then send `request`."""

    request: Request
    pause: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """No run is known; `run_may_exist` when one may have started all the same."""

    error: CloudError
    run_may_exist: bool


# None: the look found no run.
Answer = Run | CloudError | None
FIRST = Next(request=Request.TRIGGER)


def advance(
    state: StartState, request: Request, answer: Answer, jitter: backoff.Jitter = random.random
) -> tuple[StartState, Run | Next | GiveUp]:
    """The next state and what to do, after `request` got `answer`. Raises ValueError when the two do not match."""
    if isinstance(answer, Run):
        return state, answer
    if request is Request.TRIGGER:
        if answer is None:
            message = "a trigger is answered by a run or an error"
            raise ValueError(message)
        return _after_failed_trigger(state, answer, jitter)
    if answer is None:
        return _after_look_without_run(replace(state, looks=state.looks + 1, failures=0, waited=0.0))
    return _repeat(state, Request.LOOK, answer, state.time_limit, jitter)


def _after_failed_trigger(
    state: StartState, error: CloudError, jitter: backoff.Jitter
) -> tuple[StartState, Next | GiveUp]:
    if error.unsent:
        # dbt Cloud has not accepted it, so it does not count and may be sent again. When an earlier trigger is
        # unanswered, one more look comes first.
        request = Request.LOOK if state.unanswered else Request.TRIGGER
        return _repeat(replace(state, looks=_LOOKS - 1), request, error, timeouts.TRIGGER_SECONDS, jitter)
    triggers = state.triggers + 1
    if not error.transient:
        if state.unanswered is None:
            return state, GiveUp(error=error, run_may_exist=False)
        # It may be refused because the one before it was accepted: look for that run, but send no further trigger.
        triggers = MAX_TRIGGERS
    state = replace(state, triggers=triggers, looks=0, failures=0, waited=0.0, unanswered=error)
    return state, Next(request=Request.LOOK, pause=timeouts.FIND_RUN_PAUSES_SECONDS[0])


def _after_look_without_run(state: StartState) -> tuple[StartState, Next | GiveUp]:
    if state.looks < _LOOKS:
        return state, Next(request=Request.LOOK, pause=timeouts.FIND_RUN_PAUSES_SECONDS[state.looks])
    if state.triggers < MAX_TRIGGERS:
        return state, Next(request=Request.TRIGGER)
    if state.unanswered is None:
        message = "a look comes only after an unanswered trigger"
        raise ValueError(message)
    return state, GiveUp(error=state.unanswered, run_may_exist=True)


def _repeat(
    state: StartState, request: Request, error: CloudError, time_limit: float, jitter: backoff.Jitter
) -> tuple[StartState, Next | GiveUp]:
    """Send `request` after a pause, unless `error` is permanent or the pause would end after `time_limit` seconds."""
    pause = backoff.pause(state.failures + 1, error, jitter)
    limit = max(time_limit, timeouts.RATE_LIMITED_SECONDS) if isinstance(error, RateLimited) else time_limit
    if not error.transient or state.waited + pause > limit:
        return state, GiveUp(error=error, run_may_exist=state.unanswered is not None)
    state = replace(state, failures=state.failures + 1, waited=state.waited + pause)
    return state, Next(request=request, pause=pause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The run. `duplicate_possible` when a trigger was unanswered, so that a second run may appear later."""

    run: Run
    duplicate_possible: bool


def exactly_once(
    send: Callable[[], Run],
    find: Callable[[], Run | None],
    *,
    clock: Clock,
    deadline: float,
    log: Callable[[str], None],
    answered_before: bool = True,
    jitter: backoff.Jitter = random.random,
) -> Started | GiveUp:
    """Start one run: `send` triggers it, `find` looks for it. Both raise CloudError.

    Nothing is sent after `deadline` (a moment of `clock`). `log` gets a line for each request that is repeated.
    `answered_before` says that dbt Cloud has answered another request; then a search is worth more time.
    """
    if clock.now() >= deadline:
        message = "The time (`timeout-minutes`) was over before a run could be started."
        return GiveUp(error=Unavailable(message), run_may_exist=False)
    time_limit = timeouts.FIND_RUN_SECONDS if answered_before else timeouts.FIND_RUN_UNANSWERED_SECONDS
    state, step = StartState(time_limit=time_limit), FIRST
    while True:
        clock.sleep(step.pause)
        sent_at = clock.now()
        answer = _answer(send if step.request is Request.TRIGGER else find)
        # The time that an answer takes counts like a pause.
        state = replace(state, waited=state.waited + clock.now() - sent_at)
        state, decision = advance(state, step.request, answer, jitter)
        if isinstance(decision, Run):
            return Started(run=decision, duplicate_possible=state.unanswered is not None)
        if isinstance(decision, GiveUp):
            return decision
        error = answer if isinstance(answer, CloudError) else state.unanswered
        if error is not None and clock.now() + decision.pause > deadline:
            return GiveUp(error=error, run_may_exist=state.unanswered is not None)
        log(explain(step.request, answer, decision))
        step = decision


def _answer(call: Callable[[], Run | None]) -> Answer:
    try:
        return call()
    except CloudError as error:
        return error


def explain(request: Request, answer: Answer, decision: Next) -> str:
    """The line of the log that says what `request` was answered, and what is sent next."""
    if isinstance(answer, CloudError):
        name = "The trigger" if request is Request.TRIGGER else "The search for our run"
        happened = f"{name} got no usable answer: {answer.message}"
    else:
        happened = "Our run is not in dbt Cloud's list so far."
    when = f" in {decision.pause:.0f} s" if decision.pause >= 1 else ""
    if decision.request is Request.LOOK:
        return f"{happened} Looking for our run{when}, so that it is not started twice."
    return f"{happened} It has not been started; sending the trigger again{when}."
