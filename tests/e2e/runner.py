"""Runs a workflow with act in a temporary repository and reads what it printed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sysconfig
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.support import repository

REPOSITORY = "acme/shop"
ACT = Path(sysconfig.get_path("scripts")) / "act"
WORKFLOW = """\
name: Shop
on: [push, pull_request, workflow_dispatch]
permissions:
  statuses: write
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v7
      - id: dbt
        uses: ACTION
        with:
          dbt-url: ${{ vars.DBT_URL }}
          dbt-token: ${{ secrets.DBT_TOKEN }}
          account-id: ${{ vars.ACCOUNT_ID }}
          dbt_cloud_job_id: ${{ vars.JOB_ID }}
          schema-override: auto
          artifacts: run_results.json
      - name: Check the outputs
        if: always()
        run: |
          python3 -c 'import json, os; print("OUTPUTS", json.dumps(json.loads(os.environ["OUTPUTS"])))'
          test "$OUTCOME" = "$EXPECTED_OUTCOME"
          test "$STATUS" = "$EXPECTED_STATUS"
          echo "The outputs are right"
        env:
          OUTPUTS: ${{ toJSON(steps.dbt.outputs) }}
          OUTCOME: ${{ steps.dbt.outcome }}
          STATUS: ${{ steps.dbt.outputs.status }}
          EXPECTED_OUTCOME: ${{ vars.OUTCOME }}
          EXPECTED_STATUS: ${{ vars.STATUS }}
"""


@dataclass(frozen=True, slots=True)
class Finished:
    """A workflow run that has ended."""

    succeeded: bool
    log: str

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs of the action as the last step saw them."""
        printed = re.search(r"\| OUTPUTS (\{.*\})", self.log)
        assert printed, self.log
        outputs: dict[str, str] = json.loads(printed[1])
        return outputs


@dataclass(frozen=True, slots=True)
class Checkout:
    """A git repository in which workflows are run."""

    folder: Path
    sha: str

    @classmethod
    def create(cls, folder: Path) -> Checkout:
        workflows = folder / ".github" / "workflows"
        workflows.mkdir(parents=True, exist_ok=True)
        for name, action in {"docker": "./", "composite": "./composite"}.items():
            (workflows / f"{name}.yml").write_text(WORKFLOW.replace("ACTION", action), encoding="utf-8")
        git = partial(repository.git, folder)
        git("init", "--quiet", "--initial-branch", "main")
        git("add", "--all")
        git("commit", "--quiet", "--message", "The action")
        git("remote", "add", "origin", f"https://github.com/{REPOSITORY}.git")
        return cls(folder, git("rev-parse", "HEAD"))

    def run_workflow(
        self,
        name: str,
        *,
        event: str,
        payload: dict[str, Any],
        image: str,
        variables: dict[str, str],
        secrets: dict[str, str],
        environ: dict[str, str],
    ) -> Finished:
        """Run the workflow `name` for an event, as GitHub does."""
        payload_file = self.folder.with_suffix(".json")
        payload_file.write_text(json.dumps(payload), encoding="utf-8")
        command = [str(ACT), event, "--workflows", f".github/workflows/{name}.yml", "--eventpath", str(payload_file)]
        command += ["--platform", f"ubuntu-latest={image}", "--pull=false", "--network", "host", "--rm"]
        command += ["--container-daemon-socket", "-"]
        for option, values in {"--var": variables, "--secret": secrets, "--env": environ}.items():
            for key, value in values.items():
                command += [option, f"{key}={value}"]
        run = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, "HOME": str(self.folder.parent), "XDG_CACHE_HOME": str(self.folder.parent)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=600,
        )
        return Finished(run.returncode == 0, run.stdout)
