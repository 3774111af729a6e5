"""GitHub Actions beside the other platforms; events and commands have tests of their own in `tests/unit`."""

from __future__ import annotations

from collections.abc import Mapping

from tests.ci import test_every_ci as every
from tests.ci import test_github_commands, test_github_events
from tests.e2e import test_clean_up
from tests.hosts import test_every_host, test_github
from tests.lifecycle import test_publish as test_telling
from tests.main_flow import test_outcomes as test_endings
from tests.main_flow import test_signal_at_each_stage
from tests.support import environments as env
from tests.support.samples import Cell, CiSample, Known, cell

GITHUB_PUSH = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_REPOSITORY": "octo/shop",
    "GITHUB_REF_NAME": "main",
    "GITHUB_REF_TYPE": "branch",
    "GITHUB_RUN_ID": "5",
    "GITHUB_RUN_ATTEMPT": "1",
    "GITHUB_SHA": env.PUSHED,
}


def row() -> Mapping[str, Cell]:
    return {
        "Commit": cell("head of the pull request", test_github_events.test_event__never_the_test_merge_commit),
        "Pull request": cell(
            "`github_pull_request_id`", test_endings.test_pull_request__status_on_the_head_and_number_in_the_trigger
        ),
        "Status": cell("commit status", test_endings.test_green__statuses_share_context_link_and_commit),
        "Summary": cell(
            "job summary",
            test_github_commands.test_summary__is_appended,
            test_telling.test_summary__links_the_file_at_the_commit,
        ),
        "Annotations": cell("annotations", test_telling.test_annotation__on_the_file_with_dbt_s_own_message),
        "Outputs": cell("step outputs", test_github_commands.test_output__any_values_come_back),
        "JUnit": cell("a file, for a reporter of your choice", every.test_junit__is_where_the_reporter_looks),
        "Cancel": cell(
            "the step itself, and its post step",
            test_signal_at_each_stage.test_signal__between_two_polls,
            test_clean_up.test_container__killed_outright_is_tidied_up_by_the_post_container,
        ),
        "Comment": cell(
            "issue comment",
            test_every_host.test_comment__of_a_run,
            test_github.test_comment__is_written_once_and_then_changed,
        ),
    }


SAMPLE = CiSample(
    push=GITHUB_PUSH,
    signs=({"GITHUB_ACTIONS": "true"},),
    builds={"push": (GITHUB_PUSH, Known("github", env.PUSHED, "main"))},
    orders=("group", "endgroup", "error"),
    row=row,
)
