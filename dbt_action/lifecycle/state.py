"""Where a run is in its life, what follows from an event, and what a clean-up has to know about it; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from dbt_action.ci.saved_state import PendingStatus, SavedState
from dbt_action.config.choices import StopAction
from dbt_action.dbt_cloud.runs import Run
from dbt_action.report.outcome import Outcome, RunFacts


class Phase(Enum):
    """The life of a run as this process sees it."""

    NOTHING_SENT = "nothing sent"
    # A trigger or a retry has been sent, and it is not known what came of it.
    IN_FLIGHT = "request in flight"
    RUN_KNOWN = "run known"
    # The outcome is known; the commit status does not show it yet.
    FINISHED = "finished"
    REPORTED = "reported"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """All that is known about the run so far."""

    phase: Phase = Phase.NOTHING_SENT
    job_name: str = ""
    # Our run as of the newest look.
    run: Run | None = None
    # The failed run that the request in flight retries; None for a trigger.
    retry_of: Run | None = None
    # Runs of ours that failed and were retried, the oldest first.
    retries: tuple[Run, ...] = ()
    # The last request got no answer, and no run of it was found: one may still appear.
    unanswered: bool = False
    # A trigger was sent more than once, so dbt Cloud may start a second run late.
    duplicate_possible: bool = False
    facts: RunFacts | None = None
    # Nothing is left for a clean-up to do at dbt Cloud.
    run_settled: bool = False
    # A commit status with the outcome that has not been posted.
    pending_status: PendingStatus | None = None
    # The last one that has been posted.
    posted_status: PendingStatus | None = None
    # The dbt project's folder in the repository; None before the results show that links to files are needed.
    folder: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRead:
    """The job's definition was read."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSent:
    """A trigger, or a retry of `retry_of`, is about to be sent."""

    retry_of: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefused:
    """dbt Cloud has surely started nothing for the request in flight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFound:
    """Our run is known: adopted, answered by dbt Cloud, or found after an answer was lost."""

    run: Run
    duplicate_possible: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSeen:
    """A newer look at our run."""

    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeKnown:
    """How it ended, or more about that than before. `folder` is that of the dbt project, None if it is not needed."""

    facts: RunFacts
    run_settled: bool
    status: PendingStatus
    folder: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPosted:
    """The commit status shows the outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """Everything has been reported; this process has nothing left to do."""


Event = JobRead | RequestSent | RequestRefused | RunFound | RunSeen | OutcomeKnown | StatusPosted | Closed

_STARTING = frozenset({Phase.NOTHING_SENT, Phase.IN_FLIGHT, Phase.RUN_KNOWN})
_ENDING = frozenset({Phase.FINISHED, Phase.REPORTED})
# In which phases each event may happen. Anything else is a bug.
ALLOWED: dict[type[Event], frozenset[Phase]] = {
    JobRead: frozenset({Phase.NOTHING_SENT}),
    RequestSent: frozenset({Phase.NOTHING_SENT, Phase.RUN_KNOWN}),
    RequestRefused: frozenset({Phase.IN_FLIGHT}),
    # Without a request only an earlier attempt's run can be adopted.
    RunFound: frozenset({Phase.NOTHING_SENT, Phase.IN_FLIGHT}),
    RunSeen: frozenset({Phase.IN_FLIGHT, Phase.RUN_KNOWN}),
    OutcomeKnown: _STARTING | _ENDING,
    StatusPosted: _ENDING,
    Closed: _ENDING,
}


def after(state: RunState, event: Event) -> RunState:
    """The state after `event`. Raises ValueError for an event that cannot happen in this phase."""
    if state.phase not in ALLOWED[type(event)]:
        message = f"{type(event).__name__} cannot happen in phase {state.phase.value!r}"
        raise ValueError(message)
    return _ending(state, event) if state.phase in _ENDING else _starting(state, event)


def _starting(state: RunState, event: Event) -> RunState:
    if isinstance(event, JobRead):
        return replace(state, job_name=event.name)
    if isinstance(event, RequestSent):
        return replace(state, phase=Phase.IN_FLIGHT, retry_of=event.retry_of)
    if isinstance(event, RequestRefused):
        return replace(state, phase=Phase.RUN_KNOWN if state.run else Phase.NOTHING_SENT, retry_of=None)
    if isinstance(event, RunSeen):
        return replace(state, run=event.run)
    if isinstance(event, RunFound):
        return replace(
            state,
            phase=Phase.RUN_KNOWN,
            run=event.run,
            retry_of=None,
            # The run that was ours until now has been retried.
            retries=(*state.retries, state.run) if state.run else state.retries,
            duplicate_possible=state.duplicate_possible or event.duplicate_possible,
        )
    return _ending(replace(state, unanswered=state.phase is Phase.IN_FLIGHT), event)


def _ending(state: RunState, event: Event) -> RunState:
    if isinstance(event, OutcomeKnown):
        shown = event.status == state.posted_status
        return replace(
            state,
            phase=Phase.REPORTED if shown else Phase.FINISHED,
            facts=event.facts,
            run_settled=event.run_settled and not state.unanswered,
            pending_status=None if shown else event.status,
            folder=state.folder if event.folder is None else event.folder,
        )
    if isinstance(event, StatusPosted):
        return replace(state, phase=Phase.REPORTED, pending_status=None, posted_status=state.pending_status)
    return replace(state, phase=Phase.CLOSED)


def to_saved(state: RunState, marker: str) -> SavedState:
    """What a clean-up has to know, should this process be killed now; `marker` is that of the request."""
    run = state.retry_of or state.run
    return SavedState(
        marker=marker,
        run_id=run.id if run else None,
        in_flight=state.unanswered or state.phase is Phase.IN_FLIGHT,
        job_name=state.job_name,
        run_closed=state.run_settled,
        cancel_wanted=_is_cancel_wanted(state),
        pending_status=state.pending_status,
    )


def _is_cancel_wanted(state: RunState) -> bool:
    """Whether the time limit is over and the run may still be going, although it was to be cancelled."""
    return state.facts is not None and state.facts.outcome is Outcome.TIMED_OUT and not state.run_settled


class WhenInterrupted(Enum):
    """What has to be done before this process ends."""

    # The outcome is known; it only has to be reported.
    REPORT = "report"
    NOTHING = "nothing was started"
    # A run may appear any moment.
    FIND_RUN = "find the run"
    RUN_IS_OVER = "the run is over"
    LEAVE_RUN = "leave the run"
    CANCEL_RUN = "cancel the run"


def when_interrupted(state: RunState, on_cancel: StopAction) -> WhenInterrupted:
    """What a signal, or a bug, leaves to be done at dbt Cloud."""
    if state.facts:
        return WhenInterrupted.REPORT
    if state.phase is Phase.IN_FLIGHT:
        return WhenInterrupted.FIND_RUN
    if state.run is None:
        return WhenInterrupted.NOTHING
    if state.run.final:
        return WhenInterrupted.RUN_IS_OVER
    return WhenInterrupted.LEAVE_RUN if on_cancel is StopAction.LEAVE else WhenInterrupted.CANCEL_RUN
