"""A small workflow runner: runs the action as one step, with the environment, files and log of GitHub's runner."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ENTRYPOINT = Path(__file__).resolve().parent.parent / "entrypoint.py"
# What a process needs on any system. The step gets no other variable of this machine.
INHERITED = ("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "LANG")
FILES = {
    "GITHUB_OUTPUT": "set_output",
    "GITHUB_STEP_SUMMARY": "step_summary",
    "GITHUB_STATE": "save_state",
    "GITHUB_ENV": "set_env",
    "GITHUB_PATH": "add_path",
}
COMMAND = re.compile(r"::(?P<name>[a-z-]+)(?: (?P<properties>.*?))?::(?P<data>.*)")
HEREDOC = re.compile(r"^(?P<name>[^\n]+?)<<(?P<end>[^\n]+)\n(?P<value>.*?)\n?(?P=end)$", re.MULTILINE | re.DOTALL)
LEVELS = {"error": "Error", "warning": "Warning", "notice": "Notice"}


@dataclass(frozen=True, slots=True)
class Ended:
    """Exit code, outputs and summary of a step."""

    exit_code: int
    outputs: Mapping[str, str]
    summary: str


@dataclass(slots=True)
class Log:
    """The log as GitHub shows it: workflow commands are carried out, masked values are replaced by `***`."""

    masked: set[str] = field(default_factory=set)

    def show(self, line: str) -> str | None:
        """Return what is shown for a line of output; None for a command that shows nothing."""
        command = COMMAND.fullmatch(line)
        if command is None:
            return self._masked(line)
        data = command["data"].replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
        if command["name"] == "add-mask":
            self.masked.add(data)
        if command["name"] == "group":
            return self._masked(f"▾ {data}")
        if command["name"] in LEVELS:
            return self._masked(f"{LEVELS[command['name']]}: {data}")
        return None

    def _masked(self, text: str) -> str:
        for secret in self.masked:
            text = text.replace(secret, "***")
        return text


def run_step(
    folder: Path,
    *,
    inputs: Mapping[str, str],
    event: Mapping[str, Any],
    variables: Mapping[str, str],
    on_line: Callable[[str], None],
) -> Ended:
    """Run the action as a step of a workflow; `on_line` is called with each line of its log at once."""
    workspace, temp = folder / "workspace", folder / "temp"
    workspace.mkdir(parents=True)
    temp.mkdir()
    event_file = temp / "event.json"
    event_file.write_text(json.dumps(event), encoding="utf-8")
    for name in FILES.values():
        (temp / name).touch()
    environ = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environ |= {f"INPUT_{name.upper()}": value for name, value in inputs.items()}
    environ |= {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(workspace)}
    environ |= {"GITHUB_EVENT_PATH": str(event_file), "RUNNER_TEMP": str(temp), "RUNNER_OS": "Linux"}
    environ |= {variable: str(temp / name) for variable, name in FILES.items()}
    environ |= variables
    log = Log()
    with subprocess.Popen(
        [sys.executable, "-Esu", str(ENTRYPOINT)],
        cwd=workspace,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    ) as process:
        for line in process.stdout or ():
            shown = log.show(line.rstrip("\n"))
            for part in () if shown is None else shown.split("\n"):
                on_line(part)
    written = (temp / FILES["GITHUB_OUTPUT"]).read_text(encoding="utf-8")
    return Ended(
        exit_code=process.returncode,
        outputs={found["name"]: found["value"] for found in HEREDOC.finditer(written)},
        summary=(temp / FILES["GITHUB_STEP_SUMMARY"]).read_text(encoding="utf-8"),
    )
