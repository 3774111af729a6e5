"""A pull request as a reviewer sees it: comment, checks and annotation of a real run, in one picture."""

from __future__ import annotations

import io
import json
import re
import tempfile
from html import escape
from pathlib import Path

from dbt_action import app
from dbt_action.clock import SystemClock
from dbt_action.interrupts import Interrupts
from demo.datafold import pull_request_event
from demo.run import REPOSITORY, git, make_repository, push_variables, run_good_commit
from docs.preview.pictures import render
from emulator import Emulator, GitHub
from emulator.dbt_runner import DbtRunner
from emulator.hosts.base import Changes

_NUMBER = 7
_FILE = "models/marts/order_payments.sql"
_ANNOTATION = re.compile(r"::error file=(?P<file>[^,:]+),title=(?P<title>[^:]+)::(?P<text>.*)")


def body() -> str:
    """The HTML: production is green, and a pull request breaks a model."""
    with tempfile.TemporaryDirectory(prefix="summary-preview-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        repository = folder / "repository"
        sha = make_repository(repository, "failing-model")
        git(repository, "branch", "feature", sha)
        with Emulator(DbtRunner(repository)) as cloud, GitHub(repository=REPOSITORY, commits={sha}) as github:
            run_good_commit(cloud, repository)
            job = cloud.add_job("Pull request build", job_type="ci", deferring_job_definition_id=cloud.job_id)
            github.changes = Changes(files=((_FILE, None),))
            log = _run(folder, cloud, github, sha, job)
            comment, status = github.comments[-1].body, github.statuses[-1]
    shown = _ANNOTATION.search(log)
    file, title, words = (shown["file"], shown["title"], shown["text"]) if shown else ("", "", "")
    message = words.replace("%0A", "\n").replace("%25", "%")
    text = render(re.sub(r"^<!--.*?-->\n", "", comment))
    return f"""<div class="small">
<div class="box"><div class="head"><b>github-actions</b> bot commented</div><div class="text">{text}</div></div>
<div class="box"><div class="head"><b>Some checks were not successful</b></div>
<div class="check"><span class="bad">✕</span> <b>{escape(status.context)}</b> — {escape(status.description or "")}</div>
<div class="check"><span class="good">✓</span> <b>lint</b> — Successful in 31s</div></div>
<div class="box"><div class="head"><b>{escape(file)}</b></div>
<div class="annotation"><span class="bad">{escape(title)}</span><pre>{escape(message)}</pre></div></div>
</div>"""


def _run(folder: Path, cloud: Emulator, github: GitHub, sha: str, job: int) -> str:
    """Run the action for the pull request, and return its log."""
    event = folder / "event.json"
    event.write_text(json.dumps(pull_request_event(_NUMBER, "Pay in parts", sha)), encoding="utf-8")
    environ = {
        **push_variables(sha, github.url),
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(event),
        "INPUT_DBT-URL": cloud.url,
        "INPUT_DBT-TOKEN": cloud.token,
        "INPUT_ACCOUNT-ID": str(cloud.account_id),
        "INPUT_JOB-ID": str(job),
        "INPUT_GITHUB-TOKEN": github.token,
        "INPUT_POLL-INTERVAL": "1",
        "INPUT_COMMENT": "always",
    }
    out = io.StringIO()
    app.run(environ, out=out, clock=SystemClock(), interrupts=Interrupts())
    return out.getvalue()
