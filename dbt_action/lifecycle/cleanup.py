"""The clean-up after a process that may have been killed: it cancels and closes, and never starts anything."""

from __future__ import annotations

from functools import partial

from dbt_action import timeouts
from dbt_action.ci.saved_state import SavedState
from dbt_action.clock import Clock
from dbt_action.config.choices import StopAction
from dbt_action.dbt_cloud import backoff, marker
from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.dbt_cloud.runs import Run
from dbt_action.dbt_cloud.session import ApiSession
from dbt_action.errors import CloudError, ExitCode, NotFound
from dbt_action.lifecycle.publish import Publisher
from dbt_action.lifecycle.watch import Watcher
from dbt_action.report.outcome import Outcome, RunFacts, judge
from dbt_action.timeouts import HttpTimeouts


def tidy(publisher: Publisher, kept: SavedState, *, clock: Clock, http_timeouts: HttpTimeouts) -> ExitCode:
    """Cancel the runs that `kept` tells of if they are still going, and close the status if nobody has."""
    publisher.name_job(kept.job_name)
    if kept.run_closed:
        if kept.pending_status:
            publisher.catch_up(kept.pending_status)
        return ExitCode.OK
    config, ci = publisher.config, publisher.ci
    ci.info("The step before did not come to its end; looking what it has left behind.")
    session = ApiSession(config.dbt_url, config.dbt_token, clock=clock, http_timeouts=http_timeouts)
    cloud = DbtCloud(session, account_id=config.account_id)
    began = clock.now()
    try:
        runs = _left_behind(cloud, kept, config.job_id, clock)
        if not runs:
            ci.info("No dbt Cloud run was started.")
            return ExitCode.OK
        watchers = [Watcher(cloud, run, here=ci, clock=clock, began=began) for run in runs]
        aftermath = " ".join(_close(watcher, config.on_cancel) for watcher in watchers).strip()
    except CloudError as error:
        ci.error(f"A dbt Cloud run may still be going. {error.explanation}", title="The clean-up failed")
        return ExitCode.CLOUD
    finally:
        session.close()
    run = watchers[-1].run
    verdict = judge(run) if run.final else Outcome.INTERRUPTED
    outcome = Outcome.INTERRUPTED if aftermath and verdict is Outcome.CANCELLED else verdict
    facts = RunFacts(outcome=outcome, seconds=run.duration or clock.now() - began, run=run, aftermath=aftermath)
    publisher.verdict(facts, closed=True)
    publisher.post_verdict()
    publisher.details(facts)
    return ExitCode.OK


def _left_behind(cloud: DbtCloud, kept: SavedState, job_id: int, clock: Clock) -> list[Run]:
    """The runs of the step, the newest last: by number, by the marker of the trigger, and the retries of either."""
    deadline = clock.now() + timeouts.CLEAN_UP_FIND_RUN_SECONDS
    while True:
        newest = backoff.retry_transient(
            partial(cloud.newest, job_id), clock=clock, time_limit=timeouts.CLEAN_UP_REQUEST_SECONDS
        )
        ids = _ours(newest, kept)
        searching = kept.in_flight and ids <= {kept.run_id} and clock.now() < deadline
        if not searching:
            known = ids | ({kept.run_id} if kept.run_id is not None else set())
            return [
                # A run may be invisible for a while after its start.
                backoff.retry_transient(
                    partial(cloud.get_run, run_id),
                    clock=clock,
                    time_limit=timeouts.CLEAN_UP_REQUEST_SECONDS,
                    also_transient=(NotFound,),
                )
                for run_id in sorted(known)
            ]
        clock.sleep(timeouts.CLEAN_UP_POLL_SECONDS)


def _ours(newest: tuple[Run, ...], kept: SavedState) -> set[int]:
    ids: set[int] = set()
    for run in sorted(newest, key=lambda run: run.id):
        found = marker.find(run.cause)
        marked = found is not None and str(found) == kept.marker
        # A retry is ours only when we were asking for one: people press that button too.
        if marked or run.id == kept.run_id or (kept.in_flight and run.retrying in ids):
            ids.add(run.id)
    return ids


def _close(watcher: Watcher, on_cancel: StopAction) -> str:
    """What became of the run, "" when it was over already."""
    if watcher.run.final:
        return ""
    if on_cancel is StopAction.LEAVE:
        return "The step was stopped; the dbt Cloud run has been left going (`on-cancel: leave`)."
    return f"The step was stopped before run {watcher.run.id} was over. {watcher.cancel(timeouts.CLEAN_UP_REQUEST_SECONDS)}"
