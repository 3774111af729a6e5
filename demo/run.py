"""One scenario of the demo: a push, a run of real dbt, and what the action reports. `runner` runs the step."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from dbt_action.report.outputs import OUTPUTS
from demo import runner
from emulator import Emulator, GitHub, Run
from emulator.dbt_runner import DbtRunner

HERE = Path(__file__).resolve().parent
REPOSITORY = "acme/shop"
BRANCH = "main"
WIDTH = 100


@dataclass(frozen=True, slots=True)
class Scenario:
    """The exit code of the step, the last state of the commit, and the output `status`."""

    exit_code: int
    state: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a scenario is played: the job's settings, whether a good commit is run before it, and how often it is run."""

    ends: Scenario
    job: Mapping[str, Any] = field(default_factory=dict)
    good_run_before: bool = False
    times: int = 1


PLANS = {
    "green": Plan(ends=Scenario(0, "success", "success")),
    "failing-test": Plan(ends=Scenario(1, "failure", "error")),
    # Twice: the second time the failure is known.
    "failing-model": Plan(ends=Scenario(1, "failure", "error"), good_run_before=True, times=2),
    "late-source": Plan(
        ends=Scenario(0, "success", "success"),
        job={"run_generate_sources": True},
        # Before it there is no table to look at.
        good_run_before=True,
    ),
}
SCENARIOS = {name: plan.ends for name, plan in PLANS.items()}


@dataclass(frozen=True, slots=True)
class Played:
    """What a scenario left behind: the commit, the runs in dbt Cloud, and how the step ended."""

    sha: str
    runs: tuple[Run, ...]
    result: Scenario


