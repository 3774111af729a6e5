"""Where we run: choosing the CI; what each one knows and understands is in its own module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from dbt_action.ci.github_actions import GitHubActions
from dbt_action.ci.log import Log
from dbt_action.ci.terminal import Terminal

Ci = Terminal

# The first that recognises its environment; the terminal recognises everything.
_KNOWN: tuple[type[Ci], ...] = (GitHubActions, Terminal)


def detect(environ: Mapping[str, str], stream: TextIO) -> Ci:
    """The CI that `environ` belongs to, speaking to `stream`."""
    kind = next(kind for kind in _KNOWN if kind.detected(environ))
    return kind(environ, Log(stream))
