"""What a run is started with and for: decided before the first request, and never changed after it."""

from __future__ import annotations

from dataclasses import dataclass

from dbt_action import text
from dbt_action.ci import CiPlatform, saved_state
from dbt_action.clock import Clock
from dbt_action.config.context import CiContext
from dbt_action.config.loader import Config
from dbt_action.dbt_cloud import run_request
from dbt_action.dbt_cloud.run_request import RunRequest
from dbt_action.hosts import HostChoice
from dbt_action.lifecycle.state import RunState
from dbt_action.report.outcome import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """The CI, what it knows about the build, what the user wants, what is asked of dbt Cloud, and the code host."""

    ci: CiPlatform
    build: CiContext
    config: Config
    request: RunRequest
    host: HostChoice
    clock: Clock

    @property
    def state_key(self) -> bytes:
        """The key that signs saved state.

        It is the same in all steps of the job of the CI: a clean-up may be another step.
        """
        config, build = self.config, self.build
        # A job by name has its number only after a request.
        account = (config.dbt_url, config.account_id, config.job_name or config.job_id)
        return saved_state.signing_key(config.dbt_token, *account, build.ci_id, build.build_id, build.job)

    @property
    def status_sha(self) -> str:
        """The commit that gets the status."""
        return run_request.status_sha(self.config, self.build)

    def subject(self, state: RunState) -> Subject:
        """What the run is about, without secrets."""
        sha, build = self.status_sha, self.build
        # A run that others have started may be of another commit.
        own_sha = self.request.git_sha or (state.run.git_sha if self.config.run_id and state.run else "")
        folder = state.folder if state.folder is not None else self.config.project_directory
        subject: Subject = text.scrub(
            Subject(
                job_name=state.job_name or f"job {self.config.job_id}",
                sha=own_sha or sha,
                # The pages of the build are those of its own commit.
                commit_url=build.commit_url if (own_sha or sha) == build.sha else "",
                branch=self.request.git_branch or build.branch or build.tag,
                file_url=build.file_url if sha == build.sha else "",
                folder=folder or "",
                mention_owners=self.config.mention_owners,
            ),
            self.ci.log.secrets,
        )
        return subject

    def status_name(self, state: RunState) -> str:
        """The name of the commit status."""
        return self.ci.log.safe(self.config.status_context or f"dbt Cloud / {self.subject(state).job_name}")
