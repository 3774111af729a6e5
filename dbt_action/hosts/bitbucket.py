"""Build statuses and comments on Bitbucket Cloud, by plain HTTP; what they say is `report`'s work.

https://developer.atlassian.com/cloud/bitbucket/rest/api-group-commit-statuses/
https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests/
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote

from dbt_action import text
from dbt_action.config.context import CiContext
from dbt_action.hosts import code_insights
from dbt_action.hosts.base import CommitReport, Host, HostSettings, HostType, NoHost, token_input
from dbt_action.hosts.code_insights import CodeInsights
from dbt_action.hosts.rest import Comment, RestHost
from dbt_action.hosts.transport import HostError, Http
from dbt_action.report.outcome import CommitState

# Recorded; a longer key is refused. The other limits are known by hearsay.
MAX_KEY = 40
MAX_TEXT = 255
_DIGEST = 8
_PAGE = 100
_NOT_IN_ADDRESSES = re.compile("[^A-Za-z0-9._-]+")
# Code stays as it is; of a summary the words are left, of other tags nothing.
_HTML = re.compile(
    r"(?P<code>^(?P<fence>`{3,})[^\n]*\n.*?^(?P=fence)$|`[^`\n]+`)|<summary>(?P<title>[^\n]*?)</summary>"
    r"|</?(?:details|summary|br|sub|sup|b|i|strong|em|code|p)\s*/?>",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The repository, the commit, the branch on whose pull requests the status shows, and the pull request."""

    api_url: str
    repository: str
    web_url: str
    sha: str
    branch: str = ""
    pull_request: int = 0


def read_address(environ: Mapping[str, str], context: CiContext, sha: str) -> Address:
    """Where a status of `sha` goes. Bitbucket has no variable for its API, so there is one of ours."""
    return Address(
        api_url=environ.get("BITBUCKET_API_URL") or "https://api.bitbucket.org/2.0",
        repository=quote(context.repository),
        web_url=context.build_url or f"https://bitbucket.org/{context.repository}",
        sha=sha,
        branch=context.branch if sha == context.sha else "",
        pull_request=context.number,
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
    longest = 32_768
    hints: ClassVar[Mapping[int, str]] = {
        401: "`BITBUCKET_ACCESS_TOKEN` is wrong or expired. Create a repository access token, or give "
        "`e-mail:API token`.",
        403: "`BITBUCKET_ACCESS_TOKEN` needs the scopes repository and pull request (write), and only the token that "
        "has created a status may change it.",
        404: "`BITBUCKET_ACCESS_TOKEN` may not see the repository, or the commit is not in it.",
    }

    def __init__(self, address: Address, token: str, settings: HostSettings, insights: CodeInsights | None) -> None:
        """`user:secret` is basic authentication, anything else an access token; `insights` that need neither."""
        user, colon, secret = token.partition(":")
        basic = (user, secret) if colon else None
        headers = {} if colon else {"Authorization": f"Bearer {token}"}
        super().__init__(
            Http(address.api_url, headers, timeout=settings.timeout, clock=settings.clock, basic=basic), settings
        )
        self._address = address
        self._insights = insights or CodeInsights(self.api, settings, address.repository)

    def post_report(self, build: Callable[[], CommitReport]) -> None:
        """A report of Code Insights."""
        self._insights.post_report(build)

    def post_status(self, state: CommitState, description: str, url: str) -> None:
        """The same key on the same commit overwrites."""
        body = {
            "state": _STATES[state],
            "key": key(self.settings.name),
            "name": text.cut(self.settings.name, MAX_TEXT),
            "description": text.cut(description, MAX_TEXT),
            # Without one the status is refused.
            "url": url or self._address.web_url,
        }
        if self._address.branch:
            body["refname"] = self._address.branch
        self.api.send(
            "POST", f"repositories/{self._address.repository}/commit/{self._address.sha}/statuses/build", body
        )

    @property
    def _comments(self) -> str:
        return f"repositories/{self._address.repository}/pullrequests/{self._address.pull_request}/comments"

    def comments(self) -> Iterator[Sequence[Comment]]:
        """The comments, the oldest first."""
        answer = self.api.get(self._comments, pagelen=_PAGE)
        while True:
            yield [
                Comment(str(content.get("raw")), f"{self._comments}/{comment.get('id')}")
                for comment in answer.listed("values")
                if isinstance(content := comment.get("content"), Mapping) and not comment.get("deleted")
            ]
            following = answer.json.get("next")
            if not following:
                return
            if not str(following).startswith(f"{self.api.root}/"):
                # The token does not go anywhere else.
                raise HostError(0, "the next page is on another server", transient=False)
            answer = self.api.get(following)

    def create(self, body: str) -> None:
        """A comment of its own."""
        self.api.add(self._comments, {"content": {"raw": body}})

    def edit(self, comment: Comment, body: str) -> None:
        """The comment, changed in place."""
        self.api.send("PUT", comment.url, {"content": {"raw": body}})

    def hidden(self, marker: str) -> str:
        """Bitbucket shows HTML comments; the definition of a link that nobody uses stays out of sight."""
        return f"[//]: <> ({marker})"

    def dialect(self, body: str) -> str:
        """No HTML: its tags would be shown."""
        return _HTML.sub(lambda found: found["code"] or (f"**{found['title']}**" if found["title"] else ""), body)


def key(name: str) -> str:
    """`name`, or a word for it that fits, that no other name has, and that can stand in an address.

    Bitbucket shows the name; by the key clients find the status again, as the last part of its address.
    """
    word = _NOT_IN_ADDRESSES.sub("-", name).strip("-")
    if word == name and len(name) <= MAX_KEY:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return f"{word[: MAX_KEY - _DIGEST - 1]}-{digest}"


def _open(environ: Mapping[str, str], context: CiContext, settings: HostSettings, token: str) -> Host:
    insights = code_insights.of_pipeline(environ, context, settings)
    return Bitbucket(read_address(environ, context, settings.sha), token, settings, insights)


def _open_without(environ: Mapping[str, str], context: CiContext, settings: HostSettings) -> Host:
    return code_insights.of_pipeline(environ, context, settings) or NoHost()


HOST_TYPE = HostType(
    key="bitbucket",
    token=token_input(
        "bitbucket",
        "BITBUCKET_ACCESS_TOKEN",
        "For statuses and comments on Bitbucket Cloud: a repository access token, or `e-mail:API token`.",
        also=("BITBUCKET_REPO_ACCESS_TOKEN",),
    ),
    how="a repository access token, in a secured variable",
    open=_open,
    open_without=_open_without,
)
