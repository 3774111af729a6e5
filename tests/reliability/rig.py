"""A bench for rough treatment: many steps, one after another, on one dbt Cloud, one GitHub and one virtual clock."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from dbt_action import app
from dbt_action.errors import ExitCode
from dbt_action.interrupts import Interrupts
from dbt_action.timeouts import HttpTimeouts
from emulator import Emulator, GitHub, Run, Script
from emulator.faults import FaultKind
from emulator.hosts.github import CommitStatus
from emulator.server import RecordedRequest
from tests.support.runner import assignments
from tests.support.workflow_step import CLOUD_TOKEN, GITHUB_TOKEN, REPOSITORY

Scripted = Callable[[dict[str, Any]], Script]
# What the product waits for an answer in real life; here a request that hangs moves the virtual clock by it.
REAL_TIMEOUT = 30.0
# Waits for a server that does not answer: for real, so as short as a busy machine allows.
IMPATIENT = HttpTimeouts(connect_seconds=5.0, read_seconds=0.25)
PATIENT = HttpTimeouts(connect_seconds=10.0, read_seconds=20.0)


class Killed(BaseException):
    """SIGKILL, as far as one process can play it: nothing in the product catches this."""


class Clock:
    """Virtual time: it moves when somebody sleeps, and by `extra()` seconds spent waiting for answers."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0
        self.extra: Callable[[], float] = float
        self.on_sleep: Callable[[float], None] = lambda _seconds: None

    def now(self) -> float:
        return self.time + self.extra()

    def sleep(self, seconds: float) -> None:
        self.on_sleep(seconds)
        self.time += max(0.0, seconds)


@dataclass
class Bench:
    """The servers. Every rig on it has a job and a commit of its own, so that rigs do not see each other."""

    cloud: Emulator
    github: GitHub
    clock: Clock
    scripts: dict[int, Scripted]
    folder: Path
    rigs: int = 0

    def rig(self, script: Script | Scripted, **job: Any) -> Rig:  # noqa: ANN401 - the fields of a job
        """A step for a new job whose runs follow `script`."""
        self.rigs += 1
        folder = self.folder / str(self.rigs)
        folder.mkdir()
        job_id = self.cloud.add_job(f"Build {self.rigs}", **job)
        self.scripts[job_id] = (lambda _trigger: script) if isinstance(script, Script) else script
        self.cloud.faults.clear()
        self.github.faults.clear()
        return Rig(self, job_id, f"{self.rigs:040x}", folder)


@contextmanager
def bench(folder: Path, **habits: Any) -> Iterator[Bench]:  # noqa: ANN401 - of the emulator
    """A dbt Cloud and a GitHub for any number of rigs."""
    clock = Clock()
    scripts: dict[int, Scripted] = {}
    cloud = Emulator(lambda trigger, job: scripts[job.id](trigger), token=CLOUD_TOKEN, now=clock.now, **habits)
    github = GitHub(token=GITHUB_TOKEN, repository=REPOSITORY)
    with cloud, github:
        yield Bench(cloud, github, clock, scripts, folder)


