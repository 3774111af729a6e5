"""GitHub Actions: its variables and events, its commands and files; commit statuses are in `hosts.github`.

https://docs.github.com/actions/reference/workflows-and-actions
"""

from __future__ import annotations

import json
import secrets as random_bytes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dbt_action import text
from dbt_action.ci import saved_state
from dbt_action.ci.saved_state import SavedState
from dbt_action.ci.terminal import Terminal
from dbt_action.config.context import CiContext, PullRequest

# Name of the saved state.
STATE = "run"
DEPENDABOT = "dependabot[bot]"
# The runner cuts annotations here, and drops a whole summary above 1 MiB.
MAX_ANNOTATION = 4096
MAX_SUMMARY_BYTES = 1024 * 1024 - 1024

# Events whose payload names the commit that they are about: (path to the commit, path to the branch).
# Everywhere else GITHUB_SHA is that commit.
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
    # The payload does not say which commit; GITHUB_SHA is that of the default branch, which nobody means.
    "issue_comment": ("issue.no_commit", ""),
}
# Events of pull requests from forks for which GitHub withholds secrets.
_UNTRUSTED_EVENTS = frozenset({"pull_request", "pull_request_review", "pull_request_review_comment"})


class GitHubActions(Terminal):
    """A step of a workflow job."""

    key = "github"
    name = "GitHub Actions"
    # Before the others: its runners are also used inside of them.
    detection_order = 0
    # Ten of each level are shown for a step; one is state for the headline, and for a warning of our own.
    max_annotations = 9
    shows_errors_outside_log = True
    has_summary = True

    @staticmethod
    def detected(environ: Mapping[str, str]) -> bool:
        """The runner sets this variable for every step, also in containers."""
        return environ.get("GITHUB_ACTIONS") == "true"

    def context(self) -> CiContext:
        """The build as variables and event file tell it; what they do not tell stays empty."""
        return read_context(self.environ, self._event())

    def mask(self, secrets: tuple[str, ...]) -> None:
        """Have the runner star the secrets too."""
        for secret in secrets:
            self.log.command(f"::add-mask::{_data(secret)}")
        super().mask(secrets)

    def warning(self, message: str, title: str = "", file: str = "") -> None:
        """A warning annotation."""
        self._annotate("warning", message, title, file)

    def error(self, message: str, title: str = "", file: str = "") -> None:
        """An error annotation: the runner adds no line of its own when a container fails."""
        self._annotate("error", message, title, file)

    def _open_fold(self, title: str) -> None:
        self.log.command(f"::group::{_data(title)}")

    def _close_fold(self) -> None:
        self.log.command("::endgroup::")

    def set_outputs(self, values: Mapping[str, str]) -> None:
        """Append to the step's output file."""
        self._append(
            "GITHUB_OUTPUT",
            "".join(_assignment(name, self.log.safe(value)) for name, value in values.items()),
        )

    def save_state(self, state: SavedState) -> None:
        """For `post-entrypoint` as saved state, and for the last step of the composite action as an output."""
        values = {STATE: self.log.safe(state.to_json()), "closed": str(state.closed).lower()}
        self._append("GITHUB_STATE", "".join(_assignment(name, value) for name, value in values.items()))
        self.set_outputs(values)

    def load_state(self) -> SavedState | None:
        """The runner turns saved state into `STATE_*` variables; the composite action does the same."""
        return saved_state.from_json(self.environ.get(f"STATE_{STATE}", ""))

    def write_summary(self, markdown: str) -> None:
        """Append to the job summary."""
        page = text.redact(markdown, self.log.secrets).encode("utf-8", "replace")[:MAX_SUMMARY_BYTES]
        self._append("GITHUB_STEP_SUMMARY", page.decode("utf-8", "ignore"))

    def _annotate(self, level: str, message: str, title: str, file: str) -> None:
        self.end_fold()
        # The log view shows the message alone.
        if title:
            self.log.lines(f"{title} in {file}" if file else title)
        words = "\n".join(text.log_lines(self.log.safe(message)))
        # The runner drops properties without a value.
        facts = {"file": file, "title": title}
        told = ",".join(
            f"{name}={_property(text.defuse(text.one_line(self.log.safe(value))))}"
            for name, value in facts.items()
            if value
        )
        self.log.command(f"::{level}{' ' if told else ''}{told}::{_data(text.cut(words, MAX_ANNOTATION))}")

    def _append(self, variable: str, content: str) -> None:
        path = self.environ.get(variable)
        if not path:
            return
        try:
            with Path(path).open("a", encoding="utf-8", newline="\n") as file:
                file.write(content)
        except OSError as error:
            self.warning(f"{variable} cannot be written: {error.strerror}. An image that does not run as root can't.")

    def _event(self) -> Mapping[str, Any]:
        path = self.environ.get("GITHUB_EVENT_PATH")
        if not path:
            return {}
        try:
            event = json.loads(Path(path).read_bytes())
        except (OSError, ValueError, RecursionError):
            self.warning("The event file cannot be read; commit and branch are those of the variables.")
            return {}
        return event if isinstance(event, Mapping) else {}


