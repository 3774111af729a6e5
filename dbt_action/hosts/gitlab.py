"""Commit statuses and notes on GitLab, by plain HTTP; what they say is `report`'s work.

https://docs.gitlab.com/api/commits/#set-the-pipeline-status-of-a-commit
https://docs.gitlab.com/api/notes/#merge-requests
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import quote

from dbt_action import text
from dbt_action.config.context import CiContext
from dbt_action.hosts.base import Host, HostSettings, HostType, token_input
from dbt_action.hosts.rest import Comment, RestHost
from dbt_action.hosts.transport import HostError, Http
from dbt_action.report.outcome import CommitState

# Of name, target_url and description.
MAX_TEXT = 255
_PAGE = 100
_BAD_REQUEST, _NOT_FOUND = 400, 404
# The status is there already [source: commit_status.rb]; GitLab refuses to repeat it.
_REPEATED = re.compile(r"Cannot transition status via :(?:run from :running|enqueue from :(?:pending|running))\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The project, and the pipeline that a status of `sha` belongs to."""

    api_url: str
    project: str
    sha: str
    ref: str = ""
    pipeline: str = ""
    # Where the notes are; the number is that of the merge request in its project.
    merge_request_project: str = ""
    merge_request: int = 0


def read_address(environ: Mapping[str, str], context: CiContext, sha: str) -> Address:
    """Where a status of `sha` goes.

    A pipeline of a merge request may be about a merge commit (merged results); a status with its `pipeline_id` has
    to name that commit, and would otherwise open a second pipeline.
    """
    here = context.repository.casefold() == environ.get("CI_PROJECT_PATH", "").casefold()
    ours = here and sha == context.sha
    project = (environ.get("CI_PROJECT_ID") if here else "") or quote(context.repository, safe="")
    return Address(
        api_url=environ.get("CI_API_V4_URL") or "https://gitlab.com/api/v4",
        project=project,
        sha=(environ.get("CI_COMMIT_SHA") or sha) if ours else sha,
        ref=context.branch or context.tag if ours else "",
        pipeline=environ.get("CI_PIPELINE_ID", "") if ours else "",
        merge_request_project=(environ.get("CI_MERGE_REQUEST_PROJECT_ID") if here else "") or project,
        merge_request=context.number,
    )


_STATES = {
    CommitState.PENDING: "running",
    CommitState.SUCCESS: "success",
    CommitState.FAILURE: "failed",
    CommitState.ERROR: "failed",
    CommitState.CANCELLED: "canceled",
}
# A running one that nobody closes would keep the whole pipeline running.
_NOBODY_WAITS = {**_STATES, CommitState.PENDING: "skipped"}


class GitLab(RestHost):
    """The status of one commit in the pipeline of this job."""

    title = "GitLab"
    longest = 1_000_000
    hints: ClassVar[Mapping[int, str]] = {
        401: "`GITLAB_TOKEN` is wrong or expired. Create a project access token with scope `api` and role Developer.",
        403: "`GITLAB_TOKEN` needs scope `api` and role Developer, and on a protected branch it has to be allowed "
        "to push or merge there.",
        404: "`GITLAB_TOKEN` may not see the project, or the commit is not in it.",
        409: "Another job is posting a status of the same commit.",
        422: "The pipeline has as many jobs as GitLab allows.",
    }

    def __init__(self, address: Address, token: str, settings: HostSettings) -> None:
        """Nothing is sent here."""
        api = Http(address.api_url, {"PRIVATE-TOKEN": token}, timeout=settings.timeout, clock=settings.clock)
        super().__init__(api, settings)
        self._address = address
        self._posted = ""

    def post_status(self, state: CommitState, description: str, url: str) -> None:
        """`running` once, then the end."""
        word = (_STATES if self.settings.waits else _NOBODY_WAITS)[state]
        if word == self._posted:
            return
        body = {"state": word, "name": text.cut(self.settings.name, MAX_TEXT), "description": description[:MAX_TEXT]}
        if url and len(url) <= MAX_TEXT:
            body["target_url"] = url
        try:
            self._post(body)
        except HostError as error:
            if error.status == _NOT_FOUND and self._address.pipeline:
                # Not the pipeline of this commit, as far as GitLab can tell: it will find one of its own. It is that
                # of the head then; a merge commit that GitLab has made up belongs to no branch.
                self._address = replace(self._address, sha=self.settings.sha, pipeline="")
                self.post_status(state, description, url)
            elif not (error.status == _BAD_REQUEST and _REPEATED.search(error.message)):
                raise
        self._posted = word

    @property
    def _where(self) -> dict[str, str]:
        if self._address.pipeline:
            return {"pipeline_id": self._address.pipeline}
        return {"ref": self._address.ref} if self._address.ref and len(self._address.ref) <= MAX_TEXT else {}

    def _post(self, body: Mapping[str, Any]) -> None:
        path = f"projects/{self._address.project}/statuses/{self._address.sha}"
        self.api.send("POST", path, {**body, **self._where})

    @property
    def _notes(self) -> str:
        return f"projects/{self._address.merge_request_project}/merge_requests/{self._address.merge_request}/notes"

    def comments(self) -> Iterator[Sequence[Comment]]:
        """The notes, the oldest first."""
        page = "1"
        while page:
            answer = self.api.get(self._notes, sort="asc", order_by="created_at", per_page=_PAGE, page=page)
            yield [Comment(str(note.get("body")), f"{self._notes}/{note.get('id')}") for note in answer.listed()]
            page = answer.headers.get("X-Next-Page", "")

    def create(self, body: str) -> None:
        """A note of its own."""
        self.api.add(self._notes, {"body": body})

    def edit(self, comment: Comment, body: str) -> None:
        """The note, changed in place."""
        self.api.send("PUT", comment.url, {"body": body})


def _open(environ: Mapping[str, str], context: CiContext, settings: HostSettings, token: str) -> Host:
    return GitLab(read_address(environ, context, settings.sha), token, settings)


HOST_TYPE = HostType(
    key="gitlab",
    token=token_input(
        "gitlab",
        "GITLAB_TOKEN",
        "For statuses and comments on GitLab: a project access token with scope `api` and role Developer, or a "
        "personal one.",
    ),
    how="a project access token with scope `api` and role Developer, or a personal one",
    open=_open,
)
