"""GitLab CI: pipelines of branches, tags, merge requests and GitHub's pull requests; sections, report files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.ci import test_every_ci as every
from tests.ci.conftest import MakePlace, context
from tests.hosts import test_every_host as host
from tests.hosts import test_gitlab
from tests.platforms import test_cancel, test_examples
from tests.support import environments as env
from tests.support.decoders import dotenv, sections
from tests.support.samples import Cell, CiSample, Examples, Known, cell


def row() -> Mapping[str, Cell]:
    return {
        "Commit": cell("head of the merge request, also with merged results", every.test_context__of_each_event),
        "Pull request": cell(
            "`gitlab_merge_request_id`; for a repository on GitHub its number",
            host.test_pull_request__its_field_follows_from_the_host,
        ),
        "Status": cell(
            "job in the pipeline, by `GITLAB_TOKEN`; a link on the job's page without any token",
            test_gitlab.test_gitlab__the_status_is_in_the_pipeline_of_the_job,
            test_output__gitlab_shows_a_link_to_the_run_without_any_token,
        ),
        "Summary": cell("file `dbt-summary.md`", test_summary__gitlab_has_a_file),
        "Annotations": cell("Code Quality report", test_annotation__gitlab_has_a_code_quality_report_for_files),
        "Outputs": cell("dotenv report", test_output__gitlab_has_a_dotenv_report_with_the_newest_values),
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
    # Of the local runner: it says `false`.
    signs=({"GITLAB_CI": "true"}, {"GITLAB_CI": "false"}),
    builds={
        "push": (env.GITLAB_PUSH, Known("gitlab", env.PUSHED, "main")),
        "tag": (env.GITLAB_TAG, Known("gitlab", env.PUSHED, tag="v1")),
        "detached": (env.GITLAB_DETACHED, Known("gitlab", env.HEAD, "feature/x", "", 7, "main")),
        "merged result": (env.GITLAB_MERGED_RESULT, Known("gitlab", env.HEAD, "feature/x", "", 7, "main")),
        "for github": (env.GITLAB_EXTERNAL, Known("github", env.HEAD, "feature/x", "", 43, "main")),
    },
    recorded={
        "GitLab9": Known("gitlab", "5d25f4849bbd812e4e64e78d4aaa94a72e6cab5c", "test-gitlab"),
        "gitlab_ci_local_4.75.1_push": Known("gitlab", "b8709816bbbcb1e9372aafc80582825a414f7fe2", "main", "", 7),
    },
    own=(env.GITLAB_DETACHED, env.GITLAB_EXTERNAL),
    forks=(env.GITLAB_FORK, {**env.GITLAB_EXTERNAL, "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY": "else/shop"}),
    state_file=".dbt-cloud-run.json",
    orders=("section_start dbt_cloud_run_1", "section_end dbt_cloud_run_1"),
    examples=Examples(
        schema=("vendor.gitlab-ci",),
        request="merge-request",
        limit=("timeout", "2h"),
        jobs=lambda document: [document["dbt-cloud"]] if "dbt-cloud" in document else [],
        lint="--format gitlab",
    ),
    row=row,
)


def test_context__a_gitlab_of_2016_is_recognised_without_a_commit(recorded: dict[str, Any]) -> None:
    assert context(recorded["GitLab"]).sha == ""
    external = context(recorded["GitLabExternalPullRequest"])
    assert (external.host, external.pull_request and external.pull_request.number) == ("github", 43)
    # The number of the instance is not that of the merge request.
    assert context(recorded["GitLabMergeRequest"]).pull_request is None


def test_context__gitlab_links_and_attempts() -> None:
    found = context(env.GITLAB_PUSH)

    assert found.build_url == "https://gitlab.example/acme/shop/-/jobs/9001"
    assert found.commit_url == f"https://gitlab.example/acme/shop/-/commit/{env.PUSHED}"
    assert found.file_url == f"https://gitlab.example/acme/shop/-/blob/{env.PUSHED}/{{path}}"
    assert found.attempt == 1


def test_context__gitlab_says_why_forks_have_no_secrets() -> None:
    assert "fork" in context(env.GITLAB_FORK).secrets_withheld
    assert context(env.GITLAB_DETACHED).secrets_withheld == ""


def test_fold__gitlab_has_sections_that_end_and_have_names_of_their_own(make_place: MakePlace) -> None:
    gitlab = make_place("gitlab")
    gitlab.ci.untrusted_block("Log of step 4", "one\ntwo")
    gitlab.ci.untrusted_block("Log of step 5", "three")

    names = ["dbt_cloud_run_1", "dbt_cloud_run_1", "dbt_cloud_run_2", "dbt_cloud_run_2"]
    assert sections(gitlab.log) == list(zip(["start", "end"] * 2, names, strict=True))
    assert "[collapsed=true]\r\x1b[0KLog of step 4\n│ one\n│ two\n" in gitlab.log


def test_annotation__gitlab_has_a_code_quality_report_for_files(make_place: MakePlace) -> None:
    gitlab = make_place("gitlab")
    gitlab.ci.error("Got 3 results", title="test not_null", file="models/a.yml")
    gitlab.ci.warning("careful", file="models/b.sql")
    gitlab.ci.error("about nothing in particular")

    report = json.loads(Path("dbt-code-quality.json").read_text(encoding="utf-8"))
    assert [(one["severity"], one["location"], one["description"]) for one in report] == [
        ("major", {"path": "models/a.yml", "lines": {"begin": 1}}, "test not_null: Got 3 results"),
        ("minor", {"path": "models/b.sql", "lines": {"begin": 1}}, "careful"),
    ]
    assert len({one["fingerprint"] for one in report}) == 2
    assert {one["check_name"] for one in report} == {"dbt"}
    assert "\x1b[0;31mError:\x1b[0m test not_null" in gitlab.log


def test_output__gitlab_has_a_dotenv_report_with_the_newest_values(make_place: MakePlace) -> None:
    gitlab = make_place("gitlab")
    gitlab.ci.set_outputs({"run-id": "7", "run-url": "https://x.example/7", "status": "started", "run_id": "7"})
    gitlab.ci.set_outputs({"status": "success", "job-name": 'one "two"\nthree \x1b[31m' + "x" * 9999})

    found = dotenv(Path("dbt.env").read_text(encoding="utf-8"))
    assert (found["DBT_RUN_ID"], found["DBT_RUN_STATUS"]) == ("7", "success")
    assert found["DBT_RUN_JOB_NAME"].startswith('one "two" three xxx')


def test_output__gitlab_shows_a_link_to_the_run_without_any_token(make_place: MakePlace) -> None:
    make_place("gitlab").ci.set_outputs({"run-id": "7", "run-url": "https://x.example/7"})

    link = {"external_link": {"label": "dbt Cloud run 7", "url": "https://x.example/7"}}
    assert json.loads(Path("dbt-links.json").read_text(encoding="utf-8")) == {"dbt Cloud": [link]}


def test_summary__gitlab_has_a_file(make_place: MakePlace) -> None:
    make_place("gitlab").ci.write_summary("# Page\n")

    assert Path("dbt-summary.md").read_text(encoding="utf-8") == "# Page\n"


def test_annotation__gitlab_has_an_empty_report_when_all_is_well(make_place: MakePlace) -> None:
    """Without one the runner would complain of a missing file in every green job."""
    gitlab = make_place("gitlab")
    gitlab.ci.set_outputs({"run-id": "7"})
    assert json.loads(Path("dbt-code-quality.json").read_text(encoding="utf-8")) == []

    gitlab.ci.error("Got 3 results", file="models/a.yml")
    gitlab.ci.set_outputs({"status": "error"})
    make_place("gitlab").ci.set_outputs({"run-id": "8"})
    assert len(json.loads(Path("dbt-code-quality.json").read_text(encoding="utf-8"))) == 1
