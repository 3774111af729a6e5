"""GitLab: commit statuses and comments (notes) on merge requests; the texts come from `report`.

https://docs.gitlab.com/api/commits/#set-the-pipeline-status-of-a-commit
https://docs.gitlab.com/api/notes/#merge-requests
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import quote

from dbt_action import text, timeouts
from dbt_action.clock import Clock
from dbt_action.config.context import CiContext
from dbt_action.hosts.base import ChangedFiles, HostSettings, HostType, token_input
from dbt_action.hosts.change_lists import collect, commit, entries, field, label_names
from dbt_action.hosts.rest import Comment, RestHost, account
from dbt_action.hosts.transport import HostError, JsonApi
from dbt_action.report.outcome import CommitState

# Of name, target_url and description.
MAX_TEXT = 255
_PAGE = 100
_BAD_REQUEST, _NOT_FOUND = 400, 404
# The refusal of a status that exists already [source: commit_status.rb].
_REPEATED = re.compile(r"Cannot transition status via :(?:run from :running|enqueue from :(?:pending|running))\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The commit and the pipeline that a status belongs to; "" leaves the choice of the pipeline to GitLab."""

    sha: str
    ref: str = ""
    pipeline: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The project, the merge request, and the pipeline of this job, if it is one of this project."""

    api_url: str
    # Number, or quoted path.
    project: str
    # The commit that this job is about, "" when the job is one of another project.
    sha: str = ""
    # Where a status of `sha` goes.
    own_target: Target = Target(sha="")
    # The project in which the merge request has its number; for forks another than `project`.
    merge_request_project: str = ""
    merge_request: int = 0

    def target(self, sha: str) -> Target:
        """Return where a status of `sha` goes; the user may have given another commit than this job's."""
        return self.own_target if sha and sha == self.sha else Target(sha=sha)


def read_address(environ: Mapping[str, str], context: CiContext) -> Address:
    """Read where statuses and comments go.

    The pipeline of a merge request may be about a merge commit (merged results); a status with its `pipeline_id` has
    to name that commit, and would otherwise open a second pipeline.
    """
    own_project = context.repository.casefold() == environ.get("CI_PROJECT_PATH", "").casefold()
    project = (environ.get("CI_PROJECT_ID") if own_project else "") or quote(context.repository, safe="")
    own_target = Target(
        sha=environ.get("CI_COMMIT_SHA") or context.sha,
        ref=context.branch or context.tag,
        pipeline=environ.get("CI_PIPELINE_ID", ""),
    )
    return Address(
        api_url=environ.get("CI_API_V4_URL") or "https://gitlab.com/api/v4",
        project=project,
        sha=context.sha if own_project else "",
        own_target=own_target,
        merge_request_project=(environ.get("CI_MERGE_REQUEST_PROJECT_ID") if own_project else "") or project,
        merge_request=context.number,
    )


_STATES = {
    CommitState.PENDING: "running",
    CommitState.SUCCESS: "success",
    CommitState.FAILURE: "failed",
    CommitState.ERROR: "failed",
    CommitState.CANCELLED: "canceled",
}
# For a step that does not wait: a running status that is never replaced would keep the whole pipeline running.
_STATES_WITHOUT_WAITING = {**_STATES, CommitState.PENDING: "skipped"}


class GitLab(RestHost):
    """The status of one commit in the pipeline of this job."""

    title = "GitLab"
    max_comment_length = 1_000_000
    hints: ClassVar[Mapping[int, str]] = {
        401: "`GITLAB_TOKEN` is wrong or expired. Create a project access token with scope `api` and role Developer.",
        403: "`GITLAB_TOKEN` needs scope `api` and role Developer, and on a protected branch it has to be allowed "
        "to push or merge there.",
        404: "`GITLAB_TOKEN` may not see the project, or the commit is not in it.",
        409: "Another job is posting a status of the same commit.",
        422: "The pipeline has as many jobs as GitLab allows.",
    }

    def __init__(self, address: Address, settings: HostSettings, token: str) -> None:
        """Nothing is sent here."""
        super().__init__(settings)
        self._api = JsonApi(
            address.api_url, {"PRIVATE-TOKEN": token}, time_limit=settings.timeout, clock=settings.clock
        )
        self._project = address.project
        self._target = address.target(settings.sha)
        self._notes = f"projects/{address.merge_request_project}/merge_requests/{address.merge_request}/notes"
        # The last state that was posted, in GitLab's word.
        self._last_state = ""

    def post_status(self, state: CommitState, description: str, url: str) -> None:
        """Post a status, unless its state is that of the last one: GitLab refuses to repeat a state."""
        word = (_STATES if self.settings.waits else _STATES_WITHOUT_WAITING)[state]
        if word == self._last_state:
            return
        body = {"state": word, "name": text.cut(self.settings.name, MAX_TEXT), "description": description[:MAX_TEXT]}
        if url and len(url) <= MAX_TEXT:
            body["target_url"] = url
        try:
            self._post(body)
        except HostError as error:
            if error.status == _NOT_FOUND and self._target.pipeline:
                # GitLab does not find the commit in this pipeline. Without a pipeline it chooses one, so the status
                # goes to the head commit: a merge commit that GitLab has made is on no branch.
                self._target = replace(self._target, sha=self.settings.sha, pipeline="")
                self.post_status(state, description, url)
            elif not (error.status == _BAD_REQUEST and _REPEATED.search(error.message)):
                raise
        self._last_state = word

    def _post(self, body: Mapping[str, Any]) -> None:
        self._api.write("POST", f"projects/{self._project}/statuses/{self._target.sha}", {**body, **self._pipeline()})

    def _pipeline(self) -> Mapping[str, str]:
        """Return the fields that choose the pipeline."""
        if self._target.pipeline:
            return {"pipeline_id": self._target.pipeline}
        return {"ref": self._target.ref} if self._target.ref and len(self._target.ref) <= MAX_TEXT else {}

    def comments(self) -> Iterator[Sequence[Comment]]:
        """Yield the notes, the oldest first."""
        page = "1"
        while page:
            answer = self._api.get(self._notes, sort="asc", order_by="created_at", per_page=_PAGE, page=page)
            yield [self._comment(note) for note in answer.objects()]
            page = answer.headers.get("X-Next-Page", "")

    def _comment(self, note: Mapping[str, Any]) -> Comment:
        return Comment(str(note.get("body")), f"{self._notes}/{note.get('id')}", account(note.get("author"), "id"))

    def own_account(self) -> frozenset[str]:
        """Ask for the token's user; that of a project access token is a bot of the project (documented)."""
        return account(self._api.get("user").json, "id")

    def create_comment(self, body: str) -> Comment:
        """Create a note."""
        return self._comment(self._api.create(self._notes, {"body": body}).object())

    def edit_comment(self, comment: Comment, body: str) -> None:
        """Change the note."""
        self._api.write("PUT", comment.key, {"body": body})

    def delete_comment(self, comment: Comment) -> None:
        """Delete the note."""
        self._api.write("DELETE", comment.key, {})


