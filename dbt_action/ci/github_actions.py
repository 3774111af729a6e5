"""GitHub Actions: variables, events, workflow commands and the files of a step; statuses are in `hosts.github`.

https://docs.github.com/actions/reference/workflows-and-actions
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dbt_action import text
from dbt_action.ci.base import CiPlatform, Severity
from dbt_action.ci.files import FilePaths, StepFiles
from dbt_action.ci.log import Log
from dbt_action.config.context import CiContext, CommitOrigin, PullRequest

# Name of the saved state; the runner passes it to the clean-up as variable `STATE_run`.
STATE = "run"
DEPENDABOT = "dependabot[bot]"
# Characters after which the runner cuts an annotation.
MAX_ANNOTATION = 4096
# The runner drops a summary of more than 1 MiB as a whole.
MAX_SUMMARY_BYTES = 1024 * 1024 - 1024

_SECRETS_HINT = (
    "Store it as a secret, and pass it as `dbt-token: ${{ secrets.DBT_TOKEN }}`. A secret that does not exist is an "
    "empty string: check its name."
)
_WITHHELD_HINT = (
    "Skip this step for them with an `if:`, give Dependabot its own secret of the same name, or run dbt Cloud after "
    "the merge."
)

# Events whose payload names the commit that they are about: (path to the commit, path to the branch).
# For every other event it is GITHUB_SHA.
_PAYLOAD_COMMITS = {
    "pull_request": ("pull_request.head.sha", "pull_request.head.ref"),
    "pull_request_target": ("pull_request.head.sha", "pull_request.head.ref"),
    "pull_request_review": ("pull_request.head.sha", "pull_request.head.ref"),
    "pull_request_review_comment": ("pull_request.head.sha", "pull_request.head.ref"),
    "merge_group": ("merge_group.head_sha", "merge_group.base_ref"),
    "workflow_run": ("workflow_run.head_sha", "workflow_run.head_branch"),
    "check_run": ("check_run.head_sha", "check_run.check_suite.head_branch"),
    "check_suite": ("check_suite.head_sha", "check_suite.head_branch"),
    "deployment": ("deployment.sha", ""),
    "deployment_status": ("deployment.sha", ""),
    "status": ("sha", ""),
    # The payload has no commit, and GITHUB_SHA is the newest one of the default branch, not that of the pull request.
    # So this path leads to nothing, and the commit is unknown.
    "issue_comment": ("issue.no_commit", ""),
}
# Events for which GitHub withholds secrets if the pull request is from a fork.
_UNTRUSTED_EVENTS = frozenset({"pull_request", "pull_request_review", "pull_request_review_comment"})
_PULL_REQUEST_EVENTS = _UNTRUSTED_EVENTS | {"pull_request_target"}
# Events about something that lists the pull requests of its commit; by event, the path to it.
_LISTING_EVENTS = {"workflow_run": "workflow_run", "check_suite": "check_suite", "check_run": "check_run"}
# By these names a deployment may be of a commit that is in no branch of the repository.
_PULL_REFS = ("refs/pull/", "pull/")


class GitHubActions(CiPlatform):
    """A step of a job in a workflow."""

    id = "github"
    display_name = "GitHub Actions"
    # A step may set variables of other CIs, as some tools want them.
    detection_order = 0
    # GitHub shows ten annotations of each level for a step; one of them is for the headline or a warning of ours.
    max_annotations = 9
    takes_lists = True
    shows_errors_outside_log = True

    def __init__(self, environ: Mapping[str, str], log: Log) -> None:
        """The runner sets a variable for each file that a step may write or read."""
        super().__init__(environ, log)
        self._event_file = environ.get("GITHUB_EVENT_PATH", "")
        self._output_file = environ.get("GITHUB_OUTPUT", "")
        self._state_file = environ.get("GITHUB_STATE", "")
        self._files = StepFiles(FilePaths().chosen_in(environ), log, warn=self.warning)
        self._summary_file = environ.get("GITHUB_STEP_SUMMARY", "")
        self._saved_state = environ.get(f"STATE_{STATE}", "")

    @staticmethod
    def detected(environ: Mapping[str, str]) -> bool:
        """The runner sets this variable for every step, also in containers."""
        return environ.get("GITHUB_ACTIONS") == "true"

    def context(self) -> CiContext:
        """The build as described by the variables and the event file."""
        return read_context(self._environ, self._event())

    def mask(self, secrets: tuple[str, ...]) -> None:
        """Replace `secrets` here, and have the runner replace them in the whole log of the job."""
        for secret in secrets:
            self.log.command(f"::add-mask::{_data(secret)}")
        super().mask(secrets)

    def _open_fold(self, title: str) -> None:
        self.log.command(f"::group::{_data(title)}")

    def _close_fold(self) -> None:
        self.log.command("::endgroup::")

    def set_outputs(self, values: Mapping[str, str]) -> None:
        """Append to the step's output file."""
        assignments = "".join(_assignment(name, self.log.safe(value)) for name, value in values.items())
        self._append(self._output_file, assignments, "GITHUB_OUTPUT")

    def save_state(self, text: str, *, closed: bool) -> None:
        """Save it for `post-entrypoint` as state, and for the last step of the composite action as an output."""
        values = {STATE: text, "closed": str(closed).lower()}
        assignments = "".join(_assignment(name, value) for name, value in values.items())
        self._append(self._state_file, assignments, "GITHUB_STATE")
        self.set_outputs(values)

    def load_state(self) -> str:
        """Read the variable that the runner makes of saved state; the composite action sets it in the same way."""
        return self._saved_state.strip()

    def write_summary(self, markdown: str) -> None:
        """Append to the job summary."""
        page = text.redact(markdown, self.log.secrets).encode("utf-8", "replace")[:MAX_SUMMARY_BYTES]
        self._append(self._summary_file, page.decode("utf-8", "ignore"), "GITHUB_STEP_SUMMARY")
        # The runner takes its own file away after the step.
        self._files.write_summary(markdown)

    def own_files(self) -> tuple[Path, ...]:
        """The summary for later steps."""
        return (self._files.paths.summary,) if self._files.paths.summary else ()

    @property
    def summary_path(self) -> str:
        """The file that the user has chosen."""
        return str(self._files.paths.summary or "")

    @property
    def has_summary(self) -> bool:
        """Always: every step has a page."""
        return True

    def _annotate(self, severity: Severity, message: str, *, title: str, file: str) -> None:
        """An annotation: the runner adds none of its own when a container fails."""
        # The log shows only the message of an annotation.
        if title:
            self.log.lines(f"{title} in {file}" if file else title)
        body = "\n".join(text.log_lines(self.log.safe(message)))
        properties = ",".join(
            f"{name}={_property(text.defuse(text.one_line(self.log.safe(value))))}"
            for name, value in (("file", file), ("title", title))
            if value
        )
        command = f"{severity.value} {properties}".strip()
        self.log.command(f"::{command}::{_data(text.cut(body, MAX_ANNOTATION))}")

    def _append(self, path: str, content: str, variable: str) -> None:
        """Append to the file that the runner has named in `variable`."""
        if not path:
            return
        try:
            with Path(path).open("a", encoding="utf-8", newline="\n") as file:
                file.write(content)
        except OSError as error:
            self.warning(
                f"The file of {variable} cannot be written: {error.strerror}. "
                "A container whose user is not root may not write it."
            )

    def _event(self) -> Mapping[str, Any]:
        if not self._event_file:
            return {}
        try:
            event = json.loads(Path(self._event_file).read_bytes())
        except (OSError, ValueError, RecursionError):
            self.warning("The event file cannot be read; commit and branch are taken from the variables.")
            return {}
        return event if isinstance(event, Mapping) else {}


