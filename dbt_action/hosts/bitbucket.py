"""Bitbucket Cloud: build statuses and comments, and its Code Insights report; the texts come from `report`.

https://developer.atlassian.com/cloud/bitbucket/rest/api-group-commit-statuses/
https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests/
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from dbt_action import text, timeouts
from dbt_action.clock import Clock
from dbt_action.config.context import CiContext
from dbt_action.hosts import code_insights
from dbt_action.hosts.base import ChangedFiles, CommitReport, Host, HostSettings, HostType, NoHost, token_input
from dbt_action.hosts.change_lists import collect, commit, entries, field
from dbt_action.hosts.code_insights import CodeInsights, Proxy
from dbt_action.hosts.rest import Comment, RestHost, account
from dbt_action.hosts.transport import HostError, JsonApi
from dbt_action.report.outcome import CommitState

# A longer key is refused (recorded).
MAX_KEY = 40
# Reported by users, not documented.
MAX_TEXT = 255
_DIGEST_LENGTH = 8
_PAGE = 100
_NOT_IN_PATHS = re.compile("[^A-Za-z0-9._-]+")
# Matches code, which stays as it is; summaries, of which the title stays; and other tags.
_HTML = re.compile(
    r"(?P<code>^(?P<fence>`{3,})[^\n]*\n.*?^(?P=fence)$|`[^`\n]+`)|<summary>(?P<title>[^\n]*?)</summary>"
    r"|</?(?:details|summary|br|sub|sup|b|i|strong|em|code|p)\s*/?>",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The repository, the commit that this build is about and its branch, the pull request."""

    api_url: str
    # Quoted.
    repository: str
    # Page of the build, or of the repository.
    web_url: str
    sha: str = ""
    # A status of `sha` is shown on the pull requests of this branch.
    branch: str = ""
    pull_request: int = 0
    # Reaches Code Insights without a token.
    proxy: Proxy | None = None


def read_address(environ: Mapping[str, str], context: CiContext) -> Address:
    """Read where statuses and comments go. Pipelines have no variable for the API; BITBUCKET_API_URL is our own."""
    return Address(
        api_url=environ.get("BITBUCKET_API_URL") or "https://api.bitbucket.org/2.0",
        repository=quote(context.repository),
        web_url=context.build_url or f"https://bitbucket.org/{context.repository}",
        sha=context.sha,
        branch=context.branch,
        pull_request=context.number,
        proxy=code_insights.read_proxy(environ, context),
    )


_STATES = {
    CommitState.PENDING: "INPROGRESS",
    CommitState.SUCCESS: "SUCCESSFUL",
    CommitState.FAILURE: "FAILED",
    CommitState.ERROR: "FAILED",
    CommitState.CANCELLED: "STOPPED",
}


class Bitbucket(RestHost):
    """The build status of one commit."""

    title = "Bitbucket"
    max_comment_length = 32_768
    hints: ClassVar[Mapping[int, str]] = {
        401: "`BITBUCKET_ACCESS_TOKEN` is wrong or expired. Create a repository access token, or give "
        "`e-mail:API token`.",
        403: "`BITBUCKET_ACCESS_TOKEN` needs the scopes repository and pull request (write), and only the token that "
        "has created a status may change it.",
        404: "`BITBUCKET_ACCESS_TOKEN` may not see the repository, or the commit is not in it.",
    }

    def __init__(self, address: Address, settings: HostSettings, token: str) -> None:
        """`token` is an access token, or `user:secret` for basic authentication."""
        super().__init__(settings)
        self._api = _api(address, token, time_limit=settings.timeout, clock=settings.clock)
        self._address = address
        self._comments = f"repositories/{address.repository}/pullrequests/{address.pull_request}/comments"
        self._insights = (
            CodeInsights.through(address.proxy, settings, address.repository)
            if address.proxy
            else CodeInsights(self._api, settings, address.repository)
        )

    def post_report(self, build: Callable[[], CommitReport]) -> None:
        """Show a report of Code Insights."""
        self._insights.post_report(build)

    def post_status(self, state: CommitState, description: str, url: str) -> None:
        """Post a status; it replaces the one with the same key on the same commit."""
        body = {
            "state": _STATES[state],
            "key": key(self.settings.name),
            "name": text.cut(self.settings.name, MAX_TEXT),
            "description": text.cut(description, MAX_TEXT),
            # Without one the status is refused.
            "url": url or self._address.web_url,
        }
        if self._address.branch and self.settings.sha == self._address.sha:
            body["refname"] = self._address.branch
        commit = f"repositories/{self._address.repository}/commit/{self.settings.sha}"
        self._api.write("POST", f"{commit}/statuses/build", body)

    def comments(self) -> Iterator[Sequence[Comment]]:
        """Yield the comments, the oldest first."""
        answer = self._api.get(self._comments, pagelen=_PAGE)
        while True:
            yield [self._comment(comment) for comment in answer.objects("values") if not comment.get("deleted")]
            following = answer.json.get("next")
            if not following:
                return
            answer = self._api.get(_same_api(self._api, following))

    def _comment(self, comment: Mapping[str, Any]) -> Comment:
        content = comment.get("content")
        body = content.get("raw") if isinstance(content, Mapping) else ""
        return Comment(str(body), f"{self._comments}/{comment.get('id')}", account(comment.get("user"), "uuid"))

    def own_account(self) -> frozenset[str]:
        """Ask for the token's user. A repository's access token may not: it lacks the scope account (documented)."""
        return account(self._api.get("user").json, "uuid")

    def create_comment(self, body: str) -> Comment:
        """Create a comment."""
        return self._comment(self._api.create(self._comments, {"content": {"raw": body}}).object())

    def edit_comment(self, comment: Comment, body: str) -> None:
        """Change the comment."""
        self._api.write("PUT", comment.key, {"content": {"raw": body}})

    def delete_comment(self, comment: Comment) -> None:
        """Delete the comment."""
        self._api.write("DELETE", comment.key, {})

    def hidden_line(self, marker: str) -> str:
        """Return the definition of an unused link, which is not shown. Bitbucket shows HTML comments."""
        return f"[//]: <> ({marker})"

    def convert_markdown(self, body: str) -> str:
        """Remove HTML: its tags would be shown."""
        return _HTML.sub(lambda found: found["code"] or (f"**{found['title']}**" if found["title"] else ""), body)