class GitLabChanges:
    """Changed files and labels of a merge request, changed files of a push, messages of commits."""

    def __init__(self, address: Address, token: str, clock: Clock) -> None:
        """Nothing is sent here."""
        limit = timeouts.HOST_REQUEST_SECONDS
        self._clock = clock
        self._api = JsonApi(address.api_url, {"PRIVATE-TOKEN": token}, time_limit=limit, clock=clock)
        self._repository = f"projects/{address.project}/repository"
        self._merge_request = f"projects/{address.merge_request_project}/merge_requests/{address.merge_request}"

    def pull_request_files(self) -> ChangedFiles:
        """The files of the merge request; GitLab counts no more than 1,000 of them."""
        count = self._api.get(self._merge_request).object().get("changes_count")
        files = collect(self._pages(), _file_names, clock=self._clock)
        # A file that was not renamed is there by the same name twice.
        if not isinstance(count, str) or not count.isdecimal() or int(count) > len(files.paths) // 2:
            return ChangedFiles(paths=files.paths, gap=files.gap or "GitLab does not list all files")
        return files

    def _pages(self) -> Iterator[Sequence[Mapping[str, Any]]]:
        page = "1"
        while page:
            answer = self._api.get(f"{self._merge_request}/diffs", per_page=_PAGE, page=page)
            yield entries(answer)
            page = answer.headers.get("X-Next-Page", "")

    def pushed_files(self, before: str, after: str) -> ChangedFiles:
        """The files of a comparison."""
        base = self._api.get(f"{self._repository}/merge_base?refs[]={commit(before)}&refs[]={commit(after)}")
        comparison = self._api.get(f"{self._repository}/compare", **{"from": before, "to": after})
        files = collect([entries(comparison, "diffs")], _file_names, clock=self._clock)
        if field(base, "id", str) != before:
            return ChangedFiles(paths=files.paths, gap="the push did not only add commits")
        if comparison.object().get("compare_timeout") is not False:
            return ChangedFiles(paths=files.paths, gap="GitLab took too long to compare the commits")
        return files

    def labels(self) -> frozenset[str]:
        """The labels of the merge request."""
        return label_names(field(self._api.get(self._merge_request), "labels", list))

    def is_draft(self) -> bool:
        """Whether the merge request is a draft."""
        return bool(field(self._api.get(self._merge_request), "draft", bool))

    def commit_message(self, sha: str) -> str:
        """The message of a commit."""
        return str(field(self._api.get(f"{self._repository}/commits/{commit(sha)}"), "message", str))


def _file_names(file: Mapping[str, Any]) -> Sequence[object]:
    return file.get("new_path"), file.get("old_path")


HOST_TYPE = HostType(
    key="gitlab",
    token=token_input(
        "gitlab",
        "GITLAB_TOKEN",
        "For statuses and comments on GitLab: a project access token with scope `api` and role Developer, or a "
        "personal one.",
    ),
    credential_hint="a project access token with scope `api` and role Developer, or a personal one",
    read_address=read_address,
    api_url=lambda address: address.api_url,
    api_variable="CI_API_V4_URL",
    connect=GitLab,
    # A second `running` is refused, with its description.
    renews_pending=False,
    read_changes=GitLabChanges,
    changes_hint="`GITLAB_TOKEN` needs scope `api` or `read_api` and role Developer.",
)
