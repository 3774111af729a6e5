"""Bitbucket Pipelines: variables and output variables; build statuses and comments are in `hosts.bitbucket`.

https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from dbt_action import timeouts
from dbt_action.ci.base import Severity
from dbt_action.ci.files import FilePaths, PlatformWithFiles, output_variable
from dbt_action.ci.log import Log
from dbt_action.config import input_types, parsers
from dbt_action.config.context import CiContext, PullRequest
from dbt_action.config.input_types import Input, InputType

PATHS = FilePaths(state=Path(".dbt-cloud-run.json"), summary=Path("dbt-summary.md"))
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


class BitbucketPipelines(PlatformWithFiles):
    """A step of a pipeline, or a pipe in it. The log has no commands."""

    id = "bitbucket"
    display_name = "Bitbucket Pipelines"
    detection_order = 1

    def __init__(self, environ: Mapping[str, str], log: Log) -> None:
        """No variable names the outputs that the step declares, so the user has to."""
        super().__init__(environ, log, PATHS)
        declared = input_types.lookup(environ, OUTPUT_VARIABLES)
        self._declared = frozenset(parsers.patterns(declared.value)) if declared else frozenset()
        self._variables_file = environ.get("BITBUCKET_PIPELINES_VARIABLES_PATH", "")

    @staticmethod
    def detected(environ: Mapping[str, str]) -> bool:
        """Either variable: a pipe gets only some of the step's."""
        return bool(environ.get("BITBUCKET_BUILD_NUMBER") or environ.get("BITBUCKET_PIPELINE_UUID"))

    def context(self) -> CiContext:
        """The build as described by the variables, and the whole hash of its commit if git has it."""
        commit = _expand(self._environ.get("BITBUCKET_COMMIT", ""), self._environ.get("BITBUCKET_CLONE_DIR", ""))
        return read_context(self._environ, commit)

    def _annotate(self, severity: Severity, message: str, *, title: str, file: str) -> None:
        self.log.titled(f"{severity.value.capitalize()}: ", message, title=title, file=file)

    def _open_fold(self, title: str) -> None:
        """A line with the title; the log has no folds."""
        self.log.lines(title)

    def _close_fold(self) -> None:
        """Nothing to close."""

    def set_outputs(self, values: Mapping[str, str]) -> None:
        """Set the output variables that the step declares under `output-variables:`; the last value counts.

        With any other variable in that file the step fails (seen in the local runner).
        """
        super().set_outputs(values)
        variables = {output_variable(name): self.files.safe_value(value) for name, value in values.items()}
        lines = [f"{name}={value}\n" for name, value in variables.items() if name in self._declared]
        if not self._variables_file or not lines:
            return
        try:
            with Path(self._variables_file).open("a", encoding="utf-8", errors="replace", newline="\n") as file:
                file.writelines(lines)
        except OSError as error:
            self.warning(f"The output variables cannot be written: {error.strerror}.")


def read_context(environ: Mapping[str, str], sha: str) -> CiContext:
    """The build's context from the step's variables; `sha` is BITBUCKET_COMMIT, its whole hash if that is known."""
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
            target_branch=environ.get("BITBUCKET_PR_DESTINATION_BRANCH", ""),
        )
    build, step = environ.get("BITBUCKET_BUILD_NUMBER", ""), environ.get("BITBUCKET_STEP_UUID", "")
    web = f"https://bitbucket.org/{repository}" if repository else ""
    build_url = f"{web}/pipelines/results/{build}" if web and build else ""
    attempt = environ.get("BITBUCKET_STEP_RUN_NUMBER", "")
    return CiContext(
        ci_id=BitbucketPipelines.id,
        ci_name=BitbucketPipelines.display_name,
        host="bitbucket",
        # No variable names the event, so schedules and custom pipelines look like pushes.
        event="pull-request" if pull_request else "tag" if tag else "push",
        workflow=f"pipeline {build}" if build else "",
        repository=repository,
        sha=sha,
        branch=branch,
        tag=tag,
        pull_request=pull_request,
        of_pull_request=pull_request is not None,
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
    """The whole hash of an abbreviated `commit`, as Bitbucket has it in pull requests; `commit` if git has none.

    HEAD is another commit: a merge that exists in this checkout only.
    """
    if not _ABBREVIATED.fullmatch(commit):
        return commit
    import subprocess  # noqa: PLC0415 - only some pipelines of Bitbucket need it

    # Without the option git refuses a checkout that belongs to another user than the one in the container.
    command = ["git", "-c", "safe.directory=*", "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"]
    for checkout in dict.fromkeys((folder, ".")):
        if not checkout or not Path(checkout).is_dir():
            continue
        try:
            done = subprocess.run(  # noqa: S603 - the hash has been checked
                command, cwd=checkout, capture_output=True, text=True, timeout=timeouts.GIT_SECONDS, check=False
            )
        except (OSError, subprocess.SubprocessError):
            continue
        whole = done.stdout.strip()
        if re.fullmatch("[0-9a-f]{40}", whole) and whole.startswith(commit):
            return whole
    return commit


CI = BitbucketPipelines
