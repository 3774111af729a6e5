"""The shell: reads where we are and what is asked, hands over to `story`, and turns every end into an exit code."""

from __future__ import annotations

import io
import logging
import os
import platform
import secrets
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TextIO

from dbt_action import __version__, ci, hosts
from dbt_action.clock import Clock, SystemClock
from dbt_action.config import inputs, loader
from dbt_action.dbt_cloud import marker, run_request
from dbt_action.errors import ConfigError, ExitCode, missing_token
from dbt_action.interrupts import Interrupted, Interrupts
from dbt_action.lifecycle import cleanup
from dbt_action.lifecycle.job_run import Story
from dbt_action.lifecycle.publish import Publisher
from dbt_action.timeouts import DEFAULT_HTTP_TIMEOUTS, HttpTimeouts

# Everything that can be given, wherever this runs.
ROWS = (*inputs.INPUTS, *ci.INPUTS, *hosts.INPUTS)

_WHOLE = 40
_ABBREVIATED = (
    "Only the beginning of the commit's hash is known, {}, and there is no git here that knows the rest, so dbt Cloud "
    "may not find it. Use an image that has git, or pass `DBT_GIT_SHA`."
)
TRACKER = "https://github.com/org/dbt-cloud-run-action/issues"


def main(environ: Mapping[str, str] = os.environ) -> int:
    """The command: runs the job in this process's environment; its exit code."""
    return int(run(environ, out=_stdout(), clock=SystemClock(), interrupts=_listening()))


def post() -> int:
    """The clean-up after `main`, in a process of its own; its exit code."""
    return int(clean_up(os.environ, out=_stdout(), clock=SystemClock()))


def cancel(environ: Mapping[str, str]) -> int:
    """The clean-up as a command of the user's, who is told what comes of it; its exit code."""
    out = _stdout()
    here = ci.detect(environ, out)
    kept = here.load_state()
    if kept is None or kept.closed:
        why = "the run was closed by the one who started it" if kept else "no state file was found (`state-file`)"
        here.info(f"There is nothing to cancel: {why}.")
        return int(ExitCode.OK)
    try:
        return int(clean_up(environ, out=out, clock=SystemClock(), strict=True))
    except ConfigError as error:
        here.error(f"A dbt Cloud run may still be going.{error.listed}", title="The inputs cannot be used to cancel it")
        return int(ExitCode.CONFIG)


def run(
    environ: Mapping[str, str],
    *,
    out: TextIO,
    clock: Clock,
    interrupts: Interrupts,
    http_timeouts: HttpTimeouts = DEFAULT_HTTP_TIMEOUTS,
) -> ExitCode:
    """Do what `environ` asks for and tell about it on `out`."""

    def tell(publisher: Publisher) -> ExitCode:
        if publisher.context.nothing_to_run:
            publisher.ci.info(f"Nothing to run: {publisher.context.nothing_to_run}.")
            return ExitCode.OK
        if 0 < len(publisher.request.git_sha) < _WHOLE:
            publisher.ci.warning(_ABBREVIATED.format(publisher.request.git_sha))
        return Story(publisher, clock=clock, interrupts=interrupts, http_timeouts=http_timeouts).tell()

    with interrupts.deferred():
        here = ci.detect(environ, out)
        try:
            with interrupts.enabled():
                return _guarded(environ, here, tell, clock)
        except ConfigError as error:
            here.error(f"Nothing was sent to dbt Cloud.{error.listed}", title="The inputs cannot be used")
            return ExitCode.CONFIG
        except Interrupted:
            here.error("Nothing was sent to dbt Cloud.", title="Interrupted")
            return ExitCode.INTERRUPTED


def clean_up(
    environ: Mapping[str, str],
    *,
    out: TextIO,
    clock: Clock,
    http_timeouts: HttpTimeouts = DEFAULT_HTTP_TIMEOUTS,
    strict: bool = False,
) -> ExitCode:
    """Close what `run` in another process has left open; nothing is ever started here.

    Raises ConfigError when `strict`: here the inputs may be others than there.
    """
    here = ci.detect(environ, out)
    kept = here.load_state()
    found = marker.find(kept.marker) if kept else None
    if kept is None or found is None:
        return ExitCode.OK

    def tidy(publisher: Publisher) -> ExitCode:
        publisher.request = replace(publisher.request, marker=found)
        return cleanup.tidy(publisher, kept, clock=clock, http_timeouts=http_timeouts)

    try:
        return _guarded(environ, here, tidy, clock)
    except ConfigError:
        if strict:
            raise
        # The step itself has said so, and sent nothing.
        return ExitCode.OK


def _guarded(
    environ: Mapping[str, str], here: ci.CiPlatform, body: Callable[[Publisher], ExitCode], clock: Clock
) -> ExitCode:
    """Mask, read, and call `body`; whatever is not expected becomes a report that can be pasted."""
    secret = loader.secrets(environ, ROWS)
    here.mask(secret)
    try:
        context = here.context()
        settings = loader.read(
            environ,
            ROWS,
            ci_job=context.job,
            missing_token=missing_token(
                withheld=context.secrets_withheld,
                withheld_hint=context.withheld_hint,
                secrets_hint=context.secrets_hint,
            ),
            inputs_are_variables=context.inputs_are_variables,
            unknown=partial(run_request.unknown, context),
        )
        context = run_request.told(settings, context)
        request = run_request.request(settings, context, nonce=secrets.token_hex(3), secrets=secret)
        return body(Publisher(environ, here, context, settings, request, clock=clock))
    except ConfigError:
        raise
    except Exception:  # noqa: BLE001 - the last resort
        here.untrusted_block("For the bug report", f"{_versions(environ)}\n{traceback.format_exc()}")
        here.error(
            f"This is a bug of dbt-cloud-run-action {__version__}. A dbt Cloud run may still be going. "
            f"Please report it with the block above: {TRACKER}",
            title="Internal error",
        )
        return ExitCode.BUG


def _versions(environ: Mapping[str, str]) -> str:
    return (
        f"dbt-cloud-run-action {__version__}, Python {platform.python_version()}, {platform.platform()}, "
        f"event {environ.get('GITHUB_EVENT_NAME', 'none')}"
    )


def _stdout() -> TextIO:
    # Whatever the pipe and the console are like: lines appear at once, and no character is an error.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)
    # Libraries log to stderr when nobody listens; their lines are not made for a CI's log.
    logging.getLogger().addHandler(logging.NullHandler())
    return sys.stdout


def _listening() -> Interrupts:
    interrupts = Interrupts()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, interrupts.handle_signal)
    return interrupts
