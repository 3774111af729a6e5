"""Runs that are executed by real dbt on DuckDB: one thread for each run, one process for each step.

The git checkout is in `checkout`, the commands are in `dbt_commands`, the processes in `dbt_process`.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from emulator import dbt_process
from emulator.checkout import Checkout, write_profile
from emulator.dbt_commands import (
    Command,
    commands_of,
    commands_of_retry,
    pull_request_of,
    schema_of,
)
from emulator.dbt_process import DbtProcess
from emulator.processes import Processes, StoppedError, clean_environ
from emulator.runs import Order, Progress, Status, Step
from emulator.scripted_runs import CLONE_STEP, PROFILE_STEP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.checkout import Revision

UNSAFE_IN_PATH = re.compile(r"[^A-Za-z0-9_]")
DBT_LOG = "dbt.log"


class DbtRunner:
    """Executes runs with the dbt that this Python can import.

    `repository` is what git clones: a path or a URL. `subdirectory` is the folder of the project in it.
    All files are written to a temporary directory that `close` removes.
    """

    def __init__(
        self, repository: str | Path, *, subdirectory: str = "", environ: Mapping[str, str] | None = None
    ) -> None:
        """Make the temporary directory. Raises `FileNotFoundError` when dbt is not installed."""
        if not dbt_process.is_available():
            raise FileNotFoundError(
                "dbt cannot be used: install dbt-core and dbt-duckdb for this Python (not on Windows)"
            )
        self.repository = str(repository)
        self.subdirectory = subdirectory
        self.environ = dict(os.environ if environ is None else environ)
        self.root = Path(tempfile.mkdtemp(prefix="dbt-emulator-"))
        self._locks: dict[Path, threading.Lock] = defaultdict(threading.Lock)
        self._executions: list[DbtExecution] = []
        self._commands: dict[int, tuple[Command, ...]] = {}

    def prepare(self, order: Order) -> DbtExecution:
        """Make the execution of a run; its thread starts with `start`."""
        # dbt is imported while git clones the repository.
        dbt_process.preload()
        execution = DbtExecution(self, order)
        self._executions.append(execution)
        return execution

    def close(self) -> None:
        """Kill every command that is still running and remove all files."""
        for execution in self._executions:
            execution.stop()
        for execution in self._executions:
            execution.join()
        shutil.rmtree(self.root, ignore_errors=True)

    def folder(self, run_id: int) -> Path:
        """Return the folder of a run's files. It stays after the run, because a retry reads from it."""
        return self.root / "runs" / str(run_id)

    def project(self, run_id: int) -> Path:
        """Return the folder of the dbt project in the checkout of a run."""
        return self.folder(run_id) / "checkout" / self.subdirectory

    def commands(self, order: Order) -> tuple[Command, ...]:
        """Return the commands of a run. They are remembered: a retry continues with those that are left."""
        commands = commands_of(order)
        if order.retrying is not None:
            state = self.project(order.retrying.id) / "target"
            commands = commands_of_retry(order, self._commands[order.retrying.id], state)
        self._commands[order.run_id] = commands
        return commands

    def database(self, job_id: int, schema: str) -> tuple[Path, threading.Lock]:
        """Return the file of a schema and its lock: DuckDB lets only one process write to a file."""
        path = self.root / "databases" / str(job_id) / UNSAFE_IN_PATH.sub("_", schema) / "warehouse.duckdb"
        return path, self._locks[path]


