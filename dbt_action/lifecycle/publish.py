"""Where the story is told: log, outputs, summary, annotations, commit status, saved state; `report` finds the words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

from dbt_action import ci, hosts, text, timeouts
from dbt_action.ci.saved_state import PendingStatus, SavedState
from dbt_action.clock import Clock
from dbt_action.config.choices import CommentMode, CompiledSql, LogMode
from dbt_action.config.context import CiContext
from dbt_action.config.loader import Config
from dbt_action.dbt_cloud import run_request, step_logs
from dbt_action.dbt_cloud.marker import digest
from dbt_action.dbt_cloud.runs import Run
from dbt_action.errors import CloudError
from dbt_action.lifecycle import collect
from dbt_action.report import comment, headline, junit, node_annotations, results_json, summary
from dbt_action.report.outcome import CommitState, Outcome, RunFacts, Subject
from dbt_action.results.run_results import COUNTED, NodeStatus

T = TypeVar("T")

# Failed nodes, and as many warned ones, that a host is told.
_MOST_FINDINGS = 50


class Publisher:
    """The CI and the host of one build. Trouble in telling is a warning and never changes the verdict."""

    def __init__(
        self,
        environ: Mapping[str, str],
        here: ci.CiPlatform,
        context: CiContext,
        config: Config,
        request: run_request.RunRequest,
        *,
        clock: Clock,
    ) -> None:
        """Nothing is sent here."""
        self.ci, self.context, self.config, self.request = here, context, config, request
        self._environ, self._clock = environ, clock
        self._sha = run_request.status_sha(config, context)
        self._job_name = ""
        # Folder of the dbt project in the repository.
        self.folder = config.project_directory or ""
        self._timeout: float = timeouts.HOST_REQUEST_SECONDS
        self._host: hosts.Host | None = None
        self._pending_status: PendingStatus | None = None
        self._close = partial(self.save, None, in_flight=False)

    def hurry(self, seconds: float) -> None:
        """From now on no status waits longer than `seconds`."""
        self._timeout = seconds
        self._host = None

    def name_job(self, name: str) -> None:
        """The job's name, when it could be read; it names the status too unless the user has chosen that."""
        self._job_name = name

    def started(self, run: Run, *, seconds: float) -> None:
        """There is a run: state and outputs say so first, then everybody else hears of it."""
        self.save(run, in_flight=False)
        self._outputs(RunFacts(outcome=Outcome.STARTED, seconds=seconds, run=run))
        self.ci.info(f"Run {run.id}: {run.url}")
        self.catch_up(PendingStatus(state=CommitState.PENDING.value, description="Started", url=run.url))

    def verdict(self, facts: RunFacts, *, closed: bool) -> None:
        """Outputs and saved state of the end, as soon as it is known; the details may take their time.

        `closed`: nothing is left to do at dbt Cloud for whoever cleans up after this process.
        """
        facts = self._without_secrets(facts)
        self._outputs(facts)
        description = headline.build(facts, self.subject).description
        url = facts.run.url if facts.run else ""
        self._pending_status = PendingStatus(state=facts.outcome.state.value, description=description, url=url)
        closed = closed and not facts.doubt
        self._close = partial(self.save, facts.run, in_flight=facts.doubt, run_closed=closed)
        self._close(pending_status=self._pending_status)

    def post_verdict(self) -> None:
        """Post what `verdict` has prepared, unless that has been done; a clean-up will, should it fail here."""
        if self._pending_status and self.catch_up(self._pending_status):
            self._pending_status = None
            self._close(pending_status=None)

    def catch_up(self, pending_status: PendingStatus) -> bool:
        """Post a status that is due. False when another try may help."""
        if not self.config.commit_status:
            return True
        url = pending_status.url or self.context.build_url
        return self.connect().set_status(
            CommitState(pending_status.state), self.ci.log.safe(pending_status.description), url
        )

    def on_host(self, facts: RunFacts) -> None:
        """What the host shows beside the status: a comment, and findings where it has a place for them."""
        self._comment(facts)
        if self.config.annotations and facts.run and facts.run.final:
            self.connect().post_report(lambda: self._findings(self._without_secrets(facts)))

    def _findings(self, facts: RunFacts) -> hosts.CommitReport:
        safe = self.ci.log.safe
        counts = facts.results.counts
        return hosts.CommitReport(
            headline=safe(headline.build(facts, self.subject).headline),
            url=facts.run.url if facts.run else "",
            passed=facts.outcome is Outcome.SUCCEEDED,
            counts={verdict.value: counts[verdict] for verdict in COUNTED if counts[verdict]},
            annotations=[
                replace(note, title=safe(note.title), message=safe(note.message), file=safe(note.file))
                for note in node_annotations.pick(
                    facts.results, facts.manifest, self.subject.folder, most=_MOST_FINDINGS
                ).told
            ],
        )

    def _comment(self, facts: RunFacts) -> None:
        """Keep the one comment of this status on a pull request up to date."""
        if self.config.comment is CommentMode.NEVER or not self.context.pull_request:
            return
        # With `on-failure` a success is told only to those who have been told of a failure.
        only_change = self.config.comment is CommentMode.ON_FAILURE and facts.outcome is Outcome.SUCCEEDED
        body = self.ci.log.safe(comment.overview(self._without_secrets(facts), self.subject))
        self.connect().comment(body, f"dbt-cloud-run {digest(self._status_name)}", only_change=only_change)

    def details(self, facts: RunFacts) -> None:
        """Everything for the person who reads this build: files, summary, logs, annotations, headline."""
        facts = self._without_secrets(facts)
        told = headline.build(facts, self.subject)
        if facts.outcome is not Outcome.STARTED:
            # A run that nobody waits for has no results.
            name = self.subject.job_name
            results_path = self._write(self.config.results_path, lambda: results_json.render(facts, self.subject))
            junit_path = self._write(
                self.config.junit_path, lambda: junit.render(facts.results, facts.manifest, name=name)
            )
            facts = replace(facts, results_path=results_path, junit_path=junit_path)
        self._outputs(facts)
        if self.config.summary:
            self.ci.write_summary(summary.page(facts, self.subject, with_sql=self._with_sql()))
        if told.reason and self.config.log is LogMode.FAILED and facts.run:
            for excerpt in step_logs.at_the_end(facts.run):
                self.ci.untrusted_block(excerpt.title, excerpt.body)
        reason = told.reason
        if self.config.annotations and self._annotate(facts) and not self.ci.shows_errors_outside_log:
            # The nodes have just been told, one by one.
            parts = headline.reasons(facts, self.subject)
            reason = "\n".join(part.words for part in parts if not part.nodes)
        if not told.reason:
            self.ci.info(told.headline)
        elif self.config.annotations:
            self.ci.error(reason, title=told.headline)
        else:
            self.ci.info(f"{told.headline}\n{reason}")
        if facts.run:
            # It has been told at the beginning, which may be far away by now.
            self.ci.info(facts.run.url)

    def _annotate(self, facts: RunFacts) -> bool:
        """Whether every failed node was told."""
        picked = node_annotations.pick(facts.results, facts.manifest, self.subject.folder, most=self.ci.max_annotations)
        for note in picked.told:
            (self.ci.error if note.failed else self.ci.warning)(note.message, title=note.title, file=note.file)
        if picked.pending_status:
            place = (
                "the summary has them" if self._has_summary else "`results-path` (`DBT_RESULTS_PATH`) saves them all"
            )
            self.ci.info(f"{text.plural(picked.pending_status, 'more node')} failed or warned; {place}.")
        return sum(note.failed for note in picked.told) == len(facts.results.of(NodeStatus.FAILED))

    @property
    def _has_summary(self) -> bool:
        return self.config.summary and self.ci.has_summary

    def _with_sql(self) -> bool:
        return self.config.compiled_sql is CompiledSql.ALWAYS or (
            self.config.compiled_sql is CompiledSql.AUTO and not self.context.public
        )

    def _write(self, path: str, render: Callable[[], bytes]) -> str:
        return collect.write(path, render(), self.ci) if path else ""

    def save(
        self, run: Run | None, *, in_flight: bool, run_closed: bool = False, pending_status: PendingStatus | None = None
    ) -> None:
        """What a clean-up needs to know, should this process be killed now."""
        self.ci.save_state(
            SavedState(
                marker=str(self.request.marker),
                run_id=run.id if run else None,
                in_flight=in_flight,
                job_name=self._job_name,
                run_closed=run_closed,
                pending_status=pending_status,
            )
        )

    @property
    def subject(self) -> Subject:
        """What the run is about."""
        subject = Subject(
            job_name=self._job_name or f"job {self.config.job_id}",
            sha=self.request.git_sha or self._sha,
            commit_url=self.context.commit_url if self._sha == self.context.sha else "",
            branch=self.request.git_branch or self.context.branch or self.context.tag,
            file_url=self.context.file_url if self._sha == self.context.sha else "",
            folder=self.folder,
        )
        return self._scrubbed(subject)

    def _without_secrets(self, facts: RunFacts) -> RunFacts:
        error = facts.error and CloudError(
            self.ci.log.safe(facts.error.message), hint=self.ci.log.safe(facts.error.hint)
        )
        return replace(self._scrubbed(facts), error=error)

    def _scrubbed(self, value: T) -> T:
        scrubbed: T = text.scrub(value, self.ci.log.secrets)
        return scrubbed

    def _outputs(self, facts: RunFacts) -> None:
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
            "results-path": facts.results_path,
            "junit-path": facts.junit_path,
        }
        if facts.results.nodes:
            counts = facts.results.counts
            values |= {f"nodes-{verdict.value}": str(counts[verdict]) for verdict in COUNTED}
        # The spellings of other actions.
        values |= {"run_id": values["run-id"], "git_sha": values["git-sha"]}
        self.ci.set_outputs({name: value for name, value in values.items() if value})

    def connect(self) -> hosts.Host:
        """The host; only when needed, which is after the trigger, because its library takes time to import."""
        if self._host is None:
            try:
                self._host = self._connect()
            except Exception as error:  # noqa: BLE001 - an address that cannot be used, for one
                self.ci.warning(f"Nothing can be posted to the host of the repository ({error!r}).")
                self._host = hosts.NoHost()
        return self._host

    @property
    def _status_name(self) -> str:
        return self.ci.log.safe(self.config.status_context or f"dbt Cloud / {self.subject.job_name}")

    def _connect(self) -> hosts.Host:
        comments = self.config.comment is not CommentMode.NEVER and self.context.pull_request is not None
        if not self.config.commit_status and not comments:
            return hosts.NoHost()
        choice = hosts.choose(self._environ, self.context, tokens=self.config.tokens)
        return choice.connect(
            hosts.HostSettings(
                sha=self._sha,
                name=self._status_name,
                warn=self.ci.warning,
                info=self.ci.info,
                timeout=self._timeout,
                wanted=hosts.STATUS if self.config.commit_status else hosts.COMMENT,
                waits=self.config.wait,
                clock=self._clock,
            )
        )
