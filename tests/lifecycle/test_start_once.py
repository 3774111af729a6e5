"""Exactly one run: the state machine over every combination of answers, and against a server that loses them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
from dbt_action.lifecycle.start_once import Do, GiveUp, Next, Started
from tests.support.clock import FakeClock
from tests.support.values import a_run

RUN = a_run(id=1)
REFUSED: list[CloudError] = [Unauthorized("x"), Forbidden("x"), NotFound("x"), Rejected("x"), Misdirected("x")]
UNSENT: list[CloudError] = [RateLimited("x"), Unreachable("x")]
DOUBTFUL: list[CloudError] = [Unavailable("x"), Malformed("x")]
ANSWERS: list[start_once.Answer] = [RUN, None, *REFUSED, *UNSENT, *DOUBTFUL]


def named(answer: start_once.Answer) -> str:
    return type(answer).__name__


def begun(*answers: start_once.Answer) -> tuple[start_once.StartState, Run | Next | GiveUp]:
    """StartState and decision after these answers, each to what was asked last."""
    state: start_once.StartState = start_once.StartState()
    decision: Run | Next | GiveUp = start_once.FIRST
    for answer in answers:
        assert isinstance(decision, Next)
        state, decision = start_once.advance(state, decision.do, answer, lambda: 0.0)
    return state, decision


def test_run__is_the_end() -> None:
    assert RUN is begun(RUN)[1]


@pytest.mark.parametrize("error", REFUSED, ids=named)
def test_refused__ends_without_a_doubt(error: CloudError) -> None:
    assert GiveUp(error=error, doubt=False) == begun(error)[1]


@pytest.mark.parametrize("error", UNSENT, ids=named)
def test_unsent__is_sent_again(error: CloudError) -> None:
    decision = begun(error)[1]

    assert isinstance(decision, Next)
    assert Do.TRIGGER is decision.do


@pytest.mark.parametrize("error", DOUBTFUL, ids=named)
def test_doubtful__is_looked_for_before_anything_else(error: CloudError) -> None:
    decision = begun(error)[1]

    assert isinstance(decision, Next)
    assert Do.LOOK is decision.do


@pytest.mark.parametrize("error", DOUBTFUL, ids=named)
def test_doubtful__found_run_is_taken(error: CloudError) -> None:
    assert RUN is begun(error, RUN)[1]


def test_doubtful__sent_again_only_after_a_minute_of_vain_looks() -> None:
    answers: list[start_once.Answer] = [Unavailable("x")]
    waited = 0.0
    while True:
        decision = begun(*answers)[1]
        assert isinstance(decision, Next)
        if decision.do is Do.TRIGGER:
            break
        waited += decision.pause
        answers.append(None)

    assert 60.0 <= waited <= 120.0


def test_doubtful__a_look_that_fails_is_no_vain_look() -> None:
    """Only a list without our run says that there is none."""
    errors = [*DOUBTFUL] * 4
    decision = begun(Unavailable("x"), *errors)[1]

    assert isinstance(decision, Next)
    assert Do.LOOK is decision.do


@pytest.mark.parametrize("error", REFUSED, ids=named)
def test_doubtful__a_refused_look_ends_with_the_doubt(error: CloudError) -> None:
    decision = begun(Unavailable("x"), error)[1]

    assert isinstance(decision, GiveUp)
    assert decision.doubt


def test_trigger_without_an_answer__cannot_be() -> None:
    with pytest.raises(ValueError, match="trigger"):
        start_once.advance(start_once.StartState(), Do.TRIGGER, None)


@pytest.mark.parametrize("pattern", list(product(ANSWERS[2:], repeat=3)), ids=lambda row: "-".join(map(named, row)))
def test_table__no_trigger_follows_a_doubt_without_looks(pattern: tuple[CloudError, ...]) -> None:
    """Over all sequences of three failures: once a trigger is in doubt, a vain look comes before every other."""
    state, decision = start_once.StartState(), start_once.FIRST
    doubtful = False
    vain = 0
    answers: Iterator[start_once.Answer] = iter(pattern)
    for _ in range(60):
        if decision.do is Do.TRIGGER:
            assert not doubtful or vain
            answer = next(answers, RUN)
            doubtful = doubtful or (isinstance(answer, CloudError) and answer.transient and not answer.unsent)
            vain = 0
        else:
            answer = None
            vain += 1
        state, verdict = start_once.advance(state, decision.do, answer, lambda: 0.0)
        if not isinstance(verdict, Next):
            break
        decision = verdict
    else:
        pytest.fail("it goes on for ever")
    assert state.triggers <= start_once.MAX_TRIGGERS


@given(
    st.lists(st.sampled_from(ANSWERS), min_size=1), st.sampled_from([error for error in ANSWERS if error is not RUN])
)
@example([Unavailable("x"), None], Unavailable("x"))
def test_any_answers__it_ends(answers: list[start_once.Answer], forever: start_once.Answer) -> None:
    state, decision = start_once.StartState(), start_once.FIRST
    sequence: Iterable[start_once.Answer] = [*answers, *[forever] * 3_000]
    waited = 0.0
    for answer in sequence:
        if decision.do is Do.TRIGGER and answer is None:
            continue
        state, verdict = start_once.advance(state, decision.do, answer, lambda: 0.0)
        if not isinstance(verdict, Next):
            return
        decision = verdict
        waited += decision.pause
    assert forever is None
    assert waited < 7_200.0


class Server:
    """A dbt Cloud that does or does not do the work, and loses answers, as `fates` say; its list lags."""

    def __init__(self, clock: FakeClock, fates: list[tuple[str, CloudError | None]], lag: float) -> None:
        self.clock, self.fates, self.lag = clock, fates, lag
        self.runs: list[tuple[float, Run]] = []
        self.triggers = 0
        # A trigger that was sent while our run could be seen.
        self.blind = 0

    def visible(self) -> list[Run]:
        return [run for born, run in self.runs if self.clock.now() >= born + self.lag]

    def trigger(self) -> Run:
        self.triggers += 1
        self.blind += bool(self.visible())
        kind, error = self.fates.pop(0) if self.fates else ("fine", None)
        # How long the answer, or its absence, takes.
        self.clock.time += 30.0 if kind == "late" else 0.1
        if kind in ("fine", "done", "late"):
            run = a_run(id=len(self.runs) + 1)
            self.runs.append((self.clock.now(), run))
        if error is not None:
            raise error
        return self.runs[-1][1]

    def find(self) -> Run | None:
        self.clock.time += 0.1
        _, error = self.fates.pop(0) if self.fates and self.fates[0][0] == "look" else ("", None)
        if error is not None:
            raise error
        return next(iter(self.visible()), None)


FATES = st.one_of(
    st.tuples(st.just("done"), st.sampled_from(DOUBTFUL)),
    st.tuples(st.just("late"), st.sampled_from(DOUBTFUL)),
    st.tuples(st.just("not done"), st.sampled_from([*DOUBTFUL, *UNSENT])),
    st.tuples(st.just("look"), st.sampled_from([*DOUBTFUL, *UNSENT])),
)


def started(server: Server, *, limit: float = 1e6) -> Started | GiveUp:
    clock = server.clock
    return start_once.exactly_once(
        server.trigger,
        server.find,
        clock=clock,
        deadline=clock.now() + limit,
        tell=lambda _line: None,
        jitter=lambda: 0.0,
    )


@given(st.lists(FATES, max_size=8), st.floats(0, 59))
def test_whatever_is_lost__there_is_at_most_one_run(fates: list[tuple[str, CloudError | None]], lag: float) -> None:
    """As long as the list shows a run within the time that we look for it."""
    server = Server(FakeClock(), fates, lag)

    outcome = started(server)

    assert len(server.runs) <= 1
    assert 0 == server.blind
    if isinstance(outcome, Started):
        assert [outcome.run] == [run for _, run in server.runs]
    elif server.runs:
        assert outcome.doubt


@given(st.lists(FATES, max_size=8), st.floats(0, 1_000))
def test_whatever_is_lost__no_trigger_while_the_run_can_be_seen(
    fates: list[tuple[str, CloudError | None]], lag: float
) -> None:
    """However late the list is: a second trigger is never sent over a run that it shows."""
    server = Server(FakeClock(), fates, lag)

    outcome = started(server)

    assert 0 == server.blind
    if len(server.runs) > 1 and isinstance(outcome, Started):
        assert outcome.doubt


@given(st.lists(FATES, max_size=8), st.floats(0, 100), st.floats(0, 200))
def test_limit__is_kept(fates: list[tuple[str, CloudError | None]], lag: float, limit: float) -> None:
    """Past the limit nothing is sent any more; what is on its way takes its time."""
    server = Server(FakeClock(), fates, lag)

    started(server, limit=limit)

    assert server.clock.passed <= limit + 31.0


@pytest.mark.parametrize("error", REFUSED, ids=named)
def test_refused__after_one_trigger(error: CloudError) -> None:
    server = Server(FakeClock(), [("not done", error)], 0.0)

    assert GiveUp(error=error, doubt=False) == started(server)
    assert 1 == server.triggers
    assert 0.0 == sum(server.clock.slept)


def test_unreachable__is_told_within_half_a_minute() -> None:
    server = Server(FakeClock(), [("not done", Unreachable("x"))] * 1_000, 0.0)

    outcome = started(server)

    assert isinstance(outcome, GiveUp)
    assert not outcome.doubt
    assert server.clock.passed <= 30.0


def test_rate_limited__the_cool_down_is_waited_for() -> None:
    server = Server(FakeClock(), [("not done", RateLimited("x"))], 0.0)

    assert isinstance(started(server), Started)
    assert 300.0 <= server.clock.passed <= 310.0


def test_outage_after_a_doubt__is_sat_out_for_ten_minutes() -> None:
    fates: list[tuple[str, CloudError | None]] = [("done", Unavailable("x")), *[("look", Unavailable("x"))] * 15]
    server = Server(FakeClock(), fates, 0.0)

    assert isinstance(started(server), Started)
    assert 1 == server.triggers


@pytest.mark.parametrize("done", Do)
@pytest.mark.parametrize("answer", [None, Unavailable("no answer")])
@pytest.mark.parametrize("do_next", Do)
def test_explain__says_what_happens_next(done: Do, answer: start_once.Answer, do_next: Do) -> None:
    line = start_once.explain(done, answer, Next(do=do_next, pause=4.0))

    assert "4 s" in line
    assert "\n" not in line
