"""GitLab CI: pipelines of branches, tags, merge requests and GitHub's pull requests; sections and report files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.ci import test_every_ci as every
from tests.ci.conftest import MakeStep, context
from tests.hosts import test_every_host as host
from tests.hosts import test_gitlab
from tests.platforms import test_cancel, test_examples
from tests.support import environments as env
from tests.support.decoders import dotenv, sections
from tests.support.samples import Cell, CiSample, Examples, Known, cell


def row() -> Mapping[str, Cell]:
    return {
        "Commit": cell(
            "head of the merge request, also with merged results",
            every.test_context__has_commit_branch_and_pull_request_of_each_event,
        ),
        "Pull request": cell(
            "`gitlab_merge_request_id`; for a repository on GitHub its number",
            host.test_pull_request__its_field_follows_from_the_host,
        ),
        "Status": cell(
            "job in the pipeline, by `GITLAB_TOKEN`; a link on the job's page without any token",
            test_gitlab.test_gitlab__the_status_is_in_the_pipeline_of_the_job,
            test_output__gives_the_job_a_link_to_the_run_without_any_token,
        ),
        "Summary": cell("file `dbt-summary.md`", test_summary__is_a_file),
        "Annotations": cell("Code Quality report", test_annotation__with_a_file_is_in_the_code_quality_report),
        "Outputs": cell("dotenv report", test_output__is_in_a_dotenv_report_with_the_newest_values),
        "JUnit": cell(
            "`reports: junit`",
            every.test_junit__is_where_the_reporter_looks,
            test_examples.test_gitlab__collects_the_files_that_we_write,
        ),
        "Cancel": cell(
            "signals, and `dbt-cloud-run cancel` in `after_script`",
            test_cancel.test_signal__cancels_the_run_within_seconds,
            test_cancel.test_cancel__closes_the_status_of_the_killed_step,
        ),
        "Comment": cell("note", host.test_comment__of_a_run),
    }


SAMPLE = CiSample(
    push=env.GITLAB_PUSH,
    # gitlab-ci-local sets it to `false`.
    detected_by=({"GITLAB_CI": "true"}, {"GITLAB_CI": "false"}),
    builds={
        "push": (env.GITLAB_PUSH, Known("gitlab", env.PUSHED, "main")),
        "tag": (env.GITLAB_TAG, Known("gitlab", env.PUSHED, tag="v1")),
        "detached": (env.GITLAB_DETACHED, Known("gitlab", env.HEAD, "feature/x", "", 7)),
        "merged result": (env.GITLAB_MERGED_RESULT, Known("gitlab", env.HEAD, "feature/x", "", 7)),
        "for github": (env.GITLAB_EXTERNAL, Known("github", env.HEAD, "feature/x", "", 43)),
    },
    recorded={
        "GitLab9": Known("gitlab", "5d25f4849bbd812e4e64e78d4aaa94a72e6cab5c", "test-gitlab"),
        "gitlab_ci_local_4.75.1_push": Known("gitlab", "b8709816bbbcb1e9372aafc80582825a414f7fe2", "main", "", 7),
        # GitLab 8 of 2016 has other names for commit and branch.
        "GitLab": Known("gitlab"),
        "GitLabExternalPullRequest": Known("github", number=43),
        # CI_MERGE_REQUEST_ID is not the number of the merge request.
        "GitLabMergeRequest": Known("gitlab"),
    },
    own=(env.GITLAB_DETACHED, env.GITLAB_EXTERNAL),
    forks=(env.GITLAB_FORK, {**env.GITLAB_EXTERNAL, "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY": "else/shop"}),
    state_file=".dbt-cloud-run.json",
    commands=("section_start dbt_cloud_run_1", "section_end dbt_cloud_run_1"),
    examples=Examples(
        schema=("vendor.gitlab-ci",),
        request="merge-request",
        limit=("timeout", "2h"),
        jobs=lambda document: [document["dbt-cloud"]] if "dbt-cloud" in document else [],
        lint="--format gitlab",
    ),
    row=row,
)


def test_context__the_id_in_the_instance_is_not_the_number_of_the_merge_request() -> None:
    without_number = {**env.GITLAB_DETACHED, "CI_MERGE_REQUEST_IID": ""}

    assert None is context(without_number).pull_request


BEFORE = {"CI_COMMIT_BEFORE_SHA": "d" * 40, "CI_COMMIT_MESSAGE": "Fix it"}


@pytest.mark.parametrize(
    "environ, before, message",
    [
        pytest.param(env.GITLAB_PUSH, "d" * 40, "Fix it", id="push"),
        pytest.param(env.GITLAB_TAG, "", "Fix it", id="tag"),
        pytest.param({**env.GITLAB_PUSH, "CI_PIPELINE_SOURCE": "schedule"}, "", "Fix it", id="schedule"),
        pytest.param(env.GITLAB_DETACHED, "", "Fix it", id="merge request"),
        # The message is that of GitLab's merge commit.
        pytest.param(env.GITLAB_MERGED_RESULT, "", "", id="merged result"),
    ],
)
def test_context__has_the_commit_before_a_push_and_the_message(
    environ: dict[str, str], before: str, message: str
) -> None:
    found = context({**environ, **BEFORE})

    assert (before, message) == (found.before_sha, found.commit_message)


def test_context__a_merge_train_is_a_merge_queue() -> None:
    assert context({**env.GITLAB_MERGED_RESULT, "CI_MERGE_REQUEST_EVENT_TYPE": "merge_train"}).of_merge_queue
    assert not context(env.GITLAB_MERGED_RESULT).of_merge_queue


def test_context__has_links_and_the_attempt() -> None:
    found = context(env.GITLAB_PUSH)

    assert "https://gitlab.example/acme/shop/-/jobs/9001" == found.build_url
    assert f"https://gitlab.example/acme/shop/-/commit/{env.PUSHED}" == found.commit_url
    assert f"https://gitlab.example/acme/shop/-/blob/{env.PUSHED}/{{path}}" == found.file_url
    assert 1 == found.attempt


def test_fold__is_a_section_that_ends_and_has_a_name_of_its_own(make_step: MakeStep) -> None:
    step = make_step("gitlab")
    step.ci.untrusted_block("Log of step 4", "one\ntwo")
    step.ci.untrusted_block("Log of step 5", "three")

    names = ["dbt_cloud_run_1", "dbt_cloud_run_1", "dbt_cloud_run_2", "dbt_cloud_run_2"]
    assert list(zip(["start", "end"] * 2, names, strict=True)) == sections(step.log)
    assert "[collapsed=true]\r\x1b[0KLog of step 4\n│ one\n│ two\n" in step.log


def test_annotation__with_a_file_is_in_the_code_quality_report(make_step: MakeStep) -> None:
    step = make_step("gitlab")
    step.ci.error("Got 3 results", title="test not_null", file="models/a.yml")
    step.ci.warning("careful", file="models/b.sql")
    step.ci.error("about nothing in particular")

    report = json.loads(Path("dbt-code-quality.json").read_text(encoding="utf-8"))
    assert [
        ("major", {"path": "models/a.yml", "lines": {"begin": 1}}, "test not_null: Got 3 results"),
        ("minor", {"path": "models/b.sql", "lines": {"begin": 1}}, "careful"),
    ] == [(one["severity"], one["location"], one["description"]) for one in report]
    assert 2 == len({one["fingerprint"] for one in report})
    assert {"dbt"} == {one["check_name"] for one in report}
    assert "\x1b[0;31mError:\x1b[0m test not_null" in step.log
    assert "\x1b[0;33mWarning:\x1b[0m careful" in step.log


def test_output__is_in_a_dotenv_report_with_the_newest_values(make_step: MakeStep) -> None:
    step = make_step("gitlab")
    step.ci.set_outputs({"run-id": "7", "run-url": "https://x.example/7", "status": "started", "run_id": "7"})
    step.ci.set_outputs({"status": "success", "job-name": 'one "two"\nthree \x1b[31m' + "x" * 9999})

    found = dotenv(Path("dbt.env").read_text(encoding="utf-8"))
    assert ("7", "success") == (found["DBT_RUN_ID"], found["DBT_RUN_STATUS"])
    assert found["DBT_RUN_JOB_NAME"].startswith('one "two" three xxx')


def test_output__gives_the_job_a_link_to_the_run_without_any_token(make_step: MakeStep) -> None:
    make_step("gitlab").ci.set_outputs({"run-id": "7", "run-url": "https://x.example/7"})

    link = {"external_link": {"label": "dbt Cloud run 7", "url": "https://x.example/7"}}
    assert {"dbt Cloud": [link]} == json.loads(Path("dbt-links.json").read_text(encoding="utf-8"))


def test_summary__is_a_file(make_step: MakeStep) -> None:
    make_step("gitlab").ci.write_summary("# Page\n")

    assert "# Page\n" == Path("dbt-summary.md").read_text(encoding="utf-8")


def test_annotation__without_any_there_is_an_empty_report(make_step: MakeStep) -> None:
    """The runner warns about a report that is missing."""
    step = make_step("gitlab")
    step.ci.set_outputs({"run-id": "7"})
    assert [] == json.loads(Path("dbt-code-quality.json").read_text(encoding="utf-8"))

    step.ci.error("Got 3 results", file="models/a.yml")
    step.ci.set_outputs({"status": "error"})
    make_step("gitlab").ci.set_outputs({"run-id": "8"})
    assert 1 == len(json.loads(Path("dbt-code-quality.json").read_text(encoding="utf-8")))
