"""A program that serves a scripted dbt Cloud, for the smoke test of the composite action in CI."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

from emulator import Emulator, Job, Script, ScriptedStep, Status


def script(trigger: dict[str, Any], job: Job) -> Script:  # noqa: ARG001 - the emulator passes both
    status = Status.ERROR if job.name == "Red" else Status.SUCCESS
    return Script(steps=(ScriptedStep(seconds=1, status=status, logs=job.name, artifacts={"run_results.json": b"{}"}),))


def main(ready: Path) -> None:
    """Write the step outputs that a workflow needs to `ready`, and serve until killed."""
    with Emulator(script) as cloud:
        red = cloud.add_job("Red")
        lines = {"url": cloud.url, "token": cloud.token, "account": cloud.account_id, "green": cloud.job_id, "red": red}
        partial = ready.with_suffix(".part")
        partial.write_text(
            "".join(f"{name}={value}\n" for name, value in lines.items()), encoding="utf-8", newline="\n"
        )
        partial.replace(ready)
        threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
