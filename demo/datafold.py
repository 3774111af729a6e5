"""The scenario `datafold`: three pull requests, with real dbt; one is built, one is skipped, one fails softly."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo import runner
from demo.run import HERE, REPOSITORY, git, make_repository, push_event, push_variables, show_title
from emulator import Datafold, Emulator, GitHub
from emulator.datafold_uploads import Upload
from emulator.dbt_runner import DbtRunner
from emulator.hosts.base import Changes

NAME = "datafold"
LABEL = "datafold"
IGNORED = "*\n!models/*\n!seeds/*\n*.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """One pull request of the scenario: its files, and how its build should end."""

    number: int
    title: str
    # Contents by path; a scenario's folder is copied instead when `scenario` names one.
    files: Mapping[str, str]
    scenario: str = ""
    inputs: Mapping[str, str]
    exit_code: int
    status: str
    description: str
    uploaded: bool


PULL_REQUESTS = (
    PullRequest(
        number=7,
        title="A new model",
        files={"models/marts/big_orders.sql": "select order_id from {{ ref('order_payments') }}\n"},
        inputs={},
        exit_code=0,
        status="success",
        description="passed",
        uploaded=True,
    ),
    PullRequest(
        number=8,
        title="A page about the project",
        files={"README.md": "# The shop\n"},
        inputs={},
        exit_code=0,
        status="skipped",
        description="Skipped: only ignored files changed",
        uploaded=False,
    ),
    PullRequest(
        number=9,
        title="A seed that breaks a test",
        files={"seeds/orders.csv": ""},
        scenario="failing-test",
        inputs={"commit-status": "soft", "fail-on-error": "false"},
        exit_code=0,
        status="error",
        description="Failed (not blocking)",
        uploaded=True,
    ),
)


def ends_well() -> bool:
    """Play the scenario and print what happens; whether each build ended as it should."""
    with tempfile.TemporaryDirectory(prefix="dbt-cloud-run-demo-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        repository = folder / "repository"
        make_repository(repository, "green")
        with (
            Emulator(DbtRunner(repository)) as cloud,
            GitHub(repository=REPOSITORY) as github,
            Datafold() as datafold,
        ):
            cloud.change_job(cloud.job_id, job_type="ci")
            show_title("Three pull requests; each is built, if there is anything to build, and uploaded to Datafold")
            print(f"dbt Cloud   {cloud.url}   (an emulator on this machine; the runs are real dbt on DuckDB)")
            print(f"GitHub      {github.url}   (an emulator that knows the changed files, and records statuses)")
            print(f"Datafold    {datafold.url}   (an emulator that takes uploads)")
            inputs = {
                "dbt-url": cloud.url,
                "dbt-token": cloud.token,
                "account-id": str(cloud.account_id),
                "job-id": str(cloud.job_id),
                "schema-override": "auto",
                "files-to-ignore": IGNORED,
                "require-label": LABEL,
                "github-token": github.token,
                "datafold-ci-config-id": "77",
                "datafold-api-key": datafold.api_key,
                "datafold-host": datafold.url,
            }
            ended = [
                _build(request, folder / str(request.number), repository, inputs, github, datafold)
                for request in PULL_REQUESTS
            ]
        return all(ended)


def _build(
    request: PullRequest, folder: Path, repository: Path, inputs: Mapping[str, str], github: GitHub, datafold: Datafold
) -> bool:
    sha = _commit(repository, request)
    github.changes = Changes(files=tuple((path, None) for path in request.files), labels=(LABEL,))
    show_title(f"Pull request {request.number}: {request.title} ({', '.join(request.files)})")
    before = len(datafold.uploads)
    ended = runner.run_step(
        folder,
        inputs={**inputs, **request.inputs},
        event=pull_request_event(request.number, request.title, sha),
        variables={**push_variables(sha, github.url), "GITHUB_EVENT_NAME": "pull_request"},
        on_line=print,
    )
    uploads, status = datafold.uploads[before:], github.statuses[-1]
    print(f"\nExit code:      {ended.exit_code}")
    print(f"Commit status:  {status.state}  {status.context}  ·  {status.description}")
    print(f"At Datafold:    {_words(uploads)}")
    found = (ended.exit_code, ended.outputs.get("status"), bool(uploads), status.state)
    expected = (request.exit_code, request.status, request.uploaded, "success")
    if found == expected and request.description in (status.description or ""):
        return True
    print(f"This is not how it should end. Expected: {expected}, {request.description!r}. Found: {found}.")
    return False


def _words(uploads: Sequence[Upload]) -> str:
    if not uploads:
        return "nothing"
    return "; ".join(f"{', '.join(upload.files)} as {upload.run_type} of {upload.commit_sha[:7]}" for upload in uploads)


def _commit(repository: Path, request: PullRequest) -> str:
    """Commit the files of the pull request on a branch of their own, and return the commit."""
    git(repository, "checkout", "--quiet", "-B", f"pull-{request.number}", "main")
    for path, content in request.files.items():
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).write_text(content, encoding="utf-8")
    if request.scenario:
        shutil.copytree(HERE / "scenarios" / request.scenario, repository, dirs_exist_ok=True)
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", request.title)
    return git(repository, "rev-parse", "HEAD")


def pull_request_event(number: int, title: str, sha: str) -> dict[str, Any]:
    """Return the event of a pull request with this head, as GitHub writes it to a file."""
    push = push_event(sha)
    own = {"full_name": REPOSITORY, "fork": False}
    return {
        "action": "synchronize",
        "number": number,
        "pull_request": {
            "number": number,
            "title": title,
            "draft": False,
            "head": {"ref": f"pull-{number}", "sha": sha, "repo": own},
            "base": {"ref": "main", "sha": push["before"], "repo": own},
            "user": {"login": "octocat"},
        },
        "repository": push["repository"],
        "sender": push["sender"],
    }
