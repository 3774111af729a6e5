"""Where we are: the values that a CI knows about the build, whichever CI it is; reading them is `ci`'s work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A pull request (merge request) as the event tells it."""

    number: int
    head_sha: str = ""
    head_branch: str = ""
    base_branch: str = ""
    # The head is in another repository, which dbt Cloud does not clone.
    fork: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CiContext:
    """What the build is about. Empty strings mean "unknown" or "there is none"."""

    platform: str
    # Where the code lives, which need not be where this runs: the key of a host.
    host: str = ""
    event: str = ""
    workflow: str = ""
    actor: str = ""
    # Its address, "" where there is one for all: "https://github.acme.example".
    server: str = ""
    repository: str = ""
    # Commit that gets the status: in pull requests the head, never the test merge commit.
    sha: str = ""
    branch: str = ""
    tag: str = ""
    pull_request: PullRequest | None = None
    build_url: str = ""
    # Page of `sha`.
    commit_url: str = ""
    # Page of a file at `sha`, with `{path}` where its path goes.
    file_url: str = ""
    # Everybody may read the repository and its builds.
    public: bool = True
    # What is built, where branch and pull request do not say it: a merge group, a fork's branch.
    subject: str = ""
    build_id: str = ""
    attempt: int = 1
    job: str = ""
    # Tells this step from others of the same build.
    step: str = ""
    # Why secrets are not handed to this build, as a clause: "this is a pull request from a fork".
    secrets_withheld: str = ""
    # How this CI is given a secret, where that is not as in GitHub Actions.
    secrets_hint: str = ""
    # Why there is nothing to run, as a clause: "the push deleted the branch".
    nothing_to_run: str = ""

    @property
    def number(self) -> int:
        """Of the pull request, 0 when there is none."""
        return self.pull_request.number if self.pull_request else 0
