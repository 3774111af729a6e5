"""What must be true after every step, whatever has happened to it: the promises of docs/reliability.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dbt_action.dbt_cloud import marker
from dbt_action.errors import ExitCode
from emulator import Run, Status
from emulator.server import RecordedRequest
from tests.reliability.steps import Step

# The values of the output `status` that go with an exit code.
STATUSES_OF_EXIT_CODE = {
    ExitCode.OK: {"success", "started"},
    ExitCode.FAILED: {"error", "cancelled"},
    ExitCode.CLOUD: {"lost", "error"},
    ExitCode.TIMED_OUT: {"timed-out"},
}


def broken(step: Step, code: ExitCode, *, limit: float) -> list[str]:
    """The promises that do not hold, in words; `limit` is how many virtual seconds the step may take."""
    return [*_of_the_step(step, code, limit), *at_the_end(step, may_leave_run=lambda: False)]


def _of_the_step(step: Step, code: ExitCode, limit: float) -> Iterator[str]:
    if code in (ExitCode.BUG, ExitCode.CONFIG):
        yield f"exit code {int(code)}"
    if step.passed > limit:
        yield f"ended only after {step.passed:.0f} s, allowed are {limit:.0f} s"
    own = own_runs(step)
    if len(own) > 1:
        yield f"{len(own)} runs for one trigger"
    yield from _truth(step, code)


def _truth(step: Step, code: ExitCode) -> Iterator[str]:
    last = step.runs[-1] if step.runs else None
    status = step.outputs.get("status", "")
    if code in STATUSES_OF_EXIT_CODE and status not in STATUSES_OF_EXIT_CODE[code]:
        yield f"exit code {int(code)} with status {status!r}"
    if code == ExitCode.OK and status == "success" and not (last and last.status == Status.SUCCESS):
        yield "a success without a successful run"
    if code == ExitCode.FAILED and (last is None or last.status == Status.SUCCESS):
        yield "a failure without a failed run"
    if code == ExitCode.CLOUD and step.closed and step.going:
        yield "a run is going, and the saved state leaves the clean-up nothing to do"
    if step.outputs.get("run-id") and last and step.outputs["run-id"] not in {str(run.id) for run in step.runs}:
        yield "a run that does not exist"


def at_the_end(step: Step, *, may_leave_run: Callable[[], bool]) -> Iterator[str]:
    """The promises that do not hold after the clean-up, which is called if the step has left something to do.

    `may_leave_run` is called after the clean-up: whether a run may still be going.
    """
    if not step.closed:
        step.servers.cloud.faults.clear()
        step.servers.github.faults.clear()
        before = len(step.requests)
        code = step.clean_up()
        if code != ExitCode.OK:
            yield f"the clean-up ended with {int(code)}"
        if any(map(starts_a_run, step.requests[before:])):
            yield "the clean-up has started something"
    if step.going and not may_leave_run():
        yield f"{len(step.going)} left going"
    if step.left_pending and not may_leave_run():
        yield "the status is still pending"
    if leaks := step.leaks():
        yield f"a secret in {', '.join(leaks)}"


def starts_a_run(request: RecordedRequest) -> bool:
    """Whether this is a trigger or a retry."""
    return request.method == "POST" and request.path.endswith(("/run/", "/retry/"))


def own_runs(step: Step) -> list[Run]:
    """The runs that were triggered (not retried) with this step's marker."""
    state = step.saved.get("run", "")
    found = [run for run in step.runs if str(marker.find(run.cause)) in state and run.retrying_run_id is None]
    return [run for run in found if marker.find(run.cause)]
