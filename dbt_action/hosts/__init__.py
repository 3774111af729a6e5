"""Code hosts: where the code lives, and where statuses and comments go. May import `report` and what is below it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dbt_action import addresses, discovery
from dbt_action.clock import Clock
from dbt_action.config import input_types, inputs
from dbt_action.config.context import CiContext
from dbt_action.hosts.base import (
    COMMENT,
    STATUS,
    ChangeReader,
    CommitReport,
    Host,
    HostSettings,
    HostType,
    MissingAddressError,
    NoHost,
)
from dbt_action.hosts.transport import HostError

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
]


# By `CiContext.host`, which does not depend on the CI. There is no default among them: a token is sent only to its own
# kind of host.
KNOWN: Mapping[str, HostType[Any]] = {
    module.HOST_TYPE.key: module.HOST_TYPE
    for module in discovery.modules(__name__, __path__)
    if hasattr(module, "HOST_TYPE")
}

# The rows of the table of inputs that are about hosts, except those of the action itself.
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
    *(host_type.token for host_type in KNOWN.values() if host_type.token not in inputs.INPUTS),
)


# Answers that mean that the token lacks a permission.
_REFUSALS = frozenset({401, 403, 404})


@dataclass(frozen=True, slots=True, kw_only=True)
class HostChoice:
    """The host of this build's repository, and all that is needed to connect to it later."""

    context: CiContext
    # None: nothing says where the code lives.
    host_type: HostType[Any] | None
    # Of the type that belongs to `host_type`; None when it is not known, and then `problem` says why.
    address: Any = None
    problem: str = ""
    # "": there is none.
    token: str = field(default="", repr=False)

    def connect(self, settings: HostSettings) -> Host:
        """Return the host; what is missing is logged once, and then nothing is posted.

        May import a library, which takes time; sends nothing.
        """
        if self.host_type is None or not self.context.repository:
            settings.info(self._no_host(settings.wanted))
            return NoHost()
        if settings.wanted == STATUS and not settings.sha:
            event = self.context.event
            reason = f"the event `{event}` does not say which commit" if event else "no commit is known"
            settings.warn(f"No {settings.wanted}: {reason}. Give `git-sha` (`DBT_GIT_SHA`).")
        if not self.token:
            return self._without_token(self.host_type, settings)
        if self.problem:
            settings.warn(f"No {settings.wanted}: {self.problem}")
            return NoHost()
        return self.host_type.connect(self.address, settings, self.token)

    def read_changes(self, clock: Clock) -> ChangeReader:
        """Return what reads changed files and labels. Sends nothing. Raises HostError when none can be asked."""
        if self.host_type is None or not self.context.repository:
            reason = "it is not known where the code lives"
        elif not self.token:
            reason = f"`{self.host_type.token.variable}` is not set"
        elif self.problem:
            reason = self.problem
        else:
            return self.host_type.read_changes(self.address, self.token, clock)
        raise HostError(0, reason, transient=False)

    def changes_hint(self, status: int) -> str:
        """Return what to do when reading changes was refused with this HTTP status, "" for another failure."""
        hint = self.host_type.changes_hint if self.host_type else ""
        return f" {hint}" if hint and status in _REFUSALS else ""

    @property
    def has_labels(self) -> bool:
        """Whether pull requests have labels there, as far as is known."""
        return self.host_type is None or self.host_type.has_labels

    def may_post_status(self, clock: Clock) -> bool | None:
        """Return whether the token may post statuses, None when that is not known. Raises HostError."""
        if self.host_type is None or self.problem or not self.token:
            return None
        return self.host_type.may_post_status(self.address, self.token, clock)

    @property
    def renews_pending(self) -> bool:
        """Whether a pending status can be posted again with another description."""
        return self.host_type is not None and self.host_type.renews_pending

    def _no_host(self, wanted: str) -> str:
        found = (self.host_type, self.context.repository)
        missing = [row for row, value in zip(INPUTS, found, strict=False) if not value]
        names = " and ".join(f"`{row.name}` (`{row.variable}`)" for row in missing)
        return f"No {wanted}: it is not known where the code lives. Give {names}, or `commit-status: false`."

    def _without_token(self, host_type: HostType[Any], settings: HostSettings) -> Host:
        if self.context.ci_id == "github" and host_type.key == "github":
            settings.warn(f"No {settings.wanted}: `github-token` is empty. Leave the input out, or give a token.")
        else:
            variable, hint = host_type.token.variable, host_type.credential_hint
            settings.info(f"No {settings.wanted}: `{variable}` is not set ({hint}).")
        if not settings.sha or self.problem:
            return NoHost()
        return host_type.connect_without_token(self.address, settings)


def choose(environ: Mapping[str, str], context: CiContext, *, tokens: Mapping[str, str]) -> HostChoice:
    """Choose the host of this build's repository. `tokens` are by the name of their input. Pure."""
    host_type = KNOWN.get(context.host)
    if host_type is None or not context.repository:
        return HostChoice(context=context, host_type=host_type)
    address, problem = None, ""
    try:
        address = host_type.read_address(environ, context)
    except MissingAddressError as error:
        problem = str(error)
    else:
        if reason := addresses.token_problem(host_type.api_url(address)):
            problem = f"the address in `{host_type.api_variable}` {reason}, so the token is not sent there."
    token = tokens.get(host_type.token.name, "")
    return HostChoice(context=context, host_type=host_type, address=address, problem=problem, token=token)