class DbtExecution:
    """One run: its own thread updates the progress, the scheduler reads it."""

    queue_seconds = 0.0
    starting_seconds = 0.0
    artifact_seconds = 0.0

    def __init__(self, runner: DbtRunner, order: Order) -> None:
        """Start nothing yet."""
        self._runner = runner
        self._order = order
        self._processes = Processes()
        self._lock = threading.Lock()
        self._progress = Progress(status=Status.STARTING)
        self._thread = threading.Thread(target=self._main, name=f"dbt-run-{order.run_id}", daemon=True)
        self._log: list[str] = []

    # --- called by the scheduler -----------------------------------------------------------------------

    def start(self, at: float) -> None:  # noqa: ARG002 - the parameter is for scripted runs
        """Start the thread of the run."""
        self._thread.start()

    def progress(self, now: float) -> Progress:  # noqa: ARG002 - the parameter is for scripted runs
        """Return how far the run is, with the log of the running step."""
        with self._lock:
            return self._progress

    def stop(self) -> None:
        """Kill the running command."""
        self._processes.stop()

    def join(self) -> None:
        """Wait until the thread has ended after `stop`."""
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    # --- the thread of the run -------------------------------------------------------------------------

    def _main(self) -> None:
        status = Status.ERROR
        try:
            status = self._run_steps()
        except StoppedError:
            status = Status.CANCELLED
        except Exception as error:  # noqa: BLE001 - a defect of the emulator must end the run, not hang it
            self._write_log(f"{type(error).__name__}: {error}\n")
            self._end_step(Status.ERROR, {})
        with self._lock:
            self._progress = replace(self._progress, status=status, finished_at=time.time())

    def _run_steps(self) -> Status:
        order, runner = self._order, self._runner
        profiles = runner.folder(order.run_id) / "profiles"
        schema = schema_of(order)
        database, lock = runner.database(order.job.id, schema)
        revision = self._clone(runner.folder(order.run_id) / "checkout")
        if revision is None:
            return Status.ERROR

        def create_profile() -> bool:
            write_profile(
                runner.project(order.run_id),
                profiles,
                target=order.trigger["target_name_override"] or order.job.target_name,
                schema=schema,
                threads=order.trigger["threads_override"] or order.job.threads,
                database=database,
            )
            self._write_log("Successfully generated profile.\n")
            return True

        if not self._run_step(PROFILE_STEP, create_profile):
            return Status.ERROR
        environ = self._environ(profiles, revision)
        while not lock.acquire(timeout=0.05):
            if self._processes.stopped.is_set():
                raise StoppedError
        try:
            for command in runner.commands(order):
                if not self._run_command(command, environ) and command.fails_run:
                    return Status.ERROR
        finally:
            lock.release()
        return Status.SUCCESS

    def _clone(self, into: Path) -> Revision | None:
        # A retry has the configuration and the commit of the run that it retries (documented).
        trigger = dict(self._order.trigger)
        if self._order.retrying is not None and self._order.retrying.git_sha is not None:
            trigger |= {"git_sha": self._order.retrying.git_sha, "git_branch": None}
        found: list[Revision] = []

        def clone() -> bool:
            checkout = Checkout(self._processes, self._runner.environ, self._write_log)
            revision = checkout.fetch(self._runner.repository, into, trigger)
            found.extend([revision] if revision else [])
            return revision is not None

        if not self._run_step(CLONE_STEP, clone):
            return None
        with self._lock:
            branch = found[0].branch or self._order.trigger["git_branch"]
            self._progress = replace(self._progress, git_sha=found[0].sha, git_branch=branch)
        return found[0]

    def _run_command(self, command: Command, environ: Mapping[str, str]) -> bool:
        project = self._runner.project(self._order.run_id)
        logs = project / "logs" / str(len(self._progress.steps) + 1)

        def invoke() -> bool:
            try:
                words = shlex.split(command.text)
            except ValueError:
                words = []
            if words[:1] != ["dbt"]:
                self._write_log(f"{command.text!r} is not a dbt command\n")
                return False
            settings = {**environ, "DBT_LOG_PATH": str(logs)}
            code = self._processes.run(lambda: DbtProcess(words[1:], cwd=project, environ=settings), self._write_log)
            return code == 0

        return self._run_step(
            command.step_name, invoke, project / "target", logs / DBT_LOG, fails_run=command.fails_run
        )

    def _run_step(
        self,
        name: str,
        work: Callable[[], bool],
        target: Path | None = None,
        log: Path | None = None,
        *,
        fails_run: bool = True,
    ) -> bool:
        """Do the work of a step and return whether it succeeded.

        The files that it wrote to the folder `target` become the step's artifacts, the file `log` its debug log.
        """
        started_at = time.time()
        with self._lock:
            self._log = []
            step = Step(
                index=len(self._progress.steps) + 1,
                name=name,
                status=Status.RUNNING,
                started_at=started_at,
                logs="",
                fails_run=fails_run,
            )
            self._progress = replace(self._progress, status=Status.RUNNING, steps=(*self._progress.steps, step))
        succeeded = work()
        debug = log.read_text(encoding="utf-8", errors="replace") if log and log.exists() else None
        artifacts = files_written_since(started_at, target) if target else {}
        self._end_step(Status.SUCCESS if succeeded else Status.ERROR, artifacts, debug)
        return succeeded

    def _write_log(self, line: str) -> None:
        with self._lock:
            self._log.append(line)
            self._change_last_step(logs="".join(self._log))

    def _end_step(self, status: Status, artifacts: Mapping[str, bytes], debug: str | None = None) -> None:
        with self._lock:
            debug_logs = debug or "".join(self._log)
            self._change_last_step(status=status, artifacts=artifacts, finished_at=time.time(), debug_logs=debug_logs)

    def _change_last_step(self, **changes: object) -> None:
        steps = self._progress.steps
        if steps:
            last = replace(steps[-1], **changes)  # type: ignore[arg-type] # the callers above name fields of Step
            self._progress = replace(self._progress, steps=(*steps[:-1], last))

    def _environ(self, profiles: Path, revision: Revision) -> dict[str, str]:
        trigger, job = self._order.trigger, self._order.job
        number = pull_request_of(self._order)
        pull_request = {} if number is None else {"DBT_CLOUD_PR_ID": str(number)}
        return clean_environ(
            self._runner.environ,
            self._runner.folder(self._order.run_id),
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


def files_written_since(started_at: float, target: Path) -> dict[str, bytes]:
    """Read the files that a step wrote. Files of earlier steps are left out (assumption about dbt Cloud)."""
    slack = 0.05  # seconds by which the clock of a file system may be behind the clock of the process
    return {
        path.relative_to(target).as_posix(): path.read_bytes()
        for path in sorted(target.rglob("*"))
        if path.is_file() and path.suffix != ".msgpack" and path.stat().st_mtime >= started_at - slack
    }
