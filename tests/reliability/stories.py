"""Steps that go through every part of the product, to be disturbed at any point; undisturbed, each ends by itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from emulator import Script, ScriptedStep, Status
from tests.reliability.rig import Bench, Rig
from tests.support.scripts import GREEN, RED

RESULTS = GREEN.steps[0].artifacts
# Long for virtual time that nobody lets pass: whoever leaves before the end leaves it going.
LONG_GREEN = Script(steps=(ScriptedStep(seconds=40, artifacts=RESULTS),))
LONG_RED = Script(
    steps=(ScriptedStep(seconds=40, status=Status.ERROR, artifacts=RED.steps[0].artifacts, logs="it broke"),)
)
ENDLESS = Script(steps=(ScriptedStep(seconds=math.inf),))


@dataclass(frozen=True, kw_only=True)
class Story:
    """`make` prepares the rig; `inputs` are for the disturbed step; `leaves` a run going on purpose."""

    name: str
    make: Callable[[Bench], Rig]
    inputs: Mapping[str, str] = field(default_factory=dict)
    leaves: bool = False


def _plain(bench: Bench) -> Rig:
    return bench.rig(LONG_GREEN)


def _red(bench: Bench) -> Rig:
    return bench.rig(LONG_RED)


def _endless(bench: Bench) -> Rig:
    return bench.rig(ENDLESS)


def _lost_answer(bench: Bench) -> Rig:
    rig = bench.rig(LONG_GREEN)
    bench.cloud.faults.add(kind="lose", method="POST", path="/run/$")
    return rig


def _in_doubt(bench: Bench) -> Rig:
    rig = bench.rig(LONG_GREEN)
    bench.cloud.faults.add(kind="html", method="POST", path="/run/$", times=None)
    return rig


def _retried(bench: Bench) -> Rig:
    return bench.rig(lambda trigger: LONG_GREEN if trigger["retrying_run_id"] else RED)


def _retry_answer_lost(bench: Bench) -> Rig:
    rig = _retried(bench)
    bench.cloud.faults.add(kind="lose", method="POST", path="/retry/$")
    return rig


def _second_attempt(bench: Bench) -> Rig:
    rig = _retried(bench)
    rig.run()
    return rig.attempt(2)


def _adopted(bench: Bench) -> Rig:
    rig = bench.rig(Script(steps=(ScriptedStep(seconds=100),)))
    rig.run(timeout_minutes="1", on_timeout="leave")
    later = rig.attempt(2)
    later.given(timeout_minutes="300")
    return later


def _superseding(bench: Bench) -> Rig:
    rig = bench.rig(lambda trigger: LONG_GREEN if trigger["git_sha"].endswith("f") else ENDLESS)
    rig.run(timeout_minutes="1", on_timeout="leave")
    newer = rig.attempt(1, GITHUB_RUN_ID="6")
    newer.given(timeout_minutes="300", git_sha="f" * 40)
    return newer


STORIES = (
    Story(name="green", make=_plain, inputs={"artifacts": "*"}),
    Story(name="red", make=_red),
    Story(name="time-out", make=_endless, inputs={"timeout_minutes": "1"}),
    Story(name="trigger's answer lost", make=_lost_answer),
    Story(name="trigger in doubt", make=_in_doubt),
    Story(name="retry-failed", make=_retried, inputs={"retry_failed": "1"}),
    Story(name="retry's answer lost", make=_retry_answer_lost, inputs={"retry_failed": "1"}),
    Story(name="second attempt", make=_second_attempt),
    Story(name="adopted run", make=_adopted),
    Story(name="supersede", make=_superseding, inputs={"supersede": "true"}),
    Story(name="no wait", make=_endless, inputs={"wait": "false"}, leaves=True),
)
