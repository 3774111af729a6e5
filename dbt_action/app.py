"""The composition root: reads the environment, builds the parts, runs the command, returns the exit code."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TextIO

from dbt_action import OWNER, __version__, ci, hosts, safe_files
from dbt_action.ci import saved_state
from dbt_action.clock import Clock, SystemClock
from dbt_action.config import input_types, inputs, loader
from dbt_action.config.choices import Mode
from dbt_action.dbt_cloud import marker, run_request
from dbt_action.errors import CloudError, ConfigError, ExitCode, Refused, missing_token
from dbt_action.interrupts import Interrupted, Interrupts
from dbt_action.lifecycle import build_checks, job_lookup
from dbt_action.lifecycle.job_run import JobRun
from dbt_action.lifecycle.run_context import RunContext
from dbt_action.timeouts import DEFAULT_HTTP_TIMEOUTS, HttpTimeouts

# Every input, wherever this runs.
ROWS = (*inputs.INPUTS, *ci.INPUTS, *hosts.INPUTS)
TRACKER = f"https://github.com/{OWNER}/dbt-cloud-run-action/issues"

_NOTHING_TO_CANCEL = "There is nothing to cancel: {}."
_NOT_SIGNED = (
    "The saved state is not used, and nothing was cancelled: its signature does not fit this token, job and build. "
    "Another step or job has written it with other inputs, or somebody has changed or committed the file. "
    "If a run may still be going, look at the job in dbt Cloud."
)
_NO_LABELS = "`require-label` cannot be used: pull requests have no labels on this host of code. Leave it out."
_SHA_LENGTH = 40
_ABBREVIATED_SHA = (
    "Only the beginning of the commit's hash is known, {}, and there is no git here to complete it, so dbt Cloud "
    "may not find it. Use an image that has git, or pass `DBT_GIT_SHA`."
)


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Run the job in this process's environment; the exit code."""
    return int(run(environ, out=_stdout(), clock=SystemClock(), interrupts=_handled_signals()))


def post() -> int:
    """The clean-up after `main`, in a process of its own; the exit code."""
    return int(clean_up(os.environ, out=_stdout(), clock=SystemClock()))


def doctor(environ: Mapping[str, str], *, probe: bool, as_json: bool) -> int:
    """Look whether a run could work, without starting one; the exit code."""
    interrupts = _handled_signals()
    return int(
        examine(environ, out=_stdout(), clock=SystemClock(), interrupts=interrupts, probe=probe, as_json=as_json)
    )


def examine(
    environ: Mapping[str, str],
    *,
    out: TextIO,
    clock: Clock,
    interrupts: Interrupts,
    probe: bool = False,
    as_json: bool = False,
    http_timeouts: HttpTimeouts = DEFAULT_HTTP_TIMEOUTS,
) -> ExitCode:
    """The same with everything it needs; `probe` also sends two requests that are refused, see `doctor`."""
    from dbt_action.doctor import command  # noqa: PLC0415 - a step that runs a job does not need it

    platform_ = ci.detect(environ, out)

    def look(run_context: RunContext) -> ExitCode:
        run_context = job_lookup.resolve(run_context, http_timeouts=http_timeouts)
        return command.run(run_context, probe=probe, as_json=as_json, http_timeouts=http_timeouts)

    with interrupts.deferred():
        try:
            with interrupts.enabled():
                return _with_context(environ, platform_, clock, look)
        except ConfigError as error:
            return command.report_problems(platform_, error.problems, as_json=as_json)
        except CloudError as error:
            return command.report_problems(platform_, (error.explanation,), as_json=as_json)
        except Interrupted:
            return ExitCode.INTERRUPTED


def cancel(environ: Mapping[str, str]) -> int:
    """The clean-up as a command of the user's, which says what came of it; the exit code."""
    out = _stdout()
    platform_ = ci.detect(environ, out)
    if not platform_.load_state():
        platform_.info(_NOTHING_TO_CANCEL.format("no state file was found (`state-file`)"))
        return int(ExitCode.OK)
    try:
        return int(clean_up(environ, out=out, clock=SystemClock(), by_user=True))
    except ConfigError as error:
        platform_.error(
            f"A dbt Cloud run may still be going.{error.listed}", title="The inputs cannot be used to cancel it"
        )
        return int(ExitCode.CONFIG)


def run(
    environ: Mapping[str, str],
    *,
    out: TextIO,
    clock: Clock,
    interrupts: Interrupts,
    http_timeouts: HttpTimeouts = DEFAULT_HTTP_TIMEOUTS,
) -> ExitCode:
    """Run the job as `environ` asks, and report on `out` and wherever the CI wants it."""
    chosen = input_types.lookup(environ, inputs.MODE)
    if chosen and chosen.value.casefold() == Mode.DOCTOR.value:
        return examine(environ, out=out, clock=clock, interrupts=interrupts, http_timeouts=http_timeouts)

    def run_job(run_context: RunContext) -> ExitCode:
        config, context, request = run_context.config, run_context.build, run_context.request
        git_sha = request.git_sha
        if context.nothing_to_run:
            run_context.ci.info(f"Nothing to run: {context.nothing_to_run}.")
            return ExitCode.OK
        if problems := tuple(
            build_checks.problems(build_checks.Build(config=config, context=context, request=request))
        ):
            raise Refused(problems)
        if 0 < len(git_sha) < _SHA_LENGTH:
            run_context.ci.warning(_ABBREVIATED_SHA.format(git_sha))
        _say(config, run_context.ci)
        failed = None
        try:
            run_context = job_lookup.resolve(run_context, http_timeouts=http_timeouts)
        except CloudError as error:
            failed = error
        return JobRun(run_context, interrupts=interrupts, http_timeouts=http_timeouts).run(failed)

    with interrupts.deferred():
        platform_ = ci.detect(environ, out)
        _remove_old_files(environ, platform_)
        try:
            with interrupts.enabled():
                return _with_context(environ, platform_, clock, run_job)
        except ConfigError as error:
            platform_.error(f"Nothing was started in dbt Cloud.{error.listed}", title=error.title)
            return ExitCode.CONFIG
        except Interrupted:
            platform_.error("Nothing was sent to dbt Cloud.", title="Interrupted")
            return ExitCode.INTERRUPTED


