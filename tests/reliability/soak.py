"""Hundreds of steps at random, each followed by the question whether every promise was kept; `make soak` runs this."""

from __future__ import annotations

import argparse
import gc
import itertools
import multiprocessing
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from dbt_action.errors import ExitCode
from dbt_action.interrupts import Interrupted
from dbt_action.timeouts import HttpTimeouts
from emulator import Status
from emulator.faults import FaultKind
from tests.reliability import disturbances, points, promises, scenarios
from tests.reliability.points import Point
from tests.reliability.rig import Bench, Killed, Rig, bench
from tests.reliability.scenarios import Scenario
from tests.reliability.stories import STORIES

# Besides `timeout-minutes`: for cancelling, for artifacts that come late, for a request that hangs.
SLACK = 400.0
# A request that hangs, or whose work is done late, is over after this.
REAL_WAIT = 0.6
SLOW = (FaultKind.HANG, FaultKind.LATE)
LONG = 4.0
BETWEEN = 60.0
IMPATIENT = HttpTimeouts(connect_seconds=5.0, read_seconds=0.4)


def check(seed: str) -> list[str]:
    """The promises that the scenario of this seed breaks."""
    scenario = scenarios.draw(seed)
    before = _open()
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder), **scenario.habits) as made:
        random.seed(seed)
        broken = list(_played(made, scenario))
    limit = time.monotonic() + 2
    while _open() > before and time.monotonic() < limit:
        gc.collect()
        time.sleep(0.01)
    if _open() > before:
        broken.append(f"{_open() - before} descriptors or threads left open")
    return broken


def _played(made: Bench, scenario: Scenario) -> Iterator[str]:
    rig = made.rig(scenario.script())
    rig.given(**scenario.inputs)
    if scenario.pull_request:
        rig.pull_request(7)
    for server, hits in ((made.cloud, scenario.faults), (made.github, scenario.github_faults)):
        for hit in hits:
            server.faults.add(kind=hit.kind, after=hit.after, times=1, **hit.params)
    for number in range(1, scenario.attempts + 1):
        step = rig if number == 1 else rig.attempt(number)
        # Nobody presses the button in the same second.
        made.clock.sleep(BETWEEN if number > 1 else 0.0)
        if number > 1 and scenario.pull_request:
            step.pull_request(7)
        step.http_timeouts = IMPATIENT if scenario.hangs else step.http_timeouts
        yield from (
            f"attempt {number}: {words}" for words in _attempt(step, scenario, last=number == scenario.attempts)
        )


def _attempt(rig: Rig, scenario: Scenario, *, last: bool) -> Iterator[str]:
    before = {run.id for run in rig.runs}
    signalled: list[float] = []
    code: ExitCode | None = None
    with ExitStack() as stack:
        if last:
            _arrange(rig, scenario, stack, signalled)
        elif scenario.hangs:
            rig.bench.clock.on_sleep = _unhurried(rig, rig.bench.clock.on_sleep)
        try:
            code = rig.run()
        except Killed:
            rig.bench.cloud.faults.clear()
        except Interrupted:
            # In the first moment of a process; see `disturbances`.
            yield from ["the signal got through"] if rig.asked else []
    took = rig.passed
    rig.bench.clock.on_sleep = lambda _seconds: None
    if code is not None:
        yield from _verdict(rig, scenario, code, before, signalled=bool(signalled))
    if took > float(scenario.inputs["timeout_minutes"]) * 60 + SLACK:
        yield f"took {took:.0f} s"
    yield from promises.at_the_end(rig, leave=lambda: _may_leave(rig, scenario, code, before))
    if len(promises.own_runs(rig)) > 1:
        yield "more than one run for one trigger"


def _arrange(rig: Rig, scenario: Scenario, stack: ExitStack, signalled: list[float]) -> None:
    """Let happen what the scenario says."""

    def deed() -> None:
        signalled.append(rig.bench.clock.now())
        if scenario.event and scenario.event[0] == "kill":
            raise Killed
        rig.interrupts.handle_signal()

    if scenario.event:
        _, where, when = scenario.event
        if where == "second":
            rig.after_sleeping(when, deed)
        else:
            passed = itertools.count()
            stack.enter_context(points.tracing(lambda _point: deed() if next(passed) == int(when) else None))
    if scenario.hangs:
        rig.bench.clock.on_sleep = _unhurried(rig, rig.bench.clock.on_sleep)


def _unhurried(rig: Rig, then: Callable[[float], None]) -> Callable[[float], None]:
    """A minute of virtual time is over in an instant; what a server does late in real time gets its chance."""
    seen, done = 0, 0.0

    def hook(seconds: float) -> None:
        nonlocal seen, done
        servers = (rig.bench.cloud, rig.bench.github)
        hits = sum(rule.hits for server in servers for rule in server.faults.rules if rule.kind in SLOW)
        if hits > seen:
            seen, done = hits, time.monotonic() + REAL_WAIT
        if seconds >= LONG:
            time.sleep(max(0.0, done - time.monotonic()))
        then(seconds)

    return hook


