"""Azure Pipelines: builds of Azure Repos and of other hosts, logging commands, the page of the build."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.ci import test_every_ci as every
from tests.ci.conftest import MakePlace, context
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
            every.test_context__of_each_event,
            test_context__azure_never_takes_the_merge_commit_for_the_head,
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
        "Annotations": cell("issues", test_annotation__of_a_failed_node_is_an_issue_in_azure),
        "Outputs": cell("output variables", test_output__of_a_run_can_be_read_by_the_next_step),
        "JUnit": cell(
            "`PublishTestResults@2`",
            every.test_junit__is_where_the_reporter_looks,
            test_junit__azures_task_finds_the_path_of_the_examples,
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
    signs=({"TF_BUILD": "True"},),
    builds={
        "push": (env.AZURE_PUSH, Known("azure", env.PUSHED, "feature/x")),
        "pull request": (env.AZURE_PULL_REQUEST, Known("azure", env.HEAD, "feature/x", "", 12, "main")),
        "tag": ({**env.AZURE_PUSH, "BUILD_SOURCEBRANCH": "refs/tags/v1"}, Known("azure", env.PUSHED, tag="v1")),
        "for github": (env.AZURE_FOR_GITHUB, Known("github", env.HEAD, "feature/x", "", 89, "main")),
        "for some git server": (
            {**env.AZURE_PUSH, "BUILD_REPOSITORY_PROVIDER": "Git"},
            Known("", env.PUSHED, "feature/x"),
        ),
        "for bitbucket": (
            {**env.AZURE_PULL_REQUEST, "BUILD_REPOSITORY_PROVIDER": "bitbucket"},
            Known("bitbucket", env.HEAD, "feature/x", "", 12, "main"),
        ),
    },
    recorded={
        "AzurePipelines": Known("github", "6411f07f6cd88db7fc4f26edae51cf091eb707e1", "test-azure-pipelines"),
        "AzurePipelinesPullRequest": Known(
            "github", "db49327fe5e5bfea81fb88cdbbf24e283538c395", "feature/azure-pipelines", "", 89, "main"
        ),
    },
    own=(env.AZURE_PULL_REQUEST,),
    forks=({**env.AZURE_PULL_REQUEST, "SYSTEM_PULLREQUEST_ISFORK": "True"},),
    state_file="temp/dbt-cloud-run.json",
    state_variables={"AGENT_TEMPDIRECTORY": "temp"},
    orders=("task.logissue", "group", "endgroup"),
    examples=Examples(
        # The expressions of Azure's schema are for another dialect than Python's.
        schema=("vendor.azure-pipelines", "--regex-variant", "nonunicode"),
        request="pull-request",
        limit=("timeoutInMinutes", "120"),
        jobs=lambda document: document.get("jobs", [])[-1:],
        lint="--format github-annotation-native",
    ),
    row=row,
)


def test_context__azure_never_takes_the_merge_commit_for_the_head() -> None:
    old = {**env.AZURE_PULL_REQUEST, "SYSTEM_PULLREQUEST_SOURCECOMMITID": ""}
    told = {**old, "BUILD_SOURCEVERSIONMESSAGE": f"Merge {env.HEAD} into {env.PUSHED}"}

    assert context(old).sha == ""
    assert context(told).sha == env.HEAD


def test_context__azure_links_and_attempts() -> None:
    found = context(env.AZURE_PUSH)

    assert found.build_url == (
        "https://dev.azure.com/acme/Data%20Platform/_build/results?buildId=33&view=logs"
        "&j=12f1170f-54f2-53f3-20dd-22fc7dff55f9&t=5caf77c8-9b10-50ef-b5c7-ca89c63e1c86"
    )
    # Without the user that the repository's address may hold.
    assert found.commit_url == f"https://dev.azure.com/acme/Data%20Platform/_git/shop/commit/{env.PUSHED}"
    assert context({**env.AZURE_PUSH, "SYSTEM_JOBATTEMPT": "2"}).attempt == 2


def test_context__azure_says_why_forks_have_no_secrets() -> None:
    assert "fork" in context(SAMPLE.forks[0]).secrets_withheld
    assert context(env.AZURE_PULL_REQUEST).secrets_withheld == ""


def test_fold__azure_has_groups(make_place: MakePlace) -> None:
    azure = make_place("azure")
    azure.ci.untrusted_block("Log of step 4", "one")

    assert azure.log == "##[group]Log of step 4\n│ one\n##[endgroup]\n"


def test_annotation__azure_has_issues_with_their_file(make_place: MakePlace) -> None:
    azure = make_place("azure")
    azure.ci.error("Got 3 results\nand 100% more; [sic]", title="test not_null", file="models/[a];b.yml")
    azure.ci.warning("careful")

    assert vso(azure.log) == [
        Vso(
            "task.logissue",
            "test not_null\nGot 3 results\nand 100% more; [sic]",
            {"type": "error", "sourcepath": "models/[a];b.yml"},
        ),
        Vso("task.logissue", "careful", {"type": "warning"}),
    ]


def test_annotation__of_a_failed_node_is_an_issue_in_azure(build: MakeBuild) -> None:
    step = build(RED).on(env.AZURE_PUSH)
    step.run()

    issues = [one for one in vso(step.log) if one.name == "task.logissue"]
    assert any(one.properties["type"] == "error" and "not_null_orders_id" in one.message for one in issues)


def test_output__azure_sets_output_variables_when_they_change(make_place: MakePlace) -> None:
    azure = make_place("azure")
    azure.ci.set_outputs({"run-id": "7", "status": "started", "run_id": "7"})
    azure.ci.set_outputs({"run-id": "7", "status": "100%"})

    set_variables = [(one.properties["variable"], one.properties["isoutput"], one.message) for one in vso(azure.log)]
    assert set_variables == [("run_id", "true", "7"), ("status", "true", "started"), ("status", "true", "100%")]


def test_output__of_a_run_can_be_read_by_the_next_step(build: MakeBuild) -> None:
    step = build(RED).on(env.AZURE_PUSH)
    step.run()

    found = {one.properties["variable"]: one.message for one in vso(step.log) if one.name == "task.setvariable"}
    assert (found["status"], found["run_id"]) == ("error", str(step.cloud.runs[0].id))


def test_summary__azure_uploads_a_page(make_place: MakePlace) -> None:
    azure = make_place("azure")
    azure.ci.write_summary("# Page ✅\n")

    (command,) = vso(azure.log)
    assert command.name == "task.uploadsummary"
    assert Path(command.message).is_absolute()
    assert Path(command.message).read_text(encoding="utf-8") == "# Page ✅\n"


def test_summary__of_a_run_is_on_the_page_of_the_build(build: MakeBuild) -> None:
    step = build(RED).on(env.AZURE_PUSH, AGENT_TEMPDIRECTORY="temp")
    step.run()

    (page,) = [one.message for one in vso(step.log) if one.name == "task.uploadsummary"]
    assert "not_null_orders_id" in Path(page).read_text(encoding="utf-8").replace("\\", "")


def test_secrets__azure_masks_them_before_anything_else(make_place: MakePlace) -> None:
    azure = make_place("azure")
    azure.ci.mask(("s3cret%", "other"))

    assert vso(azure.log) == [Vso("task.setsecret", "s3cret%"), Vso("task.setsecret", "other")]


def test_junit__azures_task_finds_the_path_of_the_examples() -> None:
    assert fnmatch.fnmatch(f"x/{every.JUNIT}", "**/TEST-*.xml")
