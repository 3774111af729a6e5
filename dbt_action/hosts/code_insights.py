"""Code Insights of Bitbucket Cloud: a report on a commit, with annotations on files; statuses are in `bitbucket`.

https://developer.atlassian.com/cloud/bitbucket/rest/api-group-reports/
https://support.atlassian.com/bitbucket-cloud/docs/code-insights/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from dbt_action import text
from dbt_action.config.context import CiContext
from dbt_action.dbt_cloud import marker
from dbt_action.hosts.base import CommitReport, HostSettings, NoHost
from dbt_action.hosts.transport import Api, HostError, Http
from dbt_action.report.node_annotations import Annotation

# In a pipeline a proxy adds the authorization for this part of the API, to plain HTTP only (documented).
PROXY = "http://localhost:29418"
PROXY_OF_PIPES = "http://host.docker.internal:29418"
_BEHIND_PROXY = "http://api.bitbucket.org/2.0"
# Of one request. Longer summaries are refused (recorded), and so are annotations without one.
MAX_ANNOTATIONS = 100
MAX_SUMMARY = 450
MAX_DETAILS = 2000


class CodeInsights(NoHost):
    """The report of one status on its commit; for a pipeline without a token that is all there is of a host."""

    def __init__(self, api: Api, settings: HostSettings, repository: str) -> None:
        """`repository` is as in an address. Nothing is sent here."""
        self._api, self._settings = api, settings
        self._name = f"dbt-cloud-run-{marker.digest(settings.name)}"
        self._report = f"repositories/{repository}/commit/{settings.sha}/reports/{self._name}"

    def post_report(self, build: Callable[[], CommitReport]) -> None:
        """Replace the report. Trouble is one line: the log has everything too."""
        findings = build()
        try:
            _remove(self._api, self._report)
            self._api.send("PUT", self._report, _report(self._settings.name, findings))
            annotations = [
                _annotation(f"{self._name}-{number:03}", note, findings.url)
                for number, note in enumerate(findings.notes[:MAX_ANNOTATIONS], 1)
            ]
            if annotations:
                self._api.send("POST", f"{self._report}/annotations", annotations)
        except Exception as error:  # noqa: BLE001 - no reason to end the step
            reason = str(error) if isinstance(error, HostError) else type(error).__name__
            self._settings.info(
                f"No Code Insights report on Bitbucket ({reason}); everything is in the log and in the summary."
            )


def of_pipeline(environ: Mapping[str, str], context: CiContext, settings: HostSettings) -> CodeInsights | None:
    """As a step of a pipeline reaches it without a token, None elsewhere."""
    if context.ci_id != "bitbucket":
        return None
    proxy = PROXY_OF_PIPES if environ.get("BITBUCKET_PIPE_STORAGE_DIR") else PROXY
    root = environ.get("BITBUCKET_API_URL") or _BEHIND_PROXY
    api = Http(root, {}, timeout=settings.timeout, clock=settings.clock, proxy=proxy)
    return CodeInsights(api, settings, quote(context.repository))


def _remove(api: Api, report: str) -> None:
    """Or annotations of an earlier build of the commit would stay. Raises HostError."""
    try:
        api.send("DELETE", report, {})
    except HostError as error:
        # Most often there is none.
        if not error.status:
            raise


def _report(title: str, findings: CommitReport) -> Mapping[str, Any]:
    return {
        "title": text.cut(title, MAX_SUMMARY),
        "details": text.cut(findings.headline, MAX_DETAILS),
        "report_type": "TEST",
        "reporter": "dbt-cloud-run-action",
        "result": "PASSED" if findings.passed else "FAILED",
        "data": [{"title": title, "type": "NUMBER", "value": value} for title, value in findings.counts.items()],
        **({"link": findings.url} if findings.url else {}),
    }


def _annotation(name: str, note: Annotation, url: str) -> Mapping[str, Any]:
    return {
        "external_id": name,
        "annotation_type": "BUG",
        "severity": "HIGH" if note.failed else "LOW",
        "result": "FAILED" if note.failed else "IGNORED",
        "summary": text.cut(f"{note.title}: {text.one_line(note.message)}", MAX_SUMMARY),
        "details": text.cut(note.message, MAX_DETAILS),
        **({"path": note.file} if note.file else {}),
        **({"link": url} if url else {}),
    }
