"""`init`: what it writes is what the examples are, passes the vendors' schemas, and replaces nothing unasked."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbt_action.config.parsers import JobPage
from dbt_action.errors import ExitCode
from dbt_action.init import command, render
from dbt_action.init.command import Options, Surroundings
from dbt_action.init.render import Answers, Kind
from dbt_action.timeouts import HttpTimeouts
from tests.support import git, samples
from tests.support.clock import FakeClock
from tests.support.workflow_step import CLOUD_TOKEN, WorkflowStep

ROOT = Path(__file__).resolve().parents[2]
OF_EXAMPLES = JobPage(dbt_url=render.URL, account_id=1, project_id=2, job_id=3)
MINE = JobPage(dbt_url="https://xy987.eu1.dbt.com", account_id=70403103922125, project_id=22, job_id=333)
MY_PAGE = "https://xy987.eu1.dbt.com/deploy/70403103922125/projects/22/jobs/333"
# The example that each template is.
EXAMPLES: Mapping[str, Mapping[Kind, str]] = {
    platform: {
        Kind.DEPLOY: "on-merge.yml",
        Kind.PULL_REQUEST: "on-merge-request.yml" if platform == "gitlab" else "on-pull-request.yml",
    }
    for platform in command.PLATFORMS
}
SCHEMAS: Mapping[str, tuple[str, ...]] = {
    "github": ("vendor.github-workflows",),
    **{key: found.schema for key in samples.CIS if (found := samples.of_ci(samples.CIS[key]).examples)},
}
KINDS = [(Kind.DEPLOY,), (Kind.PULL_REQUEST,), (Kind.DEPLOY, Kind.PULL_REQUEST)]
EACH = pytest.mark.parametrize("platform, kinds", list(itertools.product(command.PLATFORMS, KINDS)))


def template(platform: str, kind: Kind) -> str:
    folder = resources.files("dbt_action.init") / "templates" / platform
    return (folder / f"{kind.value}.yml").read_text(encoding="utf-8")


def rendered(platform: str, kinds: tuple[Kind, ...], **fields: object) -> render.Rendered:
    answers = Answers(platform=platform, kinds=kinds, **{"job": MINE, **fields})  # type: ignore[arg-type]
    return render.render(answers, {kind: template(platform, kind) for kind in Kind})


@pytest.mark.parametrize("platform, kind", list(itertools.product(command.PLATFORMS, Kind)))
def test_templates__are_the_examples(platform: str, kind: Kind) -> None:
    example = ROOT / "examples" / platform / EXAMPLES[platform][kind]

    assert template(platform, kind) == example.read_text(encoding="utf-8")
    assert template(platform, kind) in rendered(platform, (kind,), job=OF_EXAMPLES).files.values()


@EACH
def test_files__have_the_job_and_branch_of_the_user_and_pass_the_schema(
    platform: str, kinds: tuple[Kind, ...], tmp_path: Path
) -> None:
    found = rendered(platform, kinds, branch="production")

    assert found.to_add == ""
    for path, text in found.files.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        assert yaml.safe_load(text)
        assert render.URL not in text
        assert "[main]" not in text
    whole = "".join(found.files.values())
    assert MY_PAGE in whole or all(part in whole for part in (MINE.dbt_url, "70403103922125", "333"))
    files: list[str] = [str(tmp_path / path) for path in found.files]
    check: list[str] = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", *SCHEMAS[platform], *files]
    done = subprocess.run(check, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("branch", ["2024", "on", "1e5", "release/1.0", "No", "main-2", "2024-01-01", "ünder"])
def test_branch__is_text_in_yaml(branch: str) -> None:
    def document(platform: str, kind: Kind) -> dict[Any, Any]:
        (text,) = rendered(platform, (kind,), branch=branch).files.values()
        return dict(yaml.safe_load(text))

    # PyYAML reads the key `on` as true.
    assert [branch] == document("github", Kind.DEPLOY)[True]["push"]["branches"]
    assert [branch] == document("azure", Kind.DEPLOY)["trigger"]
    assert [branch] == document("azure", Kind.PULL_REQUEST)["pr"]
    assert [branch] == list(document("bitbucket", Kind.DEPLOY)["pipelines"]["branches"])


def test_job__without_a_project_is_the_address_of_no_other(session: Session) -> None:
    assert ExitCode.OK is session.run(job_url="https://xy987.eu1.dbt.com/deploy/1/jobs/333")

    written = (session.folder / ".github/workflows/dbt-cloud-deploy.yml").read_text(encoding="utf-8")
    assert "job-url: https://xy987.eu1.dbt.com/deploy/1/jobs/333 #" in written


def test_files__of_github_pass_zizmor(tmp_path: Path) -> None:
    """Our own action is named by its version, as users of it do; everything else has to be right."""
    for path, text in rendered("github", (Kind.DEPLOY, Kind.PULL_REQUEST)).files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text.replace("@v1", f"@{'a' * 40} # v1"), encoding="utf-8")

    program = str(Path(sys.executable).with_name("zizmor"))
    zizmor = [program, "--offline", "--no-progress", "--quiet", "--persona=pedantic", str(tmp_path)]
    done = subprocess.run(zizmor, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 0, done.stdout


def test_gitlab__both_kinds_are_two_jobs_that_one_file_includes() -> None:
    found = rendered("gitlab", (Kind.DEPLOY, Kind.PULL_REQUEST)).files

    assert [{"local": path} for path in found if path != ".gitlab-ci.yml"] == yaml.safe_load(found[".gitlab-ci.yml"])[
        "include"
    ]
    jobs = [name for text in found.values() for name in yaml.safe_load(text) if name.startswith("dbt-cloud")]
    assert ["dbt-cloud", "dbt-cloud-merge-request"] == jobs


def test_bitbucket__both_kinds_are_in_one_file() -> None:
    (text,) = rendered("bitbucket", (Kind.DEPLOY, Kind.PULL_REQUEST), branch="trunk").files.values()

    assert {"branches", "pull-requests"} == set(yaml.safe_load(text)["pipelines"])
    assert ["trunk"] == list(yaml.safe_load(text)["pipelines"]["branches"])


@pytest.mark.parametrize(
    "platform, taken, written, words",
    [
        ("gitlab", ".gitlab-ci.yml", ".gitlab/dbt-cloud-deploy.yml", "  - local: .gitlab/dbt-cloud-deploy.yml"),
        ("bitbucket", "bitbucket-pipelines.yml", "bitbucket-pipelines-dbt-cloud.yml", "under `pipelines:` in"),
    ],
)
def test_main_file__that_is_there_is_left_and_the_user_adds_a_line(
    platform: str, taken: str, written: str, words: str
) -> None:
    found = rendered(platform, (Kind.DEPLOY,), taken=frozenset({taken}))

    assert [written] == list(found.files)
    assert words in found.to_add


# The command.


@dataclass
class Session:
    """One call of the command in a folder: what it says, and what it is answered."""

    folder: Path
    answers: list[str] | None = None
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def run(self, **options: object) -> ExitCode:
        def answer(question: str) -> str:
            self.asked.append(question)
            return (self.answers or []).pop(0)

        around = Surroundings(
            folder=self.folder,
            say=self.said.append,
            ask=None if self.answers is None else answer,
            clock=FakeClock(),
            http_timeouts=HttpTimeouts(connect_seconds=5.0, read_seconds=5.0),
        )
        return command.run(Options(**options), around)  # type: ignore[arg-type]

    @property
    def files(self) -> set[str]:
        return {
            path.relative_to(self.folder).as_posix()
            for path in self.folder.rglob("*")
            if path.is_file() and ".git/" not in path.as_posix()
        }


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A checkout with a remote at GitHub."""
    folder = tmp_path / "shop"
    git.init(folder)
    git.push(folder, "git@github.com:acme/shop.git")
    return Session(folder)