class BitbucketChanges:
    """Changed files and state of a pull request, messages of commits; Bitbucket has no labels."""

    def __init__(self, address: Address, token: str, clock: Clock) -> None:
        """`token` is as for `Bitbucket`. Nothing is sent here."""
        self._clock = clock
        self._api = _api(address, token, time_limit=timeouts.HOST_REQUEST_SECONDS, clock=clock)
        self._repository = f"repositories/{address.repository}"
        self._pull_request = f"{self._repository}/pullrequests/{address.pull_request}"

    def pull_request_files(self) -> ChangedFiles:
        """The files of the pull request."""
        return collect(self._pages(f"{self._pull_request}/diffstat"), _file_names, clock=self._clock)

    def _pages(self, path: str) -> Iterator[Sequence[Mapping[str, Any]]]:
        # The answer is a redirect to the comparison of the two commits.
        answer = self._api.get_redirected(path, pagelen=_PAGE)
        while True:
            yield entries(answer, "values")
            following = answer.json.get("next")
            if not following:
                return
            answer = self._api.get(_same_api(self._api, following))

    def pushed_files(self, before: str, after: str) -> ChangedFiles:
        """Raise HostError: no pipeline knows the commit before a push to Bitbucket."""
        del before, after
        raise HostError(0, "the files of a push are not known here", transient=False)

    def labels(self) -> frozenset[str]:
        """Raise HostError: there are none."""
        raise HostError(0, "Bitbucket has no labels", transient=False)

    def is_draft(self) -> bool:
        """Whether the pull request is a draft."""
        return bool(field(self._api.get(self._pull_request), "draft", bool))

    def commit_message(self, sha: str) -> str:
        """The message of a commit."""
        return str(field(self._api.get(f"{self._repository}/commit/{commit(sha)}"), "message", str))


def _file_names(file: Mapping[str, Any]) -> Sequence[object]:
    """Return the names of a file; a new one has no old name, and a removed one no new name."""
    sides = (file.get("new"), file.get("old"))
    return [side.get("path") if isinstance(side, Mapping) else side for side in sides]


def _api(address: Address, token: str, *, time_limit: float, clock: Clock) -> JsonApi:
    user, colon, secret = token.partition(":")
    return JsonApi(
        address.api_url,
        {} if colon else {"Authorization": f"Bearer {token}"},
        time_limit=time_limit,
        clock=clock,
        basic=(user, secret) if colon else None,
    )


def _same_api(api: JsonApi, url: object) -> str:
    """Return the address of the next page. Raises HostError when it is of another server: the token stays here."""
    if not str(url).startswith(f"{api.base_url}/"):
        raise HostError(0, "the next page is on another server", transient=False)
    return str(url)


class BitbucketWithoutToken:
    """What a step of a pipeline can show without a token: the Code Insights report."""

    def __init__(self, insights: CodeInsights) -> None:
        """Nothing is sent here."""
        self._insights = insights

    def set_status(self, state: CommitState, description: str, url: str) -> bool:
        """Do nothing; it needs a token."""
        del state, description, url
        return True

    def comment(self, body: str, marker: str, *, only_change: bool = False) -> None:
        """Do nothing; it needs a token."""
        del body, marker, only_change

    def post_report(self, build: Callable[[], CommitReport]) -> None:
        """Show a report of Code Insights."""
        self._insights.post_report(build)


def key(name: str) -> str:
    """Return the key of the status `name`: short enough, unique for the name, and fit for a path.

    Bitbucket shows the name; clients find the status by its key, which is the last part of its address.
    """
    fit = _NOT_IN_PATHS.sub("-", name).strip("-")
    if fit == name and len(name) <= MAX_KEY:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_LENGTH]
    return f"{fit[: MAX_KEY - _DIGEST_LENGTH - 1]}-{digest}"


def _connect_without_token(address: Address, settings: HostSettings) -> Host:
    if address.proxy is None:
        return NoHost()
    return BitbucketWithoutToken(CodeInsights.through(address.proxy, settings, address.repository))


HOST_TYPE = HostType(
    key="bitbucket",
    token=token_input(
        "bitbucket",
        "BITBUCKET_ACCESS_TOKEN",
        "For statuses and comments on Bitbucket Cloud: a repository access token, or `e-mail:API token`.",
        also=("BITBUCKET_REPO_ACCESS_TOKEN",),
    ),
    credential_hint="a repository access token, in a secured variable",
    read_address=read_address,
    api_url=lambda address: address.api_url,
    api_variable="BITBUCKET_API_URL",
    connect=Bitbucket,
    read_changes=BitbucketChanges,
    changes_hint="`BITBUCKET_ACCESS_TOKEN` needs the scopes repository and pull request (read).",
    has_labels=False,
    connect_without_token=_connect_without_token,
)
