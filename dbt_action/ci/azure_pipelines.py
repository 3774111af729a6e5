"""Azure Pipelines: variables and logging commands; statuses and comments are in `hosts.azure_repos`.

https://learn.microsoft.com/azure/devops/pipelines/build/variables
https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from dbt_action import text
from dbt_action.ci.base import Severity
from dbt_action.ci.files import FilePaths, PlatformWithFiles
from dbt_action.ci.log import Log
from dbt_action.config.context import CiContext, CommitOrigin, PullRequest

# Characters of an issue on the build's page: more than anybody reads there, and the log has everything.
MAX_ISSUE = 4096
_SECRETS_HINT = (
    "Store it as a secret variable and map it in the step: `env: {DBT_TOKEN: $(DBT_TOKEN)}`. Azure Pipelines exports "
    "no secret by itself, and leaves a macro of an unknown variable as it is."
)

# Code hosts by BUILD_REPOSITORY_PROVIDER in lower case.
_HOSTS = {"tfsgit": "azure", "github": "github", "githubenterprise": "github", "bitbucket": "bitbucket"}
_MERGE = re.compile(r"Merge (?:pull request \d+ from )?([0-9a-f]{40}) into [0-9a-f]{40}")
_PULL_REF = re.compile(r"refs/pull/(\d+)/merge")


class AzurePipelines(PlatformWithFiles):
    """A step of a job."""

    id = "azure"
    display_name = "Azure Pipelines"
    detection_order = 1

    def __init__(self, environ: Mapping[str, str], log: Log) -> None:
        """Saved state and summary are in the agent's folder for temporary files.

        The agent empties that folder before every job, and the steps of a job share it: a step with
        `condition: canceled()` finds the state of the step before it, and never that of another job.
        """
        folder = Path(environ.get("AGENT_TEMPDIRECTORY") or ".")
        step = re.sub(r"\W+", "-", environ.get("SYSTEM_TASKINSTANCEID", "")) or "step"
        paths = FilePaths(state=folder / "dbt-cloud-run.json", summary=folder / f"dbt-cloud-run-{step}.md")
        super().__init__(environ, log, paths)
        # Output variables that have been set.
        self._set_variables: dict[str, str] = {}

    @staticmethod
    def detected(environ: Mapping[str, str]) -> bool:
        """The agent sets it for every step."""
        return environ.get("TF_BUILD", "").casefold() == "true"

    def context(self) -> CiContext:
        """The build as described by the variables."""
        return read_context(self._environ)

    def mask(self, secrets: tuple[str, ...]) -> None:
        """Replace `secrets` here, and have the agent replace them in the whole log of the job."""
        for secret in secrets:
            self.log.command(f"##vso[task.setsecret]{_data(secret)}")
        super().mask(secrets)

    def _annotate(self, severity: Severity, message: str, *, title: str, file: str) -> None:
        """An issue on the build's page."""
        body = "\n".join(text.log_lines(self.log.safe("\n".join(part for part in (title, message) if part))))
        source = f"sourcepath={_property(text.defuse(self.log.safe(file)))};" if file else ""
        self.log.command(f"##vso[task.logissue type={severity.value};{source}]{_data(text.cut(body, MAX_ISSUE))}")

    def _open_fold(self, title: str) -> None:
        self.log.command(f"##[group]{title}")

    def _close_fold(self) -> None:
        self.log.command("##[endgroup]")

    def set_outputs(self, values: Mapping[str, str]) -> None:
        """Set output variables, those that have changed.

        Later steps read `$(step.run_id)`, other jobs `dependencies.job.outputs['step.run_id']`.
        """
        super().set_outputs(values)
        # `run-id` and `run_id` become the same variable.
        variables = {name.replace("-", "_"): self.files.safe_value(value) for name, value in values.items()}
        for name, value in variables.items():
            if self._set_variables.get(name) != value:
                self._set_variables[name] = value
                self.log.command(f"##vso[task.setvariable variable={name};isOutput=true]{_data(value)}")

    def write_summary(self, markdown: str) -> None:
        """Write the summary file, and have the agent show it as a section on the build's page."""
        if self.files.write_summary(markdown) and self.files.paths.summary:
            # The agent has another working directory.
            self.log.command(f"##vso[task.uploadsummary]{_data(str(self.files.paths.summary.resolve()))}")


