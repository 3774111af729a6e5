"""A run that is started exactly once, as a state machine: what to do after each answer; what is sent is given to it.

Neither a trigger nor a retry can be repeated blindly: an answer that is lost on its way says nothing about
the run. So the run is looked for first, and the request is sent again only when there is none.
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


class Do(Enum):
    """What to send next."""

    TRIGGER = "trigger"
    LOOK = "look"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartState:
    """What has been sent so far. `doubt` is the error of the last trigger whose fate is unknown."""

    triggers: int = 0
    looks: int = 0
    failures: int = 0
    waited: float = 0.0
    doubt: CloudError | None = None
    # For looks that fail, in seconds.
    time_limit: float = timeouts.FIND_RUN_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """Wait `pause` seconds, then do `do`."""

    do: Do
    pause: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """No run came to be, as far as anybody knows; `doubt` when one may exist all the same."""

    error: CloudError
    doubt: bool


Answer = Run | CloudError | None
FIRST = Next(do=Do.TRIGGER)


def advance(
    state: StartState, done: Do, answer: Answer, jitter: backoff.Jitter = random.random
) -> tuple[StartState, Run | Next | GiveUp]:
    """The state and the decision after `done` was answered; `answer` None is a look that found no run."""
    if isinstance(answer, Run):
        return state, answer
    if done is Do.TRIGGER:
        if answer is None:
            message = "a trigger is answered by a run or an error"
            raise ValueError(message)
        return _after_trigger(replace(state, triggers=state.triggers + 1), answer, jitter)
    if answer is None:
        return _after_vain_look(replace(state, looks=state.looks + 1, failures=0, waited=0.0))
    return _again(state, Do.LOOK, answer, state.time_limit, jitter)


def _after_trigger(state: StartState, error: CloudError, jitter: backoff.Jitter) -> tuple[StartState, Next | GiveUp]:
    if error.unsent:
        # Not accepted: it does not count, and may be sent again; after a doubtful one only behind another look.
        unsent = replace(state, triggers=state.triggers - 1, looks=len(timeouts.FIND_RUN_PAUSES_SECONDS) - 1)
        return _again(unsent, Do.LOOK if state.doubt else Do.TRIGGER, error, timeouts.TRIGGER_SECONDS, jitter)
    if not error.transient and state.doubt is None:
        return state, GiveUp(error=error, doubt=False)
    if not error.transient:
        # Perhaps it is refused because the one before it was accepted: look once more, but send no other.
        state = replace(state, triggers=MAX_TRIGGERS)
    return replace(state, looks=0, failures=0, waited=0.0, doubt=error), Next(
        do=Do.LOOK, pause=timeouts.FIND_RUN_PAUSES_SECONDS[0]
    )


def _after_vain_look(state: StartState) -> tuple[StartState, Next | GiveUp]:
    if state.looks < len(timeouts.FIND_RUN_PAUSES_SECONDS):
        return state, Next(do=Do.LOOK, pause=timeouts.FIND_RUN_PAUSES_SECONDS[state.looks])
    if state.triggers < MAX_TRIGGERS:
        return state, Next(do=Do.TRIGGER)
    if state.doubt is None:
        message = "a look comes only after a trigger in doubt"
        raise ValueError(message)
    return state, GiveUp(error=state.doubt, doubt=True)


def _again(
    state: StartState, do: Do, error: CloudError, time_limit: float, jitter: backoff.Jitter
) -> tuple[StartState, Next | GiveUp]:
    pause = backoff.pause(state.failures + 1, error, jitter)
    limit = max(time_limit, timeouts.RATE_LIMITED_SECONDS) if isinstance(error, RateLimited) else time_limit
    if not error.transient or state.waited + pause > limit:
        return state, GiveUp(error=error, doubt=state.doubt is not None)
    return replace(state, failures=state.failures + 1, waited=state.waited + pause), Next(do=do, pause=pause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The run; `doubt` when the request was sent more than once, so that a twin may turn up late."""

    run: Run
    doubt: bool


def exactly_once(
    send: Callable[[], Run],
    find: Callable[[], Run | None],
    *,
    clock: Clock,
    deadline: float,
    tell: Callable[[str], None],
    known: bool = True,
    jitter: backoff.Jitter = random.random,
) -> Started | GiveUp:
    """Start a run with `send`, whatever happens to the answers; `find` looks whether it is there.

    `known`: dbt Cloud has answered before, so it is worth more time_limit. Both callables raise CloudError. Past
    `deadline` (on `clock`) nothing is sent or looked for any more.
    """
    state, decision = (
        StartState(time_limit=timeouts.FIND_RUN_SECONDS if known else timeouts.FIND_RUN_UNANSWERED_SECONDS),
        FIRST,
    )
    if clock.now() >= deadline:
        message = "The time (`timeout-minutes`) was over before a run could be started."
        return GiveUp(error=Unavailable(message), doubt=False)
    while True:
        clock.sleep(decision.pause)
        asked = clock.now()
        answer = _attempt(send if decision.do is Do.TRIGGER else find)
        # Waiting for an answer counts like a pause.
        state = replace(state, waited=state.waited + clock.now() - asked)
        done = decision.do
        state, verdict = advance(state, done, answer, jitter)
        if isinstance(verdict, Run):
            return Started(run=verdict, doubt=state.triggers > 0 and state.doubt is not None)
        if isinstance(verdict, GiveUp):
            return verdict
        error = answer if isinstance(answer, CloudError) else state.doubt
        if error is not None and clock.now() + verdict.pause > deadline:
            return GiveUp(error=error, doubt=state.doubt is not None)
        tell(explain(done, answer, verdict))
        decision = verdict


def _attempt(call: Callable[[], Run | None]) -> Answer:
    try:
        return call()
    except CloudError as error:
        return error


def explain(done: Do, answer: Answer, decision: Next) -> str:
    """A line for the log on why this goes on."""
    if isinstance(answer, CloudError):
        what = "The trigger" if done is Do.TRIGGER else "The look for our run"
        happened = f"{what} got no usable answer: {answer.message}"
    else:
        happened = "Our run is not there so far."
    soon = f" in {decision.pause:.0f} s" if decision.pause >= 1 else ""
    if decision.do is Do.LOOK:
        return f"{happened} Looking for our run{soon}, so that it is not started twice."
    return f"{happened} It has not been started; sending the trigger again{soon}."
