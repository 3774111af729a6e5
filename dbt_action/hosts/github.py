"""Commit statuses and comments on GitHub, through PyGithub, in bounded time; what they say is `report`'s work.

https://docs.github.com/rest/commits/statuses
https://docs.github.com/rest/issues/comments
"""

from __future__ import annotations

import github
from github.IssueComment import IssueComment

from dbt_action import text
from dbt_action.hosts.place import Place
from dbt_action.report import MAX_DESCRIPTION, CommitState

_FORBIDDEN, _UNAUTHORIZED, _NOT_FOUND, _UNPROCESSABLE, _TOO_MANY = 403, 401, 404, 422, 429

_READ_ONLY = (
    "The token may not write statuses. Give the job this:\n"
    "    permissions:\n"
    "      statuses: write\n"
    "In pull requests from forks and by Dependabot the token is read-only whatever the workflow says."
)
_HINTS = {
    _UNAUTHORIZED: "The token is wrong or expired. Leave `github-token` out to use the workflow's own.",
    _NOT_FOUND: "The token may not see the repository, or the repository is not on this server.",
    _UNPROCESSABLE: "The commit is not in this repository, or the commit has too many statuses.",
    _TOO_MANY: "GitHub limits the requests of this token for now.",
}
_READ_ONLY_COMMENT = (
    "The token may not write comments. Give the job this:\n    permissions:\n      pull-requests: write"
)
# A token of the user's own, where GitHub does not run the build.
_ELSEWHERE = (
    "`GITHUB_TOKEN` may not do that. Give it the permissions Commit statuses (write) and, for comments, Pull requests "
    "(write), or `repo` for a classic token."
)
MAX_COMMENT = 65_536
_PAGE = 100
# Seconds for finding our comment among all others.
COMMENT_PATIENCE = 30.0
# A status cannot be "cancelled".
_STATES = {
    CommitState.PENDING: "pending",
    CommitState.SUCCESS: "success",
    CommitState.FAILURE: "failure",
    CommitState.ERROR: "error",
    CommitState.CANCELLED: "error",
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
        place: Place,
        pull_request: int = 0,
        own_token: bool = False,
    ) -> None:
        """Nothing is sent here.

        `api_url` may have a path, as on GitHub Enterprise Server (`/api/v3`). `own_token`: the user has made the
        token, no workflow has.
        """
        # Left to itself PyGithub asks for the repository and the commit first, and sleeps up to an hour when
        # GitHub asks for patience.
        client = github.Github(
            base_url=api_url,
            auth=github.Auth.Token(token),
            lazy=True,
            retry=None,
            timeout=place.timeout,
            seconds_between_requests=0,
            seconds_between_writes=0,
            user_agent="dbt-cloud-run-action",
            per_page=_PAGE,
        )
        self._repository = client.get_repo(repository)
        self._requester = client.requester
        self._statuses = f"/repos/{repository}/statuses/{place.sha}"
        self._pull_request = pull_request
        self._name = place.name
        self._clock = place.clock
        self._forbidden = (_ELSEWHERE, _ELSEWHERE) if own_token else (_READ_ONLY, _READ_ONLY_COMMENT)
        self._warn = place.warn
        self._warned = False
        self._hopeless = False
        # A status has been accepted, or perhaps: its answer was lost.
        self._accepted = False

    def set_status(self, state: CommitState, description: str, url: str) -> bool:
        """One request. The first failure is one warning; what cannot get better is not tried again."""
        if self._hopeless:
            return True
        status = {
            "state": _STATES[state],
            "description": text.cut(description, MAX_DESCRIPTION),
            "context": self._name,
            **({"target_url": url} if url else {}),
        }
        try:
            _, answer = self._requester.requestJsonAndCheck("POST", self._statuses, input=status)
        except github.GithubException as error:
            # What was allowed before will be allowed again.
            self._hopeless = error.status in _HOPELESS and not self._accepted and not _asks_for_patience(error)
            self._accepted = self._accepted or error.status not in _HOPELESS
            self._complain(f"{error.status} {_message(error)}", _hint(error, self._forbidden[0]))
            return self._hopeless
        except Exception as error:  # noqa: BLE001 - requests' exceptions, and whatever PyGithub stumbles over
            self._accepted = True
            self._complain(type(error).__name__, "GitHub cannot be reached from here at the moment.")
            return False
        if not isinstance(answer, dict) or answer.get("state") != status["state"]:
            # A proxy's page, for one.
            self._complain("an answer that is not GitHub's", "Something between here and GitHub answers in its place.")
            return False
        self._accepted = True
        return True

    def comment(self, body: str, marker: str, *, only_change: bool = False) -> None:
        """Change the one comment with `marker`, which people do not see, or write it. Trouble is one warning."""
        first_line = f"<!-- {marker} -->"
        page = text.cut(f"{first_line}\n\n{body}", MAX_COMMENT)
        try:
            found = self._find_comment(first_line)
            if found is not None:
                found.edit(page)
            elif not only_change:
                self._repository.get_issue(self._pull_request).create_comment(page)
        except github.GithubException as error:
            self._complain_of_comment(f"{error.status} {_message(error)}", _hint(error, self._forbidden[1]))
        except Exception as error:  # noqa: BLE001 - requests' exceptions, and whatever PyGithub stumbles over
            self._complain_of_comment(type(error).__name__, "GitHub cannot be reached from here at the moment.")

    def _find_comment(self, first_line: str) -> IssueComment | None:
        """All pages, one after the other. Raises what PyGithub raises, and TimeoutError."""
        deadline = self._clock.now() + COMMENT_PATIENCE
        comments = self._repository.get_issue(self._pull_request).get_comments()
        number = 0
        while True:
            page = comments.get_page(number)
            for comment in page:
                # At the beginning only: people quote, and a quotation begins with something else.
                if (comment.body or "").lstrip().startswith(first_line):
                    return comment
            if len(page) < _PAGE:
                return None
            if self._clock.now() > deadline:
                raise TimeoutError
            number += 1

    def _complain_of_comment(self, what: str, hint: str) -> None:
        self._warn(f"The comment could not be posted to GitHub ({what}). {hint} The dbt Cloud run goes on.")

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


def _hint(error: github.GithubException, forbidden: str) -> str:
    if _asks_for_patience(error):
        return _HINTS[_TOO_MANY]
    if error.status == _FORBIDDEN:
        return forbidden
    return _HINTS.get(error.status, "GitHub has a problem of its own.")
