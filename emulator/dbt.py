"""Runs in the hands of real dbt on DuckDB: one thread per run, one process per step; git is `checkout.py`."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.checkout import Checkout, write_profile
from emulator.plan import (
    Command,
    commands_of,
    commands_of_retry,
    pull_request_of,
    schema_of,
)
from emulator.processes import Processes, StoppedError, clean_environ
from emulator.records import Order, Progress, Status, Step
from emulator.script import CLONE_STEP, PROFILE_STEP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.checkout import Revision

UNSAFE = re.compile(r"[^A-Za-z0-9_]")
DBT_LOG = "dbt.log"


class DbtRunner:
    """Executes runs with the dbt that is installed next to this Python.

    `repository` is what git clones: a path or an address. `subdirectory` is where the project is in it.
    Everything that is written lives in a temporary directory that `close` removes.
    """

    def __init__(
        self, repository: str | Path, *, subdirectory: str = "", environ: Mapping[str, str] | None = None
    ) -> None:
        """Find dbt. Raises `FileNotFoundError` when it is not installed."""
        dbt = Path(sys.executable).with_name("dbt")
        if not dbt.exists():
            message = f"{dbt} does not exist: install dbt-core and dbt-duckdb next to this Python"
            raise FileNotFoundError(message)
        self.dbt = str(dbt)
        self.repository = str(repository)
        self.subdirectory = subdirectory
        self.environ = dict(os.environ if environ is None else environ)
        self.root = Path(tempfile.mkdtemp(prefix="dbt-emulator-"))
        self._locks: dict[Path, threading.Lock] = defaultdict(threading.Lock)
        self._executions: list[DbtExecution] = []
        self._plans: dict[int, tuple[Command, ...]] = {}

    def prepare(self, order: Order) -> DbtExecution:
        """Take an order; its thread begins with `start`."""
        execution = DbtExecution(self, order)
        self._executions.append(execution)
        return execution

    def close(self) -> None:
        """Kill what still runs and remove all files."""
        for execution in self._executions:
            execution.stop()
        for execution in self._executions:
            execution.join()
        shutil.rmtree(self.root, ignore_errors=True)

    def project(self, run_id: int) -> Path:
        """Return where the project of a run is checked out; kept after the run for retries."""
        return self.root / "runs" / str(run_id) / "project" / self.subdirectory

    def plan(self, order: Order) -> tuple[Command, ...]:
        """List the commands of an order, and remember them for a retry."""
        plan = commands_of(order)
        if order.retrying is not None:
            state = self.project(order.retrying.id) / "target"
            plan = commands_of_retry(order, self._plans[order.retrying.id], state)
        self._plans[order.run_id] = plan
        return plan

    def database(self, job_id: int, schema: str) -> tuple[Path, threading.Lock]:
        """Return the file of a schema and its lock: DuckDB lets only one process write to a file."""
        path = self.root / "databases" / str(job_id) / UNSAFE.sub("_", schema) / "warehouse.duckdb"
        return path, self._locks[path]


class DbtExecution:
    """One run: the thread writes its progress, the scheduler reads it."""

    queue_seconds = 0.0
    starting_seconds = 0.0
    artifact_seconds = 0.0

    def __init__(self, runner: DbtRunner, order: Order) -> None:
        """Take the order."""
        self._runner = runner
        self._order = order
        self._processes = Processes()
        self._lock = threading.Lock()
        self._progress = Progress(status=Status.STARTING)
        self._thread = threading.Thread(target=self._main, name=f"dbt-run-{order.run_id}", daemon=True)
        self._log: list[str] = []

    # --- what the scheduler calls ----------------------------------------------------------------------

    def start(self, at: float) -> None:  # noqa: ARG002 - real commands begin now
        """Begin."""
        self._thread.start()

    def look(self, now: float) -> Progress:  # noqa: ARG002 - real commands know the time themselves
        """Tell how far it is, the log of the running step included."""
        with self._lock:
            return self._progress

    def stop(self) -> None:
        """Kill the running command."""
        self._processes.stop()

    def join(self) -> None:
        """Wait for the thread to notice."""
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    # --- the run ---------------------------------------------------------------------------------------

    def _main(self) -> None:
        status = Status.ERROR
        try:
            status = self._steps()
        except StoppedError:
            status = Status.CANCELLED
        except Exception as error:  # noqa: BLE001 - a run has to end, whatever happened to it
            self._say(f"{type(error).__name__}: {error}\n")
            self._end_step(Status.ERROR, {})
        with self._lock:
            self._progress = replace(self._progress, status=status, finished_at=time.time())

    def _steps(self) -> Status:
        order, runner = self._order, self._runner
        place = runner.root / "runs" / str(order.run_id)
        project, profiles = runner.project(order.run_id), place / "profiles"
        schema = schema_of(order)
        database, lock = runner.database(order.job.id, schema)
        revision = self._clone(place / "project")
        if revision is None:
            return Status.ERROR

        def profile() -> bool:
            write_profile(
                project,
                profiles,
                target=order.trigger["target_name_override"] or order.job.target_name,
                schema=schema,
                threads=order.trigger["threads_override"] or order.job.threads,
                database=database,
            )
            self._say("Successfully generated profile.\n")
            return True

        if not self._step(PROFILE_STEP, profile):
            return Status.ERROR
        environ = self._environ(place, profiles, revision)
        while not lock.acquire(timeout=0.05):
            if self._processes.stopped.is_set():
                raise StoppedError
        try:
            for command in runner.plan(order):
                if not self._invoke(command, project, environ) and command.fails_run:
                    return Status.ERROR
        finally:
            lock.release()
        return Status.SUCCESS

    def _clone(self, into: Path) -> Revision | None:
        found: list[Revision] = []
        # A retry has the configuration and the commit of the run it takes up (documented).
        trigger = dict(self._order.trigger)
        if self._order.retrying is not None and self._order.retrying.git_sha is not None:
            trigger |= {"git_sha": self._order.retrying.git_sha, "git_branch": None}

        def clone() -> bool:
            checkout = Checkout(self._processes, self._runner.environ, self._say)
            revision = checkout.fetch(self._runner.repository, into, trigger)
            found.extend([revision] if revision else [])
            return revision is not None

        if not self._step(CLONE_STEP, clone):
            return None
        with self._lock:
            branch = found[0].branch or self._order.trigger["git_branch"]
            self._progress = replace(self._progress, git_sha=found[0].sha, git_branch=branch)
        return found[0]

    def _invoke(self, command: Command, project: Path, environ: Mapping[str, str]) -> bool:
        logs = project / "logs" / str(len(self._progress.steps) + 1)

        def run() -> bool:
            try:
                words = shlex.split(command.text)
            except ValueError:
                words = []
            if words[:1] != ["dbt"]:
                self._say(f"{command.text!r} is not a dbt command\n")
                return False
            settings = {**environ, "DBT_LOG_PATH": str(logs)}
            code = self._processes.run([self._runner.dbt, *words[1:]], cwd=project, environ=settings, say=self._say)
            return code == 0

        return self._step(command.step_name, run, project / "target", logs / DBT_LOG, fails_run=command.fails_run)

    def _step(
        self,
        name: str,
        work: Callable[[], bool],
        target: Path | None = None,
        log: Path | None = None,
        *,
        fails_run: bool = True,
    ) -> bool:
        """Do one step and keep its log and what it wrote into `target`."""
        begin = time.time()
        with self._lock:
            self._log = []
            index = len(self._progress.steps) + 1
            step = Step(index=index, name=name, status=Status.RUNNING, started_at=begin, logs="", fails_run=fails_run)
            steps = (*self._progress.steps, step)
            self._progress = replace(self._progress, status=Status.RUNNING, steps=steps)
        fine = work()
        debug = log.read_text(encoding="utf-8", errors="replace") if log and log.exists() else None
        artifacts = written_since(target, begin) if target else {}
        self._end_step(Status.SUCCESS if fine else Status.ERROR, artifacts, debug)
        return fine

    def _say(self, line: str) -> None:
        with self._lock:
            self._log.append(line)
            self._replace_last(logs="".join(self._log))

    def _end_step(self, status: Status, artifacts: Mapping[str, bytes], debug: str | None = None) -> None:
        with self._lock:
            debug_logs = debug or "".join(self._log)
            self._replace_last(status=status, artifacts=artifacts, finished_at=time.time(), debug_logs=debug_logs)

    def _replace_last(self, **changes: object) -> None:
        steps = self._progress.steps
        if steps:
            last = replace(steps[-1], **changes)  # type: ignore[arg-type] # the callers above name the fields
            self._progress = replace(self._progress, steps=(*steps[:-1], last))

    def _environ(self, place: Path, profiles: Path, revision: Revision) -> dict[str, str]:
        trigger, job = self._order.trigger, self._order.job
        number = pull_request_of(self._order)
        pull_request = {} if number is None else {"DBT_CLOUD_PR_ID": str(number)}
        return clean_environ(
            self._runner.environ,
            place,
            DBT_PROFILES_DIR=str(profiles),
            DBT_SEND_ANONYMOUS_USAGE_STATS="false",
            DO_NOT_TRACK="1",
            DBT_USE_COLORS="true",
            DBT_CLOUD_PROJECT_ID=str(job.project_id),
            DBT_CLOUD_JOB_ID=str(job.id),
            DBT_CLOUD_RUN_ID=str(self._order.run_id),
            DBT_CLOUD_RUN_REASON=trigger["cause"],
            DBT_CLOUD_RUN_REASON_CATEGORY=trigger["cause_category"],
            DBT_CLOUD_GIT_SHA=revision.sha,
            **pull_request,
        )


def written_since(target: Path, begin: float) -> dict[str, bytes]:
    """Read what a step wrote, leftovers of earlier steps left out (assumption about dbt Cloud's uploads)."""
    slack = 0.05  # the clock of a file system may lag behind the system's
    return {
        path.relative_to(target).as_posix(): path.read_bytes()
        for path in sorted(target.rglob("*"))
        if path.is_file() and path.suffix != ".msgpack" and path.stat().st_mtime >= begin - slack
    }
