"""Steps drawn at random: a script, inputs, faults at any request, and a signal or a SIGKILL at any moment."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from emulator import Script, ScriptedStep, Status
from tests.reliability.steps import ScriptSource
from tests.support.scripts import GREEN, RED

RESULTS = GREEN.steps[0].artifacts
FAILURE = RED.steps[0].artifacts
# So many requests to a server may be hit by faults.
REQUESTS = 120

TRANSIENT: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("status", {"code": 500}),
    ("status", {"code": 503, "headers": {"Retry-After": "4"}}),
    ("status", {"code": 429, "headers": {"Retry-After": "9"}}),
    ("status", {"code": 429}),
    ("html", {"code": 502}),
    ("html", {"code": 502, "do": True}),
    ("html", {"code": 200, "do": True}),
    ("reset", {}),
    ("lose", {}),
    ("truncate", {}),
    ("empty", {}),
    ("hang", {"seconds": 3600.0}),
    # Sooner than the client gives up, and later.
    ("late", {"seconds": 3.0}),
    ("late", {"seconds": 50.0}),
)
PERMANENT: tuple[tuple[str, Mapping[str, Any]], ...] = tuple(
    ("status", {"code": code}) for code in (400, 401, 403, 404)
)
# Nothing is promised for a GitHub that handles an old request after a newer one.
GITHUB_TRANSIENT = tuple(fault for fault in TRANSIENT if fault != ("late", {"seconds": 50.0}))


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A fault that hits one request; `after` requests come before that one."""

    kind: str
    params: Mapping[str, Any]
    after: int


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Everything about one step; the same seed draws the same scenario."""

    seed: str
    first: str
    retried: str
    inputs: Mapping[str, str]
    habits: Mapping[str, float]
    faults: tuple[Hit, ...] = ()
    github_faults: tuple[Hit, ...] = ()
    # ("signal" or "kill", "second" or "line", which one): a virtual second, or how many source lines come before.
    event: tuple[str, str, float] | None = None
    attempts: int = 1
    pull_request: bool = False
    # What an outsider has prepared: names of `attacks.ATTACKS`, or "fork".
    attack: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def undisturbed(self) -> bool:
        return not self.faults and not self.github_faults and self.event is None

    def script(self) -> ScriptSource:
        """What the triggered run does, and what retries of it do."""
        return lambda trigger: _script(self.retried if trigger["retrying_run_id"] else self.first, self.seconds)


# Two steps in three are attacked.
ATTACKS = ("", "", "forged state", "links", "foreign comment", "fork")
KINDS = ("green", "red", "no results", "cancelled", "endless", "unknown status", "unknown end")


def _script(kind: str, seconds: Mapping[str, float]) -> Script:
    lasts, queue = seconds["lasts"], seconds["queue"]
    if kind == "endless":
        return Script(steps=(ScriptedStep(seconds=math.inf),), queue_seconds=queue)
    if kind == "cancelled":
        return Script(steps=(ScriptedStep(seconds=lasts),), status=Status.CANCELLED, queue_seconds=queue)
    if kind == "unknown end":
        return Script(steps=(ScriptedStep(seconds=lasts),), status=42, complete=True, queue_seconds=queue)
    status = Status.ERROR if kind in ("red", "no results") else Status.SUCCESS
    artifacts = {"red": FAILURE, "no results": {}}.get(kind, RESULTS)
    step = ScriptedStep(seconds=lasts, status=status, artifacts=artifacts, logs=f"{kind}\n")
    running = 7 if kind == "unknown status" else Status.RUNNING
    return Script(steps=(step,), queue_seconds=queue, running_status=running, artifact_seconds=seconds["artifacts"])


def draw(seed: str) -> Scenario:
    """The scenario of a seed."""
    dice = random.Random(seed)  # noqa: S311 - not for secrets
    timeout = dice.choice(("0.5", "2", "10", "10", "300"))
    kinds = KINDS if float(timeout) <= 10 else tuple(kind for kind in KINDS if kind != "endless")
    github_fails = dice.random() < 0.67
    return Scenario(
        seed=seed,
        first=dice.choice((*kinds, "green", "red", "red")),
        retried=dice.choice(("green", "red", "no results")),
        inputs=_inputs(dice, timeout),
        habits={
            "cancel_seconds": dice.choice((0.0, 0.0, 2.0)),
            "read_after_write_lag": dice.choice((0.0, 0.0, 0.0, 20.0)),
        },
        faults=_faults(dice, dice.choice((0.0, 0.05, 0.15, 0.4)), TRANSIENT),
        github_faults=_faults(dice, dice.choice((0.0, 0.0, 0.3)), GITHUB_TRANSIENT) if github_fails else (),
        event=_event(dice),
        attempts=dice.choice((1, 1, 1, 2, 3)),
        pull_request=dice.random() < 0.4,
        attack=random.Random(f"{seed} attack").choice(ATTACKS),  # noqa: S311 - not for secrets
        seconds={
            "lasts": dice.choice((0.0, 3.0, 45.0, 400.0)),
            "queue": dice.choice((0.0, 0.0, 20.0, 200.0)),
            "artifacts": dice.choice((0.0, 0.0, 5.0)),
        },
    )


def _inputs(dice: random.Random, timeout: str) -> dict[str, str]:
    drawn = {
        "timeout_minutes": timeout,
        "wait": "false" if dice.random() < 0.1 else "true",
        "on_timeout": dice.choice(("cancel", "cancel", "leave")),
        "on_cancel": dice.choice(("cancel", "cancel", "cancel", "leave")),
        "retry_failed": dice.choice(("0", "0", "1", "3")),
        "fail_on_error": "false" if dice.random() < 0.15 else "true",
        "poll_interval": dice.choice(("auto", "auto", "7")),
        "supersede": dice.choice(("true", "false", "false")),
        "commit_status": "false" if dice.random() < 0.1 else "true",
    }
    return drawn | ({"artifacts": "*"} if dice.random() < 0.3 else {})


def _faults(dice: random.Random, share: float, transient: tuple[tuple[str, Mapping[str, Any]], ...]) -> tuple[Hit, ...]:
    found: list[Hit] = []
    outage = dice.random() < share / 4
    start, length = dice.randrange(20), dice.randrange(5, 60)
    for number in range(REQUESTS):
        down = outage and start <= number < start + length
        if not down and dice.random() >= share:
            continue
        kind, params = (
            ("status", {"code": 503}) if down else dice.choice(transient if dice.random() < 0.93 else PERMANENT)
        )
        found.append(Hit(kind=kind, params=params, after=number))
    return tuple(found)


def _event(dice: random.Random) -> tuple[str, str, float] | None:
    what = dice.choice(("signal", "kill", "", ""))
    if not what:
        return None
    if dice.random() < 0.5:
        return what, "second", dice.choice((0.4, 3.0, 30.0, dice.uniform(0, 300)))
    return what, "line", float(dice.randrange(150, 1500))
