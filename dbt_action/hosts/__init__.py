"""Where the code lives: choosing the host that shows the status; each one's HTTP is in its own module."""

from __future__ import annotations

from collections.abc import Mapping

from dbt_action import discovery
from dbt_action.config import input_types, inputs
from dbt_action.config.context import CiContext
from dbt_action.hosts.base import COMMENT, STATUS, TIMEOUT, Findings, Host, Kind, NoHost, Place, UnknownPlaceError

__all__ = ["COMMENT", "INPUTS", "KNOWN", "STATUS", "TIMEOUT", "Findings", "Host", "NoHost", "Place", "connect"]


# By `CiContext.host`. Which host a build has is another question than where it runs. A token goes to its own kind of
# host only, so there is no "everything else" here.
KNOWN: Mapping[str, Kind] = {
    module.KIND.key: module.KIND for module in discovery.modules(__name__, __path__) if hasattr(module, "KIND")
}

# The rows of the table of inputs that are about hosts, but for those of the action.
INPUTS: tuple[input_types.Input, ...] = (
    input_types.Input(
        name="code-host",
        kind=input_types.Kind.CHOICE,
        help="Where the code lives, for statuses and comments.",
        default="(as this build's variables say)",
        choices=tuple(KNOWN),
    ),
    input_types.Input(
        name="repository",
        kind=input_types.Kind.REPOSITORY,
        help="The repository there: `owner/name`, on GitLab with all its groups, in Azure Repos `project/name`.",
        default="(as this build's variables say)",
    ),
    *(kind.token for kind in KNOWN.values() if kind.token not in inputs.INPUTS),
)


def connect(environ: Mapping[str, str], context: CiContext, place: Place, *, tokens: Mapping[str, str]) -> Host:
    """The host of this build's repository. `tokens` are by the name of their input."""
    kind = KNOWN.get(context.host)
    if kind is None or not context.repository:
        missing = [row for row, known in zip(INPUTS, (kind, context.repository), strict=False) if not known]
        told = " and ".join(f"`{row.name}` (`{row.variable}`)" for row in missing)
        place.info(f"No {place.wanted}: nothing tells where the code lives. Give {told}, or `commit-status: false`.")
        return NoHost()
    if place.wanted == STATUS and not place.sha:
        known = f"the event `{context.event}` does not tell a commit" if context.event else "no commit is known"
        place.warn(f"No {place.wanted}: {known}. Give `git-sha` (`DBT_GIT_SHA`).")
    token = tokens.get(kind.token.name, "")
    if not token:
        if context.platform == "GitHub Actions" and kind.key == "github":
            place.warn(f"No {place.wanted}: `github-token` is empty. Leave the input out, or give a token.")
        else:
            place.info(f"No {place.wanted}: `{kind.token.variable}` is not set ({kind.how}).")
        return kind.open_without(environ, context, place) if place.sha else NoHost()
    try:
        return kind.open(environ, context, place, token)
    except UnknownPlaceError as error:
        place.warn(f"No {place.wanted}: {error}")
        return NoHost()
