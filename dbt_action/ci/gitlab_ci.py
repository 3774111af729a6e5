"""GitLab CI: variables, sections of the log, report files; commit statuses and comments are in `hosts.gitlab`.

https://docs.gitlab.com/ci/variables/predefined_variables/
https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dbt_action.ci.base import Severity
from dbt_action.ci.files import FilePaths, PlatformWithFiles
from dbt_action.ci.log import Log
from dbt_action.config.context import CiContext, CommitOrigin, PullRequest

# Relative to the working directory: CI_PROJECT_DIR is not where gitlab-ci-local's shell runs.
PATHS = FilePaths(state=Path(".dbt-cloud-run.json"), outputs=Path("dbt.env"), summary=Path("dbt-summary.md"))
# Files for `artifacts: reports:`. GitLab shows the first on the job's page, the second in the merge request.
LINKS = Path("dbt-links.json")
CODE_QUALITY = Path("dbt-code-quality.json")

_SECRETS_HINT = (
    "Store it as a masked variable `DBT_TOKEN` (Settings → CI/CD → Variables). A variable that is marked as protected "
    "is missing in pipelines of branches that are not, so in most merge requests."
)
_LABELS = {Severity.WARNING: "\x1b[0;33mWarning:\x1b[0m ", Severity.ERROR: "\x1b[0;31mError:\x1b[0m "}
# In the words of Code Climate, whose format it is.
_SEVERITIES = {Severity.WARNING: "minor", Severity.ERROR: "major"}
# Begins the command for a section.
_CLEAR = "\x1b[0K"


class GitLabCi(PlatformWithFiles):
    """A job of a pipeline."""

    id = "gitlab"
    display_name = "GitLab CI"
    # After the others, because other CIs and tools set the variables of GitLab too.
    detection_order = 2

    def __init__(self, environ: Mapping[str, str], log: Log) -> None:
        """No section and no entry of the Code Quality report has been written yet."""
        super().__init__(environ, log, PATHS)
        self._sections = 0
        self._quality: list[dict[str, Any]] = []

    @staticmethod
    def detected(environ: Mapping[str, str]) -> bool:
        """Any value counts: gitlab-ci-local sets it to `false`."""
        return bool(environ.get("GITLAB_CI"))

    def context(self) -> CiContext:
        """The build as described by the variables."""
        return read_context(self._environ)

    def _annotate(self, severity: Severity, message: str, *, title: str, file: str) -> None:
        """Yellow or red lines; with a file also an entry in the Code Quality report."""
        self.log.titled(_LABELS[severity], message, title=title, file=file)
        if file:
            self._report_quality(_SEVERITIES[severity], f"{title}: {message}" if title else message, file)

    def _open_fold(self, title: str) -> None:
        self._sections += 1
        self.log.command(f"{_CLEAR}section_start:{_now()}:{self._section}[collapsed=true]\r{_CLEAR}{title}")

    def _close_fold(self) -> None:
        self.log.command(f"{_CLEAR}section_end:{_now()}:{self._section}\r{_CLEAR}")

    @property
    def _section(self) -> str:
        return f"dbt_cloud_run_{self._sections}"

    def set_outputs(self, values: Mapping[str, str]) -> None:
        """The dotenv report, and a link to the run on the job's page, which needs no token of GitLab."""
        super().set_outputs(values)
        if not CODE_QUALITY.exists():
            # The runner warns about a report that is missing, and a run without failures has no entries.
            self.files.write(CODE_QUALITY, "[]")
        url = self.files.variables.get("DBT_RUN_URL", "")
        if url:
            label = f"dbt Cloud run {self.files.variables.get('DBT_RUN_ID', '')}".strip()
            self.files.write(LINKS, json.dumps({"dbt Cloud": [{"external_link": {"label": label, "url": url}}]}))

    def own_files(self) -> tuple[Path, ...]:
        """Also what GitLab collects as reports."""
        return (*super().own_files(), LINKS, CODE_QUALITY)

    def _report_quality(self, severity: str, description: str, file: str) -> None:
        """Add an entry: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format ."""
        description = self.log.safe(description)
        entry = {
            "description": description,
            "check_name": "dbt",
            "fingerprint": hashlib.sha256(f"{file}\n{description}".encode("utf-8", "replace")).hexdigest(),
            "severity": severity,
            "location": {"path": self.log.safe(file), "lines": {"begin": 1}},
        }
        self._quality.append(entry)
        self.files.write(CODE_QUALITY, json.dumps(self._quality))