def read_context(environ: Mapping[str, str], event: Mapping[str, Any]) -> CiContext:
    """The build's context from the runner's variables and the event's payload."""
    name = environ.get("GITHUB_EVENT_NAME", "")
    repository = environ.get("GITHUB_REPOSITORY", "")
    pull_request = _pull_request(event, repository)
    commit_path, branch_path = _PAYLOAD_COMMITS.get(name, ("", ""))
    sha = _text(event, commit_path) if commit_path else environ.get("GITHUB_SHA", "")
    ref_name = environ.get("GITHUB_REF_NAME", "")
    tagged = environ.get("GITHUB_REF_TYPE") == "tag"
    branch = _text(event, branch_path) if commit_path else "" if tagged else ref_name
    server = environ.get("GITHUB_SERVER_URL", "https://github.com")
    run_id, attempt = environ.get("GITHUB_RUN_ID", ""), environ.get("GITHUB_RUN_ATTEMPT", "")
    build_url = f"{server}/{repository}/actions/runs/{run_id}" if repository and run_id else ""
    return CiContext(
        platform="GitHub Actions",
        host="github",
        server=server,
        event=name,
        workflow=environ.get("GITHUB_WORKFLOW", ""),
        actor=environ.get("GITHUB_ACTOR", ""),
        repository=repository,
        sha=sha,
        branch=branch.removeprefix("refs/heads/"),
        tag=ref_name if tagged else "",
        pull_request=pull_request,
        subject=_subject(name, environ, event, repository),
        build_url=f"{build_url}/attempts/{attempt}" if build_url and attempt.isdigit() else build_url,
        build_id=run_id,
        attempt=int(attempt) if attempt.isdigit() else 1,
        job=environ.get("GITHUB_JOB", ""),
        step=environ.get("GITHUB_ACTION", ""),
        commit_url=f"{server}/{repository}/commit/{sha}" if repository and sha else "",
        file_url=f"{server}/{repository}/blob/{sha}/{{path}}" if repository and sha else "",
        public=_at(event, "repository.private") is not True,
        secrets_withheld=_secrets_withheld(name, environ, event, pull_request),
        nothing_to_run="the push deleted the branch" if name == "push" and event.get("deleted") is True else "",
    )


def _pull_request(event: Mapping[str, Any], repository: str) -> PullRequest | None:
    pull = event.get("pull_request")
    if isinstance(pull, Mapping) and isinstance(pull.get("number"), int):
        return PullRequest(
            number=pull["number"],
            head_sha=_text(event, "pull_request.head.sha"),
            head_branch=_text(event, "pull_request.head.ref"),
            base_branch=_text(event, "pull_request.base.ref"),
            # A fork that was deleted since has no repository any more.
            fork=_text(event, "pull_request.head.repo.full_name").casefold() != repository.casefold(),
        )
    run = event.get("workflow_run")
    pulls = run.get("pull_requests") if isinstance(run, Mapping) else None
    # GitHub lists here only pull requests of the repository itself, none of forks.
    if isinstance(pulls, list) and len(pulls) == 1 and isinstance(pulls[0], Mapping):
        first = {"pull": pulls[0]}
        number = pulls[0].get("number")
        # The list is of today; the workflow run may be about an earlier commit.
        if isinstance(number, int) and _text(first, "pull.head.sha") == _text(event, "workflow_run.head_sha"):
            return PullRequest(
                number=number,
                head_sha=_text(first, "pull.head.sha"),
                head_branch=_text(first, "pull.head.ref"),
                base_branch=_text(first, "pull.base.ref"),
            )
    return None


def _subject(name: str, environ: Mapping[str, str], event: Mapping[str, Any], repository: str) -> str:
    """What the branch alone does not tell: merge groups share their base, and forks call their branches `main` too."""
    if name == "merge_group":
        return environ.get("GITHUB_REF", "")
    head = _text(event, "workflow_run.head_repository.full_name")
    foreign = bool(head) and head.casefold() != repository.casefold()
    return f"{head}:{_text(event, 'workflow_run.head_branch')}" if foreign else ""


def _secrets_withheld(
    name: str, environ: Mapping[str, str], event: Mapping[str, Any], pull_request: PullRequest | None
) -> str:
    if DEPENDABOT in (environ.get("GITHUB_ACTOR"), _text(event, "pull_request.user.login")):
        return "Dependabot started this build"
    if pull_request and pull_request.fork and name in _UNTRUSTED_EVENTS:
        return "this is a pull request from a fork"
    return ""


def _text(event: Mapping[str, Any], path: str) -> str:
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
    """`name` and `value` behind a delimiter that nobody can guess."""
    delimiter = f"ghadelimiter_{random_bytes.token_hex(16)}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


CI = GitHubActions
