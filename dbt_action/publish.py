"""Where the story is told: log, outputs, summary, annotations, commit status, saved state; `report` finds the words."""

from __future__ import annotations

from collections.abc import Mapping

from dbt_action import ci, hosts, report, trigger
from dbt_action.config import Config
from dbt_action.context import CiContext
from dbt_action.report import CommitState, Facts, Outcome, Subject
from dbt_action.runs import Run
from dbt_action.state import State


class Publisher:
    """The CI and the host of one build. Trouble in telling is a warning and never changes the verdict."""

    def __init__(
        self,
        environ: Mapping[str, str],
        here: ci.Ci,
        context: CiContext,
        config: Config,
        request: trigger.RunRequest,
    ) -> None:
        """Nothing is sent here."""
        self.ci, self.context, self.config, self.request = here, context, config, request
        self._environ = environ
        self._sha = trigger.status_sha(config, context)
        self._job_name = ""
        self._timeout = hosts.TIMEOUT
        self._host: hosts.Host | None = None

    def hurry(self, seconds: int) -> None:
        """From now on no status waits longer than `seconds`."""
        self._timeout = seconds
        self._host = None

    def name_job(self, name: str) -> None:
        """The job's name, when it could be read; it names the status too unless the user has chosen that."""
        self._job_name = name

    def started(self, run: Run, *, seconds: float) -> None:
        """There is a run: state and outputs say so first, then everybody else hears of it."""
        self.save(run, closed=False)
        self._outputs(Facts(outcome=Outcome.STARTED, seconds=seconds, run=run))
        self.ci.info(f"Run {run.id}: {run.url}")
        self._status(CommitState.PENDING, "Started", run)

    def end(self, facts: Facts, *, closed: bool) -> None:
        """Tell the end: first what other people wait for, then this log.

        `closed`: nothing is left to do at dbt Cloud for whoever cleans up after this process.
        """
        told = report.build(facts, self._subject())
        self._outputs(facts)
        status_closed = self._status(facts.outcome.state, told.description, facts.run)
        self.save(facts.run, closed=closed and status_closed)
        if self.config.summary:
            self.ci.summary(told.markdown)
        if told.log:
            self.ci.foreign(told.log_title, told.log)
        if not told.reason:
            self.ci.info(told.headline)
        elif self.config.annotations:
            self.ci.error(told.reason, title=told.headline)
        else:
            self.ci.info(f"{told.headline}\n{told.reason}")

    def save(self, run: Run | None, *, closed: bool) -> None:
        """What a clean-up needs to know, should this process be killed now."""
        self.ci.save(
            State(
                marker=str(self.request.marker),
                run_id=run.id if run else None,
                job_name=self._job_name,
                closed=closed,
            )
        )

    def _subject(self) -> Subject:
        return Subject(
            job_name=self._job_name or f"job {self.config.job_id}",
            sha=self.request.git_sha or self._sha,
            commit_url=self.context.commit_url if self._sha == self.context.sha else "",
            branch=self.request.git_branch or self.context.branch or self.context.tag,
        )

    def _outputs(self, facts: Facts) -> None:
        """As many as are known; later values win."""
        run = facts.run
        values = {
            "run-id": str(run.id) if run else "",
            "run-url": run.url if run else "",
            "status": facts.outcome.status,
            "git-sha": (run.git_sha if run else "") or self.request.git_sha,
            "git-branch": (run.git_branch if run else "") or self.request.git_branch,
            "job-name": self._job_name,
            "duration-seconds": str(round(facts.seconds)),
            "artifacts-path": facts.artifacts_path,
        }
        # The spellings of other actions.
        values |= {"run_id": values["run-id"], "git_sha": values["git-sha"]}
        self.ci.output({name: value for name, value in values.items() if value})

    def _status(self, state: CommitState, description: str, run: Run | None) -> bool:
        """Post a commit status; without a run it links to the build. False when another try may help."""
        if self._host is None:
            # Only now, which is after the trigger: the host's library takes time to import.
            self._host = self._connect()
        return self._host.set_status(state, description, run.url if run else self.context.build_url)

    def _connect(self) -> hosts.Host:
        if not self.config.commit_status:
            return hosts.NoHost()
        return hosts.connect(
            self._environ,
            self.context,
            token=self.config.github_token,
            sha=self._sha,
            name=self.config.status_context or f"dbt Cloud / {self._subject().job_name}",
            warn=self.ci.warning,
            timeout=self._timeout,
        )
