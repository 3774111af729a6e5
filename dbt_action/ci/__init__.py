"""Where we run: choosing the CI; what each one knows and understands is in its own module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from dbt_action import elsewhere
from dbt_action.ci.azure_pipelines import AzurePipelines
from dbt_action.ci.bitbucket_pipelines import BitbucketPipelines
from dbt_action.ci.github_actions import GitHubActions
from dbt_action.ci.gitlab_ci import GitLabCi
from dbt_action.ci.log import Log
from dbt_action.ci.terminal import Terminal

Ci = Terminal

# The first that recognises its environment; the terminal recognises everything. GitLab comes last of the others:
# tools that imitate its variables are the most frequent.
KNOWN: tuple[type[Ci], ...] = (GitHubActions, AzurePipelines, BitbucketPipelines, GitLabCi, Terminal)


def detect(environ: Mapping[str, str], stream: TextIO) -> Ci:
    """The CI that `environ` belongs to, speaking to `stream`; an explicit choice beats detection."""
    chosen = environ.get(elsewhere.CI, "").strip().casefold()
    # A choice that does not exist is told by `config`, together with the other problems.
    kind = next((kind for kind in KNOWN if kind.key == chosen), None)
    if kind is None:
        kind = next(kind for kind in KNOWN if kind.detected(environ))
    return kind(environ, Log(stream))