def read_context(environ: Mapping[str, str], event: Mapping[str, Any]) -> CiContext:
    """The build's context from the runner's variables and the event's payload; what they do not say stays empty."""
    name = environ.get("GITHUB_EVENT_NAME", "")
    repository = environ.get("GITHUB_REPOSITORY", "")
    pull_request = _pull_request(name, event, repository)
    commit_path, branch_path = _PAYLOAD_COMMITS.get(name, ("", ""))
    sha = _text(event, commit_path) if commit_path else environ.get("GITHUB_SHA", "")
    ref_name = environ.get("GITHUB_REF_NAME", "")
    tagged = environ.get("GITHUB_REF_TYPE") == "tag"
    branch = _text(event, branch_path) if commit_path else "" if tagged else ref_name
    server = environ.get("GITHUB_SERVER_URL", "https://github.com")
    run_id, attempt = environ.get("GITHUB_RUN_ID", ""), environ.get("GITHUB_RUN_ATTEMPT", "")
    build_url = f"{server}/{repository}/actions/runs/{run_id}" if repository and run_id else ""
    return CiContext(
        ci_id=GitHubActions.id,
        ci_name=GitHubActions.display_name,
        host="github",
        server=server,
        event=name,
        workflow=environ.get("GITHUB_WORKFLOW", ""),
        actor=environ.get("GITHUB_ACTOR", ""),
        repository=repository,
        sha=sha,
        branch=branch.removeprefix("refs/heads/"),
        tag=ref_name if tagged else "",
        commit_message=_commit_message(name, event, sha),
        before_sha=_text(event, "before") if name == "push" and not tagged else "",
        pull_request=pull_request,
        of_merge_queue=name == "merge_group",
        of_pull_request=_is_of_pull_request(name, event, pull_request),
        origin=_origin(name, event, repository, pull_request),
        subject=_subject(name, environ, event, repository),
        build_url=f"{build_url}/attempts/{attempt}" if build_url and attempt.isdigit() else build_url,
        build_id=run_id,
        attempt=int(attempt) if attempt.isdigit() else 1,
        job=environ.get("GITHUB_JOB", ""),
        step=environ.get("GITHUB_ACTION", ""),
        commit_url=f"{server}/{repository}/commit/{sha}" if repository and sha else "",
        file_url=f"{server}/{repository}/blob/{sha}/{{path}}" if repository and sha else "",
        public=_at(event, "repository.private") is not True,
        inputs_are_variables=False,
        secrets_hint=_SECRETS_HINT,
        secrets_withheld=_secrets_withheld(name, environ, event, pull_request),
        withheld_hint=_WITHHELD_HINT,
        nothing_to_run="the push deleted the branch" if name == "push" and event.get("deleted") is True else "",
    )


