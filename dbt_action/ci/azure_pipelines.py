"""Azure Pipelines: its variables and its logging commands; statuses and threads are in `hosts.azure_repos`.

https://learn.microsoft.com/azure/devops/pipelines/build/variables
https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from dbt_action import text
from dbt_action.ci.log import Log
from dbt_action.ci.terminal import Terminal
from dbt_action.config.context import CiContext, PullRequest

# An issue on the build's page is for people; the log has the rest.
MAX_ISSUE = 4096
_SECRETS_HINT = (
    "Store it as a secret variable and map it in the step: `env: {DBT_TOKEN: $(DBT_TOKEN)}`. Azure Pipelines exports "
    "no secret by itself, and leaves a macro of an unknown variable as it is."
)
_FORK_HINT = "this is a pull request from a fork"

# BUILD_REPOSITORY_PROVIDER, whatever its case: which host the repository is on.
_HOSTS = {"tfsgit": "azure", "github": "github", "githubenterprise": "github", "bitbucket": "bitbucket"}
_MERGE = re.compile(r"Merge (?:pull request \d+ from )?([0-9a-f]{40}) into [0-9a-f]{40}")
_PULL_REF = re.compile(r"refs/pull/(\d+)/merge")


class AzurePipelines(Terminal):
    """A step of a job."""

    key = "azure"
    name = "Azure Pipelines"
    detection_order = 1

    def __init__(self, environ: Mapping[str, str], log: Log) -> None:
        """Output variables are set as they change. SavedState and summary are among the agent's temporary files.

        The agent empties that folder before every job, and steps of one job share it; so it suits a step with
        `condition: canceled()`.
        """
        super().__init__(environ, log)
        self._told: dict[str, str] = {}
        folder = Path(environ.get("AGENT_TEMPDIRECTORY") or ".")
        step = re.sub(r"\W+", "-", environ.get("SYSTEM_TASKINSTANCEID", "")) or "step"
        self.state_file = str(folder / "dbt-cloud-run.json")
        self.summary_file = str(folder / f"dbt-cloud-run-{step}.md")

    @staticmethod
    def detected(environ: Mapping[str, str]) -> bool:
        """The agent sets it for every step."""
        return environ.get("TF_BUILD", "").casefold() == "true"

    def context(self) -> CiContext:
        """The build as its variables tell it."""
        return read_context(self.environ)

    def mask(self, secrets: tuple[str, ...]) -> None:
        """Have the agent star the secrets too."""
        for secret in secrets:
            self.log.command(f"##vso[task.setsecret]{_data(secret)}")
        super().mask(secrets)

    def warning(self, message: str, title: str = "", file: str = "") -> None:
        """An issue on the build's page."""
        self._issue("warning", message, title, file)

    def error(self, message: str, title: str = "", file: str = "") -> None:
        """An issue on the build's page."""
        self._issue("error", message, title, file)

    def _issue(self, kind: str, message: str, title: str, file: str) -> None:
        self.end_fold()
        words = "\n".join(text.log_lines(self.log.safe("\n".join(part for part in (title, message) if part))))
        where = f"sourcepath={_property(text.defuse(self.log.safe(file)))};" if file else ""
        self.log.command(f"##vso[task.logissue type={kind};{where}]{_data(text.cut(words, MAX_ISSUE))}")

    def _open_fold(self, title: str) -> None:
        self.log.command(f"##[group]{title}")

    def _close_fold(self) -> None:
        self.log.command("##[endgroup]")

    def set_outputs(self, values: Mapping[str, str]) -> None:
        """Output variables: `$(step.run_id)`, in other jobs `dependencies.job.outputs['step.run_id']`."""
        super().set_outputs(values)
        for name, value in {name.replace("-", "_"): self._value(value) for name, value in values.items()}.items():
            if self._told.get(name) != value:
                self._told[name] = value
                self.log.command(f"##vso[task.setvariable variable={name};isOutput=true]{_data(value)}")

    def _show_summary(self, path: Path) -> None:
        """A section on the build's page; the agent reads the file, so its path is that of the agent's machine."""
        self.log.command(f"##vso[task.uploadsummary]{_data(str(path.resolve()))}")


def read_context(environ: Mapping[str, str]) -> CiContext:
    """The build's context from the agent's variables."""
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
        platform=AzurePipelines.name,
        host=host,
        server=server,
        event=environ.get("BUILD_REASON", ""),
        workflow=environ.get("BUILD_DEFINITIONNAME", ""),
        actor=environ.get("BUILD_REQUESTEDFOR", ""),
        repository=repository,
        sha=sha,
        branch=pull_request.head_branch if pull_request else own_branch,
        tag=ref.removeprefix("refs/tags/") if is_tag else "",
        pull_request=pull_request,
        build_url=_build_url(environ),
        commit_url=commit_url,
        file_url=file_url,
        # Nothing tells whether a project is public; a public repository on GitHub has public builds.
        public=host == "github",
        build_id=environ.get("BUILD_BUILDID", ""),
        attempt=int(attempt) if attempt.isdecimal() else 1,
        job=environ.get("SYSTEM_JOBDISPLAYNAME", ""),
        step=f"{environ.get('SYSTEM_JOBIDENTIFIER', '')}/{environ.get('SYSTEM_TASKINSTANCENAME', '')}".strip("/"),
        secrets_withheld=_FORK_HINT if pull_request and pull_request.fork else "",
        secrets_hint=_SECRETS_HINT,
    )


def _host(environ: Mapping[str, str]) -> tuple[str, str]:
    """The host and its server, without the user that an address may hold; an unknown Enterprise server is no other."""
    provider = environ.get("BUILD_REPOSITORY_PROVIDER", "").casefold()
    parts = urlsplit(environ.get("BUILD_REPOSITORY_URI", ""))
    server = f"https://{parts.netloc.rpartition('@')[2]}" if parts.hostname else ""
    host = _HOSTS.get(provider, "")
    return ("" if provider == "githubenterprise" and not server else host), server


def _pull_request(environ: Mapping[str, str], host: str) -> PullRequest | None:
    """For GitHub the number that people see is …NUMBER, and …ID is another one (recorded); Azure Repos has the ID."""
    named = environ.get("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER") if host == "github" else ""
    merge = _PULL_REF.fullmatch(environ.get("BUILD_SOURCEBRANCH", ""))
    number = named or environ.get("SYSTEM_PULLREQUEST_PULLREQUESTID") or (merge[1] if merge else "")
    if not number.isdecimal():
        return None
    # Old servers do not set the variable; the message of the merge commit that they build says it too.
    told = _MERGE.match(environ.get("BUILD_SOURCEVERSIONMESSAGE", ""))
    return PullRequest(
        number=int(number),
        head_sha=environ.get("SYSTEM_PULLREQUEST_SOURCECOMMITID") or (told[1] if told else ""),
        head_branch=environ.get("SYSTEM_PULLREQUEST_SOURCEBRANCH", "").removeprefix("refs/heads/"),
        base_branch=environ.get("SYSTEM_PULLREQUEST_TARGETBRANCH", "").removeprefix("refs/heads/"),
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
    """The pages of the commit and of a file in it."""
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
