"""Example CI: what the tests of all CIs need to know about it. Copy it to `tests/ci/test_<name>.py`."""

from __future__ import annotations

from collections.abc import Mapping

from tests.ci import test_every_ci as every
from tests.hosts import test_every_host as host
from tests.platforms import test_cancel
from tests.support.samples import Cell, CiSample, Known, cell

HEAD = "b" * 40
# Prefer the recorded environment of a real job to one that you write from the vendor's list; say which it is. This one
# is invented.
PUSH = {
    "EXAMPLE_BUILD": "5",
    "EXAMPLE_BUILD_URL": "https://ci.example/builds/5",
    "EXAMPLE_BRANCH": "main",
    "EXAMPLE_COMMIT": HEAD,
    "EXAMPLE_EVENT": "push",
    "EXAMPLE_REPOSITORY": "acme/shop",
}
PULL_REQUEST = {
    **PUSH,
    "EXAMPLE_BRANCH": "feature/x",
    "EXAMPLE_PULL_REQUEST": "3",
    "EXAMPLE_TARGET_BRANCH": "main",
}


def row() -> Mapping[str, Cell]:
    """The row in docs/platforms.md, which `make generate` writes."""
    return {
        "Commit": cell(
            "head of the pull request", every.test_context__has_commit_branch_and_pull_request_of_each_event
        ),
        "Pull request": cell("`non_native_pull_request_id`", host.test_pull_request__its_field_follows_from_the_host),
        "Status": cell("status, by `EXAMPLE_TOKEN`", host.test_status__goes_from_running_to_the_end),
        "Summary": cell("file `dbt-summary.md`", every.test_summary__a_folder_that_cannot_be_written_is_one_warning),
        "Annotations": cell("not possible because the log has no commands for it"),
        "Outputs": cell("`--output-file`", every.test_output__all_of_them_fit_into_a_dotenv_report),
        "JUnit": cell("`--junit-path`", every.test_junit__is_where_the_reporter_looks),
        "Cancel": cell("signals", test_cancel.test_signal__cancels_the_run_within_seconds),
        "Comment": cell("comment", host.test_comment__of_a_run),
    }


SAMPLE = CiSample(
    push=PUSH,
    detected_by=({"EXAMPLE_BUILD": "5"},),
    builds={
        "push": (PUSH, Known("example", HEAD, "main")),
        "pull request": (PULL_REQUEST, Known("example", HEAD, "feature/x", "", 3)),
        "tag": ({**PUSH, "EXAMPLE_BRANCH": "", "EXAMPLE_TAG": "v1"}, Known("example", HEAD, tag="v1")),
    },
    own=(PULL_REQUEST,),
    forks=({**PULL_REQUEST, "EXAMPLE_FORK": "true"},),
    state_file=".dbt-cloud-run.json",
    # If there is a folder `examples/<id>/`, add `examples=Examples(...)`: schema, names and time limit of its files.
    row=row,
)
