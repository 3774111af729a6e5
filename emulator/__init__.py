"""A dbt Cloud on this machine: the Admin API v2 in front of scripts or real dbt; not part of the product."""

from __future__ import annotations

from emulator.cloud import Emulator
from emulator.faults import Faults
from emulator.github import GitHub
from emulator.records import Job, Run, Status, Step
from emulator.script import Script, ScriptedStep
from emulator.server import RecordedRequest

__all__ = [
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
