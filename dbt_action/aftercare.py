"""The clean-up after a process that may have been killed: it cancels and closes, and never starts anything."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from dbt_action import marker, report, retry
from dbt_action.begin import last_retry
from dbt_action.clock import Clock
from dbt_action.cloud import DbtCloud
from dbt_action.errors import CloudError, ExitCode
from dbt_action.publish import Publisher
from dbt_action.report import Facts, Outcome
from dbt_action.runs import Run
from dbt_action.session import Session, Timeouts
from dbt_action.state import State
from dbt_action.watcher import Watcher

# GitHub gives a clean-up a little less than five minutes.
PATIENCE = 60.0
# How long a trigger that was on its way may take to show its run.
SEARCH = 20.0
_PAUSE = 2.0


def tidy(publisher: Publisher, kept: State, *, clock: Clock, timeouts: Timeouts) -> ExitCode:
    """Cancel the run that `kept` tells of if it is still going, and close its status if nobody has."""
    if kept.closed:
        return ExitCode.OK
    config, ci = publisher.config, publisher.ci
    ci.info("The step before did not come to its end; looking what it has left behind.")
    publisher.name_job(kept.job_name)
    session = Session(config.dbt_url, config.dbt_token, clock=clock, timeouts=timeouts)
    cloud = DbtCloud(session, account_id=config.account_id)
    began = clock.now()
    try:
        run = _left_behind(cloud, kept, config.job_id, clock)
        if run is None:
            ci.info("No dbt Cloud run was started.")
            return ExitCode.OK
        watcher = Watcher(cloud, run, here=ci, clock=clock, began=began)
        aftermath = _close(watcher, config.on_cancel)
    except CloudError as error:
        ci.error(f"A dbt Cloud run may still be going. {error.explanation}", title="The clean-up failed")
        return ExitCode.CLOUD
    finally:
        session.close()
    over = watcher.run.final and not aftermath
    outcome = report.judge(watcher.run) if over else Outcome.INTERRUPTED
    facts = Facts(outcome=outcome, seconds=clock.now() - began, run=watcher.run, aftermath=aftermath)
    publisher.verdict(facts, closed=True)
    publisher.details(facts)
    return ExitCode.OK


def _left_behind(cloud: DbtCloud, kept: State, job_id: int, clock: Clock) -> Run | None:
    """The newest run of the step: by its number, by the marker of its trigger, or as the retry of either."""
    deadline = clock.now() + SEARCH
    while True:
        newest = _patiently(partial(cloud.newest, job_id), clock)
        ours = [run for run in newest if run.id == kept.run_id or _marked(run, kept)]
        run_id = last_retry(newest, min(ours, key=lambda run: run.id)).id if ours else kept.run_id
        if run_id is not None:
            return _patiently(partial(cloud.get_run, run_id), clock)
        if clock.now() >= deadline:
            return None
        clock.sleep(_PAUSE)


def _marked(run: Run, kept: State) -> bool:
    found = marker.find(run.cause)
    return found is not None and str(found) == kept.marker


def _patiently(call: Callable[[], retry.T], clock: Clock) -> retry.T:
    return retry.persist(call, clock=clock, patience=PATIENCE)


def _close(watcher: Watcher, on_cancel: str) -> str:
    """What became of the run, "" when it was over already."""
    if watcher.run.final:
        return ""
    if on_cancel == "leave":
        return "The step was stopped; the dbt Cloud run has been left going (`on-cancel: leave`)."
    return f"The step was stopped before the run was over. {watcher.cancel(PATIENCE)}"
