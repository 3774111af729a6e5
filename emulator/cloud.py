"""The emulator as tests and the command hold it: one account on a port; parts are wired here, not made."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.api import Account, create_app
from emulator.records import NO_TRIGGERS, Job, Status
from emulator.runner import Runner
from emulator.scheduler import Habits, Scheduler
from emulator.script import ScriptRunner, ScriptSource, succeed
from emulator.server import HttpServer, Served
from emulator.visibility import Visibility

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typing_extensions import Self

    from emulator.records import Run

ACCOUNT_ID = 70_471_823_400_001
PROJECT_ID = 70_471_823_410_001
ENVIRONMENT_ID = 70_471_823_420_001
FIRST_JOB_ID = 70_471_823_430_001
FIRST_RUN_ID = 70_471_823_500_001
"""Ids need 64 bits, as the real ones do (recorded); a client that keeps 32 must fail here."""

TICK_SECONDS = 0.05


class Emulator(Served):
    """A dbt Cloud account on this machine, a context manager.

    `runner` is a `Script`, a function `(trigger, job) -> Script`, or anything with `prepare` and `close`
    (`emulator.dbt.DbtRunner`); without one, every run succeeds at once. `now` gives seconds since the
    epoch and may be virtual for scripts. `read_after_write_lag` seconds and `read_after_write_requests` requests hide
    a new run. `cancel_seconds` is how long a running run still says 3 after a cancel.
    """

    def __init__(  # noqa: PLR0913 - each is one habit of the account, all have defaults
        self,
        runner: ScriptSource | Runner | None = None,
        *,
        token: str = "emulator-token",  # noqa: S107 - of no use anywhere else
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
        """Wire everything; nothing is bound before `start`."""
        self.token = token
        self.read_only_token = read_only_token
        self.account_id = account_id
        self.project_id = project_id
        self.environment_id = environment_id
        self._now = now
        executor = runner if isinstance(runner, Runner) else ScriptRunner(runner or succeed)
        habits = Habits(queue_seconds=queue_seconds, cancel_seconds=cancel_seconds)
        self._scheduler = Scheduler(executor, now, habits, FIRST_RUN_ID)
        account = Account(
            id=account_id,
            token=token,
            read_only_token=read_only_token,
            redirect_code=redirect_code,
            scheduler=self._scheduler,
            visibility=Visibility(read_after_write_lag, read_after_write_requests),
            now=now,
            url=lambda: self.url,
        )
        self._server = HttpServer(partial(create_app, account), host=host, port=port)
        self._ticker: threading.Thread | None = None
        self.job_id = self.add_job("Production build", ["dbt build"])

    # --- life ------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Serve, in threads."""
        super().start()
        self._ticker = threading.Thread(target=self._tick, name="emulator-clock", daemon=True)
        self._ticker.start()
        return self

    def stop(self) -> None:
        """Stop serving and end every run; requests that hang end promptly."""
        super().stop()
        if self._ticker is not None:
            self._ticker.join()
        self._scheduler.close()

    def _tick(self) -> None:
        # Real commands end and time limits pass without anybody asking.
        while not self._server.stopping.wait(TICK_SECONDS):
            self._scheduler.tick()

    # --- what happens behind ---------------------------------------------------------------------------

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every run so far, in order, as it is now."""
        return self._scheduler.runs

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Every job, in order."""
        return self._scheduler.jobs

    @property
    def hold(self) -> bool:
        """While true, new runs stay Queued until `release` or `finish`."""
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
        """Change fields of a job; runs that exist keep the old ones."""
        job = next(job for job in self.jobs if job.id == job_id)
        self._scheduler.put_job(replace(job, **fields))

    def run(self, run_id: int) -> Run:
        """Return one run as it is now. Raises `StopIteration` for an unknown id."""
        return next(run for run in self.runs if run.id == run_id)

    def finish(self, run_id: int, status: int = Status.SUCCESS, message: str | None = None) -> Run:
        """End a run now, whatever its script says."""
        return self._scheduler.finish(run_id, status, message)

    def release(self, run_id: int | None = None) -> None:
        """Let a run that was held, or all, leave the queue."""
        self._scheduler.release(run_id)

    def wait_idle(self, timeout: float = 30.0) -> None:
        """Wait until no run is in progress. Raises `TimeoutError` after so many real seconds."""
        limit = time.monotonic() + timeout
        while open_runs := [run.id for run in self.runs if not run.over]:
            if time.monotonic() > limit:
                message = f"still in progress after {timeout} s: {open_runs}"
                raise TimeoutError(message)
            time.sleep(0.01)