def _pull_request(name: str, event: Mapping[str, Any], repository: str) -> PullRequest | None:
    if isinstance(_at(event, "pull_request.number"), int):
        return PullRequest(
            number=_at(event, "pull_request.number"),
            head_sha=_text(event, "pull_request.head.sha"),
            head_branch=_text(event, "pull_request.head.ref"),
            target_branch=_text(event, "pull_request.base.ref"),
            # The repository of the head is null when the fork was deleted.
            fork=_text(event, "pull_request.head.repo.full_name").casefold() != repository.casefold(),
        )
    if name == "issue_comment" and isinstance(_at(event, "issue.pull_request"), Mapping):
        number = _at(event, "issue.number")
        return PullRequest(number=number) if isinstance(number, int) else None
    return _listed_pull_request(event, _LISTING_EVENTS.get(name, ""))


def _listed_pull_request(event: Mapping[str, Any], about: str) -> PullRequest | None:
    """The only pull request of the commit that the part `about` of the payload is about, None if that is not clear."""
    pulls = _at(event, f"{about}.pull_requests") if about else None
    # GitHub lists only pull requests whose head is in the repository itself, none from forks.
    if not isinstance(pulls, list) or len(pulls) != 1 or _is_default_branch(event, about):
        return None
    pull = {"pull": pulls[0]}
    number = _at(pull, "pull.number")
    # The pull request is shown as it is now; the event may be about an earlier commit.
    if not isinstance(number, int) or _text(pull, "pull.head.sha") != _text(event, f"{about}.head_sha"):
        return None
    return PullRequest(
        number=number,
        head_sha=_text(pull, "pull.head.sha"),
        head_branch=_text(pull, "pull.head.ref"),
        target_branch=_text(pull, "pull.base.ref"),
    )


def _is_default_branch(event: Mapping[str, Any], about: str) -> bool:
    """Whether the event is about the default branch, which may also be the head of a pull request.

    Not in a workflow run of a pull request: a fork's branch may have the same name.
    """
    if _text(event, f"{about}.event").startswith("pull_request"):
        return False
    branch = _text(event, "check_run.check_suite.head_branch" if about == "check_run" else f"{about}.head_branch")
    return bool(branch) and branch == _text(event, "repository.default_branch")


