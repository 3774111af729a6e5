"""Code Insights of Bitbucket Cloud: a report on a commit, with annotations on files; for statuses see `bitbucket`.

https://developer.atlassian.com/cloud/bitbucket/rest/api-group-reports/
https://support.atlassian.com/bitbucket-cloud/docs/code-insights/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbt_action import text
from dbt_action.config.context import CiContext
from dbt_action.dbt_cloud import marker
from dbt_action.hosts.base import CommitReport, HostSettings
from dbt_action.hosts.transport import HostError, JsonApi

if TYPE_CHECKING:
    from dbt_action.report.node_annotations import Annotation

# In a pipeline this proxy adds the authorization for this part of the API, to plain HTTP only (documented). The second
# address is for pipes, which run in a container of their own.
PROXY = "http://localhost:29418"
PROXY_OF_PIPES = "http://host.docker.internal:29418"
_API_BEHIND_PROXY = "http://api.bitbucket.org/2.0"
# Of one request.
MAX_ANNOTATIONS = 100
# Longer summaries are refused (recorded), and so are annotations without one.
MAX_SUMMARY = 450
MAX_DETAILS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """The way to the API that a step of a pipeline has without any token."""

    api_url: str
    url: str


def read_proxy(environ: Mapping[str, str], context: CiContext) -> Proxy | None:
    """Read the proxy of this pipeline, None elsewhere."""
    if context.ci_id != "bitbucket":
        return None
    return Proxy(
        api_url=environ.get("BITBUCKET_API_URL") or _API_BEHIND_PROXY,
        url=PROXY_OF_PIPES if environ.get("BITBUCKET_PIPE_STORAGE_DIR") else PROXY,
    )


class CodeInsights:
    """The report on one commit."""

    def __init__(self, api: JsonApi, settings: HostSettings, repository: str) -> None:
        """`repository` is quoted. Nothing is sent here."""
        self._api, self._settings = api, settings
        self._name = f"dbt-cloud-run-{marker.digest(settings.name)}"
        self._report = f"repositories/{repository}/commit/{settings.sha}/reports/{self._name}"

    @classmethod
    def through(cls, proxy: Proxy, settings: HostSettings, repository: str) -> CodeInsights:
        """Return the report as it is reached through the proxy of a pipeline."""
        api = JsonApi(proxy.api_url, {}, time_limit=settings.timeout, clock=settings.clock, proxy=proxy.url)
        return cls(api, settings, repository)

    def post_report(self, build: Callable[[], CommitReport]) -> None:
        """Replace the report. A failure is one line and no warning: the log has the same information."""
        report = build()
        try:
            self._remove()
            self._api.write("PUT", self._report, _report(self._settings.name, report))
            annotations = [
                _annotation(f"{self._name}-{number:03}", annotation, report.url)
                for number, annotation in enumerate(report.annotations[:MAX_ANNOTATIONS], 1)
            ]
            if annotations:
                self._api.write("POST", f"{self._report}/annotations", annotations)
        except Exception as error:  # noqa: BLE001 - must not end the step
            reason = str(error) if isinstance(error, HostError) else type(error).__name__
            self._settings.info(
                f"No Code Insights report on Bitbucket ({reason}); everything is in the log and in the summary."
            )

    def _remove(self) -> None:
        """Remove the report of an earlier build of the commit: its annotations would stay. Raises HostError."""
        try:
            self._api.write("DELETE", self._report, {})
        except HostError as error:
            # Most often there is no report, which is refused. Without any answer the rest would fail too.
            if not error.status:
                raise


def _report(title: str, report: CommitReport) -> Mapping[str, Any]:
    return {
        "title": text.cut(title, MAX_SUMMARY),
        "details": text.cut(report.headline, MAX_DETAILS),
        "report_type": "TEST",
        "reporter": "dbt-cloud-run-action",
        "result": "PASSED" if report.passed else "FAILED",
        "data": [{"title": title, "type": "NUMBER", "value": value} for title, value in report.counts.items()],
        **({"link": report.url} if report.url else {}),
    }


def _annotation(name: str, annotation: Annotation, url: str) -> Mapping[str, Any]:
    return {
        "external_id": name,
        "annotation_type": "BUG",
        "severity": "HIGH" if annotation.failed else "LOW",
        "result": "FAILED" if annotation.failed else "IGNORED",
        "summary": text.cut(f"{annotation.title}: {text.one_line(annotation.message)}", MAX_SUMMARY),
        "details": text.cut(annotation.message, MAX_DETAILS),
        **({"path": annotation.file} if annotation.file else {}),
        **({"link": url} if url else {}),
    }
