"""What a signal or a SIGKILL at any point of a story leaves behind, in words; nothing when all promises hold."""

from __future__ import annotations

import random
from collections.abc import Iterator

from dbt_action.errors import ExitCode
from dbt_action.interrupts import Interrupted
from tests.reliability import points, promises
from tests.reliability.points import Point
from tests.reliability.rig import Bench, Killed, Rig
from tests.reliability.stories import Story

Moment = tuple[Point, int]
# Where it is decided what there is to cancel and to close; the other modules are visited by the soak.
DECISIVE = ("story.py", "begin.py", "start.py", "watcher.py", "publish.py", "aftercare.py", "app.py")


def moments(bench: Bench, story: Story) -> list[Moment]:
    """All moments of a story that nobody disturbs."""
    rig = _made(bench, story)
    return points.lines_of(lambda: rig.run(**story.inputs))


def chosen(found: list[Moment], number: int | None, seed: object) -> list[Moment]:
    """`number` of the decisive ones at random, in order; None is all there are."""
    if number is None:
        return found
    decisive = [moment for moment in found if moment[0][0] in DECISIVE]
    return sorted(random.Random(f"{seed}").sample(decisive, number), key=found.index)  # noqa: S311 - not for secrets


def interrupted(bench: Bench, story: Story, moment: Moment) -> Iterator[str]:
    """One signal at `moment`; dbt Cloud and GitHub are well."""
    rig = _made(bench, story)
    before = {run.id for run in rig.runs}
    began = bench.clock.now()
    seconds: list[float] = []

    def signal() -> None:
        began_at = bench.clock.now()
        seconds.append(began_at)
        rig.interrupts.handle_signal()

    try:
        with points.at(*moment, signal):
            code = rig.run(**story.inputs)
    except Interrupted:
        # In the first moment of a process, before it has done anything, nobody is there to be polite.
        if rig.asked:
            yield "the signal got through"
        return
    took = bench.clock.now() - (seconds[0] if seconds else began)
    told = rig.log
    if code not in (ExitCode.INTERRUPTED, ExitCode.OK, ExitCode.FAILED, ExitCode.CLOUD, ExitCode.TIMED_OUT):
        yield f"exit code {int(code)}"
    if code == ExitCode.INTERRUPTED and took > 5:
        yield f"took {took:.1f} s"
    # Once everybody has been told that nobody waits for the run, it is left.
    left = story.leaves and (code != ExitCode.INTERRUPTED or rig.outputs.get("status") == "started")
    if _ours(rig, before) and not left:
        yield f"left {len(rig.going)} going, closed={rig.closed}, exit {int(code)}"
    if "No dbt Cloud run had been started" in told and len(rig.runs) > len(before):
        yield "says that no run was started"
    if "Nothing was sent" in told and any(asked.method == "POST" for asked in rig.asked):
        yield "says that nothing was sent"
    yield from promises.at_the_end(rig, leave=lambda: left or (bool(rig.going) and not _ours(rig, before)))
    if len(promises.own_runs(rig)) > 1:
        yield "more than one run"


def killed(bench: Bench, story: Story, moment: Moment) -> Iterator[str]:
    """SIGKILL at `moment`, and the clean-up after it."""
    rig = _made(bench, story)
    before = {run.id for run in rig.runs}

    def kill() -> None:
        raise Killed

    with points.at(*moment, kill):
        rig.run_until_killed(**story.inputs)
    bench.cloud.faults.clear()
    told_closed = rig.closed
    # The run was left as it should be; perhaps nobody has been told so far.
    left = story.leaves and '"run_closed":true' in rig.saved.get("run", "")
    asked = rig.asked
    code = rig.clean_up()
    if code != ExitCode.OK:
        yield f"the clean-up ended with {int(code)}"
    later = rig.asked[len(asked) :]
    if any(request.path.endswith(("/run/", "/retry/")) for request in later if request.method == "POST"):
        yield "the clean-up has started something"
    if told_closed and later:
        yield "the clean-up did something although all was closed"
    if _ours(rig, before) and not left:
        yield f"left {len(rig.going)} going"
    if rig.left_pending and not left:
        yield "the status is still pending"
    if leaks := rig.leaks():
        yield f"a secret in {', '.join(leaks)}"
    if not told_closed and rig.saved and rig.closed:
        asked = rig.asked
        rig.clean_up()
        if rig.asked != asked:
            yield "a second clean-up did something"


def _ours(rig: Rig, before: set[int]) -> list[int]:
    """What is going and was started, or taken over, by this step."""
    return [run for run in rig.going if run not in before or str(run) in rig.saved.get("run", "")]


def _made(bench: Bench, story: Story) -> Rig:
    bench.clock.on_sleep = lambda _seconds: None
    rig = story.make(bench)
    random.seed(story.name)
    return rig