def test_init__writes_a_deployment_and_says_what_comes_next(session: Session) -> None:
    assert ExitCode.OK is session.run(job_url=MY_PAGE)

    assert {".github/workflows/dbt-cloud-deploy.yml"} == session.files
    assert MY_PAGE in (session.folder / ".github/workflows/dbt-cloud-deploy.yml").read_text(encoding="utf-8")
    steps = session.said[-1]
    assert all(words in steps for words in ("1. Store", "DBT_TOKEN", "2. ", f"doctor {MY_PAGE}", "3. "))


@pytest.mark.parametrize(
    "remote, platform, path",
    [
        ("https://gitlab.com/acme/shop.git", "", ".gitlab-ci.yml"),
        ("https://dev.azure.com/acme/p/_git/shop", "", "azure-pipelines-dbt-cloud-deploy.yml"),
        ("git@bitbucket.org:acme/shop.git", "", "bitbucket-pipelines.yml"),
        ("git@github.com:acme/shop.git", "azure", "azure-pipelines-dbt-cloud-deploy.yml"),
    ],
)
def test_platform__is_that_of_the_remote_unless_chosen(session: Session, remote: str, platform: str, path: str) -> None:
    git.run(session.folder, "remote", "set-url", "origin", remote)

    assert ExitCode.OK is session.run(job_url=MY_PAGE, platform=platform)
    assert path in session.files


def test_platform__is_that_of_a_file_of_a_ci(tmp_path: Path) -> None:
    (tmp_path / "azure-pipelines.yml").touch()

    assert ExitCode.OK is Session(tmp_path).run(job_url=MY_PAGE)
    assert (tmp_path / "azure-pipelines-dbt-cloud-deploy.yml").exists()


@pytest.mark.parametrize(
    "options, words",
    [
        ({}, "JOB_URL is missing, and there is no terminal to ask in."),
        ({"job_url": "https://x.example/"}, "JOB_URL is 'https://x.example/', which"),
        ({"job_url": MY_PAGE, "platform": "jenkins"}, "`--platform` must be one of github, gitlab, azure, bitbucket."),
        ({"job_url": MY_PAGE, "branch": "a]: b"}, "`--branch` may only have letters"),
    ],
)
def test_without_a_terminal__what_is_missing_is_named(session: Session, options: dict[str, str], words: str) -> None:
    assert ExitCode.CONFIG is session.run(**options)

    assert words in session.said[-1]
    assert set() == session.files


