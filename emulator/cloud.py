"""The emulator of one dbt Cloud account: builds its parts and connects them to a port."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from emulator.api import Account, create_app
from emulator.read_after_write import ReadAfterWriteLag
from emulator.runner import Runner
from emulator.runs import NO_TRIGGERS, Job, Project, Status
from emulator.scheduler import Delays, Scheduler
from emulator.scripted_runs import ScriptRunner, ScriptSource, succeed
from emulator.server import HttpServer, Service

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typing_extensions import Self

    from emulator.runs import Run

ACCOUNT_ID = 70_471_823_400_001
PROJECT_ID = 70_471_823_410_001
ENVIRONMENT_ID = 70_471_823_420_001
FIRST_JOB_ID = 70_471_823_430_001
FIRST_RUN_ID = 70_471_823_500_001
"""Ids need 64 bits, as the real ones do (recorded), so that a client with 32-bit ids fails in tests."""

TICK_SECONDS = 0.05


class Emulator(Service):
    """A dbt Cloud account on this machine, a context manager.

    `runner` is a `Script`, a function `(trigger, job) -> Script`, or a `Runner` such as
    `emulator.dbt_runner.DbtRunner`; without one, every run succeeds at once. `now` returns seconds since the epoch and
    may be a virtual clock for scripts. A new run is hidden for `read_after_write_lag` seconds and from
    `read_after_write_requests` requests. `cancel_seconds` is how long a run still has status 3 after a cancel.
    """

    def __init__(  # noqa: PLR0913 - settings of the account, all with defaults
        self,
        runner: ScriptSource | Runner | None = None,
        *,
        token: str = "emulator-token",  # noqa: S107 - a token of the emulator only
        read_only_token: str = "emulator-read-only-token",  # noqa: S107
        host: str = "127.0.0.1",
        port: int = 0,
        now: Callable[[], float] = time.time,
        queue_seconds: float = 0.0,
        cancel_seconds: float = 0.0,
        read_after_write_lag: float = 0.0,
        read_after_write_requests: int = 0,
        redirect_code: int = 308,
        account_id: int = ACCOUNT_ID,
        project_id: int = PROJECT_ID,
        environment_id: int = ENVIRONMENT_ID,
    ) -> None:
        """The port is opened by `start`."""
        self.token = token
        self.read_only_token = read_only_token
        self.account_id = account_id
        self.project_id = project_id
        self.environment_id = environment_id
        self._now = now
        executor = runner if isinstance(runner, Runner) else ScriptRunner(runner or succeed)
        delays = Delays(queue_seconds=queue_seconds, cancel_seconds=cancel_seconds)
        self._scheduler = Scheduler(executor, now, delays, FIRST_RUN_ID)
        self.project = Project()
        account = Account(
            id=account_id,
            token=token,
            read_only_token=read_only_token,
            redirect_code=redirect_code,
            scheduler=self._scheduler,
            project=self.project,
            lag=ReadAfterWriteLag(read_after_write_lag, read_after_write_requests),
            now=now,
            url=lambda: self.url,
        )
        self._server = HttpServer(create_app(account), host=host, port=port)
        self._ticker: threading.Thread | None = None
        self.job_id = self.add_job("Production build", ["dbt build"])

    # --- start and stop --------------------------------------------------------------------------------

    def start(self) -> Self:
        """Serve in threads."""
        super().start()
        self._ticker = threading.Thread(target=self._tick, name="emulator-clock", daemon=True)
        self._ticker.start()
        return self

    def stop(self) -> None:
        """Stop serving and end every run. Requests that a fault delays end at once."""
        super().stop()
        if self._ticker is not None:
            self._ticker.join()
        self._scheduler.close()

    def _tick(self) -> None:
        # Commands end and time limits pass also while no request comes in.
        while not self._server.stopping.wait(TICK_SECONDS):
            self._scheduler.tick()

    # --- for tests -------------------------------------------------------------------------------------

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every run so far in order of creation, up to date."""
        return self._scheduler.runs

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Every job in order of creation."""
        return self._scheduler.jobs

    @property
    def hold(self) -> bool:
        """While true, new runs stay queued until `release` or `finish`."""
        return self._scheduler.hold

    @hold.setter
    def hold(self, value: bool) -> None:
        self._scheduler.hold = value

    def add_job(
        self,
        name: str,
        execute_steps: Sequence[str] = ("dbt build",),
        job_type: str = "other",
        **fields: Any,  # noqa: ANN401 - the fields of Job
    ) -> int:
        """Add a job and return its id; `fields` are those of `Job`, `triggers` may name only some."""
        triggers = {**NO_TRIGGERS, **fields.pop("triggers", {})}
        values = {
            "id": FIRST_JOB_ID + len(self.jobs),
            "account_id": self.account_id,
            "project_id": self.project_id,
            "environment_id": self.environment_id,
            "created_at": self._now(),
            **fields,
        }
        job = Job(name=name, execute_steps=tuple(execute_steps), job_type=job_type, triggers=triggers, **values)
        self._scheduler.put_job(job)
        return job.id

    def change_job(self, job_id: int, **fields: Any) -> None:  # noqa: ANN401 - the fields of Job
        """Change fields of a job; earlier runs keep the old values."""
        job = next(job for job in self.jobs if job.id == job_id)
        self._scheduler.put_job(replace(job, **fields))

    def run(self, run_id: int) -> Run:
        """Return one run, up to date. Raises `StopIteration` for an unknown id."""
        return next(run for run in self.runs if run.id == run_id)

    def finish(self, run_id: int, status: int = Status.SUCCESS, message: str | None = None) -> Run:
        """End a run now, whatever its script does."""
        return self._scheduler.finish(run_id, status, message)

    def release(self, run_id: int | None = None) -> None:
        """Let one held run, or all, leave the queue."""
        self._scheduler.release(run_id)

    def wait_idle(self, timeout: float = 30.0) -> None:
        """Wait until no run is in progress. Raises `TimeoutError` after `timeout` seconds of real time."""
        limit = time.monotonic() + timeout
        while open_runs := [run.id for run in self.runs if not run.over]:
            if time.monotonic() > limit:
                message = f"still in progress after {timeout} s: {open_runs}"
                raise TimeoutError(message)
            time.sleep(0.01)
