"""Bitbucket Pipelines: its variables and its output variables; build statuses and comments are in `hosts.bitbucket`.

https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from dbt_action import timeouts
from dbt_action.ci.terminal import Terminal, variable
from dbt_action.config import parsers
from dbt_action.config.context import CiContext, PullRequest
from dbt_action.config.input_types import Input, InputType

_SECRETS_HINT = (
    "Store it as a secured repository variable `DBT_TOKEN` (Repository settings → Pipelines → Repository variables); "
    "in a pipe pass it on under `variables:`."
)
_ABBREVIATED = re.compile("[0-9a-f]{7,39}")

OUTPUT_VARIABLES = Input(
    name="output-variables",
    input_type=InputType.PATTERNS,
    help="On Bitbucket: the outputs that the step declares under `output-variables:`, comma-separated; one that "
    "is not declared would fail the step.",
)
INPUTS = (OUTPUT_VARIABLES,)


class BitbucketPipelines(Terminal):
    """A step of a pipeline, or a pipe in it."""

    key = "bitbucket"
    name = "Bitbucket Pipelines"
    detection_order = 1
    state_file = ".dbt-cloud-run.json"
    summary_file = "dbt-summary.md"

    @staticmethod
    def detected(environ: Mapping[str, str]) -> bool:
        """A pipe gets only some of the step's variables."""
        return bool(environ.get("BITBUCKET_BUILD_NUMBER") or environ.get("BITBUCKET_PIPELINE_UUID"))

    def context(self) -> CiContext:
        """The step as its variables tell it; in pull requests the commit is abbreviated, and git knows the rest."""
        commit = _expand(self.environ.get("BITBUCKET_COMMIT", ""), self.environ.get("BITBUCKET_CLONE_DIR", ""))
        return read_context(self.environ, commit)

    def set_outputs(self, values: Mapping[str, str]) -> None:
        """Output variables; the last value wins.

        Only what the step declares under `output-variables:`, which the user has to tell us too: with any other one
        the step would fail (seen in the local runner; no variable tells what is declared).
        """
        super().set_outputs(values)
        path = self.environ.get("BITBUCKET_PIPELINES_VARIABLES_PATH")
        declared = parsers.patterns(self.environ.get(OUTPUT_VARIABLES.variable, ""))
        told = {variable(name): self._value(value) for name, value in values.items()}
        lines = [f"{name}={value}\n" for name, value in told.items() if name in declared]
        if not path or not lines:
            return
        try:
            with Path(path).open("a", encoding="utf-8", errors="replace", newline="\n") as file:
                file.writelines(lines)
        except OSError as error:
            self.warning(f"The output variables cannot be written: {error.strerror}.")


def read_context(environ: Mapping[str, str], sha: str) -> CiContext:
    """The build's context from the step's variables; `sha` is BITBUCKET_COMMIT, in full if that could be found."""
    repository = environ.get("BITBUCKET_REPO_FULL_NAME", "")
    number, tag = environ.get("BITBUCKET_PR_ID", ""), environ.get("BITBUCKET_TAG", "")
    branch = environ.get("BITBUCKET_BRANCH", "")
    pull_request = None
    if number.isdecimal():
        # Bitbucket runs no pipeline for pull requests from forks.
        pull_request = PullRequest(
            number=int(number),
            head_sha=sha,
            head_branch=branch,
            base_branch=environ.get("BITBUCKET_PR_DESTINATION_BRANCH", ""),
        )
    build, step = environ.get("BITBUCKET_BUILD_NUMBER", ""), environ.get("BITBUCKET_STEP_UUID", "")
    web = f"https://bitbucket.org/{repository}" if repository else ""
    build_url = f"{web}/pipelines/results/{build}" if web and build else ""
    attempt = environ.get("BITBUCKET_STEP_RUN_NUMBER", "")
    return CiContext(
        platform=BitbucketPipelines.name,
        host="bitbucket",
        # There is no variable for it; schedules and custom pipelines look like pushes.
        event="pull-request" if pull_request else "tag" if tag else "push",
        workflow=f"pipeline {build}" if build else "",
        repository=repository,
        sha=sha,
        branch=branch,
        tag=tag,
        pull_request=pull_request,
        build_url=f"{build_url}/steps/{quote(step, safe='')}" if build_url and step else build_url,
        commit_url=f"{web}/commits/{sha}" if web and sha else "",
        file_url=f"{web}/src/{sha}/{{path}}" if web and sha else "",
        public=environ.get("BITBUCKET_REPO_IS_PRIVATE") == "false",
        build_id=build or environ.get("BITBUCKET_PIPELINE_UUID", ""),
        attempt=int(attempt) if attempt.isdecimal() and int(attempt) else 1,
        step=step + environ.get("BITBUCKET_PARALLEL_STEP", ""),
        secrets_hint=_SECRETS_HINT,
    )


def _expand(commit: str, folder: str) -> str:
    """The full hash. HEAD would be wrong: it is a merge that exists in this checkout only."""
    if not _ABBREVIATED.fullmatch(commit):
        return commit
    # The checkout may belong to another user than the one in the container, which git would refuse to read.
    ask = ["git", "-c", "safe.directory=*", "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"]
    for place in dict.fromkeys((folder, ".")):
        if not place or not Path(place).is_dir():
            continue
        try:
            answer = subprocess.run(  # noqa: S603 - the hash has been checked
                ask, cwd=place, capture_output=True, text=True, timeout=timeouts.GIT_SECONDS, check=False
            )
        except (OSError, subprocess.SubprocessError):
            continue
        full = answer.stdout.strip()
        if re.fullmatch("[0-9a-f]{40}", full) and full.startswith(commit):
            return full
    return commit


CI = BitbucketPipelines