@dataclass
class Rig:
    """One step of one build: `run` and `clean_up` it, then look at what is left."""

    bench: Bench
    job_id: int
    sha: str
    folder: Path
    http_timeouts: HttpTimeouts = PATIENT
    out: io.StringIO = field(default_factory=io.StringIO)
    interrupts: Interrupts = field(default_factory=Interrupts)

    def __post_init__(self) -> None:
        self.began = self.bench.clock.now()
        self._asked_before = len(self.bench.cloud.requests)
        self._told_before = len(self.statuses)
        self.environ = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION": "__run",
            "GITHUB_ACTOR": "octocat",
            "GITHUB_API_URL": self.bench.github.url,
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
            "INPUT_ACCOUNT-ID": str(self.bench.cloud.account_id),
            "INPUT_ARTIFACTS-PATH": str(self.folder / "target"),
            "INPUT_DBT-TOKEN": CLOUD_TOKEN,
            "INPUT_DBT-URL": self.bench.cloud.url,
            "INPUT_GITHUB-TOKEN": GITHUB_TOKEN,
            "INPUT_JOB-ID": str(self.job_id),
        }

    # What a CI does.

    def attempt(self, number: int, **variables: str) -> Rig:
        """The same step in another attempt of the build; `variables` may make it another step, leg or build."""
        folder = self.folder / f"attempt{number}-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        other = Rig(self.bench, self.job_id, self.sha, folder, http_timeouts=self.http_timeouts)
        for name in ("GITHUB_RUN_ID", *(name for name in self.environ if name not in other.environ)):
            other.environ[name] = self.environ[name]
        other.environ |= {"GITHUB_RUN_ATTEMPT": str(number), **variables}
        return other

    def given(self, **inputs: str) -> Rig:
        """Inputs besides the necessary ones, for good."""
        self.environ |= {f"INPUT_{name.upper().replace('_', '-')}": value for name, value in inputs.items()}
        return self

    def pull_request(self, number: int, sha: str | None = None) -> Rig:
        """Make this a build of a pull request."""
        path = self.folder / "event.json"
        head = {"sha": sha or self.sha, "ref": "feature", "repo": {"full_name": REPOSITORY}}
        pull = {"number": number, "head": head, "base": {"ref": "main"}}
        path.write_text(json.dumps({"pull_request": pull}), encoding="utf-8")
        self.environ |= {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(path)}
        return self

    def run(self, **inputs: str) -> ExitCode:
        """The step."""
        self.given(**inputs)
        return app.run(
            self.environ,
            out=self.out,
            clock=self.bench.clock,
            interrupts=self.interrupts,
            http_timeouts=self.http_timeouts,
        )

    def clean_up(self) -> ExitCode:
        """The clean-up after the step, in a process that knows of the first one only what it has saved."""
        saved = {f"STATE_{name}": value for name, value in self.saved.items()}
        return app.clean_up(
            {**self.environ, **saved}, out=self.out, clock=self.bench.clock, http_timeouts=self.http_timeouts
        )

    def run_until_killed(self, **inputs: str) -> None:
        """The step, which something in it kills."""
        with suppress(Killed):
            self.run(**inputs)

    # What happens meanwhile.

    def after_sleeping(self, seconds: float, deed: Callable[[], object]) -> None:
        """Do `deed` once, in the sleep in which `seconds` of virtual time since now are over."""
        due, done = self.bench.clock.now() + seconds, False

        def hook(length: float) -> None:
            nonlocal done
            if not done and self.bench.clock.now() + length >= due:
                done = True
                deed()

        self.bench.clock.on_sleep = hook

    def interrupt_after(self, seconds: float) -> None:
        """A signal so many virtual seconds from now."""
        self.after_sleeping(seconds, self.interrupts.handle_signal)

    def kill_after(self, seconds: float) -> None:
        """SIGKILL so many virtual seconds from now."""

        def kill() -> None:
            raise Killed

        self.after_sleeping(seconds, kill)

    def repeat(self, request: RecordedRequest, *, github: bool = False) -> None:
        """Let the server do now what it was asked for then: the work that came after our time-out."""
        url = (self.bench.github.url if github else self.bench.cloud.url) + request.path
        headers = {"Authorization": request.headers["Authorization"]}
        requests.request(request.method, url, json=request.json, headers=headers, timeout=10)

    def wait_for_late_work(self, *, seconds: float, real: float) -> None:
        """Let work that a fault of kind `late` does after `real` seconds be done `seconds` of virtual time later."""
        servers = (self.bench.cloud, self.bench.github)
        seen = 0
        due: list[tuple[float, float]] = []

        def hook(length: float) -> None:
            nonlocal seen
            now = self.bench.clock.now()
            hits = sum(rule.hits for server in servers for rule in server.faults.rules if rule.kind is FaultKind.LATE)
            due.extend([(now + seconds, time.monotonic() + real)] * (hits - seen))
            seen = hits
            for at, done in [*due]:
                if now + length >= at:
                    due.remove((at, done))
                    time.sleep(max(0.0, done - time.monotonic()))

        self.bench.clock.on_sleep = hook

    # What is left.

    @property
    def saved(self) -> Mapping[str, str]:
        return assignments(self._file("state"))

    @property
    def outputs(self) -> Mapping[str, str]:
        return assignments(self._file("outputs"))

    @property
    def closed(self) -> bool:
        """Whether the step has told the clean-up that nothing is left to do."""
        return self.saved.get("closed", "true") == "true"

    @property
    def log(self) -> str:
        lines = self.out.getvalue().splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith("::add-mask::"))

    @property
    def runs(self) -> list[Run]:
        """The runs of this job."""
        return [run for run in self.bench.cloud.runs if run.job_id == self.job_id]

    @property
    def going(self) -> list[int]:
        """Runs of this job that are not over."""
        return [run.id for run in self.runs if not run.over]

    @property
    def statuses(self) -> list[CommitStatus]:
        return [status for status in self.bench.github.statuses if status.sha == self.sha]

    @property
    def states(self) -> list[str]:
        return [status.state for status in self.statuses]

    @property
    def left_pending(self) -> bool:
        """Whether this step has told the commit something, the last of it `pending`."""
        return len(self.states) > self._told_before and self.states[-1] == "pending"

    @property
    def asked(self) -> tuple[RecordedRequest, ...]:
        """Requests to dbt Cloud since this rig was made."""
        return self.bench.cloud.requests[self._asked_before :]

    def posts(self, end: str) -> list[RecordedRequest]:
        """What was posted to addresses that end so."""
        return [asked for asked in self.asked if asked.method == "POST" and asked.path.endswith(end)]

    @property
    def passed(self) -> float:
        """Virtual seconds since this rig was made."""
        return self.bench.clock.now() - self.began

    def leaks(self) -> list[str]:
        """Where a secret is to be read, all that a step leaves behind considered."""
        described = " ".join(f"{status.description} {status.target_url}" for status in self.statuses)
        files = [self._read(path) for path in self.folder.rglob("*") if path.is_file()]
        causes = " ".join(run.cause for run in self.runs)
        everything = {"log": self.log, "statuses": described, "files": " ".join(files), "causes": causes}
        secrets = (CLOUD_TOKEN, GITHUB_TOKEN)
        return [place for place, words in everything.items() if any(secret in words for secret in secrets)]

    def _file(self, name: str) -> str:
        path = self.folder / name
        return self._read(path) if path.exists() else ""

    @staticmethod
    def _read(path: Path) -> str:
        return path.read_bytes().decode("utf-8", "replace")
