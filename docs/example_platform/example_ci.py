"""Example CI, which does not exist: variables and files. Copy it to `dbt_action/ci/<name>.py`.

https://ci.example/docs/variables
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dbt_action.ci.base import Severity
from dbt_action.ci.files import FilePaths, PlatformWithFiles
from dbt_action.ci.log import Log
from dbt_action.config.context import CiContext, CommitOrigin, PullRequest

PATHS = FilePaths(state=Path(".dbt-cloud-run.json"), summary=Path("dbt-summary.md"))
_SECRETS_HINT = "Store it as a secret `DBT_TOKEN` (Settings → Secrets)."


class ExampleCi(PlatformWithFiles):
    """A step of a pipeline. A CI with commands for outputs, state and summary is a `CiPlatform` instead."""

    id = "example"
    display_name = "Example CI"
    detection_order = 1

    def __init__(self, environ: Mapping[str, str], log: Log) -> None:
        """Everything that is needed from the environment is read here."""
        super().__init__(environ, log, PATHS)

    @staticmethod
    def detected(environ: Mapping[str, str]) -> bool:
        """The runner sets it for every step."""
        return bool(environ.get("EXAMPLE_BUILD"))

    def context(self) -> CiContext:
        """The build as described by the variables."""
        return read_context(self._environ)

    def _annotate(self, severity: Severity, message: str, *, title: str, file: str) -> None:
        """Marked lines: the log has no commands."""
        self.log.titled(f"{severity.value.capitalize()}: ", message, title=title, file=file)

    def _open_fold(self, title: str) -> None:
        """A line with the title: the log has no folds."""
        self.log.lines(title)

    def _close_fold(self) -> None:
        """Nothing to close."""


def read_context(environ: Mapping[str, str]) -> CiContext:
    """The build's context from the step's variables; what is not known stays empty."""
    number, sha = environ.get("EXAMPLE_PULL_REQUEST", ""), environ.get("EXAMPLE_COMMIT", "")
    repository, branch = environ.get("EXAMPLE_REPOSITORY", ""), environ.get("EXAMPLE_BRANCH", "")
    pull_request = None
    if number.isdecimal():
        pull_request = PullRequest(
            number=int(number),
            # Never the merge commit that the CI has made for the build. And take care of the branch: some CIs have
            # the target's name in their variable for it.
            head_sha=sha,
            head_branch=branch,
            target_branch=environ.get("EXAMPLE_TARGET_BRANCH", ""),
            fork=environ.get("EXAMPLE_FORK") == "true",
        )
    web = f"https://forge.example/{repository}" if repository else ""
    return CiContext(
        ci_id=ExampleCi.id,
        ci_name=ExampleCi.display_name,
        host="example",
        event=environ.get("EXAMPLE_EVENT", ""),
        repository=repository,
        sha=sha,
        branch=branch,
        tag=environ.get("EXAMPLE_TAG", ""),
        pull_request=pull_request,
        of_pull_request=pull_request is not None,
        origin=CommitOrigin.OTHER if pull_request and pull_request.fork else CommitOrigin.OWN,
        build_url=environ.get("EXAMPLE_BUILD_URL", ""),
        # Public unless a variable says otherwise: compiled SQL is only shown where not everybody can read it.
        public=environ.get("EXAMPLE_PRIVATE") != "true",
        commit_url=f"{web}/commit/{sha}" if web and sha else "",
        file_url=f"{web}/file/{sha}/{{path}}" if web and sha else "",
        build_id=environ.get("EXAMPLE_BUILD", ""),
        secrets_hint=_SECRETS_HINT,
        secrets_withheld="this is a pull request from a fork" if pull_request and pull_request.fork else "",
    )


CI = ExampleCi
