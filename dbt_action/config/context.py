"""What a CI knows about the build, in a form that is the same for every CI; `dbt_action.ci` makes these values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from dbt_action.config.choices import RunOn


class CommitOrigin(Enum):
    """Whose code the build's commit is."""

    # The repository's own: only people who may write to it have put the commit there.
    OWN = "the repository's own"
    # A fork, or another repository; GitHub makes commits of forks addressable through the repository itself.
    OTHER = "another repository"
    # The event does not say it.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """The pull request (on GitLab: merge request) of a build."""

    number: int
    head_sha: str = ""
    head_branch: str = ""
    # The branch that it is to be merged into.
    target_branch: str = ""
    # The head is in another repository, which dbt Cloud does not clone.
    fork: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CiContext:
    """The build. An empty string means "unknown" or "there is none"."""

    # Which CI this is, as in the input `ci`: `github`, `gitlab`, `azure`, `bitbucket`, `none`. Code compares this one.
    ci_id: str
    # Its name in texts for people: "GitHub Actions".
    ci_name: str
    # Code host of the repository, as in the input `code-host`. Azure Pipelines may build a repository on GitHub.
    host: str = ""
    event: str = ""
    workflow: str = ""
    actor: str = ""
    # Address of the code host, "" if there is one for all users: "https://github.acme.example".
    server: str = ""
    # `owner/name`.
    repository: str = ""
    # Commit that gets the status: in pull requests the head, never the test merge commit.
    sha: str = ""
    branch: str = ""
    tag: str = ""
    # The whole message of `sha`, where the CI knows it.
    commit_message: str = ""
    # The head of the branch before the push that caused the build; zeros for a new branch, "" when it was no push.
    before_sha: str = ""
    pull_request: PullRequest | None = None
    # Commit and branch are those of a pull request, also where its number is not known.
    of_pull_request: bool = False
    # The commit is of a merge queue (GitLab: merge train): it will be merged if the build succeeds.
    of_merge_queue: bool = False
    origin: CommitOrigin = CommitOrigin.OWN
    build_url: str = ""
    # Page of `sha`.
    commit_url: str = ""
    # Page of a file at `sha`, with `{path}` where its path goes.
    file_url: str = ""
    # Everybody may, or perhaps may, read the repository and its builds.
    public: bool = True
    # What is built, where branch and pull request do not say it: a merge group, a branch of a fork.
    subject: str = ""
    build_id: str = ""
    # Counted from 1.
    attempt: int = 1
    job: str = ""
    # Differs between the steps of one build that run this command.
    step: str = ""
    # Inputs are given as environment variables, so messages name the variable too. Not so in GitHub Actions.
    inputs_are_variables: bool = True
    # How this CI is given a secret, as sentences.
    secrets_hint: str = ""
    # Why the CI gives no secrets to this build, as a clause: "this is a pull request from a fork".
    secrets_withheld: str = ""
    # What to do about that, as sentences.
    withheld_hint: str = "Skip this job for them, or run dbt Cloud after the merge."
    # What `run-on` is when it is not given, and why, as a sentence, where that is not the commit.
    default_run_on: RunOn = RunOn.COMMIT
    default_reason: str = ""
    # Why there is nothing to run, as a clause: "the push deleted the branch".
    nothing_to_run: str = ""

    @property
    def number(self) -> int:
        """Number of the pull request, 0 if there is none."""
        return self.pull_request.number if self.pull_request else 0
