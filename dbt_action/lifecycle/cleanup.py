"""The clean-up after a process that may have been killed: it cancels and reports, and never starts anything."""

from __future__ import annotations

from collections.abc import Iterator
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
from dbt_action.lifecycle import watch
from dbt_action.lifecycle.host_posts import HostPosts
from dbt_action.lifecycle.publish import Publisher
from dbt_action.lifecycle.recorder import Recorder
from dbt_action.lifecycle.run_context import RunContext
from dbt_action.lifecycle.state import Phase, RunState
from dbt_action.report.outcome import Outcome, RunFacts, of_final_run
from dbt_action.timeouts import HttpTimeouts


def clean_up(run_context: RunContext, saved: SavedState, *, http_timeouts: HttpTimeouts) -> ExitCode:
    """Cancel the runs that `saved` describes if they are still going, and post the status if that was not done.

    `run_context.request` carries the marker of the process that saved the state.
    """
    state = RunState(job_name=saved.job_name)
    posts = HostPosts(run_context)
    if saved.run_closed:
        if saved.pending_status:
            posts.post_status(state, saved.pending_status)
        return ExitCode.OK
    config, ci, clock = run_context.config, run_context.ci, run_context.clock
    ci.info("The step before did not finish; checking for a run left running.")
    session = ApiSession(config.dbt_url, config.dbt_token, clock=clock, http_timeouts=http_timeouts)
    cloud = DbtCloud(session, account_id=config.account_id)
    started_at = clock.now()
    try:
        runs = list(_only_ours(cloud, _runs_left(cloud, saved, config.job_id, clock), run_context))
        if not runs:
            ci.info("No dbt Cloud run was started.")
            return ExitCode.OK
        leave = config.on_cancel is StopAction.LEAVE and not saved.cancel_wanted
        ended = [_end(cloud, run, clock, leave=leave) for run in runs]
    except CloudError as error:
        ci.error(f"A dbt Cloud run may still be going. {error.explanation}", title="The clean-up failed")
        return ExitCode.CLOUD
    finally:
        session.close()
    run, aftermath = ended[-1][0], " ".join(sentence for _, sentence in ended).strip()
    outcome = of_final_run(run) if run.final else Outcome.INTERRUPTED
    if aftermath and outcome is Outcome.CANCELLED:
        # It was cancelled because the step was.
        outcome = Outcome.INTERRUPTED
    facts = RunFacts(outcome=outcome, seconds=run.duration or clock.now() - started_at, run=run, aftermath=aftermath)
    recorder = Recorder(run_context, RunState(phase=Phase.RUN_KNOWN, job_name=saved.job_name, run=run))
    publisher = Publisher(run_context, recorder, posts)
    publisher.outcome_known(facts, run_settled=True)
    publisher.post_status()
    publisher.write_build_report()
    return ExitCode.OK


def _runs_left(cloud: DbtCloud, saved: SavedState, job_id: int, clock: Clock) -> list[Run]:
    """The runs of the step, the newest last: by id, by the marker of the trigger, and the retries of either."""
    deadline = clock.now() + timeouts.CLEAN_UP_FIND_RUN_SECONDS
    limit = timeouts.CLEAN_UP_REQUEST_SECONDS
    while True:
        newest = backoff.retry_transient(partial(cloud.newest_runs, job_id), clock=clock, time_limit=limit)
        ids = _our_ids(newest, saved)
        may_appear = saved.in_flight and ids <= {saved.run_id} and clock.now() < deadline
        if not may_appear:
            known = ids | ({saved.run_id} if saved.run_id is not None else set())
            return [
                # A run may be invisible for a while after its start.
                backoff.retry_transient(
                    partial(cloud.get_run, run_id), clock=clock, time_limit=limit, also_transient=(NotFound,)
                )
                for run_id in sorted(known)
            ]
        clock.sleep(timeouts.CLEAN_UP_POLL_SECONDS)


def _only_ours(cloud: DbtCloud, runs: list[Run], run_context: RunContext) -> Iterator[Run]:
    """The runs that carry our marker, or retry a run that does; nobody else's run is ever cancelled."""
    ours = run_context.request.marker
    for run in runs:
        if run_context.config.run_id:
            # The step has watched it for others; `on-cancel` says whether it may be cancelled all the same.
            yield run
            continue
        origin = run
        # A retry has been asked for by us, or by an earlier attempt of this step.
        while not ours.same_step(origin.cause) and origin.retrying is not None and origin.retrying < origin.id:
            retried = partial(cloud.get_run, origin.retrying)
            origin = backoff.retry_transient(
                retried, clock=run_context.clock, time_limit=timeouts.CLEAN_UP_REQUEST_SECONDS
            )
        if ours.same_step(origin.cause):
            yield run
        else:
            run_context.ci.warning(f"Run {run.id} does not carry the marker of this step, so it is left alone.")


def _our_ids(newest: tuple[Run, ...], saved: SavedState) -> set[int]:
    ids: set[int] = set()
    for run in sorted(newest, key=lambda run: run.id):
        found = marker.find(run.cause)
        has_our_marker = found is not None and str(found) == saved.marker
        # A retry is ours only if we have asked for one: people press that button too.
        if has_our_marker or run.id == saved.run_id or (saved.in_flight and run.retrying in ids):
            ids.add(run.id)
    return ids


def _end(cloud: DbtCloud, run: Run, clock: Clock, *, leave: bool) -> tuple[Run, str]:
    """The run now, and a sentence on what became of it, "" when it was over already."""
    if run.final:
        return run, ""
    if leave:
        return run, "The step was stopped; the dbt Cloud run has been left going (`on-cancel: leave`)."
    limit = timeouts.CLEAN_UP_REQUEST_SECONDS
    stopped = f"The step was stopped before run {run.id} was over."
    run, result = watch.cancel(cloud, run, clock=clock, time_limit=limit, on_look=lambda _run: None)
    return run, f"{stopped} {result}"
