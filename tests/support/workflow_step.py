"""One step of a workflow as a black box: its environment, its dbt Cloud and GitHub, and everything it leaves behind."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dbt_action import app
from dbt_action.errors import ExitCode
from dbt_action.interrupts import Interrupts
from dbt_action.timeouts import HttpTimeouts
from emulator import Emulator, GitHub
from emulator.hosts.github import CommitStatus
from emulator.server import RecordedRequest
from tests.support.clock import FakeClock
from tests.support.runner import Command, assignments, commands

CLOUD_TOKEN = "dbtc_Sup3rS3cret+cloud/token="
GITHUB_TOKEN = "ghs_An0therS3cretOfTheWorkflow"
REPOSITORY = "acme/shop"
SHA = "a" * 40
HEAD_SHA = "b" * 40
JOB_NAME = "Production build"


class WorkflowStep:
    """Call `run`, then look at log, outputs, summary, statuses and requests."""

    def __init__(self, cloud: Emulator, github: GitHub, clock: FakeClock, folder: Path) -> None:
        self.cloud, self.github, self.clock, self.folder = cloud, github, clock, folder
        # Where pull requests may be built without any further input.
        cloud.change_job(cloud.job_id, deployment_type="staging")
        self.out = io.StringIO()
        self.interrupts = Interrupts()
        # Long enough for a busy machine; only tests of a hanging server shorten it.
        self.timeouts = HttpTimeouts(connect_seconds=5.0, read_seconds=5.0)
        self.environ = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION": "__run",
            "GITHUB_ACTOR": "octocat",
            "GITHUB_API_URL": github.url,
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_JOB": "deploy",
            "GITHUB_OUTPUT": str(folder / "outputs"),
            "GITHUB_REF_NAME": "main",
            "GITHUB_REF_TYPE": "branch",
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": "5",
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_SHA": SHA,
            "GITHUB_STATE": str(folder / "state"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            "GITHUB_WORKFLOW": "Deploy",
            "INPUT_ACCOUNT-ID": str(cloud.account_id),
            "INPUT_ARTIFACTS-PATH": str(folder / "target"),
            "INPUT_DBT-TOKEN": CLOUD_TOKEN,
            "INPUT_DBT-URL": cloud.url,
            "INPUT_GITHUB-TOKEN": GITHUB_TOKEN,
            "INPUT_JOB-ID": str(cloud.job_id),
        }
        self.event("push", {"ref": "refs/heads/main", "deleted": False})

    def event(self, name: str, payload: object, **variables: str) -> None:
        """Make `name` the event of this build."""
        path = self.folder / "event.json"
        path.write_text(json.dumps(payload), encoding="utf-8")
        self.environ |= {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(path), **variables}

    def run(self, **inputs: str) -> ExitCode:
        """Run the step with these inputs besides the necessary ones."""
        given = {f"INPUT_{name.upper().replace('_', '-')}": value for name, value in inputs.items()}
        return app.run(
            {**self.environ, **given},
            out=self.out,
            clock=self.clock,
            interrupts=self.interrupts,
            http_timeouts=self.timeouts,
        )

    # What the step has left behind.

    @property
    def log(self) -> str:
        """The log as people see it: the runner removes the lines that mask secrets."""
        return "".join(
            line for line in self.out.getvalue().splitlines(keepends=True) if not line.startswith("::add-mask::")
        )

    @property
    def commands(self) -> list[Command]:
        return commands(self.log)

    def annotations(self, level: str) -> list[str]:
        """The texts of all annotations of one level: error, warning or notice."""
        return [command.data for command in self.commands if command.name == level]

    def file(self, name: str) -> str:
        path = self.folder / name
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def outputs(self) -> Mapping[str, str]:
        return assignments(self.file("outputs"))

    @property
    def summary(self) -> str:
        return self.file("summary")

    @property
    def statuses(self) -> tuple[CommitStatus, ...]:
        return self.github.statuses

    @property
    def states(self) -> list[str]:
        """The states that the commit went through; a pending status may have been renewed."""
        found = [status.state for status in self.statuses]
        return [state for number, state in enumerate(found) if state != "pending" or found[:number][-1:] != ["pending"]]

    # What the step has requested of dbt Cloud.

    def requests(self, method: str, end: str) -> list[RecordedRequest]:
        """The requests to dbt Cloud whose path ends so."""
        return [request for request in self.cloud.requests if request.method == method and request.path.endswith(end)]

    @property
    def triggers(self) -> list[RecordedRequest]:
        return self.requests("POST", "/run/")

    @property
    def body(self) -> Any:  # noqa: ANN401 - JSON
        """The body of the one trigger."""
        (trigger,) = self.triggers
        return trigger.json
