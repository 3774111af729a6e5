"""Hundreds of steps drawn at random, each followed by a check of every promise; `make soak` runs this."""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from dbt_action.errors import ExitCode
from dbt_action.interrupts import Interrupted
from emulator import Status
from tests.reliability import attacks, interruptions, invariants, open_resources, scenarios, source_lines
from tests.reliability.interruptions import Moment
from tests.reliability.scenarios import Scenario
from tests.reliability.steps import Killed, Servers, Step, start_servers
from tests.reliability.typical_steps import TYPICAL_STEPS

# A step may take so much longer than `timeout-minutes`: for cancelling, for artifacts that come late, and for requests
# that hang.
SLACK_SECONDS = 400.0
SECONDS_BETWEEN_ATTEMPTS = 60.0


def check(seed: str) -> list[str]:
    """The promises that the scenario of this seed breaks."""
    scenario = scenarios.draw(seed)
    before = open_resources.count()
    with tempfile.TemporaryDirectory() as folder, start_servers(Path(folder), **scenario.habits) as servers:
        random.seed(seed)
        broken = list(_broken(servers, scenario))
    if left := open_resources.left_open(before):
        broken.append(f"{left} descriptors or threads left open")
    return broken


def _broken(servers: Servers, scenario: Scenario) -> Iterator[str]:
    step = servers.new_step(scenario.script())
    if scenario.attack == "fork":
        yield from attacks.broken_by_fork(step)
        return
    dice = random.Random(f"{scenario.seed} attack")  # noqa: S311 - not for secrets
    step.given(**scenario.inputs)
    untouched = attacks.prepare(step, scenario.attack, dice) if scenario.attack else None
    if scenario.pull_request:
        step.pull_request(7)
    for server, hits in ((servers.cloud, scenario.faults), (servers.github, scenario.github_faults)):
        for hit in hits:
            server.faults.add(kind=hit.kind, after=hit.after, times=1, **hit.params)
    for number in range(1, scenario.attempts + 1):
        attempt = step if number == 1 else step.attempt(number)
        servers.clock.sleep(SECONDS_BETWEEN_ATTEMPTS if number > 1 else 0.0)
        if number > 1 and scenario.pull_request:
            attempt.pull_request(7)
        last = number == scenario.attempts
        yield from (f"attempt {number}: {words}" for words in _broken_by_attempt(attempt, scenario, last=last))
    if untouched:
        yield from untouched()


def _broken_by_attempt(step: Step, scenario: Scenario, *, last: bool) -> Iterator[str]:
    before = {run.id for run in step.runs}
    signalled: list[float] = []
    code: ExitCode | None = None
    with ExitStack() as stack:
        if last:
            _arrange_event(step, scenario, stack, signalled)
        try:
            code = step.run()
        except Killed:
            step.servers.cloud.faults.clear()
        except Interrupted:
            # In the first moment of a process nothing handles the signal yet; see `interruptions`.
            yield from ["the exception of the signal left the program"] if step.requests else []
    seconds = step.passed
    if code is not None:
        yield from _broken_by_ending(step, scenario, code, before, signalled=bool(signalled))
    if seconds > float(scenario.inputs["timeout_minutes"]) * 60 + SLACK_SECONDS:
        yield f"took {seconds:.0f} s"
    yield from invariants.at_the_end(step, may_leave_run=lambda: _may_leave_run(step, scenario, code, before))
    if len(invariants.own_runs(step)) > 1:
        yield "more than one run for one trigger"


def _arrange_event(step: Step, scenario: Scenario, stack: ExitStack, signalled: list[float]) -> None:
    """Let the signal or the SIGKILL of the scenario come in its moment."""
    if not scenario.event:
        return
    what, where, when = scenario.event

    def happen() -> None:
        signalled.append(step.servers.clock.now())
        if what == "kill":
            raise Killed
        step.interrupts.handle_signal()

    if where == "second":
        step.after(when, happen)
    else:
        executed = itertools.count()
        stack.enter_context(source_lines.tracing(lambda _line: happen() if next(executed) == int(when) else None))


