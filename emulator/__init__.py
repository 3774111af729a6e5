"""A dbt Cloud on this machine for tests and the demo: the Admin API v2, with runs by script or by real dbt."""

from __future__ import annotations

from emulator.cloud import Emulator
from emulator.datafold import Datafold
from emulator.faults import Faults
from emulator.hosts.github import GitHub
from emulator.runs import Job, Run, Status, Step
from emulator.scripted_runs import Script, ScriptedStep
from emulator.server import RecordedRequest

__all__ = [
    "Datafold",
    "Emulator",
    "Faults",
    "GitHub",
    "Job",
    "RecordedRequest",
    "Run",
    "Script",
    "ScriptedStep",
    "Status",
    "Step",
]
