"""Steps that together go through every part of the product; tests interrupt them at any source line."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from emulator import Script, ScriptedStep, Status
from tests.reliability.steps import Servers, Step
from tests.support.scripts import GREEN, RED

RESULTS = GREEN.steps[0].artifacts
# Long enough that a step which ends early leaves the run going.
LONG_GREEN = Script(steps=(ScriptedStep(seconds=40, artifacts=RESULTS),))
LONG_RED = Script(
    steps=(ScriptedStep(seconds=40, status=Status.ERROR, artifacts=RED.steps[0].artifacts, logs="it broke"),)
)
ENDLESS = Script(steps=(ScriptedStep(seconds=math.inf),))


@dataclass(frozen=True, kw_only=True)
class TypicalStep:
    """`prepare` does what comes before; `leaves_run`: the step leaves its run going on purpose."""

    name: str
    prepare: Callable[[Servers], Step]
    inputs: Mapping[str, str] = field(default_factory=dict)
    leaves_run: bool = False


def _plain(servers: Servers) -> Step:
    return servers.new_step(LONG_GREEN)


def _red(servers: Servers) -> Step:
    return servers.new_step(LONG_RED)


def _endless(servers: Servers) -> Step:
    return servers.new_step(ENDLESS)


def _lost_answer(servers: Servers) -> Step:
    step = servers.new_step(LONG_GREEN)
    servers.cloud.faults.add(kind="lose", method="POST", path="/run/$")
    return step


def _unusable_answers(servers: Servers) -> Step:
    step = servers.new_step(LONG_GREEN)
    servers.cloud.faults.add(kind="html", method="POST", path="/run/$", times=None)
    return step


def _retried(servers: Servers) -> Step:
    return servers.new_step(lambda trigger: LONG_GREEN if trigger["retrying_run_id"] else RED)


def _retry_answer_lost(servers: Servers) -> Step:
    step = _retried(servers)
    servers.cloud.faults.add(kind="lose", method="POST", path="/retry/$")
    return step


def _second_attempt(servers: Servers) -> Step:
    step = _retried(servers)
    step.run()
    return step.attempt(2)


def _adopted(servers: Servers) -> Step:
    step = servers.new_step(Script(steps=(ScriptedStep(seconds=100),)))
    step.run(timeout_minutes="1", on_timeout="leave")
    later = step.attempt(2)
    later.given(timeout_minutes="300")
    return later


def _superseding(servers: Servers) -> Step:
    step = servers.new_step(lambda trigger: LONG_GREEN if trigger["git_sha"].endswith("f") else ENDLESS)
    step.run(timeout_minutes="1", on_timeout="leave")
    newer = step.attempt(1, GITHUB_RUN_ID="6")
    newer.given(timeout_minutes="300", git_sha="f" * 40)
    return newer


TYPICAL_STEPS = (
    TypicalStep(name="green", prepare=_plain, inputs={"artifacts": "*"}),
    TypicalStep(name="red", prepare=_red),
    TypicalStep(name="time-out", prepare=_endless, inputs={"timeout_minutes": "1"}),
    TypicalStep(name="trigger's answer lost", prepare=_lost_answer),
    TypicalStep(name="trigger in doubt", prepare=_unusable_answers),
    TypicalStep(name="retry-failed", prepare=_retried, inputs={"retry_failed": "1"}),
    TypicalStep(name="retry's answer lost", prepare=_retry_answer_lost, inputs={"retry_failed": "1"}),
    TypicalStep(name="second attempt", prepare=_second_attempt),
    TypicalStep(name="adopted run", prepare=_adopted),
    TypicalStep(name="supersede", prepare=_superseding, inputs={"supersede": "true"}),
    TypicalStep(name="no wait", prepare=_endless, inputs={"wait": "false"}, leaves_run=True),
)
