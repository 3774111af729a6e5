"""Says what would be sent and decided, for the input `dry-run`. Nothing that changes anything is sent."""

from __future__ import annotations

import json

from dbt_action.config.choices import CommentMode, StatusMode
from dbt_action.dbt_cloud.runs import Job
from dbt_action.lifecycle.run_context import RunContext
from dbt_action.lifecycle.state import RunState


def report(run_context: RunContext, job: Job | None, skip_reason: str) -> None:
    """Log the decisions of the gates, the body of the trigger, the status and the comment."""
    ci, config, build = run_context.ci, run_context.config, run_context.build
    state = RunState(job_name=job.name if job else "")
    ci.info("This is a dry run: nothing is started and nothing is posted.")
    if skip_reason:
        ci.info(f"Nothing would be run: {skip_reason}.")
    else:
        body = json.dumps(run_context.request.body(), indent=2, ensure_ascii=False)
        ci.info(f"Would be sent to start {job.name if job else 'the job'}:\n{body}")
    if config.commit_status is StatusMode.NONE:
        ci.info("Commit status: none (`commit-status: false`)")
    else:
        sha = run_context.status_sha
        name = run_context.status_name(state)
        ci.info(
            f"Commit status: {name!r} on {sha or 'no commit: none is known'} ({build.repository or 'no repository'})"
        )
    if config.comment is not CommentMode.NEVER:
        number = f"pull request {build.number}" if build.number else "none: this is no pull request"
        ci.info(f"Comment: {number}")