def read_context(environ: Mapping[str, str]) -> CiContext:
    """The build's context from the agent's variables; what they do not say stays empty."""
    host, server = _host(environ)
    pull_request = _pull_request(environ, host)
    ref = environ.get("BUILD_SOURCEBRANCH", "")
    is_branch, is_tag = ref.startswith("refs/heads/"), ref.startswith("refs/tags/")
    sha = pull_request.head_sha if pull_request else environ.get("BUILD_SOURCEVERSION", "")
    own_branch = ref.removeprefix("refs/heads/") if is_branch or not ref.startswith("refs/") else ""
    attempt = environ.get("SYSTEM_JOBATTEMPT", "")
    commit_url, file_url = _pages(environ, host, server, sha)
    repository = environ.get("BUILD_REPOSITORY_NAME") or environ.get("BUILD_REPOSITORY_ID", "")
    return CiContext(
        ci_id=AzurePipelines.id,
        ci_name=AzurePipelines.display_name,
        host=host,
        server=server,
        event=environ.get("BUILD_REASON", ""),
        workflow=environ.get("BUILD_DEFINITIONNAME", ""),
        actor=environ.get("BUILD_REQUESTEDFOR", ""),
        repository=repository,
        sha=sha,
        branch=pull_request.head_branch if pull_request else own_branch,
        tag=ref.removeprefix("refs/tags/") if is_tag else "",
        # In pull requests it is the message of a merge commit that was made for the build.
        commit_message="" if pull_request else environ.get("BUILD_SOURCEVERSIONMESSAGE", ""),
        pull_request=pull_request,
        of_pull_request=pull_request is not None,
        origin=CommitOrigin.OTHER if pull_request and pull_request.fork else CommitOrigin.OWN,
        build_url=_build_url(environ),
        commit_url=commit_url,
        file_url=file_url,
        # No variable says whether a project is public. Builds of a public repository on GitHub are.
        public=host == "github",
        build_id=environ.get("BUILD_BUILDID", ""),
        attempt=int(attempt) if attempt.isdecimal() else 1,
        job=environ.get("SYSTEM_JOBDISPLAYNAME", ""),
        step=f"{environ.get('SYSTEM_JOBIDENTIFIER', '')}/{environ.get('SYSTEM_TASKINSTANCENAME', '')}".strip("/"),
        secrets_hint=_SECRETS_HINT,
        secrets_withheld="this is a pull request from a fork" if pull_request and pull_request.fork else "",
    )


def _host(environ: Mapping[str, str]) -> tuple[str, str]:
    """The code host and the address of its server, without the user that the repository's address may hold."""
    provider = environ.get("BUILD_REPOSITORY_PROVIDER", "").casefold()
    parts = urlsplit(environ.get("BUILD_REPOSITORY_URI", ""))
    server = f"https://{parts.netloc.rpartition('@')[2]}" if parts.hostname else ""
    if provider == "githubenterprise" and not server:
        # Its token must not be sent to github.com.
        return "", ""
    return _HOSTS.get(provider, ""), server


def _pull_request(environ: Mapping[str, str], host: str) -> PullRequest | None:
    """The pull request of the build, None if there is none.

    For a repository on GitHub the variable that ends in NUMBER has the number that users see, and the one that ends
    in ID another one (recorded). Azure Repos has only the latter, and there users see it.
    """
    named = environ.get("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER") if host == "github" else ""
    merge = _PULL_REF.fullmatch(environ.get("BUILD_SOURCEBRANCH", ""))
    number = named or environ.get("SYSTEM_PULLREQUEST_PULLREQUESTID") or (merge[1] if merge else "")
    if not number.isdecimal():
        return None
    # Old servers do not set the variable of the commit, but the message of the merge commit that they build has it.
    message = _MERGE.match(environ.get("BUILD_SOURCEVERSIONMESSAGE", ""))
    return PullRequest(
        number=int(number),
        head_sha=environ.get("SYSTEM_PULLREQUEST_SOURCECOMMITID") or (message[1] if message else ""),
        head_branch=environ.get("SYSTEM_PULLREQUEST_SOURCEBRANCH", "").removeprefix("refs/heads/"),
        # With the prefix for Azure Repos, without it for GitHub.
        target_branch=environ.get("SYSTEM_PULLREQUEST_TARGETBRANCH", "").removeprefix("refs/heads/"),
        fork=environ.get("SYSTEM_PULLREQUEST_ISFORK", "").casefold() == "true",
    )


def _build_url(environ: Mapping[str, str]) -> str:
    collection, project = environ.get("SYSTEM_COLLECTIONURI", ""), environ.get("SYSTEM_TEAMPROJECT", "")
    build = environ.get("BUILD_BUILDID", "")
    if not (collection and project and build):
        return ""
    job, task = environ.get("SYSTEM_JOBID", ""), environ.get("SYSTEM_TASKINSTANCEID", "")
    log = f"&view=logs&j={job}" + (f"&t={task}" if task else "") if job else ""
    return f"{collection.rstrip('/')}/{quote(project)}/_build/results?buildId={build}{log}"


def _pages(environ: Mapping[str, str], host: str, server: str, sha: str) -> tuple[str, str]:
    """The pages of the commit and of a file in it, "" where they are not known."""
    parts = urlsplit(environ.get("BUILD_REPOSITORY_URI", ""))
    if not sha or parts.scheme != "https" or not server or host not in _PAGES:
        return "", ""
    web = f"{server}{parts.path.removesuffix('.git')}"
    commit, file = _PAGES[host]
    return f"{web}/{commit}/{sha}", f"{web}{file.replace('{sha}', sha)}"


_PAGES = {
    "azure": ("commit", "?path=/{path}&version=GC{sha}"),
    "github": ("commit", "/blob/{sha}/{path}"),
    "bitbucket": ("commits", "/src/{sha}/{path}"),
}


def _data(value: str) -> str:
    """The agent's own escapes [azure-pipelines-task-lib: taskcommand.js]."""
    return value.replace("%", "%AZP25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace("]", "%5D").replace(";", "%3B")


CI = AzurePipelines
