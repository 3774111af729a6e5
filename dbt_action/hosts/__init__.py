"""Where the code lives: choosing the host that shows the status; each one's HTTP is in its own module."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

from dbt_action import inputs, kinds
from dbt_action.context import CiContext
from dbt_action.hosts.place import TIMEOUT, Findings, Host, Kind, NoHost, Place, UnknownPlaceError

__all__ = ["INPUTS", "KNOWN", "TIMEOUT", "Findings", "Host", "NoHost", "Place", "connect"]


def _found() -> dict[str, Kind]:
    # What begins with an underscore is only imported when it is needed.
    names = (module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    modules = (importlib.import_module(f"{__name__}.{name}") for name in names)
    return {kind.key: kind for module in modules if isinstance(kind := getattr(module, "KIND", None), Kind)}


# By `CiContext.host`. Which host a build has is another question than where it runs. A token goes to its own kind of
# host only, so there is no "everything else" here.
KNOWN: Mapping[str, Kind] = _found()

# The rows of the table of inputs that are about hosts, but for those of the action.
INPUTS: tuple[kinds.Input, ...] = (
    kinds.Input(
        name="code-host",
        kind=kinds.Kind.CHOICE,
        help="Where the code lives, for statuses and comments.",
        default="(as this build's variables say)",
        choices=tuple(KNOWN),
    ),
    kinds.Input(
        name="repository",
        kind=kinds.Kind.TEXT,
        help="The repository there: `owner/name`, on GitLab with all its groups, in Azure Repos `project/name`.",
        default="(as this build's variables say)",
    ),
    *(kind.token for kind in KNOWN.values() if kind.token not in inputs.INPUTS),
)


def connect(environ: Mapping[str, str], context: CiContext, place: Place, *, tokens: Mapping[str, str]) -> Host:
    """The host of this build's repository. `tokens` are by the name of their input."""
    kind = KNOWN.get(context.host)
    if kind is None or not context.repository:
        place.info(
            "No commit status: nothing tells where the code lives. Give `code-host` and `repository`, or "
            "`commit-status: false`."
        )
        return NoHost()
    token = tokens.get(kind.token.name, "")
    if not place.sha:
        known = f"the event `{context.event}` does not tell a commit" if context.event else "no commit is known"
        place.warn(f"No commit status: {known}. Give `git-sha`.")
        return NoHost()
    if not token:
        if context.platform == "GitHub Actions":
            place.warn("No commit status: `github-token` is empty. Leave the input out, or give a token.")
        else:
            place.info(f"No commit status: `{kind.token.variable}` is not set ({kind.how}).")
        return kind.open_without(environ, context, place)
    try:
        return kind.open(environ, context, place, token)
    except UnknownPlaceError as error:
        place.warn(f"No commit status: {error}")
        return NoHost()
