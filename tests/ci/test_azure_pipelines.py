"""Azure Pipelines: builds of repositories in Azure Repos and elsewhere, logging commands, the page of the build."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.ci import test_every_ci as every
from tests.ci.conftest import MakeStep, context
from tests.hosts import test_azure_repos, test_every_host, test_github
from tests.platforms import test_cancel, test_examples
from tests.support import environments as env
from tests.support.decoders import Vso, vso
from tests.support.platform_fixtures import Build
from tests.support.samples import Cell, CiSample, Examples, Known, cell
from tests.support.scripts import RED

MakeBuild = Callable[..., Build]


def row() -> Mapping[str, Cell]:
    return {
        "Commit": cell(
            "head of the pull request",
            every.test_context__has_commit_branch_and_pull_request_of_each_event,
            test_context__the_head_is_never_the_merge_commit,
        ),
        "Pull request": cell(
            "`azure_pull_request_id`; for a repository on GitHub its number",
            test_every_host.test_pull_request__its_field_follows_from_the_host,
        ),
        "Status": cell(
            "pull request and commit, by `SYSTEM_ACCESSTOKEN`; on GitHub by `GITHUB_TOKEN`",
            test_azure_repos.test_azure__branch_policies_and_people_both_see_it,
            test_github.test_github__a_repository_there_has_its_status_there_whoever_builds,
        ),
        "Summary": cell("page of the build", test_summary__of_a_run_is_on_the_page_of_the_build),
        "Annotations": cell("issues", test_annotation__of_a_failed_node_is_an_issue),
        "Outputs": cell("output variables", test_output__of_a_run_can_be_read_by_the_next_step),
        "JUnit": cell(
            "`PublishTestResults@2`",
            every.test_junit__is_where_the_reporter_looks,
            test_junit__the_task_finds_the_path_of_the_examples,
        ),
        "Cancel": cell(
            "signals, and a step with `condition: canceled()`",
            test_cancel.test_signal__cancels_the_run_within_seconds,
            test_examples.test_azure__cancels_and_names_its_step_so_that_outputs_are_no_inputs,
        ),
        "Comment": cell("closed thread", test_azure_repos.test_azure__a_comment_is_a_closed_thread),
    }


SAMPLE = CiSample(
    push=env.AZURE_PUSH,
    detected_by=({"TF_BUILD": "True"},),
    builds={
        "push": (env.AZURE_PUSH, Known("azure", env.PUSHED, "feature/x")),
        "pull request": (env.AZURE_PULL_REQUEST, Known("azure", env.HEAD, "feature/x", "", 12)),
        "tag": ({**env.AZURE_PUSH, "BUILD_SOURCEBRANCH": "refs/tags/v1"}, Known("azure", env.PUSHED, tag="v1")),
        "for github": (env.AZURE_FOR_GITHUB, Known("github", env.HEAD, "feature/x", "", 89)),
        "for some git server": (
            {**env.AZURE_PUSH, "BUILD_REPOSITORY_PROVIDER": "Git"},
            Known("", env.PUSHED, "feature/x"),
        ),
        "for bitbucket": (
            {**env.AZURE_PULL_REQUEST, "BUILD_REPOSITORY_PROVIDER": "bitbucket"},
            Known("bitbucket", env.HEAD, "feature/x", "", 12),
        ),
    },
    recorded={
        "AzurePipelines": Known("github", "6411f07f6cd88db7fc4f26edae51cf091eb707e1", "test-azure-pipelines"),
        "AzurePipelinesPullRequest": Known(
            "github", "db49327fe5e5bfea81fb88cdbbf24e283538c395", "feature/azure-pipelines", "", 89
        ),
    },
    own=(env.AZURE_PULL_REQUEST,),
    forks=({**env.AZURE_PULL_REQUEST, "SYSTEM_PULLREQUEST_ISFORK": "True"},),
    state_file="temp/dbt-cloud-run.json",
    state_variables={"AGENT_TEMPDIRECTORY": "temp"},
    commands=("task.logissue", "group", "endgroup"),
    examples=Examples(
        # Regular expressions in Azure's schema are in JavaScript's dialect.
        schema=("vendor.azure-pipelines", "--regex-variant", "nonunicode"),
        request="pull-request",
        limit=("timeoutInMinutes", "120"),
        jobs=lambda document: document.get("jobs", [])[-1:],
        lint="--format github-annotation-native",
    ),
    row=row,
)


def test_context__the_head_is_never_the_merge_commit() -> None:
    old = {**env.AZURE_PULL_REQUEST, "SYSTEM_PULLREQUEST_SOURCECOMMITID": ""}
    in_message = {**old, "BUILD_SOURCEVERSIONMESSAGE": f"Merge {env.HEAD} into {env.PUSHED}"}

    assert "" == context(old).sha
    assert env.HEAD == context(in_message).sha


def test_context__the_message_is_that_of_the_commit() -> None:
    message = {"BUILD_SOURCEVERSIONMESSAGE": "Fix it"}

    assert "Fix it" == context({**env.AZURE_PUSH, **message}).commit_message
    assert "" == context({**env.AZURE_PULL_REQUEST, **message}).commit_message


def test_context__has_links_and_the_attempt() -> None:
    found = context(env.AZURE_PUSH)

    page = "https://dev.azure.com/acme/Data%20Platform/_build/results?buildId=33&view=logs"
    assert f"{page}&j=12f1170f-54f2-53f3-20dd-22fc7dff55f9&t=5caf77c8-9b10-50ef-b5c7-ca89c63e1c86" == found.build_url
    # The user in the repository's address is left out.
    assert f"https://dev.azure.com/acme/Data%20Platform/_git/shop/commit/{env.PUSHED}" == found.commit_url
    assert 2 == context({**env.AZURE_PUSH, "SYSTEM_JOBATTEMPT": "2"}).attempt


def test_context__an_enterprise_server_whose_address_is_unknown_is_no_known_host() -> None:
    """Otherwise a token for that server would be sent to github.com."""
    environ = {**env.AZURE_FOR_GITHUB, "BUILD_REPOSITORY_PROVIDER": "GitHubEnterprise"}

    assert "github" == context({**environ, "BUILD_REPOSITORY_URI": "https://ghe.example/octo/shop"}).host
    assert "" == context({**environ, "BUILD_REPOSITORY_URI": ""}).host


def test_fold__is_a_group(make_step: MakeStep) -> None:
    step = make_step("azure")
    step.ci.untrusted_block("Log of step 4", "one")

    assert "##[group]Log of step 4\n│ one\n##[endgroup]\n" == step.log


def test_annotation__is_an_issue_with_its_file(make_step: MakeStep) -> None:
    step = make_step("azure")
    step.ci.error("Got 3 results\nand 100% more; [sic]", title="test not_null", file="models/[a];b.yml")
    step.ci.warning("careful")

    assert [
        Vso(
            "task.logissue",
            "test not_null\nGot 3 results\nand 100% more; [sic]",
            {"type": "error", "sourcepath": "models/[a];b.yml"},
        ),
        Vso("task.logissue", "careful", {"type": "warning"}),
    ] == vso(step.log)


def test_annotation__of_a_failed_node_is_an_issue(build: MakeBuild) -> None:
    step = build(RED).on(env.AZURE_PUSH)
    step.run()

    issues = [one for one in vso(step.log) if one.name == "task.logissue"]
    assert any(one.properties["type"] == "error" and "not_null_orders_id" in one.message for one in issues)


def test_output__is_set_as_a_variable_when_it_has_changed(make_step: MakeStep) -> None:
    step = make_step("azure")
    step.ci.set_outputs({"run-id": "7", "status": "started", "run_id": "7"})
    step.ci.set_outputs({"run-id": "7", "status": "100%"})

    set_variables = [(one.properties["variable"], one.properties["isoutput"], one.message) for one in vso(step.log)]
    assert [("run_id", "true", "7"), ("status", "true", "started"), ("status", "true", "100%")] == set_variables


def test_output__of_a_run_can_be_read_by_the_next_step(build: MakeBuild) -> None:
    step = build(RED).on(env.AZURE_PUSH)
    step.run()

    found = {one.properties["variable"]: one.message for one in vso(step.log) if one.name == "task.setvariable"}
    assert ("error", str(step.cloud.runs[0].id)) == (found["status"], found["run_id"])


def test_summary__is_a_file_that_the_agent_uploads(make_step: MakeStep) -> None:
    step = make_step("azure")
    step.ci.write_summary("# Page ✅\n")

    (command,) = vso(step.log)
    assert "task.uploadsummary" == command.name
    assert Path(command.message).is_absolute()
    assert "# Page ✅\n" == Path(command.message).read_text(encoding="utf-8")


def test_summary__of_a_run_is_on_the_page_of_the_build(build: MakeBuild) -> None:
    step = build(RED).on(env.AZURE_PUSH, AGENT_TEMPDIRECTORY="temp")
    step.run()

    (page,) = [one.message for one in vso(step.log) if one.name == "task.uploadsummary"]
    assert "not_null_orders_id" in Path(page).read_text(encoding="utf-8").replace("\\", "")


def test_mask__has_the_agent_mask_each_secret(make_step: MakeStep) -> None:
    step = make_step("azure")
    step.ci.mask(("s3cret%", "other"))

    assert [Vso("task.setsecret", "s3cret%"), Vso("task.setsecret", "other")] == vso(step.log)


def test_junit__the_task_finds_the_path_of_the_examples() -> None:
    assert fnmatch.fnmatch(f"x/{every.JUNIT}", "**/TEST-*.xml")
