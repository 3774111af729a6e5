"""The command `init`: finds out platform, job and branch, and writes the files; asks only in a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from dbt_action import checkout, safe_files, text
from dbt_action.clock import Clock
from dbt_action.config import parsers
from dbt_action.config.parsers import JobPage
from dbt_action.dbt_cloud.client import DbtCloud
from dbt_action.dbt_cloud.runs import Job
from dbt_action.dbt_cloud.session import ApiSession
from dbt_action.errors import CloudError, ExitCode
from dbt_action.init import render
from dbt_action.init.render import Answers, Kind
from dbt_action.timeouts import HttpTimeouts

# A branch's name that is safe in comments and, in quotes, in values of YAML.
_BRANCH = re.compile(r"\w[\w./-]{0,200}")
PLATFORMS = tuple(render.PATHS)
# Files by which a platform is known, and host names of remotes.
_FILES = {
    ".github/workflows": "github",
    ".gitlab-ci.yml": "gitlab",
    "azure-pipelines.yml": "azure",
    "bitbucket-pipelines.yml": "bitbucket",
}
_HOSTS = {
    "github.com": "github",
    "gitlab.com": "gitlab",
    "dev.azure.com": "azure",
    "ssh.dev.azure.com": "azure",
    "bitbucket.org": "bitbucket",
}
# Each may have a user's whole pipeline, so neither is ever replaced.
_MAIN_FILES = (".gitlab-ci.yml", "bitbucket-pipelines.yml")
_SECRETS = {
    "github": "Settings → Secrets and variables → Actions → New repository secret",
    "gitlab": "Settings → CI/CD → Variables, masked",
    "azure": "Pipelines → this pipeline → Edit → Variables, as a secret",
    "bitbucket": "Repository settings → Pipelines → Repository variables, secured",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the flags say; None where the user may be asked."""

    job_url: str = ""
    token: str = ""
    platform: str = ""
    pull_requests: bool | None = None
    branch: str = ""
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where the command runs: the folder, how to print and ask. `ask` is None without a terminal, or with `--yes`."""

    folder: Path
    say: Callable[[str], None]
    ask: Callable[[str], str] | None
    clock: Clock
    http_timeouts: HttpTimeouts


class InitError(Exception):
    """The files cannot be written; the text says what to do."""


def run(options: Options, around: Surroundings) -> ExitCode:
    """Write the files, and say what comes next."""
    try:
        answers = _answers(options, around)
        rendered = render.render(answers, _templates(answers.platform))
        _write(rendered.files, around.folder, force=options.force)
    except InitError as error:
        around.say(f"Nothing was written: {error}")
        return ExitCode.CONFIG
    for path in rendered.files:
        around.say(f"Wrote {path}")
    if rendered.to_add:
        around.say(f"Add to {rendered.to_add}".rstrip())
    around.say(_next_steps(answers))
    return ExitCode.OK


def _answers(options: Options, around: Surroundings) -> Answers:
    found = checkout.read(around.folder)
    platform = (
        options.platform
        or _platform(around.folder, found)
        or _asked(around, f"Which CI ({', '.join(PLATFORMS)})?", flag="--platform")
    )
    if platform not in PLATFORMS:
        message = f"`--platform` must be one of {', '.join(PLATFORMS)}."
        raise InitError(message)
    page = _page(options.job_url or _asked(around, "Address of the job's page in dbt Cloud?", flag="JOB_URL"))
    job = _job(options.token, page, around)
    return Answers(
        platform=platform,
        kinds=_kinds(options, around, job),
        job=page,
        branch=_branch(options.branch, around.folder if found else None),
        taken=frozenset(name for name in _MAIN_FILES if _exists(around.folder / name)),
    )


def _branch(chosen: str, folder: Path | None) -> str:
    branch = chosen or (checkout.default_branch(folder) if folder else "")
    if _BRANCH.fullmatch(branch):
        return branch
    if chosen:
        message = "`--branch` may only have letters, digits and `._/-`, since it becomes a part of YAML."
        raise InitError(message)
    return "main"


def _platform(folder: Path, found: checkout.Checkout | None) -> str:
    """By the remote of the checkout, else by the files of a CI that are there."""
    if found and found.remote_host in _HOSTS:
        return _HOSTS[found.remote_host]
    return next((platform for name, platform in _FILES.items() if (folder / name).exists()), "")


def _asked(around: Surroundings, question: str, *, flag: str) -> str:
    if around.ask is None:
        message = f"{flag} is missing, and there is no terminal to ask in."
        raise InitError(message)
    return around.ask(question).strip()


def _page(job_url: str) -> JobPage:
    try:
        return parsers.job_page(job_url)
    except ValueError as error:
        message = f"JOB_URL is {text.cut(text.one_line(job_url), 200)!r}, which {error}"
        raise InitError(message) from None


def _job(token: str, page: JobPage, around: Surroundings) -> Job | None:
    """The job, which says whether it is one for pull requests; None without a token, or when it cannot be read."""
    if not token:
        return None
    session = ApiSession(page.dbt_url, token, clock=around.clock, http_timeouts=around.http_timeouts)
    try:
        return DbtCloud(session, account_id=page.account_id).get_job(page.job_id, with_environment=False)
    except CloudError as error:
        around.say(f"The job could not be read, so its type is not known: {error.explanation}")
        return None
    finally:
        session.close()


def _kinds(options: Options, around: Surroundings, job: Job | None) -> tuple[Kind, ...]:
    if job and job.is_ci:
        if options.pull_requests is False:
            message = f"{job.name!r} is a CI job, which is for pull requests only. Leave `--no-pull-requests` out."
            raise InitError(message)
        around.say(f"{job.name!r} is a CI job, so it is run for pull requests only.")
        return (Kind.PULL_REQUEST,)
    wanted = options.pull_requests
    if wanted is None and around.ask is not None:
        wanted = around.ask("Also run it for pull requests, in a schema of their own? [y/N]").strip().lower() == "y"
    return (Kind.DEPLOY, Kind.PULL_REQUEST) if wanted else (Kind.DEPLOY,)


def _templates(platform: str) -> dict[Kind, str]:
    folder = resources.files("dbt_action.init") / "templates" / platform
    return {kind: (folder / f"{kind.value}.yml").read_text(encoding="utf-8") for kind in Kind}


def _write(files: Mapping[str, str], folder: Path, *, force: bool) -> None:
    there = [path for path in files if _exists(folder / path)]
    if there and not force:
        message = f"{', '.join(there)} exists already. `--force` replaces it."
        raise InitError(message)
    path = ""
    try:
        for path, content in files.items():
            with safe_files.replaced(folder / path, base=folder) as file:
                file.write(content.encode())
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror or error}."
        raise InitError(message) from None


def _exists(path: Path) -> bool:
    """Whether there is anything, also a link to nothing."""
    return path.exists() or path.is_symlink()


def _next_steps(answers: Answers) -> str:
    page = render.job_url(answers.job)
    more = " and open a pull request" if Kind.PULL_REQUEST in answers.kinds else ""
    return (
        "Next:\n"
        f"  1. Store a service token of dbt Cloud that may run the job as DBT_TOKEN ({_SECRETS[answers.platform]}).\n"
        f"  2. DBT_TOKEN=... dbt-cloud-run doctor {page}\n"
        f"  3. Look at the lines that end in `yours`, commit, push{more}."
    )