def _say(config: loader.Config, platform_: ci.CiPlatform) -> None:
    """What is worth telling the user about the inputs."""
    for warning in config.warnings:
        platform_.warning(warning)
    for note in config.notes:
        platform_.info(note)


def clean_up(
    environ: Mapping[str, str],
    *,
    out: TextIO,
    clock: Clock,
    http_timeouts: HttpTimeouts = DEFAULT_HTTP_TIMEOUTS,
    by_user: bool = False,
) -> ExitCode:
    """Close what `run` in another process has left open; nothing is ever started here.

    `by_user`: the user has called it, and is told what comes of it. Raises ConfigError then: the inputs of this step
    may be others than those of the step that ran the job.
    """
    from dbt_action.lifecycle import cleanup  # noqa: PLC0415 - a step that runs a job does not need it

    platform_ = ci.detect(environ, out)
    line = platform_.load_state()
    if not line:
        return ExitCode.OK

    def clean(run_context: RunContext) -> ExitCode:
        saved = saved_state.from_text(line, run_context.state_key)
        found = marker.find(saved.marker) if saved else None
        if saved is None or found is None:
            platform_.warning(_NOT_SIGNED)
            return ExitCode.OK
        if by_user and saved.closed:
            platform_.info(_NOTHING_TO_CANCEL.format("the step that started the run has closed it"))
        if not saved.closed:
            run_context = job_lookup.resolve(run_context, http_timeouts=http_timeouts)
        request = replace(run_context.request, marker=found)
        return cleanup.clean_up(replace(run_context, request=request), saved, http_timeouts=http_timeouts)

    try:
        return _with_context(environ, platform_, clock, clean)
    except ConfigError:
        if by_user:
            raise
        # The step itself has reported the problems, and sent nothing.
        return ExitCode.OK


def _remove_old_files(environ: Mapping[str, str], platform_: ci.CiPlatform) -> None:
    """Remove files in the place of those that this step will write: the CI must not take committed ones for ours.

    The step may end before it writes its own, for example because the inputs are wrong.
    """
    chosen = (input_types.lookup(environ, row) for row in ROWS if row.name in ("results-path", "junit-path"))
    for path in (*platform_.own_files(), *(Path(given.value) for given in chosen if given)):
        problem = safe_files.remove(path)
        if problem:
            platform_.warning(f"An old file could not be removed: {path}: {problem}.")


def _with_context(
    environ: Mapping[str, str], platform_: ci.CiPlatform, clock: Clock, command: Callable[[RunContext], ExitCode]
) -> ExitCode:
    """Call `command` with what the environment says. Whatever is not expected becomes a report that can be pasted."""
    secret_values = loader.secrets(environ, ROWS)
    platform_.mask(secret_values)
    try:
        return command(_read(environ, platform_, clock, secret_values))
    except (ConfigError, CloudError):
        raise
    except Exception:  # noqa: BLE001 - the last resort
        import traceback  # noqa: PLC0415 - only bug reports need it

        platform_.untrusted_block("For the bug report", f"{_versions(environ)}\n{traceback.format_exc()}")
        platform_.error(
            f"This is a bug of dbt-cloud-run-action {__version__}. A dbt Cloud run may still be going. "
            f"Please report it with the block above: {TRACKER}",
            title="Internal error",
        )
        return ExitCode.BUG


def _read(
    environ: Mapping[str, str], platform_: ci.CiPlatform, clock: Clock, secret_values: tuple[str, ...]
) -> RunContext:
    """Everything that is decided before the first request. Raises ConfigError."""
    build = platform_.context()
    config = loader.read(
        environ,
        ROWS,
        ci_job=build.job,
        missing_token=missing_token(
            withheld=build.secrets_withheld, withheld_hint=build.withheld_hint, secrets_hint=build.secrets_hint
        ),
        inputs_are_variables=build.inputs_are_variables,
        unknown=partial(run_request.missing_commit_or_branch, build),
        default_run_on=(build.default_run_on, build.default_reason),
    )
    build = run_request.with_user_choices(config, build)
    host = hosts.choose(environ, build, tokens=config.tokens)
    if config.require_label and not host.has_labels:
        raise ConfigError((_NO_LABELS,))
    return RunContext(
        ci=platform_,
        build=build,
        config=config,
        request=run_request.build(config, build, nonce=os.urandom(3).hex(), secrets=secret_values),
        host=host,
        clock=clock,
    )


def _versions(environ: Mapping[str, str]) -> str:
    import platform  # noqa: PLC0415 - only bug reports need it

    return (
        f"dbt-cloud-run-action {__version__}, Python {platform.python_version()}, {platform.platform()}, "
        f"event {environ.get('GITHUB_EVENT_NAME', 'none')}"
    )


def _stdout() -> TextIO:
    # Whatever the pipe and the console are like: lines appear at once, and no character is an error.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)
    # Without a handler libraries log to stderr; their lines are not made for a CI's log.
    logging.getLogger().addHandler(logging.NullHandler())
    return sys.stdout


def _handled_signals() -> Interrupts:
    interrupts = Interrupts()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupts.handle_signal)
    return interrupts
