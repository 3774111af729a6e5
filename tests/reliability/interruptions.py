"""What a signal or a SIGKILL at a source line leaves behind: the promises that it breaks, in words."""

from __future__ import annotations

import random
from collections.abc import Iterator

from dbt_action.errors import ExitCode
from dbt_action.interrupts import Interrupted
from tests.reliability import invariants, source_lines
from tests.reliability.source_lines import SourceLine
from tests.reliability.steps import Killed, Servers, Step
from tests.reliability.typical_steps import TypicalStep

# A line, and whether it is executed for the first or for the second time.
Moment = tuple[SourceLine, int]
# Here it is decided what there is to cancel and to close; the soak visits the other modules too.
DECISIVE = ("lifecycle/", "app.py")
# From the signal to the end of the process, in virtual seconds.
MAX_SECONDS = 5


def moments(servers: Servers, typical: TypicalStep) -> list[Moment]:
    """All moments of a step that is not interrupted."""
    step = _prepared(servers, typical)
    return source_lines.executed(lambda: step.run(**typical.inputs))


def sample(found: list[Moment], number: int, seed: str) -> list[Moment]:
    """`number` of the decisive moments, drawn at random, in order."""
    decisive = [moment for moment in found if moment[0][0].startswith(DECISIVE)]
    return sorted(random.Random(seed).sample(decisive, number), key=found.index)  # noqa: S311 - not for secrets


def after_signal(servers: Servers, typical: TypicalStep, moment: Moment) -> Iterator[str]:
    """The promises that a signal at `moment` breaks while dbt Cloud and GitHub work."""
    step = _prepared(servers, typical)
    before = {run.id for run in step.runs}
    signalled_at: list[float] = []

    def signal() -> None:
        signalled_at.append(servers.clock.now())
        step.interrupts.handle_signal()

    started_at = servers.clock.now()
    try:
        with source_lines.at(*moment, signal):
            code = step.run(**typical.inputs)
    except Interrupted:
        # In the first moment of a process nothing handles the signal yet. That is fine if nothing has been sent.
        if step.requests:
            yield "the exception of the signal left the program"
        return
    seconds = servers.clock.now() - (signalled_at[0] if signalled_at else started_at)
    if code not in (ExitCode.INTERRUPTED, ExitCode.OK, ExitCode.FAILED, ExitCode.CLOUD, ExitCode.TIMED_OUT):
        yield f"exit code {int(code)}"
    if code == ExitCode.INTERRUPTED and seconds > MAX_SECONDS:
        yield f"took {seconds:.1f} s"
    # After the outputs say "started" the run is left going on purpose.
    left = typical.leaves_run and (code != ExitCode.INTERRUPTED or step.outputs.get("status") == "started")
    if _own_going(step, before) and not left:
        yield f"left {len(step.going)} going, closed={step.closed}, exit {int(code)}"
    if "No dbt Cloud run had been started" in step.log and len(step.runs) > len(before):
        yield "says that no run was started"
    if "Nothing was sent" in step.log and any(request.method == "POST" for request in step.requests):
        yield "says that nothing was sent"
    yield from invariants.at_the_end(
        step, may_leave_run=lambda: left or (bool(step.going) and not _own_going(step, before))
    )
    if len(invariants.own_runs(step)) > 1:
        yield "more than one run"


def after_sigkill(servers: Servers, typical: TypicalStep, moment: Moment) -> Iterator[str]:
    """The promises that a SIGKILL at `moment`, with the clean-up after it, breaks."""
    step = _prepared(servers, typical)
    before = {run.id for run in step.runs}

    def kill() -> None:
        raise Killed

    with source_lines.at(*moment, kill):
        step.run_until_killed(**typical.inputs)
    servers.cloud.faults.clear()
    nothing_to_do = step.closed
    # The run is left going on purpose; its status may not have been posted.
    left = typical.leaves_run and '"run_closed":true' in step.saved.get("run", "")
    requests = step.requests
    code = step.clean_up()
    if code != ExitCode.OK:
        yield f"the clean-up ended with {int(code)}"
    later = step.requests[len(requests) :]
    if any(map(invariants.starts_a_run, later)):
        yield "the clean-up has started something"
    if nothing_to_do and later:
        yield "the clean-up did something although all was closed"
    if _own_going(step, before) and not left:
        yield f"left {len(step.going)} going"
    if step.left_pending and not left:
        yield "the status is still pending"
    if leaks := step.leaks():
        yield f"a secret in {', '.join(leaks)}"
    if not nothing_to_do and step.saved and step.closed:
        requests = step.requests
        step.clean_up()
        if step.requests != requests:
            yield "a second clean-up did something"


def _own_going(step: Step, before: set[int]) -> list[int]:
    """The runs that are going and were started, or adopted, by this step."""
    return [run for run in step.going if run not in before or str(run) in step.saved.get("run", "")]


def _prepared(servers: Servers, typical: TypicalStep) -> Step:
    step = typical.prepare(servers)
    random.seed(typical.name)
    return step
