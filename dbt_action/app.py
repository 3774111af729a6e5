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
from collections.abc import Mapping
from typing import TextIO

from dbt_action import __version__, ci, config, trigger
from dbt_action.clock import Clock, SystemClock
from dbt_action.errors import ConfigError, ExitCode
from dbt_action.interrupts import Interrupted, Interrupts
from dbt_action.story import Story

TRACKER = "https://github.com/org/dbt-cloud-run-action/issues"


def main() -> int:
    """The command: the exit code of `run` in this process's environment."""
    # Whatever the pipe and the console are like: lines appear at once, and no character is an error.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)
    # Libraries log to stderr when nobody listens; their lines are not made for a CI's log.
    logging.getLogger().addHandler(logging.NullHandler())
    interrupts = Interrupts()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, interrupts.arrive)
    return int(run(os.environ, out=sys.stdout, clock=SystemClock(), interrupts=interrupts))


def run(environ: Mapping[str, str], *, out: TextIO, clock: Clock, interrupts: Interrupts) -> ExitCode:
    """Do what `environ` asks for and tell about it on `out`."""
    here = ci.detect(environ, out)
    here.mask(config.secrets(environ))
    try:
        context = here.context()
        settings = config.read(environ, ci_job=context.job, secrets_withheld=context.secrets_withheld)
        request = trigger.request(settings, context, nonce=secrets.token_hex(3))
        if context.nothing_to_run:
            here.info(f"Nothing to run: {context.nothing_to_run}.")
            return ExitCode.OK
        return Story(environ, here, context, settings, request, clock, interrupts).tell()
    except ConfigError as error:
        problems = "".join(f"\n- {problem}" for problem in error.problems)
        here.error(f"Nothing was sent to dbt Cloud.{problems}", title="The inputs cannot be used")
        return ExitCode.CONFIG
    except Interrupted:
        here.error("Nothing was sent to dbt Cloud.", title="Interrupted")
        return ExitCode.INTERRUPTED
    except Exception:  # noqa: BLE001 - the last resort: whatever it is becomes a report that can be pasted
        here.foreign("For the bug report", f"{_versions(environ)}\n{traceback.format_exc()}")
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
