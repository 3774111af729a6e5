"""Writes the report for the person who reads the build: outputs, files, summary, log, annotations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dbt_action import text
from dbt_action.ci import CiPlatform
from dbt_action.config.choices import CompiledSql, LogMode
from dbt_action.dbt_cloud import step_logs
from dbt_action.lifecycle.artifact_files import write_file
from dbt_action.lifecycle.run_context import RunContext
from dbt_action.lifecycle.state import RunState
from dbt_action.report import headline, node_annotations, outputs, results_json
from dbt_action.report.outcome import Outcome, RunFacts, Subject
from dbt_action.results.run_results import NodeStatus


def set_outputs(run_context: RunContext, state: RunState, facts: RunFacts) -> None:
    """Hand the outputs to later steps, as many as are known; later values win."""
    request = run_context.request
    run_context.ci.set_outputs(
        outputs.values(
            facts,
            job_name=state.job_name,
            git_sha=request.git_sha,
            git_branch=request.git_branch,
            with_lists=run_context.ci.takes_lists,
        )
    )


def write(run_context: RunContext, state: RunState, facts: RunFacts) -> None:
    """Everything; `facts` are free of secrets."""
    ci, config, subject = run_context.ci, run_context.config, run_context.subject(state)
    if facts.outcome not in (Outcome.STARTED, Outcome.SKIPPED):
        # A run that is not waited for has no results.
        facts = _with_files(run_context, facts, subject)
    facts = replace(facts, summary_path=ci.summary_path if config.summary else "")
    set_outputs(run_context, state, facts)
    if config.summary:
        from dbt_action.report import summary  # noqa: PLC0415 - takes time that a trigger need not wait for

        ci.write_summary(summary.page(facts, subject, with_sql=_shows_sql(run_context)))
    _write_log(run_context, facts, subject)


def _write_log(run_context: RunContext, facts: RunFacts, subject: Subject) -> None:
    """Verdict, reasons and annotations; then the folded logs; then, where people look first, one line and the link."""
    ci, config = run_context.ci, run_context.config
    report = headline.build(facts, subject)
    last_line = step_logs.last_line(facts.run) if facts.run else ""
    annotated = config.annotations and _annotate(run_context, facts, subject)
    if not report.reason:
        for source in facts.late_sources:
            # A failed `dbt source freshness` does not always fail the run.
            ci.warning(f"Late source: {source.in_words()}")
        _info(ci, last_line, report.headline)
    else:
        _write_reasons(run_context, facts, subject, report, annotated=annotated)
        _info(ci, last_line)
        if config.log is LogMode.FAILED and facts.run:
            for excerpt in step_logs.after_failure(facts.run):
                ci.untrusted_block(excerpt.title, excerpt.body)
            ci.info(report.headline)
    if facts.run:
        # The link stood at the beginning too, which may be far away by now.
        ci.info(facts.run.url)


def _write_reasons(
    run_context: RunContext, facts: RunFacts, subject: Subject, report: headline.Report, *, annotated: bool
) -> None:
    ci = run_context.ci
    if not run_context.config.annotations:
        ci.info(f"{report.headline}\n{report.reason}")
        return
    reason = report.reason
    if annotated and not ci.shows_errors_outside_log:
        # The annotations just above in the same log have listed the nodes.
        reason = "\n".join(part.text for part in headline.reasons(facts, subject) if not part.lists_nodes)
    ci.error(reason, title=report.headline)


def _info(ci: CiPlatform, *lines: str) -> None:
    for line in lines:
        if line:
            ci.info(line)


def _with_files(run_context: RunContext, facts: RunFacts, subject: Subject) -> RunFacts:
    """The facts with the paths of the files that the user has asked for and that could be written."""
    config = run_context.config

    def written(path: str, render: Callable[[], bytes]) -> str:
        return write_file(path, render(), run_context.ci) if path else ""

    def junit_xml() -> bytes:
        from dbt_action.report import junit  # noqa: PLC0415 - few runs want it, and its XML library takes time to import

        return junit.render(facts.results, facts.manifest, name=subject.job_name)

    return replace(
        facts,
        results_path=written(config.results_path, lambda: results_json.render(facts, subject)),
        junit_path=written(config.junit_path, junit_xml),
    )


def _annotate(run_context: RunContext, facts: RunFacts, subject: Subject) -> bool:
    """Annotate failed and warned nodes; whether every failed node has got an annotation."""
    ci = run_context.ci
    selected = node_annotations.pick(facts.results, facts.manifest, subject.folder, most=ci.max_annotations)
    for annotation in selected.shown:
        write_line = ci.error if annotation.failed else ci.warning
        write_line(annotation.message, title=annotation.title, file=annotation.file)
    if selected.hidden_count:
        in_summary = run_context.config.summary and ci.has_summary
        rest = "the summary has them" if in_summary else "`results-path` (`DBT_RESULTS_PATH`) saves them all"
        ci.info(f"{text.plural(selected.hidden_count, 'more node')} failed or warned; {rest}.")
    annotated = sum(annotation.failed for annotation in selected.shown)
    return annotated == len(facts.results.of(NodeStatus.FAILED))


def _shows_sql(run_context: RunContext) -> bool:
    wanted = run_context.config.compiled_sql
    return wanted is CompiledSql.ALWAYS or (wanted is CompiledSql.AUTO and not run_context.build.public)