def read_context(environ: Mapping[str, str]) -> CiContext:
    """The build's context from the job's variables; what they do not say stays empty."""
    # Then the repository is on GitHub, and GitLab only builds its pull requests.
    external = bool(environ.get("CI_EXTERNAL_PULL_REQUEST_IID"))
    pull_request = _pull_request(environ)
    # CI_COMMIT_SHA is no commit of the branch in merged results pipelines and merge trains, but a merge commit that
    # exists on GitLab only. In other pipelines of merge requests the variable for the head is empty.
    sha = (pull_request.head_sha if pull_request else "") or environ.get("CI_COMMIT_SHA", "")
    tag = environ.get("CI_COMMIT_TAG", "")
    own_branch = environ.get("CI_COMMIT_BRANCH") or ("" if tag else environ.get("CI_COMMIT_REF_NAME", ""))
    branch = pull_request.head_branch if pull_request and pull_request.head_branch else own_branch
    project_url = environ.get("CI_PROJECT_URL", "")
    repository = environ.get("CI_PROJECT_PATH", "")
    if external:
        repository = environ.get("CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY", "")
    web = f"{project_url}/-" if project_url and sha and not external else ""
    return CiContext(
        ci_id=GitLabCi.id,
        ci_name=GitLabCi.display_name,
        host="github" if external else "gitlab",
        event=environ.get("CI_PIPELINE_SOURCE", ""),
        workflow=environ.get("CI_JOB_NAME", ""),
        actor=environ.get("GITLAB_USER_LOGIN", ""),
        repository=repository,
        sha=sha,
        branch=branch,
        tag=tag,
        # In merged results pipelines it is the message of a merge commit that GitLab has made.
        commit_message=environ.get("CI_COMMIT_MESSAGE", "") if sha == environ.get("CI_COMMIT_SHA") else "",
        before_sha=environ.get("CI_COMMIT_BEFORE_SHA", "") if _is_push(environ) else "",
        pull_request=pull_request,
        of_merge_queue=environ.get("CI_MERGE_REQUEST_EVENT_TYPE") == "merge_train",
        of_pull_request=pull_request is not None,
        origin=CommitOrigin.OTHER if pull_request and pull_request.fork else CommitOrigin.OWN,
        build_url=environ.get("CI_JOB_URL") or environ.get("CI_PIPELINE_URL", ""),
        commit_url=f"{web}/commit/{sha}" if web else "",
        file_url=f"{web}/blob/{sha}/{{path}}" if web else "",
        public=environ.get("CI_PROJECT_VISIBILITY") == "public",
        build_id=environ.get("CI_PIPELINE_ID", ""),
        job=environ.get("CI_JOB_NAME", ""),
        secrets_withheld="this is a merge request from a fork" if pull_request and pull_request.fork else "",
        secrets_hint=_SECRETS_HINT,
    )


def _is_push(environ: Mapping[str, str]) -> bool:
    """Whether commits were pushed to a branch; in all other pipelines the commit before is made of zeros."""
    return environ.get("CI_PIPELINE_SOURCE") == "push" and bool(environ.get("CI_COMMIT_BRANCH"))


def _pull_request(environ: Mapping[str, str]) -> PullRequest | None:
    """The IID is the number that users see; CI_MERGE_REQUEST_ID counts the merge requests of the whole instance."""
    for prefix in ("CI_MERGE_REQUEST_", "CI_EXTERNAL_PULL_REQUEST_"):
        number = environ.get(f"{prefix}IID", "")
        if number.isdecimal():
            source, target = _SOURCE_AND_TARGET[prefix]
            return PullRequest(
                number=int(number),
                head_sha=environ.get(f"{prefix}SOURCE_BRANCH_SHA") or environ.get("CI_COMMIT_SHA", ""),
                head_branch=environ.get(f"{prefix}SOURCE_BRANCH_NAME", ""),
                target_branch=environ.get(f"{prefix}TARGET_BRANCH_NAME", ""),
                fork=environ.get(source, "") != environ.get(target, ""),
            )
    return None


_SOURCE_AND_TARGET = {
    "CI_MERGE_REQUEST_": ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "CI_MERGE_REQUEST_PROJECT_ID"),
    "CI_EXTERNAL_PULL_REQUEST_": (
        "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY",
        "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY",
    ),
}


def _now() -> int:
    """Unix time; GitLab shows how long a section took."""
    return int(datetime.now(timezone.utc).timestamp())


CI = GitLabCi