def show(name: str, ends_well: Callable[[], bool]) -> int:
    """Play a scenario and print what happens; 0 when it ended as it should, 2 when it cannot be played."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)
    if shutil.which("git") is None:
        print("The demo makes a git repository, but git was not found. Install git and try again.")
        return 2
    try:
        if not ends_well():
            return 1
    except FileNotFoundError:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        print(f"The demo runs real dbt, which is not installed: dbt-core does not run on Python {version} yet.")
        print("Name another Python: make clean && make demo PYTHON=python3.13")
        return 2
    print(f"This is how {name} should end.")
    return 0


def ends_well(name: str, *, keep: bool = False) -> bool:
    """Play one of SCENARIOS; whether it ended as it should. Raises `FileNotFoundError` when dbt is not installed."""
    with tempfile.TemporaryDirectory(prefix="dbt-cloud-run-demo-", ignore_cleanup_errors=True) as folder:
        found = play(name, Path(folder), keep=keep).result
    if found != SCENARIOS[name]:
        print(f"This is not how {name} should end. Expected: {SCENARIOS[name]}. Found: {found}.")
        return False
    print("To open the run's page in a browser: make demo KEEP=1. Other scenarios: make demo SCENARIO=…")
    return True


def play(name: str, folder: Path, *, keep: bool = False) -> Played:
    """Push the scenario's commit, run the action for it and print what happens.

    `keep` waits for Enter before the servers are stopped. Raises `FileNotFoundError` when dbt is not installed.
    """
    repository = folder / "repository"
    plan, sha = PLANS[name], make_repository(repository, name)
    with Emulator(DbtRunner(repository)) as cloud, GitHub(repository=REPOSITORY, commits={sha}) as github:
        cloud.change_job(cloud.job_id, **plan.job)
        show_title(f"Scenario {name}: {sha[:7]} is pushed to {BRANCH} of {REPOSITORY}")
        print(f"dbt Cloud   {cloud.url}   (an emulator on this machine; the runs are real dbt on DuckDB)")
        print(f"GitHub      {github.url}   (an emulator that records commit statuses)")
        if plan.good_run_before:
            print("            (a good commit is run first, so that there is something to compare with)")
            run_good_commit(cloud, repository)
        for time in range(plan.times):
            of = f", for the {'first' if time == 0 else 'second'} time" if plan.times > 1 else ""
            show_title(f"The log of the workflow step{of}")
            ended = _step(folder / f"runner-{time}", cloud, github, sha, build=time + 1)
        show_title(f"The commit statuses of {sha[:7]}, in the order in which they were posted")
        for status in github.statuses:
            print(f"{status.state:8}  {status.context}  ·  {status.description or ''}")
            print(f"{'':8}  {status.target_url or ''}")
        show_title("The outputs of the step")
        for output in OUTPUTS:
            if output.name in ended.outputs:
                print(f"{output.name:16}  {ended.outputs[output.name]}")
        show_title("The summary of the job")
        print(ended.summary.rstrip())
        show_title(f"The exit code of the step: {ended.exit_code}")
        state = github.statuses[-1].state if github.statuses else "none"
        result = Scenario(ended.exit_code, state, ended.outputs.get("status", ""))
        if keep:
            input(f"The run's page: {ended.outputs.get('run-url', cloud.url)}\nPress Enter to end the demo. ")
        return Played(sha, cloud.runs, result)


def _step(folder: Path, cloud: Emulator, github: GitHub, sha: str, *, build: int) -> runner.Ended:
    """Run the action for the commit as a step of the build with this number, and print its log."""
    return runner.run_step(
        folder,
        inputs={
            "dbt-url": cloud.url,
            "dbt-token": cloud.token,
            "account-id": str(cloud.account_id),
            "job-id": str(cloud.job_id),
            "artifacts": "run_results.json, manifest.json",
            "github-token": github.token,
        },
        event=push_event(sha),
        variables={**push_variables(sha, github.url), "GITHUB_RUN_ID": str(build)},
        on_line=print,
    )


def run_good_commit(cloud: Emulator, repository: Path) -> None:
    """Have dbt Cloud run the first commit, and wait for it."""
    url = f"{cloud.url}/api/v2/accounts/{cloud.account_id}/jobs/{cloud.job_id}/run/"
    body = {"cause": "Scheduled", "git_sha": git(repository, "rev-list", "--max-parents=0", "HEAD")}
    requests.post(url, json=body, headers={"Authorization": f"Token {cloud.token}"}, timeout=30).raise_for_status()
    cloud.wait_idle(timeout=300)


def make_repository(folder: Path, scenario: str) -> str:
    """Make a git repository of the sample project and a commit with the changes of a scenario; return the newest."""
    shutil.copytree(HERE / "project", folder)
    git(folder, "init", "--quiet")
    git(folder, "symbolic-ref", "HEAD", f"refs/heads/{BRANCH}")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "The shop")
    changes = HERE / "scenarios" / scenario
    if changes.exists():
        shutil.copytree(changes, folder, dirs_exist_ok=True)
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", f"The shop ({scenario})")
    return git(folder, "rev-parse", "HEAD")


def push_event(sha: str) -> dict[str, Any]:
    """Return the event of a push, as GitHub writes it to a file."""
    owner, _, name = REPOSITORY.partition("/")
    return {
        "ref": f"refs/heads/{BRANCH}",
        "before": "0" * 40,
        "after": sha,
        "created": False,
        "deleted": False,
        "forced": False,
        "head_commit": {"id": sha, "message": "The shop"},
        "pusher": {"name": "octocat", "email": "octocat@example.com"},
        "repository": {
            "name": name,
            "full_name": REPOSITORY,
            "owner": {"login": owner},
            "default_branch": BRANCH,
            "private": True,
        },
        "sender": {"login": "octocat", "type": "User"},
    }


def push_variables(sha: str, api_url: str) -> dict[str, str]:
    """Return the variables that GitHub sets for a push."""
    return {
        "GITHUB_ACTOR": "octocat",
        "GITHUB_API_URL": api_url,
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_JOB": "build",
        "GITHUB_REF": f"refs/heads/{BRANCH}",
        "GITHUB_REF_NAME": BRANCH,
        "GITHUB_REF_TYPE": "branch",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_REPOSITORY_OWNER": REPOSITORY.partition("/")[0],
        "GITHUB_RUN_ATTEMPT": "1",
        "GITHUB_RUN_ID": "1",
        "GITHUB_RUN_NUMBER": "1",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_SHA": sha,
        "GITHUB_TRIGGERING_ACTOR": "octocat",
        "GITHUB_WORKFLOW": "Shop",
    }


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return what it prints."""
    # The user's own hooks and signing keys must not be used here.
    settings = (
        "user.name=Octo Cat",
        "user.email=octocat@example.com",
        "commit.gpgsign=false",
        "core.hooksPath=/dev/null",
    )
    options = [option for setting in settings for option in ("-c", setting)]
    done = subprocess.run(["git", "-C", str(folder), *options, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def show_title(text: str) -> None:
    """Print the title of a section."""
    print(f"\n── {text} {'─' * max(0, WIDTH - len(text) - 4)}\n")
