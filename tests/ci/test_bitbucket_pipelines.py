"""Bitbucket Pipelines: abbreviated commits, and output variables that have to be declared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.ci import test_every_ci as every
from tests.ci.conftest import MakeStep, context
from tests.hosts import test_bitbucket, test_code_insights, test_every_host
from tests.support import environments as env
from tests.support import repository
from tests.support.platform_fixtures import Build
from tests.support.samples import Cell, CiSample, Examples, Known, cell


def row() -> Mapping[str, Cell]:
    return {
        "Commit": cell(
            "the pull request's, its 12 characters completed by git",
            test_context__git_completes_the_commit_and_not_to_the_merge,
        ),
        "Pull request": cell(
            "`non_native_pull_request_id`", test_every_host.test_pull_request__its_field_follows_from_the_host
        ),
        "Status": cell(
            "build status, by `BITBUCKET_ACCESS_TOKEN`",
            test_bitbucket.test_bitbucket__shows_on_the_pull_request_of_the_branch,
        ),
        "Summary": cell("file `dbt-summary.md`", test_summary__is_a_file),
        "Annotations": cell(
            "Code Insights report, without any token; marked lines in the log",
            test_code_insights.test_report__of_a_red_run_needs_no_token,
            test_error__is_marked_lines,
        ),
        "Outputs": cell("output variables", test_output__is_appended_to_the_file_of_the_step),
        "JUnit": cell("found by itself", test_junit__is_in_a_folder_that_bitbucket_searches),
        "Cancel": cell(
            "not possible because Bitbucket kills at once and runs no `after-script` then; nor can it be done by hand, "
            "since the state file is gone with the container: cancel the run in dbt Cloud"
        ),
        "Comment": cell("comment", test_bitbucket.test_bitbucket__comments_have_no_html),
    }


def steps(document: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - YAML
    """The last step of each pipeline."""
    pipelines = [steps for trigger in document["pipelines"].values() for steps in trigger.values()]
    return [steps[-1]["step"] for steps in pipelines]


SAMPLE = CiSample(
    push=env.BITBUCKET,
    # The second one is all that a pipe gets.
    detected_by=({"BITBUCKET_BUILD_NUMBER": "5"}, {"BITBUCKET_PIPELINE_UUID": "{0}"}),
    builds={
        "push": (env.BITBUCKET, Known("bitbucket", env.PUSHED, "main")),
        "tag": (
            {**env.BITBUCKET, "BITBUCKET_BRANCH": "", "BITBUCKET_TAG": "v1"},
            Known("bitbucket", env.PUSHED, tag="v1"),
        ),
        # The hash stays abbreviated where there is no checkout.
        "pull request": (
            env.BITBUCKET_PULL_REQUEST,
            Known("bitbucket", env.HEAD[:12], "feature/x", "", 2),
        ),
    },
    recorded={
        "BitbucketPipelines": Known("bitbucket", "c4f71a535de986600303936780f815721ebbe0c5", "main"),
        "BitbucketPipelinesPullRequest": Known("bitbucket", "8d081548cabb", "feature/bitbucket", "", 2),
    },
    # Bitbucket runs nothing for forks.
    own=(env.BITBUCKET_PULL_REQUEST,),
    state_file=".dbt-cloud-run.json",
    examples=Examples(
        schema=("vendor.bitbucket-pipelines",),
        request="pull-request",
        limit=("max-time", 120),
        jobs=steps,
        lint="lint models",
    ),
    row=row,
)


def test_context__has_links_and_the_attempt() -> None:
    found = context(env.BITBUCKET)

    step = "%7B0d5e3dfb-0000-4000-8000-5e1f5b1c9a01%7D"
    assert f"https://bitbucket.org/acme/shop/pipelines/results/5/steps/{step}" == found.build_url
    assert f"https://bitbucket.org/acme/shop/commits/{env.PUSHED}" == found.commit_url
    assert 3 == context({**env.BITBUCKET, "BITBUCKET_STEP_RUN_NUMBER": "3"}).attempt


def test_fold__is_a_heading(make_step: MakeStep) -> None:
    step = make_step("bitbucket")
    step.ci.untrusted_block("Log of step 4", "one")

    assert "Log of step 4\n│ one\n" == step.log


def test_error__is_marked_lines(make_step: MakeStep) -> None:
    step = make_step("bitbucket")
    step.ci.error("Got 3 results", title="test not_null", file="models/a.yml")

    assert "Error: test not_null in models/a.yml\nError: Got 3 results\n" == step.log


def test_output__is_appended_to_the_file_of_the_step(make_step: MakeStep, tmp_path: Path) -> None:
    path = tmp_path / "variables"
    path.write_text("OTHER=1\n")
    declared = {"DBT_OUTPUT_VARIABLES": "DBT_RUN_ID, DBT_RUN_STATUS"}
    step = make_step("bitbucket", BITBUCKET_PIPELINES_VARIABLES_PATH=str(path), **declared)
    step.ci.set_outputs({"run-id": "7", "run_id": "7", "git-sha": "not declared"})
    step.ci.set_outputs({"status": "success"})

    assert "OTHER=1\nDBT_RUN_ID=7\nDBT_RUN_STATUS=success\n" == path.read_text()


def test_output__is_not_set_unless_the_step_declares_it(make_step: MakeStep, tmp_path: Path) -> None:
    """A variable that is not declared fails the step."""
    path = tmp_path / "variables"
    make_step("bitbucket", BITBUCKET_PIPELINES_VARIABLES_PATH=str(path)).ci.set_outputs({"run-id": "7"})

    assert not path.exists()


def test_summary__is_a_file(make_step: MakeStep) -> None:
    make_step("bitbucket").ci.write_summary("# Page\n")

    assert "# Page\n" == Path("dbt-summary.md").read_text(encoding="utf-8")


def test_junit__is_in_a_folder_that_bitbucket_searches() -> None:
    folders = ("test-results", "test-reports", "TestResults", "surefire-reports", "failsafe-reports")

    assert Path(every.JUNIT).parts[0] in folders


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout as Bitbucket makes it for a pull request: HEAD is a merge, whose second parent is the source commit.

    The file `source` has the hash of that commit.
    """
    git = partial(repository.git, tmp_path)
    git("init", "--quiet", "--initial-branch", "main")
    git("commit", "--quiet", "--allow-empty", "-m", "begin")
    git("checkout", "--quiet", "-b", "feature/x")
    git("commit", "--quiet", "--allow-empty", "-m", "work")
    (tmp_path / "source").write_text(git("rev-parse", "HEAD"))
    git("checkout", "--quiet", "main")
    git("merge", "--quiet", "--no-ff", "-m", "merge", "feature/x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_context__git_completes_the_commit_and_not_to_the_merge(checkout: Path) -> None:
    source = (checkout / "source").read_text()
    found = context({**env.BITBUCKET_PULL_REQUEST, "BITBUCKET_COMMIT": source[:12]})

    assert source == found.sha
    assert found.pull_request
    assert source == found.pull_request.head_sha


@pytest.mark.parametrize("commit", ["0123456789ab", "--help", "main", ""])
def test_context__a_commit_that_git_does_not_have_stays_as_it_is(checkout: Path, commit: str) -> None:
    assert checkout.exists()
    assert commit == context({**env.BITBUCKET_PULL_REQUEST, "BITBUCKET_COMMIT": commit}).sha


def test_context__without_git_the_commit_stays_abbreviated(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = (checkout / "source").read_text()[:12]
    monkeypatch.setenv("PATH", str(checkout))

    assert short == context({**env.BITBUCKET_PULL_REQUEST, "BITBUCKET_COMMIT": short}).sha


@pytest.mark.parametrize(
    "variables, warns",
    [({}, True), ({"DBT_RUN_ON": "job"}, False), ({"DBT_BRANCH": "main"}, False), ({"DBT_GIT_SHA": env.HEAD}, False)],
    ids=["commit", "job", "branch", "whole"],
)
def test_commit__that_stays_abbreviated_is_a_warning_where_dbt_cloud_is_asked_for_it(
    build: Callable[..., Build], variables: dict[str, str], *, warns: bool
) -> None:
    step = build().on(env.BITBUCKET_PULL_REQUEST, variables)
    step.run()

    assert int(warns) == step.log.count(f"Warning: Only the beginning of the commit's hash is known, {env.HEAD[:12]}")
