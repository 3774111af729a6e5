"""Example CI, which does not exist: its variables and its files. Copy it to `dbt_action/ci/<name>.py`.

https://ci.example/docs/variables
"""

from __future__ import annotations

from collections.abc import Mapping

from dbt_action.ci.terminal import Terminal
from dbt_action.config.context import CiContext, PullRequest

_SECRETS_HINT = "Store it as a secret `DBT_TOKEN` (Settings → Secrets)."


class ExampleCi(Terminal):
    """A step of a pipeline. What it cannot do better is left to `Terminal`."""

    key = "example"
    name = "Example CI"
    detection_order = 1
    state_file = ".dbt-cloud-run.json"
    summary_file = "dbt-summary.md"

    @staticmethod
    def detected(environ: Mapping[str, str]) -> bool:
        """The runner sets it for every step."""
        return bool(environ.get("EXAMPLE_BUILD"))

    def context(self) -> CiContext:
        """The step as its variables tell it."""
        return read_context(self.environ)


def read_context(environ: Mapping[str, str]) -> CiContext:
    """The build's context from the step's variables; what is not known stays empty."""
    number, sha = environ.get("EXAMPLE_PULL_REQUEST", ""), environ.get("EXAMPLE_COMMIT", "")
    repository, branch = environ.get("EXAMPLE_REPOSITORY", ""), environ.get("EXAMPLE_BRANCH", "")
    pull_request = None
    if number.isdecimal():
        pull_request = PullRequest(
            number=int(number),
            # The head, never the merge commit that the CI has made for the build; and some CIs call the branch that
            # the pull request is for its branch.
            head_sha=sha,
            head_branch=branch,
            base_branch=environ.get("EXAMPLE_TARGET_BRANCH", ""),
            fork=environ.get("EXAMPLE_FORK") == "true",
        )
    web = f"https://forge.example/{repository}" if repository else ""
    return CiContext(
        platform=ExampleCi.name,
        host="example",
        event=environ.get("EXAMPLE_EVENT", ""),
        repository=repository,
        sha=sha,
        branch=branch,
        tag=environ.get("EXAMPLE_TAG", ""),
        pull_request=pull_request,
        build_url=environ.get("EXAMPLE_BUILD_URL", ""),
        # As long as nobody says otherwise, everybody may read it: then compiled SQL is not shown.
        public=environ.get("EXAMPLE_PRIVATE") != "true",
        commit_url=f"{web}/commit/{sha}" if web and sha else "",
        file_url=f"{web}/file/{sha}/{{path}}" if web and sha else "",
        build_id=environ.get("EXAMPLE_BUILD", ""),
        secrets_withheld="this is a pull request from a fork" if pull_request and pull_request.fork else "",
        secrets_hint=_SECRETS_HINT,
    )


CI = ExampleCi
