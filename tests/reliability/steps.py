"""Steps of workflows against one dbt Cloud and one GitHub on a virtual clock; many steps share the servers."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests as http

from dbt_action import app
from dbt_action.errors import ExitCode
from dbt_action.interrupts import Interrupts
from emulator import Emulator, GitHub, Run, Script
from emulator.hosts.github import CommitStatus
from emulator.server import RecordedRequest
from tests.support.clock import FakeClock
from tests.support.runner import assignments
from tests.support.virtual_hangs import virtual_hangs
from tests.support.workflow_step import CLOUD_TOKEN, GITHUB_TOKEN, REPOSITORY

ScriptSource = Callable[[dict[str, Any]], Script]


class Killed(BaseException):
    """Stands for SIGKILL: the product catches no exception of this kind."""


@dataclass
class Servers:
    """A dbt Cloud and a GitHub. Each step has a job and a commit of its own, so steps do not affect each other."""

    cloud: Emulator
    github: GitHub
    clock: FakeClock
    scripts: dict[int, ScriptSource]
    folder: Path
    steps: int = 0

    def new_step(self, script: Script | ScriptSource, **job: Any) -> Step:  # noqa: ANN401 - the fields of a job
        """A step for a new job whose runs follow `script`."""
        self.steps += 1
        folder = self.folder / str(self.steps)
        folder.mkdir()
        # Where pull requests may be built without any further input.
        job_id = self.cloud.add_job(f"Build {self.steps}", **{"deployment_type": "staging", **job})
        self.scripts[job_id] = (lambda _trigger: script) if isinstance(script, Script) else script
        self.reset()
        return Step(self, job_id, f"{self.steps:040x}", folder)

    def reset(self) -> None:
        """Forget faults, and everything that was to happen later."""
        self.clock.reset()
        self.cloud.faults.clear()
        self.github.faults.clear()


@contextmanager
def start_servers(folder: Path, **habits: Any) -> Iterator[Servers]:  # noqa: ANN401 - of the emulator
    """A dbt Cloud and a GitHub for any number of steps; their faults `hang` and `late` take virtual time."""
    clock = FakeClock()
    scripts: dict[int, ScriptSource] = {}
    cloud = Emulator(lambda trigger, job: scripts[job.id](trigger), token=CLOUD_TOKEN, now=clock.now, **habits)
    github = GitHub(token=GITHUB_TOKEN, repository=REPOSITORY)
    with cloud, github, virtual_hangs(clock):
        yield Servers(cloud, github, clock, scripts, folder)


@dataclass
class Step:
    """One step of one build: call `run` and `clean_up`, then look at what they have done."""

    servers: Servers
    job_id: int
    sha: str
    folder: Path
    out: io.StringIO = field(default_factory=io.StringIO)
    interrupts: Interrupts = field(default_factory=Interrupts)

    def __post_init__(self) -> None:
        self._running = False
        self._created_at = self.servers.clock.now()
        self._requests_before = len(self.servers.cloud.requests)
        self._statuses_before = len(self.statuses)
        self.environ = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION": "__run",
            "GITHUB_ACTOR": "octocat",
            "GITHUB_API_URL": self.servers.github.url,
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_JOB": "deploy",
            "GITHUB_OUTPUT": str(self.folder / "outputs"),
            "GITHUB_REF_NAME": "main",
            "GITHUB_REF_TYPE": "branch",
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": str(5000 + int(self.sha, 16)),
            "GITHUB_SHA": self.sha,
            "GITHUB_STATE": str(self.folder / "state"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_WORKFLOW": "Deploy",
            "INPUT_ACCOUNT-ID": str(self.servers.cloud.account_id),
            "INPUT_ARTIFACTS-PATH": str(self.folder / "target"),
            "INPUT_DBT-TOKEN": CLOUD_TOKEN,
            "INPUT_DBT-URL": self.servers.cloud.url,
            "INPUT_GITHUB-TOKEN": GITHUB_TOKEN,
            "INPUT_JOB-ID": str(self.job_id),
        }

    # What a CI does.

    def attempt(self, number: int, **variables: str) -> Step:
        """The same step in another attempt of the build; `variables` may make it another step, leg or build."""
        folder = self.folder / f"attempt{number}-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        other = Step(self.servers, self.job_id, self.sha, folder)
        for name in ("GITHUB_RUN_ID", *(name for name in self.environ if name not in other.environ)):
            other.environ[name] = self.environ[name]
        other.environ |= {"GITHUB_RUN_ATTEMPT": str(number), **variables}
        return other

    def given(self, **inputs: str) -> Step:
        """Set inputs for this and every later run of the step."""
        self.environ |= {f"INPUT_{name.upper().replace('_', '-')}": value for name, value in inputs.items()}
        return self

    def pull_request(self, number: int, sha: str | None = None, *, repository: str = REPOSITORY) -> Step:
        """Make this a build of a pull request, whose head is in `repository`."""
        path = self.folder / "event.json"
        head = {"sha": sha or self.sha, "ref": "feature", "repo": {"full_name": repository}}
        pull = {"number": number, "head": head, "base": {"ref": "main"}}
        path.write_text(json.dumps({"pull_request": pull}), encoding="utf-8")
        self.environ |= {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(path)}
        return self

    def run(self, **inputs: str) -> ExitCode:
        """Run the step with these inputs besides the necessary ones."""
        self.given(**inputs)
        self._running = True
        try:
            return app.run(self.environ, out=self.out, clock=self.servers.clock, interrupts=self.interrupts)
        finally:
            self._running = False

    def clean_up(self) -> ExitCode:
        """The clean-up after the step: of the step it knows the saved state and nothing else."""
        saved = {f"STATE_{name}": value for name, value in self.saved.items()}
        return app.clean_up({**self.environ, **saved}, out=self.out, clock=self.servers.clock)

    def run_until_killed(self, **inputs: str) -> None:
        """Run a step during which something raises `Killed`."""
        with suppress(Killed):
            self.run(**inputs)

    # What happens while the step runs.

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Call `action` once, so many virtual seconds from now, unless the step is over by then."""
        self.servers.clock.schedule(seconds, lambda: action() if self._running else None)

    def repeat(self, request: RecordedRequest, *, github: bool = False) -> None:
        """Send a recorded request again: the server does now what it was asked for before our time-out."""
        url = (self.servers.github.url if github else self.servers.cloud.url) + request.path
        headers = {"Authorization": request.headers["Authorization"]}
        http.request(request.method, url, json=request.json, headers=headers, timeout=10)

    # What the step has left behind.

    @property
    def saved(self) -> Mapping[str, str]:
        return assignments(self._file("state"))

    @property
    def outputs(self) -> Mapping[str, str]:
        return assignments(self._file("outputs"))

    @property
    def closed(self) -> bool:
        """Whether the saved state says that the clean-up has nothing to do."""
        return self.saved.get("closed", "true") == "true"

    @property
    def log(self) -> str:
        lines = self.out.getvalue().splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith("::add-mask::"))

    @property
    def runs(self) -> list[Run]:
        """The runs of this job."""
        return [run for run in self.servers.cloud.runs if run.job_id == self.job_id]

    @property
    def origins(self) -> list[int | None]:
        """For each run of the job the position of the run that it retries, None when it was triggered."""
        ids = [run.id for run in self.runs]
        return [ids.index(run.retrying_run_id) if run.retrying_run_id else None for run in self.runs]

    @property
    def going(self) -> list[int]:
        """The ids of the runs of this job that are not over."""
        return [run.id for run in self.runs if not run.over]

    @property
    def statuses(self) -> list[CommitStatus]:
        return [status for status in self.servers.github.statuses if status.sha == self.sha]

    @property
    def states(self) -> list[str]:
        return [status.state for status in self.statuses]

    @property
    def left_pending(self) -> bool:
        """Whether this step has posted statuses, the last of them `pending`."""
        return len(self.states) > self._statuses_before and self.states[-1] == "pending"

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """Requests to dbt Cloud since this step was created."""
        return self.servers.cloud.requests[self._requests_before :]

    def posts(self, end: str) -> list[RecordedRequest]:
        """The POST requests to addresses that end with `end`."""
        return [request for request in self.requests if request.method == "POST" and request.path.endswith(end)]

    @property
    def passed(self) -> float:
        """Virtual seconds since this step was created."""
        return self.servers.clock.now() - self._created_at

    def leaks(self) -> list[str]:
        """The outputs of the step, by kind, in which a secret can be read."""
        described = " ".join(f"{status.description} {status.target_url}" for status in self.statuses)
        files = [self._read(path) for path in self.folder.rglob("*") if path.is_file()]
        causes = " ".join(run.cause for run in self.runs)
        everything = {"log": self.log, "statuses": described, "files": " ".join(files), "causes": causes}
        secrets = (CLOUD_TOKEN, GITHUB_TOKEN)
        return [kind for kind, content in everything.items() if any(secret in content for secret in secrets)]

    def _file(self, name: str) -> str:
        path = self.folder / name
        return self._read(path) if path.exists() else ""

    @staticmethod
    def _read(path: Path) -> str:
        return path.read_bytes().decode("utf-8", "replace")
