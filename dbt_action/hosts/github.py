"""Commit statuses on GitHub, through PyGithub, in bounded time; what a status says is `report`'s work.

https://docs.github.com/rest/commits/statuses
"""

from __future__ import annotations

from collections.abc import Callable

import github
import requests

from dbt_action import text
from dbt_action.report import MAX_DESCRIPTION, CommitState

_FORBIDDEN, _UNAUTHORIZED, _NOT_FOUND, _UNPROCESSABLE, _TOO_MANY = 403, 401, 404, 422, 429

_READ_ONLY = (
    "The token may not write statuses. Give the job this:\n"
    "    permissions:\n"
    "      contents: read\n"
    "      statuses: write\n"
    "In pull requests from forks and by Dependabot the token is read-only whatever the workflow says."
)
_HINTS = {
    _UNAUTHORIZED: "The token is wrong or expired. Leave `github-token` out to use the workflow's own.",
    _FORBIDDEN: _READ_ONLY,
    _NOT_FOUND: "The token may not see the repository, or the repository is not on this server.",
    _UNPROCESSABLE: "The commit is not in this repository, or the commit has too many statuses.",
    _TOO_MANY: "GitHub limits the requests of this token for now.",
}
# Asking again later in the same build cannot help.
_HOPELESS = frozenset({_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _UNPROCESSABLE})


class GitHub:
    """The status named `name` of one commit."""

    def __init__(
        self,
        *,
        api_url: str,
        token: str,
        repository: str,
        sha: str,
        name: str,
        timeout: int,
        warn: Callable[[str], None],
    ) -> None:
        """Nothing is sent here.

        `timeout` is in seconds, for connecting and again for reading; `api_url` may have a path, as on
        GitHub Enterprise Server (`/api/v3`).
        """
        # Left to itself PyGithub asks for the repository and the commit first, and sleeps up to an hour when
        # GitHub asks for patience.
        client = github.Github(
            base_url=api_url,
            auth=github.Auth.Token(token),
            lazy=True,
            retry=None,
            timeout=timeout,
            seconds_between_requests=0,
            seconds_between_writes=0,
            user_agent="dbt-cloud-run-action",
        )
        self._commit = client.get_repo(repository).get_commit(sha)
        self._name = name
        self._warn = warn
        self._warned = False
        self._hopeless = False

    def set_status(self, state: CommitState, description: str, url: str) -> bool:
        """One request. The first failure is one warning; what cannot get better is not tried again."""
        if self._hopeless:
            return True
        link = {"target_url": url} if url else {}
        try:
            self._commit.create_status(
                state=state.value,
                description=text.cut(description, MAX_DESCRIPTION),
                context=self._name,
                **link,
            )
        except github.GithubException as error:
            self._hopeless = error.status in _HOPELESS and not _asks_for_patience(error)
            self._complain(f"{error.status} {_message(error)}", _hint(error))
            return self._hopeless
        except (requests.exceptions.RequestException, AssertionError) as error:
            self._complain(type(error).__name__, "GitHub cannot be reached from here at the moment.")
            return False
        return True

    def _complain(self, what: str, hint: str) -> None:
        if not self._warned:
            self._warned = True
            self._warn(f"The commit status could not be posted ({what}). {hint} The dbt Cloud run goes on.")


def _message(error: github.GithubException) -> str:
    data = error.data
    words = data.get("message") if isinstance(data, dict) else None
    return text.cut(text.one_line(str(words or "")), 200)


def _asks_for_patience(error: github.GithubException) -> bool:
    """GitHub answers 403 for its rate limits too."""
    headers = error.headers or {}
    return (
        isinstance(error, github.RateLimitExceededException)
        or "retry-after" in headers
        or "rate limit" in _message(error).lower()
    )


def _hint(error: github.GithubException) -> str:
    if _asks_for_patience(error):
        return _HINTS[_TOO_MANY]
    return _HINTS.get(error.status, "GitHub has a problem of its own.")
