"""Payloads of GitHub's events, reduced to the fields that matter here; field names are GitHub's own."""

from __future__ import annotations

from typing import Any

BASE_SHA = "1" * 40
HEAD_SHA = "2" * 40
MERGE_SHA = "3" * 40
QUEUE_SHA = "4" * 40
ZERO_SHA = "0" * 40
REPOSITORY = "acme/shop"
OWN = {"full_name": REPOSITORY, "fork": False}
FORK = {"full_name": "stranger/shop", "fork": True}

Payload = dict[str, Any]


def pull(*, number: int = 7, repo: Payload | None = OWN, login: str = "octocat", **more: Any) -> Payload:  # noqa: ANN401
    """A pull request as events carry it; `repo` None is a fork that was deleted."""
    return {
        "number": number,
        "state": "open",
        "draft": False,
        "merged": False,
        "merge_commit_sha": None,
        "user": {"login": login},
        "head": {"label": "x:feature/a", "ref": "feature/a", "sha": HEAD_SHA, "repo": repo},
        "base": {"label": "acme:main", "ref": "main", "sha": BASE_SHA, "repo": OWN},
        **more,
    }


def variables(name: str, *, sha: str, ref: str, **more: str) -> dict[str, str]:
    """The variables that the runner sets for an event; `ref` as in GITHUB_REF."""
    kind = "tag" if ref.startswith("refs/tags/") else "branch"
    short = ref.removeprefix("refs/heads/").removeprefix("refs/tags/").removeprefix("refs/pull/")
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTION": "__run",
        "GITHUB_ACTOR": "octocat",
        "GITHUB_EVENT_NAME": name,
        "GITHUB_JOB": "deploy",
        "GITHUB_REF": ref,
        "GITHUB_REF_NAME": short,
        "GITHUB_REF_TYPE": kind,
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_RUN_ATTEMPT": "2",
        "GITHUB_RUN_ID": "5",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_SHA": sha,
        "GITHUB_WORKFLOW": "Deploy",
        **more,
    }


def in_pull_request(name: str = "pull_request") -> dict[str, str]:
    """The variables of a pull request's events: GITHUB_SHA is the test merge commit."""
    return variables(name, sha=MERGE_SHA, ref="refs/pull/7/merge", GITHUB_HEAD_REF="feature/a", GITHUB_BASE_REF="main")


def workflow_run(event: str, pulls: list[Payload] | None = None, *, branch: str = "feature/a") -> Payload:
    """A workflow that ended, started by `event`."""
    run = {"id": 9, "event": event, "head_sha": HEAD_SHA, "head_branch": branch, "pull_requests": pulls or []}
    return {"action": "completed", "workflow_run": {**run, "head_repository": OWN}}


def listed_pull(*, sha: str = HEAD_SHA, number: int = 7) -> Payload:
    """A pull request as `workflow_run` lists it: repositories have numbers and addresses only."""
    repo = {"id": 1, "name": "shop", "url": "https://api.github.com/repos/acme/shop"}
    return {
        "id": 2,
        "number": number,
        "url": "https://api.github.com/repos/acme/shop/pulls/7",
        "head": {"ref": "feature/a", "sha": sha, "repo": repo},
        "base": {"ref": "main", "sha": BASE_SHA, "repo": repo},
    }
