"""Prints the report of `doctor`, as lines or as JSON, and returns its exit code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from dbt_action import text
from dbt_action.ci import CiPlatform
from dbt_action.doctor import checks, reader
from dbt_action.doctor.checks import Check, Mark
from dbt_action.errors import ExitCode
from dbt_action.lifecycle.run_context import RunContext
from dbt_action.timeouts import HttpTimeouts


def run(run_context: RunContext, *, probe: bool, as_json: bool, http_timeouts: HttpTimeouts) -> ExitCode:
    """Ask, and print the report."""
    findings = reader.read(run_context, Path.cwd(), probe=probe, http_timeouts=http_timeouts)
    unreachable = findings.account is not None and findings.account.transient
    return _print(run_context.ci, checks.of(findings), as_json=as_json, unreachable=unreachable)


def report_problems(ci: CiPlatform, problems: Sequence[str], *, as_json: bool) -> ExitCode:
    """The report when the inputs cannot be used; nothing is asked then."""
    return _print(ci, checks.of_problems(tuple(problems)), as_json=as_json, unreachable=False)


def _print(ci: CiPlatform, found: Sequence[Check], *, as_json: bool, unreachable: bool) -> ExitCode:
    bad = any(check.mark is Mark.BAD for check in found)
    code = ExitCode.CLOUD if unreachable and not bad else ExitCode.CONFIG if bad else ExitCode.OK
    if as_json:
        listed = [
            {"result": check.mark.name.lower(), "title": check.title, "advice": check.advice or None} for check in found
        ]
        ci.log.command(json.dumps({"exit_code": int(code), "checks": listed}, indent=2, ensure_ascii=False))
        return code
    for check in found:
        ci.info(f"{check.mark.value} {text.one_line(check.title)}")
        if check.advice:
            ci.info("\n".join(f"  {line}" for line in check.advice.strip().split("\n")))
    return code
