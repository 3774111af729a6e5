"""Start a run exactly once: what follows from each answer, and any run of answers against a server that loses them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dbt_action.dbt_cloud.runs import Run
from dbt_action.errors import (
    CloudError,
    Forbidden,
    Malformed,
    Misdirected,
    NotFound,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from dbt_action.lifecycle import start_once
from dbt_action.lifecycle.start_once import GiveUp, Next, Request, Started, StartState
from tests.support.clock import FakeClock
from tests.support.values import a_run

TRIGGER, LOOK = Request.TRIGGER, Request.LOOK
RUN = a_run(id=1)
REFUSED: list[CloudError] = [Unauthorized("x"), Forbidden("x"), NotFound("x"), Rejected("x"), Misdirected("x")]
UNSENT: list[CloudError] = [RateLimited("x"), Unreachable("x")]
UNANSWERED: list[CloudError] = [Unavailable("x"), Malformed("x")]
ERRORS = [*REFUSED, *UNSENT, *UNANSWERED]
ANSWERS: list[start_once.Answer] = [RUN, None, *ERRORS]

LOST = Unavailable("the answer was lost")
LOST_AGAIN = Malformed("the second answer was lost")
REFUSAL = Rejected("no")
NO_CONNECTION = Unreachable("no connection")
TOO_MANY = RateLimited("429")
DOWN = Unavailable("down")


def named(answer: start_once.Answer) -> str:
    return type(answer).__name__


def advance(state: StartState, request: Request, answer: start_once.Answer) -> tuple[StartState, Run | Next | GiveUp]:
    """`start_once.advance` with the longest pauses."""
    return start_once.advance(state, request, answer, lambda: 0.0)


# --- One answer: the exact state and decision ---

ONE_TRIGGER = StartState(triggers=1, unanswered=LOST)

TABLE: list[tuple[str, StartState, Request, start_once.Answer, StartState, Run | Next | GiveUp]] = [
    ("the run is the end", StartState(), TRIGGER, RUN, StartState(), RUN),
    ("a run that a look finds is the end", ONE_TRIGGER, LOOK, RUN, ONE_TRIGGER, RUN),
    (
        "refused: no run can exist",
        StartState(),
        TRIGGER,
        REFUSAL,
        StartState(),
        GiveUp(error=REFUSAL, run_may_exist=False),
    ),
    (
        "the answer is lost: the run is looked for",
        StartState(),
        TRIGGER,
        LOST,
        StartState(triggers=1, unanswered=LOST),
        Next(request=LOOK, pause=1.0),
    ),
    (
        "the answer of a second trigger is lost: looks, failures and time are counted anew",
        StartState(triggers=1, looks=6, failures=2, waited=9.0, unanswered=LOST),
        TRIGGER,
        LOST_AGAIN,
        StartState(triggers=2, unanswered=LOST_AGAIN),
        Next(request=LOOK, pause=1.0),
    ),
    (
        "refused after a lost answer: one more round of looks, and no further trigger",
        StartState(triggers=1, looks=6, failures=2, waited=9.0, unanswered=LOST),
        TRIGGER,
        REFUSAL,
        StartState(triggers=3, unanswered=REFUSAL),
        Next(request=LOOK, pause=1.0),
    ),
    (
        "not sent: sent again, and not counted",
        StartState(),
        TRIGGER,
        NO_CONNECTION,
        StartState(looks=5, failures=1, waited=1.0),
        Next(request=TRIGGER, pause=1.0),
    ),
    (
        "not sent for the second time: the pause doubles",
        StartState(looks=5, failures=1, waited=1.0),
        TRIGGER,
        NO_CONNECTION,
        StartState(looks=5, failures=2, waited=3.0),
        Next(request=TRIGGER, pause=2.0),
    ),
    (
        "not sent after a lost answer: one look comes before the next trigger",
        StartState(triggers=1, looks=6, unanswered=LOST),
        TRIGGER,
        NO_CONNECTION,
        StartState(triggers=1, looks=5, failures=1, waited=1.0, unanswered=LOST),
        Next(request=LOOK, pause=1.0),
    ),
    (
        "no run found: failures and time are counted anew",
        StartState(triggers=1, looks=0, failures=3, waited=7.0, unanswered=LOST),
        LOOK,
        None,
        StartState(triggers=1, looks=1, unanswered=LOST),
        Next(request=LOOK, pause=2.0),
    ),
    (
        "the fifth look finds no run: the last pause is the longest",
        StartState(triggers=1, looks=4, unanswered=LOST),
        LOOK,
        None,
        StartState(triggers=1, looks=5, unanswered=LOST),
        Next(request=LOOK, pause=30.0),
    ),
    (
        "the sixth look finds no run: the trigger is sent again, at once",
        StartState(triggers=2, looks=5, unanswered=LOST),
        LOOK,
        None,
        StartState(triggers=2, looks=6, unanswered=LOST),
        Next(request=TRIGGER, pause=0.0),
    ),
    (
        "the sixth look after the third trigger finds no run: no more triggers",
        StartState(triggers=3, looks=5, unanswered=LOST),
        LOOK,
        None,
        StartState(triggers=3, looks=6, unanswered=LOST),
        GiveUp(error=LOST, run_may_exist=True),
    ),
    (
        "a look fails: it is repeated, and is not a look without a run",
        ONE_TRIGGER,
        LOOK,
        DOWN,
        replace(ONE_TRIGGER, failures=1, waited=1.0),
        Next(request=LOOK, pause=1.0),
    ),
    (
        "a look is refused: a run may exist",
        ONE_TRIGGER,
        LOOK,
        REFUSAL,
        ONE_TRIGGER,
        GiveUp(error=REFUSAL, run_may_exist=True),
    ),
]


@pytest.mark.parametrize(
    "state, request_, answer, state_after, decision", [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_advance__one_answer(
    state: StartState,
    request_: Request,
    answer: start_once.Answer,
    state_after: StartState,
    decision: Run | Next | GiveUp,
) -> None:
    assert (state_after, decision) == advance(state, request_, answer)


@pytest.mark.parametrize("error", ERRORS, ids=named)
def test_advance__every_error_of_the_first_trigger(error: CloudError) -> None:
    state, decision = advance(StartState(), TRIGGER, error)

    if error in REFUSED:
        assert (StartState(), GiveUp(error=error, run_may_exist=False)) == (state, decision)
    elif error in UNSENT:
        assert isinstance(decision, Next)
        assert (TRIGGER, None) == (decision.request, state.unanswered)
    else:
        assert Next(request=LOOK, pause=1.0) == decision
        assert (1, error) == (state.triggers, state.unanswered)


@pytest.mark.parametrize("error", REFUSED, ids=named)
def test_advance__a_refused_look_is_the_end_with_a_run_that_may_exist(error: CloudError) -> None:
    assert GiveUp(error=error, run_may_exist=True) == advance(ONE_TRIGGER, LOOK, error)[1]


def test_advance__looks_between_two_triggers_take_a_minute() -> None:
    """As long as a new run may stay invisible; and no two triggers are nearer."""
    state, decision = advance(StartState(), TRIGGER, LOST)
    pauses = []
    while isinstance(decision, Next) and decision.request is LOOK:
        pauses.append(decision.pause)
        state, decision = advance(state, LOOK, None)

    assert [1.0, 2.0, 4.0, 8.0, 15.0, 30.0] == pauses
    assert Next(request=TRIGGER, pause=0.0) == decision


# --- Time limits: at the limit it goes on, beyond it it is over ---

AT_THE_LIMIT = [
    # (state, request, error, seconds waited at which the next pause ends on the limit)
    pytest.param(StartState(), TRIGGER, NO_CONNECTION, 19.0, id="a trigger that was not sent: 20 s"),
    pytest.param(StartState(), TRIGGER, TOO_MANY, 300.0, id="a trigger after 429: 600 s"),
    pytest.param(ONE_TRIGGER, LOOK, DOWN, 599.0, id="a look: 600 s"),
    pytest.param(replace(ONE_TRIGGER, time_limit=60.0), LOOK, DOWN, 59.0, id="a look before any answer: 60 s"),
    pytest.param(replace(ONE_TRIGGER, time_limit=60.0), LOOK, TOO_MANY, 300.0, id="a look after 429: 600 s"),
    pytest.param(replace(ONE_TRIGGER, time_limit=900.0), LOOK, TOO_MANY, 600.0, id="the longer of the two limits"),
]


@pytest.mark.parametrize("state, request_, error, waited", AT_THE_LIMIT)
def test_advance__a_pause_may_end_at_the_limit_but_not_after_it(
    state: StartState, request_: Request, error: CloudError, waited: float
) -> None:
    at_the_limit, decision = advance(replace(state, waited=waited), request_, error)

    assert isinstance(decision, Next)
    assert (1, waited + decision.pause) == (at_the_limit.failures, at_the_limit.waited)
    assert (
        GiveUp(error=error, run_may_exist=state.unanswered is not None)
        == advance(replace(state, waited=waited + 0.001), request_, error)[1]
    )


@pytest.mark.parametrize("error", UNSENT, ids=named)
def test_advance__after_a_lost_answer_a_run_may_exist_when_the_time_is_over(error: CloudError) -> None:
    assert GiveUp(error=error, run_may_exist=True) == advance(replace(ONE_TRIGGER, waited=601.0), TRIGGER, error)[1]


def test_advance__pauses_of_failed_looks_double_up_to_half_a_minute() -> None:
    state, pauses = ONE_TRIGGER, []
    while True:
        state, decision = advance(state, LOOK, DOWN)
        if not isinstance(decision, Next):
            break
        pauses.append(decision.pause)

    assert [1.0, 2.0, 4.0, 8.0, 16.0, *[30.0] * 18] == pauses
    assert (ONE_TRIGGER.looks, 571.0) == (state.looks, state.waited)


def test_advance__jitter_shortens_a_pause() -> None:
    assert Next(request=LOOK, pause=0.5) == start_once.advance(ONE_TRIGGER, LOOK, DOWN, lambda: 1.0)[1]
    assert Next(request=TRIGGER, pause=0.5) == start_once.advance(StartState(), TRIGGER, NO_CONNECTION, lambda: 1.0)[1]


@pytest.mark.parametrize(
    "state, request_, message",
    [
        pytest.param(
            StartState(), TRIGGER, "^a trigger is answered by a run or an error$", id="trigger without answer"
        ),
        pytest.param(
            StartState(triggers=3, looks=5), LOOK, "^a look comes only after an unanswered trigger$", id="needless look"
        ),
    ],
)
def test_advance__what_cannot_happen_is_an_error(state: StartState, request_: Request, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        advance(state, request_, None)


# --- Many answers ---


def test_advance__after_a_lost_answer_no_trigger_without_a_look() -> None:
    """Over all sequences of three failed triggers: after an unanswered one, a look without a run precedes the next."""
    for pattern in product(ERRORS, repeat=3):
        case = "-".join(map(named, pattern))
        state, decision = StartState(), start_once.FIRST
        unanswered, looks = False, 0
        answers: Iterator[start_once.Answer] = iter(pattern)
        for _ in range(60):
            if decision.request is TRIGGER:
                assert not unanswered or looks, f"{case}: a trigger without a look"
                answer = next(answers, RUN)
                unanswered = unanswered or (isinstance(answer, CloudError) and answer.transient and not answer.unsent)
                looks = 0
            else:
                answer = None
                looks += 1
            state, following = advance(state, decision.request, answer)
            if not isinstance(following, Next):
                break
            decision = following
        else:
            pytest.fail(f"{case}: it goes on for ever")
        assert start_once.MAX_TRIGGERS >= state.triggers, f"{case}: too many triggers"


@given(
    st.lists(st.sampled_from(ANSWERS), min_size=1), st.sampled_from([answer for answer in ANSWERS if answer is not RUN])
)
@example([Unavailable("x"), None], Unavailable("x"))
def test_advance__ends_after_any_answers(answers: list[start_once.Answer], for_ever: start_once.Answer) -> None:
    state, decision = StartState(), start_once.FIRST
    sequence: Iterable[start_once.Answer] = [*answers, *[for_ever] * 3_000]
    waited = 0.0
    for answer in sequence:
        if decision.request is TRIGGER and answer is None:
            continue
        state, following = advance(state, decision.request, answer)
        if not isinstance(following, Next):
            return
        decision = following
        waited += decision.pause
    assert for_ever is None
    assert waited < 7_200.0


# --- The loop, against a server ---

# (what happens to a request, the error that the client sees). "done": the work is done. "slow": done, and the answer
# takes half a minute. "not done": nothing is done. "look": the next look fails.
Fate = tuple[str, CloudError | None]


class Server:
    """A dbt Cloud that does or does not do the work, and loses answers, as `fates` say; new runs are listed late."""

    def __init__(self, clock: FakeClock, fates: list[Fate], lag: float = 0.0) -> None:
        self.clock, self.fates, self.lag = clock, fates, lag
        self.runs: list[tuple[float, Run]] = []
        self.triggers = 0
        # Triggers that were sent although the list showed a run.
        self.needless_triggers = 0

    def listed(self) -> list[Run]:
        return [run for started_at, run in self.runs if self.clock.now() >= started_at + self.lag]

    def trigger(self) -> Run:
        self.triggers += 1
        self.needless_triggers += bool(self.listed())
        kind, error = self.fates.pop(0) if self.fates else ("done", None)
        self.clock.time += 30.0 if kind == "slow" else 0.125
        if kind in ("done", "slow"):
            run = a_run(id=len(self.runs) + 1)
            self.runs.append((self.clock.now(), run))
        if error is not None:
            raise error
        return self.runs[-1][1]

    def find(self) -> Run | None:
        self.clock.time += 0.125
        _, error = self.fates.pop(0) if self.fates and self.fates[0][0] == "look" else ("", None)
        if error is not None:
            raise error
        return next(iter(self.listed()), None)


FATES = st.one_of(
    st.tuples(st.just("done"), st.sampled_from(UNANSWERED)),
    st.tuples(st.just("slow"), st.sampled_from(UNANSWERED)),
    st.tuples(st.just("not done"), st.sampled_from([*UNANSWERED, *UNSENT])),
    st.tuples(st.just("look"), st.sampled_from([*UNANSWERED, *UNSENT])),
)


def started(
    server: Server, *, limit: float = 1e6, log: list[str] | None = None, answered_before: bool = True
) -> Started | GiveUp:
    lines = [] if log is None else log
    return start_once.exactly_once(
        server.trigger,
        server.find,
        clock=server.clock,
        deadline=server.clock.now() + limit,
        log=lines.append,
        answered_before=answered_before,
        jitter=lambda: 0.0,
    )


@given(st.lists(FATES, max_size=8), st.floats(0, 59))
def test_exactly_once__at_most_one_run_whatever_is_lost(fates: list[Fate], lag: float) -> None:
    """As long as a run is listed within the minute in which it is looked for."""
    server = Server(FakeClock(), fates, lag)

    result = started(server)

    assert 1 >= len(server.runs)
    assert 0 == server.needless_triggers
    if isinstance(result, Started):
        assert [run for _, run in server.runs] == [result.run]
    elif server.runs:
        assert result.run_may_exist


@given(st.lists(FATES, max_size=8), st.floats(0, 1_000))
def test_exactly_once__no_trigger_while_a_run_is_listed(fates: list[Fate], lag: float) -> None:
    """However late a run is listed. When there are two in the end, the result says that this is possible."""
    server = Server(FakeClock(), fates, lag)

    result = started(server)

    assert 0 == server.needless_triggers
    if len(server.runs) > 1 and isinstance(result, Started):
        assert result.duplicate_possible


@given(st.lists(FATES, max_size=8), st.floats(0, 100), st.floats(0, 200))
def test_exactly_once__nothing_is_sent_after_the_deadline(fates: list[Fate], lag: float, limit: float) -> None:
    """A request that is on its way at the deadline takes its time."""
    server = Server(FakeClock(), fates, lag)

    started(server, limit=limit)

    assert limit + 31.0 >= server.clock.passed


def test_exactly_once__an_answered_trigger_leaves_no_duplicate() -> None:
    server = Server(FakeClock(), [])
    log: list[str] = []

    assert Started(run=a_run(id=1), duplicate_possible=False) == started(server, log=log)
    assert (1, [0.0], []) == (server.triggers, server.clock.slept, log)


def test_exactly_once__a_trigger_that_was_not_sent_leaves_no_duplicate() -> None:
    server = Server(FakeClock(), [("not done", NO_CONNECTION)])
    log: list[str] = []

    assert Started(run=a_run(id=1), duplicate_possible=False) == started(server, log=log)
    assert [
        "The trigger got no usable answer: no connection It has not been started; sending the trigger again in 1 s."
    ] == log


def test_exactly_once__after_a_lost_answer_a_duplicate_is_possible() -> None:
    server = Server(FakeClock(), [("done", LOST)])
    log: list[str] = []

    assert Started(run=a_run(id=1), duplicate_possible=True) == started(server, log=log)
    assert 1 == server.triggers
    assert [
        (
            "The trigger got no usable answer: the answer was lost "
            "Looking for our run in 1 s, so that it is not started twice."
        )
    ] == log


@pytest.mark.parametrize("error", REFUSED, ids=named)
def test_exactly_once__a_refusal_ends_it_at_once(error: CloudError) -> None:
    server = Server(FakeClock(), [("not done", error)])

    assert GiveUp(error=error, run_may_exist=False) == started(server)
    assert (1, 0.0) == (server.triggers, sum(server.clock.slept))


def test_exactly_once__unreachable_is_reported_within_half_a_minute() -> None:
    server = Server(FakeClock(), [("not done", NO_CONNECTION)] * 1_000)

    assert GiveUp(error=NO_CONNECTION, run_may_exist=False) == started(server)
    assert 30.0 >= server.clock.passed


def test_exactly_once__the_pause_of_a_rate_limit_is_waited_for() -> None:
    server = Server(FakeClock(), [("not done", TOO_MANY)])

    assert isinstance(started(server), Started)
    assert 300.0 <= server.clock.passed <= 310.0


def test_exactly_once__an_outage_after_a_lost_answer_is_waited_out_for_ten_minutes() -> None:
    server = Server(FakeClock(), [("done", LOST), *[("look", DOWN)] * 15])

    assert isinstance(started(server), Started)
    assert 1 == server.triggers


@pytest.mark.parametrize("answered_before, seconds", [(True, 600.0), (False, 60.0)])
def test_exactly_once__looks_longer_where_dbt_cloud_has_answered_before(
    *, answered_before: bool, seconds: float
) -> None:
    server = Server(FakeClock(), [("done", LOST), *[("look", DOWN)] * 1_000])

    assert GiveUp(error=DOWN, run_may_exist=True) == started(server, answered_before=answered_before)
    # It ends when the next pause, of at most half a minute, would be too long.
    assert seconds - 31.0 <= server.clock.passed <= seconds + 1.0


def test_exactly_once__the_time_that_answers_take_counts() -> None:
    """Each failed look takes nine seconds, and its pauses 1, 2, 4, 8, 16, 30, 30 … s: the 19th ends the ten minutes."""
    clock = FakeClock()
    looks = 0

    def trigger() -> Run:
        raise LOST

    def find() -> Run | None:
        nonlocal looks
        looks += 1
        clock.time += 9.0
        raise DOWN

    result = start_once.exactly_once(
        trigger, find, clock=clock, deadline=clock.now() + 1e6, log=lambda _line: None, jitter=lambda: 0.0
    )

    assert GiveUp(error=DOWN, run_may_exist=True) == result
    first_pause, pauses = 1.0, 1.0 + 2 + 4 + 8 + 16 + 13 * 30
    assert (19, first_pause + 19 * 9.0 + pauses) == (looks, clock.passed)


# --- The deadline ---


def at(deadline: float, *fates: Fate, lag: float = 0.0) -> tuple[Started | GiveUp, Server]:
    """The result with a deadline that many seconds from now."""
    server = Server(FakeClock(), list(fates), lag)
    return started(server, limit=deadline), server


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_deadline__when_it_has_passed_nothing_is_sent(seconds: float) -> None:
    result, server = at(seconds)

    assert isinstance(result, GiveUp)
    assert False is result.run_may_exist
    assert isinstance(result.error, Unavailable)
    assert "The time (`timeout-minutes`) was over before a run could be started." == result.error.message
    assert 0 == server.triggers


@pytest.mark.parametrize("limit, triggers", [(1.125, 2), (1.124, 1)])
def test_deadline__a_request_may_be_sent_at_it_but_not_after_it(limit: float, triggers: int) -> None:
    """The first trigger takes an eighth of a second, and the pause after it one second."""
    result, server = at(limit, ("not done", NO_CONNECTION))

    expected: Started | GiveUp = GiveUp(error=NO_CONNECTION, run_may_exist=False)
    if triggers > 1:
        expected = Started(run=a_run(id=1), duplicate_possible=False)
    assert (expected, triggers) == (result, server.triggers)


def test_deadline__after_a_lost_answer_a_run_may_exist() -> None:
    result, server = at(1.0, ("done", LOST))

    assert GiveUp(error=LOST, run_may_exist=True) == result
    assert 1 == server.triggers


def test_deadline__between_two_looks_the_error_is_that_of_the_trigger() -> None:
    """The look was answered; it only found no run."""
    result, _ = at(2.0, ("done", LOST), lag=1_000.0)

    assert GiveUp(error=LOST, run_may_exist=True) == result


def test_deadline__after_a_failed_look_the_error_is_that_of_the_look() -> None:
    result, _ = at(2.0, ("done", LOST), ("look", DOWN), ("look", DOWN))

    assert GiveUp(error=DOWN, run_may_exist=True) == result


# --- The lines of the log ---


@pytest.mark.parametrize(
    "request_, answer, following, line",
    [
        (
            TRIGGER,
            DOWN,
            Next(request=LOOK, pause=4.0),
            "The trigger got no usable answer: down Looking for our run in 4 s, so that it is not started twice.",
        ),
        (
            LOOK,
            DOWN,
            Next(request=LOOK, pause=1.0),
            (
                "The search for our run got no usable answer: down "
                "Looking for our run in 1 s, so that it is not started twice."
            ),
        ),
        (
            LOOK,
            None,
            Next(request=LOOK, pause=30.0),
            "Our run is not in dbt Cloud's list so far. Looking for our run in 30 s, so that it is not started twice.",
        ),
        (
            LOOK,
            None,
            Next(request=TRIGGER),
            "Our run is not in dbt Cloud's list so far. It has not been started; sending the trigger again.",
        ),
        (
            TRIGGER,
            DOWN,
            Next(request=TRIGGER, pause=0.9),
            "The trigger got no usable answer: down It has not been started; sending the trigger again.",
        ),
    ],
)
def test_explain__what_happened_and_what_comes_next(
    request_: Request, answer: start_once.Answer, following: Next, line: str
) -> None:
    assert line == start_once.explain(request_, answer, following)