def _verdict(rig: Rig, scenario: Scenario, code: ExitCode, before: set[int], *, signalled: bool) -> Iterator[str]:
    last = next((run for run in rig.runs if str(run.id) == rig.outputs.get("run-id")), None)
    told = rig.outputs.get("status", "")
    forgiven = scenario.inputs["fail_on_error"] == "false"
    if code in (ExitCode.BUG, ExitCode.CONFIG):
        yield f"exit code {int(code)}\n{rig.log[-3000:]}"
    if code == ExitCode.INTERRUPTED and not signalled:
        yield "interrupted without a signal"
    if told == "success" and not (last and last.status == Status.SUCCESS):
        yield "green without a green run"
    if (
        told == "error"
        and code == ExitCode.FAILED
        and (last is None or last.status in (Status.SUCCESS, Status.CANCELLED))
    ):
        yield "red without a red run"
    if code == ExitCode.OK and told not in ("success", "started") and not forgiven:
        yield f"exit code 0 and status {told!r}"
    if code == ExitCode.CLOUD and scenario.undisturbed:
        yield "dbt Cloud was well, and yet exit code 3"
    if code == ExitCode.TIMED_OUT and rig.passed < float(scenario.inputs["timeout_minutes"]) * 60:
        yield f"timed out after {rig.passed:.0f} s"
    if code in (ExitCode.FAILED, ExitCode.TIMED_OUT) and last is None:
        yield "an end without a run"
    retries = [run for run in rig.runs if run.id not in before and run.retrying_run_id]
    if len(retries) > int(scenario.inputs["retry_failed"]) + 1:
        yield f"{len(retries)} retries"


def _may_leave(rig: Rig, scenario: Scenario, code: ExitCode | None, before: set[int]) -> bool:
    told = rig.outputs.get("status", "")
    by_choice = (
        (scenario.inputs["wait"] == "false" and told == "started")
        or (scenario.inputs["on_timeout"] == "leave" and told == "timed-out")
        or (scenario.inputs["on_cancel"] == "leave" and code in (None, ExitCode.INTERRUPTED, ExitCode.CLOUD))
    )
    # What an earlier attempt has left, and this one has not taken over.
    others = bool(rig.going) and all(run in before and str(run) not in rig.saved.get("run", "") for run in rig.going)
    return by_choice or others


def _open() -> int:
    return threading.active_count() + len(list(Path("/proc/self/fd").iterdir()))


def _checked(seed: str) -> tuple[str, list[str]]:
    return seed, check(seed)


def _swept(story: int, kind: str, moment: tuple[Point, int]) -> tuple[str, list[str]]:
    disturb = {"signal": disturbances.interrupted, "kill": disturbances.killed}[kind]
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as made:
        return f"{STORIES[story].name}, {kind} at {moment}", list(disturb(made, STORIES[story], moment))


def _sweep(number: int, seed: str) -> Iterator[tuple[int, str, tuple[Point, int]]]:
    """So many moments of all stories, signals and kills in turn."""
    for index, story in enumerate(STORIES):
        with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as made:
            found = disturbances.moments(made, story)
        dice = random.Random(f"{seed} {story.name}")  # noqa: S311 - not for secrets
        for position, moment in enumerate(dice.sample(found, min(number, len(found)))):
            yield index, ("signal", "kill")[position % 2], moment


def main() -> int:
    """Play scenarios and sweep moments; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.soak", description=main.__doc__)
    parser.add_argument("--runs", type=int, default=500, help="number of scenarios")
    parser.add_argument("--seed", default="", help="the seed that a former soak has printed, or one of its scenarios")
    parser.add_argument("--moments", type=int, default=60, help="moments of each story for a signal or a SIGKILL")
    parser.add_argument("--workers", type=int, default=max(2, multiprocessing.cpu_count()))
    asked = parser.parse_args()
    seed = asked.seed or f"{random.SystemRandom().randrange(10**6)}"
    if "-" in seed:
        sys.stdout.write(f"{scenarios.draw(seed)}\n")
        broken = check(seed)
        sys.stdout.write("".join(f"BROKEN {words}\n" for words in broken) or "Every promise was kept.\n")
        return int(bool(broken))
    sys.stdout.write(f"SEED={seed}\n")
    began, failed, count = time.monotonic(), 0, 0
    with ProcessPoolExecutor(asked.workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        played = pool.map(_checked, [f"{seed}-{number}" for number in range(asked.runs)], chunksize=5)
        moments = list(_sweep(asked.moments, seed))
        swept = pool.map(_swept, *zip(*moments, strict=True), chunksize=10) if moments else iter(())
        for name, broken in itertools.chain(played, swept):
            count += 1
            failed += bool(broken)
            sys.stdout.write("".join(f"BROKEN {name}: {words}\n" for words in broken))
    seconds = time.monotonic() - began
    sys.stdout.write(
        f"{asked.runs} scenarios and {count - asked.runs} moments in {seconds:.0f} s, {failed} with a broken promise.\n"
    )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
