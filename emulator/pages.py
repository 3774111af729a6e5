"""The HTML pages that `href` links to: a run with steps and logs, a job with its runs. All values are escaped."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from emulator.api_json import HUMANIZED, duration, moment, run_href

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.runs import Job, Run, Step

ANSI = re.compile(r"\x1b\[[0-9;]*m")
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem;
padding: 0 1rem; color: #1f2328 }
table { border-collapse: collapse; width: 100% } td, th { border-bottom: 1px solid #d0d7de; padding: .4rem;
text-align: left; vertical-align: top }
pre { background: #f6f8fa; padding: 1rem; overflow: auto; font-size: 13px }
.s10 { color: #1a7f37 } .s20 { color: #cf222e } .s30 { color: #57606a } summary { cursor: pointer }
"""


def run_page(url: str, run: Run, now: float) -> str:
    """Return the page of a run."""
    facts = {
        "Status": _status(run.status),
        "Message": escape(run.status_message or ""),
        "Cause": escape(run.cause),
        "Job": f'<a href="{escape(job_href(url, run.job))}">{escape(run.job.name)}</a>',
        "Commit": escape(run.git_sha or run.trigger["git_sha"] or ""),
        "Branch": escape(run.git_branch or run.trigger["git_branch"] or ""),
        "Schema": escape(run.trigger["schema_override"] or ""),
        "Created": escape(str(moment(run.created_at))),
        "Waits for run": ", ".join(map(str, run.blocked_by)),
        "Retries run": str(run.retrying_run_id or ""),
    }
    rows = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in facts.items() if value)
    steps = "".join(_step(step, now) for step in run.steps) or "<p>No step has started.</p>"
    return _page(f"Run {run.id}", f"<table>{rows}</table><h2>Steps</h2>{steps}")


def job_page(url: str, job: Job, runs: Iterable[Run]) -> str:
    """Return the page of a job with its runs, newest first."""
    rows = "".join(
        f'<tr><td><a href="{escape(run_href(url, run))}">{run.id}</a></td>'
        f"<td>{_status(run.status)}</td><td>{escape(run.cause)}</td></tr>"
        for run in sorted(runs, key=lambda run: -run.id)
    )
    commands = "".join(f"<li><code>{escape(command)}</code></li>" for command in job.execute_steps)
    table = f"<table><tr><th>Run</th><th>Status</th><th>Cause</th></tr>{rows}</table>"
    return _page(job.name, f"<p>Job {job.id}, {escape(job.job_type)}</p><ol>{commands}</ol>{table}")


def job_href(url: str, job: Job) -> str:
    """Return the URL of the page of a job."""
    return f"{url}/deploy/{job.account_id}/projects/{job.project_id}/jobs/{job.id}"


def _status(status: int) -> str:
    return f'<b class="s{status}">{HUMANIZED.get(status, f"Unknown ({status})")}</b>'


def _step(step: Step, now: float) -> str:
    seconds = (now if step.finished_at is None else step.finished_at) - step.started_at
    log = escape(ANSI.sub("", step.logs or ""))
    opened = " open" if step.fails_run and step.status != 10 else ""  # noqa: PLR2004 - 10 is Success
    return (
        f"<details{opened}><summary>{step.index}. {escape(step.name)} · {_status(step.status)} · "
        f"{duration(seconds)}</summary><pre>{log}</pre></details>"
    )


def _page(title: str, content: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style><h1>{escape(title)}</h1>{content}</html>"
    )
