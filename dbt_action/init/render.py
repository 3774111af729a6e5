"""The files of a pipeline, made from the templates and what is known about checkout and job. Pure.

The templates are also the files of `examples/`; the values in them are those of the examples.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from dbt_action.config.parsers import JobPage

URL = "https://ab123.us1.dbt.com"
JOB_URL = f"{URL}/deploy/1/projects/2/jobs/3"
# Text in each version of YAML.
_PLAIN = re.compile(r"(?!(?:y|n|yes|no|on|off|true|false|null)$)[a-z][a-z0-9_./-]*", re.IGNORECASE | re.ASCII)
_LINE = '{name}([=:] ?"?){old}("?  # yours)'


class Kind(Enum):
    """What a pipeline is for."""

    DEPLOY = "deploy"
    PULL_REQUEST = "pull-request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the user wants: one or both kinds, on a platform, for a job, with a branch that is deployed.

    `taken`: files of the user that the files of `init` would replace.
    """

    platform: str
    kinds: tuple[Kind, ...]
    job: JobPage
    branch: str = "main"
    taken: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The files by path, and lines that the user has to add to a file of theirs."""

    files: Mapping[str, str]
    to_add: str = ""


# By platform: the file of each kind.
PATHS: Mapping[str, Mapping[Kind, str]] = {
    "github": {
        Kind.DEPLOY: ".github/workflows/dbt-cloud-deploy.yml",
        Kind.PULL_REQUEST: ".github/workflows/dbt-cloud-pull-request.yml",
    },
    "gitlab": {Kind.DEPLOY: ".gitlab/dbt-cloud-deploy.yml", Kind.PULL_REQUEST: ".gitlab/dbt-cloud-merge-request.yml"},
    "azure": {
        Kind.DEPLOY: "azure-pipelines-dbt-cloud-deploy.yml",
        Kind.PULL_REQUEST: "azure-pipelines-dbt-cloud-pull-request.yml",
    },
    "bitbucket": {Kind.DEPLOY: "bitbucket-pipelines.yml", Kind.PULL_REQUEST: "bitbucket-pipelines.yml"},
}
_GITLAB_MAIN, _BITBUCKET_MAIN, _BITBUCKET_OTHER = (
    ".gitlab-ci.yml",
    "bitbucket-pipelines.yml",
    "bitbucket-pipelines-dbt-cloud.yml",
)
# Where the pull requests of Bitbucket's file begin.
_REQUESTS = "  pull-requests:\n"


def render(answers: Answers, templates: Mapping[Kind, str]) -> Rendered:
    """The files. `templates` are those of the platform."""
    texts = {kind: _filled(templates[kind], answers) for kind in answers.kinds}
    if answers.platform == "gitlab":
        return _gitlab(answers, texts)
    if answers.platform == "bitbucket":
        return _bitbucket(answers, texts)
    return Rendered(files={PATHS[answers.platform][kind]: text for kind, text in texts.items()})


def _filled(template: str, answers: Answers) -> str:
    """The template with the job and the branch of the user."""
    job, branch = answers.job, _yaml_text(answers.branch)
    text = template.replace(JOB_URL, job_url(job)).replace(URL, job.dbt_url)
    for name, old, new in (("DBT_ACCOUNT_ID", "1", job.account_id), ("DBT_JOB_ID", "3", job.job_id)):
        text = re.sub(_LINE.format(name=name, old=old), rf"{name}\g<1>{new}\g<2>", text)
    # The branch in headings, in a list, and as a key.
    text = re.sub(r"\bto main\b", f"to {answers.branch}", text)
    return re.sub(r"\[main\]", f"[{branch}]", text).replace("\n    main:\n", f"\n    {branch}:\n")


def job_url(job: JobPage) -> str:
    """The address of the job's page; without the number of the project, one that this command understands."""
    project = f"/projects/{job.project_id}" if job.project_id else ""
    return f"{job.dbt_url}/deploy/{job.account_id}{project}/jobs/{job.job_id}"


def _yaml_text(branch: str) -> str:
    """A branch for YAML, in which `2024` would be a number and `on` a boolean. It has no quotes in it."""
    return branch if _PLAIN.fullmatch(branch) else f"'{branch}'"


def _gitlab(answers: Answers, texts: Mapping[Kind, str]) -> Rendered:
    """GitLab reads one file, which includes the others. Jobs of one name would be one job."""
    if len(texts) > 1:
        request = texts[Kind.PULL_REQUEST].replace("\ndbt-cloud:\n", "\ndbt-cloud-merge-request:\n")
        texts = {**texts, Kind.PULL_REQUEST: request}
    files = {PATHS["gitlab"][kind]: text for kind, text in texts.items()}
    include = "include:\n" + "".join(f"  - local: {path}\n" for path in files)
    if _GITLAB_MAIN in answers.taken:
        return Rendered(files=files, to_add=f"{_GITLAB_MAIN}, unless it is there:\n{include}")
    return Rendered(files={_GITLAB_MAIN: include, **files})


def _bitbucket(answers: Answers, texts: Mapping[Kind, str]) -> Rendered:
    """Bitbucket reads one file."""
    whole = next(iter(texts.values()))
    if len(texts) > 1:
        request = texts[Kind.PULL_REQUEST]
        whole = texts[Kind.DEPLOY].rstrip("\n") + "\n" + request[request.index(_REQUESTS) :]
    if _BITBUCKET_MAIN in answers.taken:
        words = f"{_BITBUCKET_MAIN}, unless it is there: what stands under `pipelines:` in {_BITBUCKET_OTHER}\n"
        return Rendered(files={_BITBUCKET_OTHER: whole}, to_add=words)
    return Rendered(files={_BITBUCKET_MAIN: whole})