def test_platform__that_cannot_be_found_is_named(tmp_path: Path) -> None:
    session = Session(tmp_path)

    assert ExitCode.CONFIG is session.run(job_url=MY_PAGE)
    assert "--platform is missing" in session.said[-1]


def test_in_a_terminal__it_asks(tmp_path: Path) -> None:
    session = Session(tmp_path, answers=["github", MY_PAGE, "y"])

    assert ExitCode.OK is session.run()

    assert 3 == len(session.asked)
    assert {".github/workflows/dbt-cloud-deploy.yml", ".github/workflows/dbt-cloud-pull-request.yml"} == session.files


def test_branch__is_the_first_of_the_remote(session: Session) -> None:
    git.run(session.folder, "update-ref", "refs/remotes/origin/trunk", "HEAD")
    git.run(session.folder, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")

    session.run(job_url=MY_PAGE)

    written = (session.folder / ".github/workflows/dbt-cloud-deploy.yml").read_text(encoding="utf-8")
    assert "branches: [trunk]" in written


def test_files__that_are_there_are_replaced_only_by_force(session: Session) -> None:
    path = session.folder / ".github/workflows/dbt-cloud-deploy.yml"
    path.parent.mkdir(parents=True)
    path.write_text("mine", encoding="utf-8")

    assert ExitCode.CONFIG is session.run(job_url=MY_PAGE)
    assert "mine" == path.read_text(encoding="utf-8")
    assert "exists already. `--force` replaces it." in session.said[-1]

    assert ExitCode.OK is session.run(job_url=MY_PAGE, force=True)
    assert MY_PAGE in path.read_text(encoding="utf-8")


def test_files__are_not_written_through_a_link(session: Session, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (session.folder / ".github").symlink_to(outside, target_is_directory=True)

    assert ExitCode.CONFIG is session.run(job_url=MY_PAGE)
    assert [] == list(outside.iterdir())


def test_main_file__that_is_there_stays_as_it_is(session: Session) -> None:
    git.run(session.folder, "remote", "set-url", "origin", "https://gitlab.com/acme/shop.git")
    (session.folder / ".gitlab-ci.yml").write_text("mine: 1", encoding="utf-8")

    for force in (False, True):
        assert ExitCode.OK is session.run(job_url=MY_PAGE, force=force)

        assert "mine: 1" == (session.folder / ".gitlab-ci.yml").read_text(encoding="utf-8")
        assert any(words.startswith("Add to .gitlab-ci.yml, unless it is there:\ninclude:") for words in session.said)


@pytest.mark.parametrize("job_type, expected", [("ci", {"pull-request"}), ("other", {"deploy", "pull-request"})])
def test_job__of_type_ci_is_for_pull_requests_only(
    session: Session, make_step: Callable[..., WorkflowStep], job_type: str, expected: set[str]
) -> None:
    step = make_step()
    step.cloud.change_job(step.cloud.job_id, job_type=job_type)
    cloud = step.cloud
    page = f"{cloud.url}/deploy/{cloud.account_id}/projects/{cloud.project_id}/jobs/{cloud.job_id}"

    assert ExitCode.OK is session.run(job_url=page, token=CLOUD_TOKEN, pull_requests=True)
    assert {f".github/workflows/dbt-cloud-{kind}.yml" for kind in expected} == session.files


def test_job__of_type_ci_is_not_for_deployments(session: Session, make_step: Callable[..., WorkflowStep]) -> None:
    cloud = make_step().cloud
    cloud.change_job(cloud.job_id, job_type="ci")
    page = f"{cloud.url}/deploy/{cloud.account_id}/projects/{cloud.project_id}/jobs/{cloud.job_id}"

    assert ExitCode.CONFIG is session.run(job_url=page, token=CLOUD_TOKEN, pull_requests=False)
    assert "Leave `--no-pull-requests` out" in session.said[-1]
    assert set() == session.files


def test_job__that_cannot_be_read_is_no_reason_to_stop(
    session: Session, make_step: Callable[..., WorkflowStep]
) -> None:
    cloud = make_step().cloud
    page = f"{cloud.url}/deploy/{cloud.account_id}/projects/{cloud.project_id}/jobs/{cloud.job_id}"

    assert ExitCode.OK is session.run(job_url=page, token="wrong")
    assert "The job could not be read" in session.said[0]


def test_command_line__is_the_same(session: Session) -> None:
    code = "import sys; from dbt_action import cli; sys.exit(cli.main())"

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}", "init", *arguments],
            cwd=session.folder,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )

    done = call(MY_PAGE, "--pull-requests", "--yes")
    assert 0 == done.returncode, done.stderr
    assert "Wrote .github/workflows/dbt-cloud-pull-request.yml" in done.stdout
    mistyped, wrong = call("--platfrom", "github"), call(MY_PAGE, "--platform", "jenkins")
    assert (2, 2) == (mistyped.returncode, wrong.returncode)
    assert "Did you mean --platform?" in mistyped.stderr
    assert "invalid choice" in wrong.stderr
