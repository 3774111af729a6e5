"""A run that is started exactly once, as a state machine: what to do after each answer; what is sent is given to it.

Neither a trigger nor a retry can be repeated blindly: an answer that is lost on its way says nothing about
the run. So the run is looked for first, and the request is sent again only when there is none.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from dbt_action.clock import Clock
from dbt_action.dbt_cloud import backoff
from dbt_action.dbt_cloud.runs import Run
from dbt_action.errors import CloudError, RateLimited, Unavailable

# Pauses before the looks for a run whose trigger went unanswered. Together a minute: as long as a new run
# may stay invisible (reported for single runs; assumed for the list). A build waits a minute rather than
# paying for its warehouse twice.
LOOKS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
MAX_TRIGGERS = 3
# A wrong host should be told soon; nothing has been started that could be lost.
TRIGGER_PATIENCE = 20.0
# Long enough for two cool-downs: whoever is rate-limited has at least found dbt Cloud.
RATE_LIMIT_PATIENCE = 2 * backoff.COOL_DOWN
# A run may be going unseen: worth more patience than before the first trigger.
LOOK_PATIENCE = 10 * 60.0
# Unless nothing of dbt Cloud has been seen so far: then this is more likely not the right host at all.
STRANGER_PATIENCE = 60.0


class Do(Enum):
    """What to send next."""

    TRIGGER = "trigger"
    LOOK = "look"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What has been sent so far. `doubt` is the error of the last trigger whose fate is unknown."""

    triggers: int = 0
    looks: int = 0
    failures: int = 0
    waited: float = 0.0
    doubt: CloudError | None = None
    # For looks that fail, in seconds.
    patience: float = LOOK_PATIENCE


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
    state: State, done: Do, answer: Answer, jitter: backoff.Jitter = random.random
) -> tuple[State, Run | Next | GiveUp]:
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
    return _again(state, Do.LOOK, answer, state.patience, jitter)


def _after_trigger(state: State, error: CloudError, jitter: backoff.Jitter) -> tuple[State, Next | GiveUp]:
    if error.unsent:
        # Not accepted: it does not count, and may be sent again; after a doubtful one only behind another look.
        unsent = replace(state, triggers=state.triggers - 1, looks=len(LOOKS) - 1)
        return _again(unsent, Do.LOOK if state.doubt else Do.TRIGGER, error, TRIGGER_PATIENCE, jitter)
    if not error.transient and state.doubt is None:
        return state, GiveUp(error=error, doubt=False)
    if not error.transient:
        # Perhaps it is refused because the one before it was accepted: look once more, but send no other.
        state = replace(state, triggers=MAX_TRIGGERS)
    return replace(state, looks=0, failures=0, waited=0.0, doubt=error), Next(do=Do.LOOK, pause=LOOKS[0])


def _after_vain_look(state: State) -> tuple[State, Next | GiveUp]:
    if state.looks < len(LOOKS):
        return state, Next(do=Do.LOOK, pause=LOOKS[state.looks])
    if state.triggers < MAX_TRIGGERS:
        return state, Next(do=Do.TRIGGER)
    if state.doubt is None:
        message = "a look comes only after a trigger in doubt"
        raise ValueError(message)
    return state, GiveUp(error=state.doubt, doubt=True)


def _again(
    state: State, do: Do, error: CloudError, patience: float, jitter: backoff.Jitter
) -> tuple[State, Next | GiveUp]:
    pause = backoff.pause(state.failures + 1, error, jitter)
    limit = max(patience, RATE_LIMIT_PATIENCE) if isinstance(error, RateLimited) else patience
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

    `known`: dbt Cloud has answered before, so it is worth more patience. Both callables raise CloudError. Past
    `deadline` (on `clock`) nothing is sent or looked for any more.
    """
    state, decision = State(patience=LOOK_PATIENCE if known else STRANGER_PATIENCE), FIRST
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
