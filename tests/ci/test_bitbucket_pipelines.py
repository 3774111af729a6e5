"""Bitbucket Pipelines: abbreviated commits that git completes, output variables that have to be declared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.ci import test_every_ci as every
from tests.ci.conftest import MakePlace, context
from tests.hosts import test_bitbucket, test_code_insights, test_every_host
from tests.support import environments as env
from tests.support import repository
from tests.support.platform_fixtures import Build
from tests.support.samples import Cell, CiSample, Examples, Known, cell


def row() -> Mapping[str, Cell]:
    return {
        "Commit": cell(
            "the pull request's, its 12 characters completed by git",
            test_context__bitbucket_expands_the_commit_by_git_and_not_to_the_merge,
        ),
        "Pull request": cell(
            "`non_native_pull_request_id`", test_every_host.test_pull_request__its_field_follows_from_the_host
        ),
        "Status": cell(
            "build status, by `BITBUCKET_ACCESS_TOKEN`",
            test_bitbucket.test_bitbucket__shows_on_the_pull_request_of_the_branch,
        ),
        "Summary": cell("file `dbt-summary.md`", test_summary__bitbucket_has_a_file),
        "Annotations": cell(
            "Code Insights report, without any token; marked lines in the log",
            test_code_insights.test_report__of_a_red_run_needs_no_token,
            test_annotation__bitbucket_has_marked_lines,
        ),
        "Outputs": cell("output variables", test_output__bitbucket_appends_to_the_file_of_the_step),
        "JUnit": cell("found by itself", test_junit__bitbucket_looks_where_the_examples_write),
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
    # The second is a pipe's.
    signs=({"BITBUCKET_BUILD_NUMBER": "5"}, {"BITBUCKET_PIPELINE_UUID": "{0}"}),
    builds={
        "push": (env.BITBUCKET, Known("bitbucket", env.PUSHED, "main")),
        "tag": (
            {**env.BITBUCKET, "BITBUCKET_BRANCH": "", "BITBUCKET_TAG": "v1"},
            Known("bitbucket", env.PUSHED, tag="v1"),
        ),
        # Away from a checkout nobody knows the rest.
        "pull request": (
            env.BITBUCKET_PULL_REQUEST,
            Known("bitbucket", env.HEAD[:12], "feature/x", "", 2, "main"),
        ),
    },
    recorded={
        "BitbucketPipelines": Known("bitbucket", "c4f71a535de986600303936780f815721ebbe0c5", "main"),
        "BitbucketPipelinesPullRequest": Known("bitbucket", "8d081548cabb", "feature/bitbucket", "", 2, "main"),
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


def test_context__bitbucket_links_and_attempts() -> None:
    found = context(env.BITBUCKET)

    assert found.build_url == (
        "https://bitbucket.org/acme/shop/pipelines/results/5/steps/%7B0d5e3dfb-0000-4000-8000-5e1f5b1c9a01%7D"
    )
    assert found.commit_url == f"https://bitbucket.org/acme/shop/commits/{env.PUSHED}"
    assert context({**env.BITBUCKET, "BITBUCKET_STEP_RUN_NUMBER": "3"}).attempt == 3


def test_fold__bitbucket_has_a_heading(make_place: MakePlace) -> None:
    plain = make_place("bitbucket")
    plain.ci.untrusted_block("Log of step 4", "one")

    assert plain.log == "Log of step 4\n│ one\n"


def test_annotation__bitbucket_has_marked_lines(make_place: MakePlace) -> None:
    plain = make_place("bitbucket")
    plain.ci.error("Got 3 results", title="test not_null", file="models/a.yml")

    assert plain.log == "Error: test not_null in models/a.yml\nError: Got 3 results\n"


def test_output__bitbucket_appends_to_the_file_of_the_step(make_place: MakePlace, tmp_path: Path) -> None:
    path = tmp_path / "variables"
    path.write_text("OTHER=1\n")
    declared = {"DBT_OUTPUT_VARIABLES": "DBT_RUN_ID, DBT_RUN_STATUS"}
    here = make_place("bitbucket", BITBUCKET_PIPELINES_VARIABLES_PATH=str(path), **declared).ci
    here.set_outputs({"run-id": "7", "run_id": "7", "git-sha": "not declared"})
    here.set_outputs({"status": "success"})

    assert path.read_text() == "OTHER=1\nDBT_RUN_ID=7\nDBT_RUN_STATUS=success\n"


def test_output__bitbucket_has_none_that_the_step_does_not_declare(make_place: MakePlace, tmp_path: Path) -> None:
    """A variable that is not declared fails the step."""
    path = tmp_path / "variables"
    make_place("bitbucket", BITBUCKET_PIPELINES_VARIABLES_PATH=str(path)).ci.set_outputs({"run-id": "7"})

    assert not path.exists()


def test_summary__bitbucket_has_a_file(make_place: MakePlace) -> None:
    make_place("bitbucket").ci.write_summary("# Page\n")

    assert Path("dbt-summary.md").read_text(encoding="utf-8") == "# Page\n"


def test_junit__bitbucket_looks_where_the_examples_write() -> None:
    folders = ("test-results", "test-reports", "TestResults", "surefire-reports", "failsafe-reports")

    assert Path(every.JUNIT).parts[0] in folders


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout as Bitbucket makes it for a pull request: HEAD is a merge, the source commit is below it."""
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


def test_context__bitbucket_expands_the_commit_by_git_and_not_to_the_merge(checkout: Path) -> None:
    source = (checkout / "source").read_text()
    found = context({**env.BITBUCKET_PULL_REQUEST, "BITBUCKET_COMMIT": source[:12]})

    assert found.sha == source
    assert found.pull_request
    assert found.pull_request.head_sha == source


@pytest.mark.parametrize("commit", ["0123456789ab", "--help", "main", ""])
def test_context__bitbucket_leaves_what_git_does_not_know(checkout: Path, commit: str) -> None:
    assert checkout.exists()
    assert context({**env.BITBUCKET_PULL_REQUEST, "BITBUCKET_COMMIT": commit}).sha == commit


def test_context__bitbucket_without_git_keeps_the_short_commit(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = (checkout / "source").read_text()[:12]
    monkeypatch.setenv("PATH", str(checkout))

    assert context({**env.BITBUCKET_PULL_REQUEST, "BITBUCKET_COMMIT": short}).sha == short


@pytest.mark.parametrize(
    "more,warns",
    [({}, True), ({"DBT_RUN_ON": "job"}, False), ({"DBT_BRANCH": "main"}, False), ({"DBT_GIT_SHA": env.HEAD}, False)],
    ids=["commit", "job", "branch", "whole"],
)
def test_commit__that_stays_short_is_a_warning_where_it_matters(
    build: Callable[..., Build], more: dict[str, str], *, warns: bool
) -> None:
    step = build().on(env.BITBUCKET_PULL_REQUEST, more)
    step.run()

    assert step.log.count(f"Warning: Only the beginning of the commit's hash is known, {env.HEAD[:12]}") == warns
