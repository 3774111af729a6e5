"""The logging commands for Azure Pipelines, read by Microsoft's own task library."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dbt_action import ci
from tests.support import environments as env

LIBRARY = "azure-pipelines-task-lib@5.281.0"
DECODE = """
const command = require('azure-pipelines-task-lib/taskcommand');
const lines = JSON.parse(require('fs').readFileSync(0, 'utf8'));
console.log(JSON.stringify(lines.map(line => {
  const found = command.commandFromString(line);
  return [found.command, found.properties, found.message];
})));
"""
DIFFICULT = "100% of 3; [a] = b\nsecond line\r\nthird %0A %AZP25 %25 ü ✅"

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    missing = [tool for tool in ("npm", "node") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{LIBRARY} needs {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("task-lib")
    install = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), LIBRARY]
    subprocess.run(install, check=True, capture_output=True, timeout=600)
    return folder


def decode(library: Path, log: str) -> list[Any]:
    lines = [line for line in log.splitlines() if line.startswith("##vso[")]
    done = subprocess.run(
        ["node", "-e", DECODE], cwd=library, input=json.dumps(lines), capture_output=True, text=True, check=True
    )
    found: list[Any] = json.loads(done.stdout)
    return found


def test_commands__are_read_with_the_values_that_were_written(library: Path, tmp_path: Path) -> None:
    out = io.StringIO()
    pipeline = ci.detect({**env.AZURE_PUSH, "AGENT_TEMPDIRECTORY": str(tmp_path)}, out)
    pipeline.mask(("s3cret;%]",))
    pipeline.error(DIFFICULT, title="title", file="models/[a];b%.yml")
    pipeline.set_outputs({"job-name": "100%; [a]"})
    pipeline.write_summary("# Page")

    mask, issue, variable, summary = decode(library, out.getvalue())
    assert mask == ["task.setsecret", {}, "s3cret;%]"]
    lines = DIFFICULT.replace("\r\n", "\n")
    assert issue == ["task.logissue", {"type": "error", "sourcepath": "models/[a];b%.yml"}, f"title\n{lines}"]
    assert variable == ["task.setvariable", {"variable": "job_name", "isOutput": "true"}, "100%; [a]"]
    assert summary[0] == "task.uploadsummary"
    assert Path(summary[2]).read_text() == "# Page"
