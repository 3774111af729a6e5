"""A code host for the tests of all hosts: an emulator of it, and a build that posts to it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dbt_action import ci, hosts
from dbt_action.report.outcome import CommitState
from tests.support import samples
from tests.support.clock import FakeClock
from tests.support.workflow_step import JOB_NAME

NAME = f"dbt Cloud / {JOB_NAME}"


@dataclass(frozen=True)
class Case:
    """A host by its key, a running emulator of it, and the environment of a build."""

    key: str
    host: Any
    environ: dict[str, str]

    @property
    def sample(self) -> samples.HostSample:
        return samples.of_host(self.key)

    @property
    def token(self) -> str:
        """The variable that has the token."""
        return hosts.KNOWN[self.key].token.variable

    @property
    def posted(self) -> list[str]:
        return self.sample.posted(self.host)

    @property
    def shown(self) -> list[str]:
        return self.sample.shown(self.host)

    @property
    def comments(self) -> list[str]:
        return self.sample.comments(self.host)

    def words(self, *states: CommitState) -> list[str]:
        """Those states in the host's own words, each as often as it is posted."""
        return [self.sample.words[state] for state in states for _ in range(self.sample.parts)]

    def add_comments_of_others(self, count: int) -> None:
        """Add other people's comments, one of which quotes ours."""
        comments = [f"Comment {number}" for number in range(count - 1)]
        self.sample.chat(self.host, [*comments, "> <!-- marker --> [//]: <> (marker)\n\nNo."])


MakeCase = Callable[..., Case]


def connected(environ: Mapping[str, str], warnings: list[str], **more: Any) -> hosts.Host:  # noqa: ANN401
    """Connect to the host of the build that `environ` describes; what it logs goes to `warnings`."""
    context = ci.detect(environ, io.StringIO()).context()
    settings = hosts.HostSettings(
        sha=context.sha, name=NAME, warn=warnings.append, info=warnings.append, clock=FakeClock(), **more
    )
    tokens = {host_type.token.name: environ.get(host_type.token.variable, "") for host_type in hosts.KNOWN.values()}
    return hosts.choose(environ, context, tokens=tokens).connect(settings)