def _is_of_pull_request(name: str, event: Mapping[str, Any], pull_request: PullRequest | None) -> bool:
    about = _LISTING_EVENTS.get(name, "")
    listed = bool(about and _at(event, f"{about}.pull_requests")) and not _is_default_branch(event, about)
    from_pull_request = name == "workflow_run" and _text(event, "workflow_run.event").startswith("pull_request")
    return pull_request is not None or name in _PULL_REQUEST_EVENTS or listed or from_pull_request


def _origin(name: str, event: Mapping[str, Any], repository: str, pull_request: PullRequest | None) -> CommitOrigin:
    """Whose the commit is. Most events are caused by people who may write to the repository, and are about its own."""
    if name in _PULL_REQUEST_EVENTS:
        if pull_request is None:
            return CommitOrigin.UNKNOWN
        return CommitOrigin.OTHER if pull_request.fork else CommitOrigin.OWN
    if name == "workflow_run":
        head = _text(event, "workflow_run.head_repository.full_name")
        if not head:
            return CommitOrigin.UNKNOWN
        return CommitOrigin.OWN if head.casefold() == repository.casefold() else CommitOrigin.OTHER
    known = _COMMIT_IS_OWN.get(name)
    return CommitOrigin.OWN if known is None or known(event) else CommitOrigin.UNKNOWN


def _commit_message(name: str, event: Mapping[str, Any], sha: str) -> str:
    """The message of the commit where the payload has that commit. In a merge group GitHub writes the message."""
    path = {"push": "head_commit", "workflow_run": "workflow_run.head_commit"}.get(name, "")
    return _text(event, f"{path}.message") if path and sha and _text(event, f"{path}.id") == sha else ""


def _deployed_ref_is_own(event: Mapping[str, Any]) -> bool:
    """Whether a branch or tag is deployed. An app may also deploy a fork's commit, by its hash."""
    ref = _text(event, "deployment.ref")
    return bool(ref) and ref != _text(event, "deployment.sha") and not ref.startswith(_PULL_REFS)


# Events that may be about a commit of a fork, and whether the payload shows that it is the repository's own.
_COMMIT_IS_OWN: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "issue_comment": lambda _event: False,
    # Null for a commit that was pushed to a fork (documented: checks API).
    "check_suite": lambda event: bool(_text(event, "check_suite.head_branch")),
    "check_run": lambda event: bool(_text(event, "check_run.check_suite.head_branch")),
    # The branches of the repository that have the commit.
    "status": lambda event: bool(_at(event, "branches")),
    "deployment": _deployed_ref_is_own,
    "deployment_status": _deployed_ref_is_own,
}


def _subject(name: str, environ: Mapping[str, str], event: Mapping[str, Any], repository: str) -> str:
    """What is built where the branch does not identify it.

    All merge groups of a branch have its name, and a fork's branch may have the name of one of the repository.
    """
    if name == "merge_group":
        return environ.get("GITHUB_REF", "")
    head = _text(event, "workflow_run.head_repository.full_name")
    from_fork = bool(head) and head.casefold() != repository.casefold()
    return f"{head}:{_text(event, 'workflow_run.head_branch')}" if from_fork else ""


def _secrets_withheld(
    name: str, environ: Mapping[str, str], event: Mapping[str, Any], pull_request: PullRequest | None
) -> str:
    if DEPENDABOT in (environ.get("GITHUB_ACTOR"), _text(event, "pull_request.user.login")):
        return "Dependabot started this build"
    if pull_request and pull_request.fork and name in _UNTRUSTED_EVENTS:
        return "this is a pull request from a fork"
    return ""


def _text(event: Mapping[str, Any], path: str) -> str:
    """The string at a dotted path, "" if there is none."""
    value = _at(event, path)
    return value if isinstance(value, str) else ""


def _at(event: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - JSON
    value: Any = event
    for key in path.split(".") if path else ():
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


def _assignment(name: str, value: str) -> str:
    """An entry of a command file; the random delimiter cannot be part of a value that was made to end it early."""
    import secrets  # noqa: PLC0415 - takes time, and nothing is assigned before the first request

    delimiter = f"ghadelimiter_{secrets.token_hex(16)}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


CI = GitHubActions
