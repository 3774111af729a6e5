"""The inputs of the command outside GitHub Actions: rows like those of `inputs`, but not in the action files."""

from __future__ import annotations

from dbt_action.kinds import Input, Kind

STATE_FILE = "DBT_STATE_FILE"
OUTPUT_FILE = "DBT_OUTPUT_FILE"
SUMMARY_FILE = "DBT_SUMMARY_FILE"
OUTPUT_VARIABLES = "DBT_OUTPUT_VARIABLES"
CI = "DBT_CI"
AUTO = "auto"

INPUTS: tuple[Input, ...] = (
    Input(
        name="ci",
        kind=Kind.CHOICE,
        help="Where this runs; `none` is a terminal. To be given only when the detection is wrong.",
        default=AUTO,
        choices=(AUTO, "github", "gitlab", "azure", "bitbucket", "none"),
    ),
    Input(
        name="gitlab-token",
        kind=Kind.TOKEN,
        help="For statuses and comments on GitLab: a project access token with scope `api`, role Developer.",
        secret=True,
        known_as="GITLAB_TOKEN",
    ),
    Input(
        name="azure-token",
        kind=Kind.TOKEN,
        help="For statuses and comments in Azure Repos: map `$(System.AccessToken)` to the variable.",
        secret=True,
        known_as="SYSTEM_ACCESSTOKEN",
    ),
    Input(
        name="bitbucket-token",
        kind=Kind.TOKEN,
        help="For statuses and comments on Bitbucket Cloud: a repository access token, or `e-mail:API token`.",
        secret=True,
        environment=("BITBUCKET_REPO_ACCESS_TOKEN",),
        known_as="BITBUCKET_ACCESS_TOKEN",
    ),
    Input(
        name="state-file",
        kind=Kind.PATH,
        help="File that `dbt-cloud-run cancel` finds the run by.",
        default="(a file of the job on GitLab, Azure and Bitbucket, none in a terminal)",
    ),
    Input(
        name="output-file",
        kind=Kind.PATH,
        help="File for the outputs, as lines `DBT_RUN_ID=…` (dotenv).",
        default="(`dbt.env` on GitLab, none elsewhere)",
    ),
    Input(
        name="output-variables",
        kind=Kind.PATTERNS,
        help="On Bitbucket: the outputs that the step declares under `output-variables:`, comma-separated; one that "
        "is not declared would fail the step.",
    ),
    Input(
        name="summary-file",
        kind=Kind.PATH,
        help="File for the summary, in Markdown.",
        default="(`dbt-summary.md` on GitLab and Bitbucket, a page of the build on Azure, none in a terminal)",
    ),
)
