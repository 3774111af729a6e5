"""Where the code lives: choosing the host that shows the status; each one's HTTP is in its own module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dbt_action import discovery
from dbt_action.config import input_types, inputs
from dbt_action.config.context import CiContext
from dbt_action.hosts.base import (
    COMMENT,
    STATUS,
    CommitReport,
    Host,
    HostSettings,
    HostType,
    MissingAddressError,
    NoHost,
)

__all__ = [
    "COMMENT",
    "INPUTS",
    "KNOWN",
    "STATUS",
    "CommitReport",
    "Host",
    "HostChoice",
    "HostSettings",
    "NoHost",
    "choose",
    "connect",
]


# By `CiContext.host`. Which host a build has is another question than where it runs. A token goes to its own kind of
# host only, so there is no "everything else" here.
KNOWN: Mapping[str, HostType] = {
    module.HOST_TYPE.key: module.HOST_TYPE
    for module in discovery.modules(__name__, __path__)
    if hasattr(module, "HOST_TYPE")
}

# The rows of the table of inputs that are about hosts, but for those of the action.
INPUTS: tuple[input_types.Input, ...] = (
    input_types.Input(
        name="code-host",
        input_type=input_types.InputType.CHOICE,
        help="Where the code lives, for statuses and comments.",
        default="(as this build's variables say)",
        choices=tuple(KNOWN),
    ),
    input_types.Input(
        name="repository",
        input_type=input_types.InputType.REPOSITORY,
        help="The repository there: `owner/name`, on GitLab with all its groups, in Azure Repos `project/name`.",
        default="(as this build's variables say)",
    ),
    *(kind.token for kind in KNOWN.values() if kind.token not in inputs.INPUTS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostChoice:
    """The host of this build, decided before the run is started; `connect` opens it when it is needed."""

    environ: Mapping[str, str] = field(repr=False)
    context: CiContext
    # By the name of their input.
    tokens: Mapping[str, str] = field(repr=False)

    def connect(self, settings: HostSettings) -> Host:
        """The host; imports what it needs, which takes time, and sends nothing."""
        return connect(self.environ, self.context, settings, tokens=self.tokens)


def choose(environ: Mapping[str, str], context: CiContext, *, tokens: Mapping[str, str]) -> HostChoice:
    """The host of this build's repository, from the environment as it was at the start."""
    return HostChoice(environ=environ, context=context, tokens=tokens)


def connect(
    environ: Mapping[str, str], context: CiContext, settings: HostSettings, *, tokens: Mapping[str, str]
) -> Host:
    """The host of this build's repository. `tokens` are by the name of their input."""
    kind = KNOWN.get(context.host)
    if kind is None or not context.repository:
        missing = [row for row, known in zip(INPUTS, (kind, context.repository), strict=False) if not known]
        told = " and ".join(f"`{row.name}` (`{row.variable}`)" for row in missing)
        settings.info(
            f"No {settings.wanted}: nothing tells where the code lives. Give {told}, or `commit-status: false`."
        )
        return NoHost()
    if settings.wanted == STATUS and not settings.sha:
        known = f"the event `{context.event}` does not tell a commit" if context.event else "no commit is known"
        settings.warn(f"No {settings.wanted}: {known}. Give `git-sha` (`DBT_GIT_SHA`).")
    token = tokens.get(kind.token.name, "")
    if not token:
        if context.ci_id == "github" and kind.key == "github":
            settings.warn(f"No {settings.wanted}: `github-token` is empty. Leave the input out, or give a token.")
        else:
            settings.info(f"No {settings.wanted}: `{kind.token.variable}` is not set ({kind.how}).")
        return kind.open_without(environ, context, settings) if settings.sha else NoHost()
    try:
        return kind.open(environ, context, settings, token)
    except MissingAddressError as error:
        settings.warn(f"No {settings.wanted}: {error}")
        return NoHost()