def _broken_by_ending(
    step: Step, scenario: Scenario, code: ExitCode, before: set[int], *, signalled: bool
) -> Iterator[str]:
    last = next((run for run in step.runs if str(run.id) == step.outputs.get("run-id")), None)
    status = step.outputs.get("status", "")
    forgiven = scenario.inputs["fail_on_error"] == "false"
    if code in (ExitCode.BUG, ExitCode.CONFIG):
        yield f"exit code {int(code)}\n{step.log[-3000:]}"
    if code == ExitCode.INTERRUPTED and not signalled:
        yield "interrupted without a signal"
    if status == "success" and not (last and last.status == Status.SUCCESS):
        yield "a success without a successful run"
    if (
        status == "error"
        and code == ExitCode.FAILED
        and (last is None or last.status in (Status.SUCCESS, Status.CANCELLED))
    ):
        yield "a failure without a failed run"
    if code == ExitCode.OK and status not in ("success", "started") and not forgiven:
        yield f"exit code 0 and status {status!r}"
    if code == ExitCode.CLOUD and scenario.undisturbed:
        yield "exit code 3 although dbt Cloud answered every request"
    if code == ExitCode.TIMED_OUT and step.passed < float(scenario.inputs["timeout_minutes"]) * 60:
        yield f"timed out after {step.passed:.0f} s"
    if code in (ExitCode.FAILED, ExitCode.TIMED_OUT) and last is None:
        yield "a final result without a run"
    retries = [run for run in step.runs if run.id not in before and run.retrying_run_id]
    if len(retries) > int(scenario.inputs["retry_failed"]) + 1:
        yield f"{len(retries)} retries"


def _may_leave_run(step: Step, scenario: Scenario, code: ExitCode | None, before: set[int]) -> bool:
    status = step.outputs.get("status", "")
    by_choice = (
        (scenario.inputs["wait"] == "false" and status == "started")
        or (scenario.inputs["on_timeout"] == "leave" and status == "timed-out")
        or (scenario.inputs["on_cancel"] == "leave" and code in (None, ExitCode.INTERRUPTED, ExitCode.CLOUD))
    )
    # Runs that an earlier attempt has left, and this one has not adopted.
    others = bool(step.going) and all(run in before and str(run) not in step.saved.get("run", "") for run in step.going)
    return by_choice or others


def _check_scenario(seed: str) -> tuple[str, list[str]]:
    return seed, check(seed)


def _check_moment(index: int, kind: str, moment: Moment) -> tuple[str, list[str]]:
    broken_after = {"signal": interruptions.after_signal, "kill": interruptions.after_sigkill}[kind]
    typical = TYPICAL_STEPS[index]
    with tempfile.TemporaryDirectory() as folder, start_servers(Path(folder)) as servers:
        return f"{typical.name}, {kind} at {moment}", list(broken_after(servers, typical, moment))


def _moments(number: int, seed: str) -> Iterator[tuple[int, str, Moment]]:
    """So many moments of every typical step, for signals and kills in turn."""
    for index, typical in enumerate(TYPICAL_STEPS):
        with tempfile.TemporaryDirectory() as folder, start_servers(Path(folder)) as servers:
            found = interruptions.moments(servers, typical)
        dice = random.Random(f"{seed} {typical.name}")  # noqa: S311 - not for secrets
        for position, moment in enumerate(dice.sample(found, min(number, len(found)))):
            yield index, ("signal", "kill")[position % 2], moment


def main() -> int:
    """Run scenarios, and interrupt typical steps at many moments; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.soak", description=main.__doc__)
    parser.add_argument("--runs", type=int, default=500, help="number of scenarios")
    parser.add_argument("--seed", default="", help="the seed that an earlier soak has printed, or one of its scenarios")
    parser.add_argument(
        "--moments", type=int, default=60, help="moments of each typical step for a signal or a SIGKILL"
    )
    parser.add_argument("--workers", type=int, default=max(2, multiprocessing.cpu_count()))
    arguments = parser.parse_args()
    seed = arguments.seed or f"{random.SystemRandom().randrange(10**6)}"
    if "-" in seed:
        sys.stdout.write(f"{scenarios.draw(seed)}\n")
        broken = check(seed)
        sys.stdout.write("".join(f"BROKEN {words}\n" for words in broken) or "Every promise was kept.\n")
        return int(bool(broken))
    sys.stdout.write(f"SEED={seed}\n")
    started_at, failed, count = time.monotonic(), 0, 0
    with ProcessPoolExecutor(arguments.workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        seeds = [f"{seed}-{number}" for number in range(arguments.runs)]
        checked_scenarios = pool.map(_check_scenario, seeds, chunksize=5)
        moments = list(_moments(arguments.moments, seed))
        checked_moments = pool.map(_check_moment, *zip(*moments, strict=True), chunksize=10) if moments else iter(())
        for name, broken in itertools.chain(checked_scenarios, checked_moments):
            count += 1
            failed += bool(broken)
            sys.stdout.write("".join(f"BROKEN {name}: {words}\n" for words in broken))
    seconds = time.monotonic() - started_at
    sys.stdout.write(
        f"{arguments.runs} scenarios and {count - arguments.runs} moments in {seconds:.0f} s, "
        f"{failed} with a broken promise.\n"
    )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
