"""dbt Cloud's projects and how their repositories are connected, read from its JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dbt_action.errors import Malformed
from dbt_action.text import one_line

# How a repository is connected -> the connection that `pull-request-field` names (documented).
CONNECTIONS = {
    "github_app": "github",
    "azure_active_directory_app": "azure",
    "deploy_key": "non-native",
    "deploy_token": "gitlab",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project. `repository` is `owner/name`, "" when the answer has none; `remote_url` is what dbt Cloud clones."""

    name: str
    repository: str
    remote_url: str
    # As in CONNECTIONS, "" when it is not known.
    clone_strategy: str


def read_project(data: object) -> Project:
    """Read a project from the `data` of an answer with `include_related=["repository"]`. Raises Malformed."""
    if not isinstance(data, Mapping):
        message = "dbt Cloud's answer holds no project."
        raise Malformed(message)
    repository = data.get("repository")
    parts = repository if isinstance(repository, Mapping) else {}
    return Project(
        name=_text(data, "name"),
        repository=_text(parts, "full_name"),
        remote_url=_text(parts, "remote_url"),
        clone_strategy=_text(parts, "git_clone_strategy"),
    )


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return one_line(value) if isinstance(value, str) else ""
