"""The phases of a step and the faults that can hit a request in them; `table` runs every pair."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dbt_action.timeouts import DEFAULT_HTTP_TIMEOUTS
from emulator import Script, ScriptedStep, Status
from tests.reliability.steps import ScriptSource, Step
from tests.support.scripts import GREEN, RED, lasting

USER_MESSAGES: Mapping[int, str] = {
    400: "The request was invalid. Please double check the provided data and try again.",
    401: "Invalid token.",
    403: "Access denied: Token is not scoped to account.",
    404: "The requested resource was not found.",
    429: "Too many requests.",
    500: "There was a server error.",
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way for a request to go wrong: a fault of the emulator and its parameters."""

    name: str
    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)


def _refusal(code: int, **headers: str) -> dict[str, Any]:
    status = {"code": code, "is_success": False, "user_message": USER_MESSAGES[code], "developer_message": None}
    # dbt Cloud reads `status`, GitHub `message`: the same faults are used for both.
    body = {"status": status, "data": None, "message": USER_MESSAGES[code]}
    return {"code": code, "body": body, "headers": {name.replace("_", "-"): value for name, value in headers.items()}}


# Longer than any read time-out of the product, so the client gives up first.
_HANG_SECONDS = 3600.0
# Between the moment at which the client gives up and the moment at which the server does the work.
LATE_SECONDS = 20.0
_LATE = {"seconds": DEFAULT_HTTP_TIMEOUTS.read_seconds + LATE_SECONDS}

FAULTS = (
    Fault(name="400", kind="status", params=_refusal(400)),
    Fault(name="401", kind="status", params=_refusal(401)),
    Fault(name="403", kind="status", params=_refusal(403)),
    Fault(name="404", kind="status", params=_refusal(404)),
    Fault(name="429", kind="status", params=_refusal(429)),
    Fault(name="429, `Retry-After: 7`", kind="status", params=_refusal(429, Retry_After="7")),
    Fault(name="500", kind="status", params=_refusal(500)),
    Fault(name="502 with a page, nothing done", kind="html", params={"code": 502}),
    Fault(name="502 with a page, work done", kind="html", params={"code": 502, "do": True}),
    Fault(name="200 with a page, nothing done", kind="html", params={"code": 200}),
    Fault(name="200 with a page, work done", kind="html", params={"code": 200, "do": True}),
    Fault(name="200 without a body, work done", kind="empty"),
    Fault(name="cut-off JSON, work done", kind="truncate"),
    Fault(name="connection reset, nothing done", kind="reset"),
    Fault(name="connection reset, work done", kind="lose"),
    Fault(name="no answer, nothing done", kind="hang", params={"seconds": _HANG_SECONDS}),
    Fault(name="no answer, work done 20 s later", kind="late", params=_LATE),
    Fault(
        name="redirect",
        kind="status",
        params={"code": 307, "headers": {"Location": "https://elsewhere.example/"}},
    ),
)


# With fewer requests the test is faster.
RARE_POLLS = {"poll_interval": "25"}


def _no_preparation(_step: Step) -> None:
    """Most phases need none."""


def _lose_the_trigger(step: Step) -> None:
    step.servers.cloud.faults.add(kind="lose", method="POST", path="/run/$")


def _fail_an_attempt(step: Step) -> None:
    step.run()


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One phase of a step: a fault hits the requests of `method` to `path`, but not the first `after` of them.

    `github`: they are requests to GitHub. `prepare` is called before the step is run; `attempt` is the number of the
    attempt of the build in which the fault occurs.
    """

    name: str
    script: Callable[[], Script | ScriptSource]
    method: str
    path: str
    after: int = 0
    inputs: Mapping[str, str] = field(default_factory=dict)
    github: bool = False
    prepare: Callable[[Step], None] = _no_preparation
    attempt: int = 1


def _red_then_green() -> ScriptSource:
    scripts = itertools.chain([RED], itertools.repeat(GREEN))
    return lambda _trigger: next(scripts)


def _queued_then_green() -> Script:
    return Script(steps=GREEN.steps, queue_seconds=100)


def _endless() -> Script:
    return Script(steps=(ScriptedStep(seconds=math.inf, status=Status.SUCCESS),))


PHASES = (
    Phase(name="read job", script=lambda: GREEN, method="GET", path=r"/jobs/\d+/$"),
    Phase(
        name="look at earlier attempts",
        script=_red_then_green,
        method="GET",
        path=r"/runs/$",
        prepare=_fail_an_attempt,
        attempt=2,
    ),
    Phase(name="trigger", script=lambda: GREEN, method="POST", path=r"/run/$"),
    Phase(
        name="look after a lost answer", script=lambda: GREEN, method="GET", path=r"/runs/$", prepare=_lose_the_trigger
    ),
    Phase(
        name="status `pending`",
        script=lambda: lasting(100),
        method="POST",
        path=r"/statuses/",
        inputs=RARE_POLLS,
        github=True,
    ),
    Phase(name="watch while queued", script=_queued_then_green, method="GET", path=r"/runs/\d+/$", inputs=RARE_POLLS),
    Phase(
        name="watch while running",
        script=lambda: lasting(100),
        method="GET",
        path=r"/runs/\d+/$",
        inputs=RARE_POLLS,
        after=2,
    ),
    Phase(
        name="retry of a failed run",
        script=_red_then_green,
        method="POST",
        path=r"/retry/$",
        inputs={"retry_failed": "1"},
    ),
    Phase(
        name="cancel after time-out", script=_endless, method="POST", path=r"/cancel/$", inputs={"timeout_minutes": "1"}
    ),
    Phase(
        name="results and artifacts", script=lambda: GREEN, method="GET", path=r"/artifacts/", inputs={"artifacts": "*"}
    ),
    Phase(name="final status", script=lambda: GREEN, method="POST", path=r"/statuses/", after=1, github=True),
)
