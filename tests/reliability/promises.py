"""What must be true after every step, whatever has happened to it; each promise has its name in the docs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dbt_action.dbt_cloud import marker
from dbt_action.errors import ExitCode
from emulator import Run, Status
from tests.reliability.rig import Rig

STATUS_OF = {
    ExitCode.OK: {"success", "started"},
    ExitCode.FAILED: {"error", "cancelled"},
    ExitCode.CLOUD: {"lost", "error"},
    ExitCode.TIMED_OUT: {"timed-out"},
}
STATE_OF = {"success": "success", "error": "failure"}


def broken(rig: Rig, code: ExitCode, *, limit: float) -> list[str]:
    """The promises that do not hold, in words; `limit` in seconds."""
    return [*_of_the_step(rig, code, limit), *at_the_end(rig, leave=lambda: False)]


def _of_the_step(rig: Rig, code: ExitCode, limit: float) -> Iterator[str]:
    if code in (ExitCode.BUG, ExitCode.CONFIG):
        yield f"exit code {int(code)}"
    if rig.passed > limit:
        yield f"ended only after {rig.passed:.0f} s, allowed are {limit:.0f} s"
    own = own_runs(rig)
    if len(own) > 1:
        yield f"{len(own)} runs for one trigger"
    yield from _truth(rig, code)


def _truth(rig: Rig, code: ExitCode) -> Iterator[str]:
    last = rig.runs[-1] if rig.runs else None
    told = rig.outputs.get("status", "")
    if code in STATUS_OF and told not in STATUS_OF[code]:
        yield f"exit code {int(code)} with status {told!r}"
    if code == ExitCode.OK and told == "success" and not (last and last.status == Status.SUCCESS):
        yield "green without a green run"
    if code == ExitCode.FAILED and (last is None or last.status == Status.SUCCESS):
        yield "red without a red run"
    if code == ExitCode.CLOUD and rig.closed and rig.going:
        yield "a run is going, and nobody is left to see to it"
    if rig.outputs.get("run-id") and last and rig.outputs["run-id"] not in {str(run.id) for run in rig.runs}:
        yield "a run that does not exist"


def at_the_end(rig: Rig, *, leave: Callable[[], bool]) -> Iterator[str]:
    """After the clean-up, which comes when the step has left something to do; `leave` is asked after that."""
    if not rig.closed:
        rig.bench.cloud.faults.clear()
        rig.bench.github.faults.clear()
        rig.bench.clock.on_sleep = lambda _seconds: None
        asked = len(rig.asked)
        code = rig.clean_up()
        if code != ExitCode.OK:
            yield f"the clean-up ended with {int(code)}"
        if any(
            request.path.endswith(("/run/", "/retry/")) for request in rig.asked[asked:] if request.method == "POST"
        ):
            yield "the clean-up has started something"
    if rig.going and not leave():
        yield f"{len(rig.going)} left going"
    if rig.left_pending and not leave():
        yield "the status is still pending"
    if leaks := rig.leaks():
        yield f"a secret in {', '.join(leaks)}"


def own_runs(rig: Rig) -> list[Run]:
    """The runs that were started (not retried) with this step's marker and not cancelled as twins."""
    state = rig.saved.get("run", "")
    found = [run for run in rig.runs if str(marker.find(run.cause)) in state and run.retrying_run_id is None]
    return [run for run in found if marker.find(run.cause)]
