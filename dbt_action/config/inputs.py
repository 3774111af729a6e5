"""The table of the action's inputs: names, aliases, types, defaults and help. `loader` reads their values."""

from __future__ import annotations

from dbt_action.config.choices import Mode, OnRerun, RunOn, StatusMode, StopAction
from dbt_action.config.datafold_inputs import DATAFOLD_INPUTS
from dbt_action.config.input_types import Input, InputType
from dbt_action.config.report_inputs import REPORT_INPUTS

# Only the script of dbt's own CI guide reads this variable, so a pipeline that sets it was made from that guide.
GUIDE_JOB_ID = "DBT_PR_JOB_ID"
GUIDE_TOKEN = "DBT_API_KEY"  # noqa: S105 - the name of a variable
GUIDE_URL = "https://cloud.getdbt.com"

# The tokens of other code hosts are defined beside these hosts: the action only ever runs for GitHub.
GITHUB_TOKEN = Input(
    name="github-token",
    input_type=InputType.TOKEN,
    help="Token for the commit status; the job needs `permissions: statuses: write`.",
    default="${{ github.token }}",
    secret=True,
    variable_name="GITHUB_TOKEN",
)

# Switches of another action, understood for migration, and what each of them adds to `artifacts`.
ARTIFACT_SWITCHES = {
    "get_artifacts": ("manifest.json", "run_results.json"),
    "fetch_catalog": ("catalog.json",),
}

# Read by `app` before the others.
MODE = Input(
    name="mode",
    input_type=InputType.CHOICE,
    help="`run` starts the job; `doctor` only looks whether that could work, and says what to do, as "
    "`dbt-cloud-run doctor` does: for the first run of a new workflow.",
    default="run",
    enum=Mode,
)

INPUTS: tuple[Input, ...] = (
    MODE,
    Input(
        name="job-url",
        input_type=InputType.JOB_URL,
        help="Address of the job's page in dbt Cloud, as copied from the browser. "
        "Gives `dbt-url`, `account-id`, `project-id` and `job-id` at once.",
    ),
    Input(
        name="dbt-url",
        input_type=InputType.URL,
        help="Access URL of your dbt Cloud account (Account settings → Account information). Required unless `job-url` "
        "is given.",
        aliases=("dbt_cloud_url",),
        environment=("DBT_CLOUD_HOST", "DBT_HOST", "DBT_CLOUD_HOST_URL"),
    ),
    Input(
        name="dbt-token",
        input_type=InputType.TOKEN,
        help="Service token or personal access token that may run the job. Required.",
        secret=True,
        aliases=("dbt_cloud_token",),
        environment=("DBT_API_KEY", "DBT_CLOUD_API_KEY"),
    ),
    Input(
        name="account-id",
        input_type=InputType.ID,
        help="Number of the account. Required unless `job-url` is given.",
        aliases=("dbt_cloud_account_id",),
    ),
    Input(
        name="job-id",
        input_type=InputType.ID,
        help="Number of the job. Required unless `job-url` or `job-name` is given.",
        aliases=("dbt_cloud_job_id",),
        environment=(GUIDE_JOB_ID,),
    ),
    Input(
        name="project-id",
        input_type=InputType.ID,
        help="Number of the project that the job should belong to; a run of another project causes a warning.",
    ),
    Input(
        name="job-name",
        input_type=InputType.SENTENCE,
        help="Name of the job instead of its number, together with `project-id` or `environment-id`. It has to be the "
        "whole name.",
    ),
    Input(
        name="environment-id",
        input_type=InputType.ID,
        help="Number of the environment in which `job-name` is looked for.",
    ),
    Input(
        name="run-id",
        input_type=InputType.RUN_ID,
        help="Watch a run that exists instead of starting one: its number, `latest`, or `for-commit` for the newest of "
        "this commit. It is not cancelled unless `on-cancel: cancel` is given. With `wait: false` nothing is "
        "waited for: of a run that is over, artifacts and results are fetched.",
        # `DBT_RUN_ID` is an output, which one job of a pipeline may hand on to the next.
        variable_name="DBT_WATCH_RUN_ID",
    ),
    Input(
        name="dry-run",
        input_type=InputType.BOOLEAN,
        help="Say what would be sent and decided, and start nothing.",
        default="false",
    ),
    Input(
        name="cause",
        input_type=InputType.SENTENCE,
        help="Reason for the run, shown in dbt Cloud. Cut to 255 characters.",
        default="(workflow, event and actor)",
        environment=("DBT_JOB_CAUSE",),
    ),
    Input(
        name="run-on",
        input_type=InputType.CHOICE,
        help="What dbt Cloud checks out: the `commit` that gets the status, its `branch`, or what the `job` is set to.",
        default="commit",
        enum=RunOn,
    ),
    Input(
        name="branch",
        input_type=InputType.BRANCH,
        help="Branch or tag to run; wins over `run-on`.",
        aliases=("git_branch",),
        environment=("DBT_JOB_BRANCH",),
    ),
    Input(
        name="git-sha",
        input_type=InputType.COMMIT,
        help="Commit to run, 40 characters; wins over `run-on`. Not together with `branch`.",
        aliases=("git_sha",),
    ),
    Input(
        name="pull-request",
        input_type=InputType.PULL_REQUEST,
        help="Number of the pull request that is sent to dbt Cloud; if the event has none, also the one to comment on. "
        "`none` sends no number.",
        default="(from the event)",
        aliases=("github_pull_request_id",),
    ),
    Input(
        name="pull-request-field",
        input_type=InputType.CHOICE,
        help="How dbt Cloud is connected to the repository, which decides in which field the number is sent: "
        "`github`, `gitlab`, `azure`, or `non-native` for Bitbucket and for any repository that is connected by a "
        "deploy key.",
        default="(from the host of the repository)",
        choices=("github", "gitlab", "azure", "non-native"),
    ),
    Input(
        name="schema-override",
        input_type=InputType.TEXT,
        help="Schema to build in. `auto` is `dbt_cloud_pr_<job>_<pull request>` in pull requests "
        "and no override elsewhere; `-` and `/` become `_`.",
        aliases=("schema_override",),
        environment=("DBT_JOB_SCHEMA_OVERRIDE",),
        field="overrides.schema",
    ),
    Input(
        name="allow-job-schema",
        input_type=InputType.BOOLEAN,
        help="Let a pull request build in the job's own schema, also when that is the production schema. Without it, "
        "such a run is refused unless `schema-override` is given, the job is a CI job, or its environment is for "
        "staging.",
        default="false",
    ),
    Input(
        name="allow-forks",
        input_type=InputType.BOOLEAN,
        help="Run commits of other repositories, such as forks, in builds that have secrets. Whoever can open a pull "
        "request then runs code in dbt Cloud.",
        default="false",
    ),
    Input(
        name="steps-override",
        input_type=InputType.STEPS,
        help="Commands instead of the job's own: one per line, or a JSON or YAML list.",
        aliases=("steps_override",),
        field="overrides.steps",
    ),
    Input(
        name="dbt-version-override",
        input_type=InputType.DBT_VERSION,
        help="dbt version or release track for this run.",
        aliases=("dbt_version_override",),
        field="overrides.dbt_version",
    ),
    Input(
        name="target-name-override",
        input_type=InputType.TEXT,
        help="Value of `target.name` for this run.",
        aliases=("target_name_override",),
        field="overrides.target_name",
    ),
    Input(
        name="threads-override",
        input_type=InputType.COUNT,
        help="Number of threads for this run.",
        aliases=("threads_override",),
        field="overrides.threads",
    ),
    Input(
        name="generate-docs-override",
        input_type=InputType.BOOLEAN,
        help="Whether this run generates docs.",
        aliases=("generate_docs_override",),
        field="overrides.generate_docs",
    ),
    Input(
        name="timeout-seconds-override",
        input_type=InputType.SECONDS,
        help="dbt Cloud's own time limit for this run, in seconds; 0 is none.",
        aliases=("timeout_seconds_override",),
        field="overrides.timeout_seconds",
    ),
    Input(
        name="files-to-ignore",
        input_type=InputType.IGNORE_PATTERNS,
        help="Start nothing when all changed files match: gitignore patterns, one per line; the last that matches a "
        "file counts, and `!` takes it back. The commit status is then a success that says so.",
    ),
    Input(
        name="require-label",
        input_type=InputType.TEXT,
        help="Start nothing for a pull request without this label. Not on Bitbucket, which has none.",
    ),
    Input(
        name="skip-drafts",
        input_type=InputType.BOOLEAN,
        help="Start nothing for a pull request that is a draft.",
        default="false",
    ),
    Input(
        name="skip-commit-message",
        input_type=InputType.WORDS_OR_NONE,
        help="Start nothing when the message of the commit has this text; `none` switches that off.",
        default="[skip dbt]",
    ),
    Input(
        name="wait",
        input_type=InputType.BOOLEAN,
        help="Wait for the end of the run; with `false` the step starts the run, reports that, and ends.",
        default="true",
        aliases=("wait_for_job",),
    ),
    Input(
        name="poll-interval",
        input_type=InputType.INTERVAL,
        help="Seconds between two queries for the run's status (1 to 3600), or `auto`: short at first and near the "
        "expected end, never longer than 30 s.",
        default="auto",
        aliases=("interval",),
    ),
    Input(
        name="timeout-minutes",
        input_type=InputType.MINUTES,
        help="Longest wait, including the time in the queue; decimals allowed. Before giving up, the status is "
        "queried once more.",
        default="300",
        field="timeout_seconds",
    ),
    Input(
        name="on-cancel",
        input_type=InputType.CHOICE,
        help="What happens to the dbt Cloud run when the workflow is cancelled.",
        default="cancel",
        enum=StopAction,
    ),
    Input(
        name="on-timeout",
        input_type=InputType.CHOICE,
        help="What happens to the dbt Cloud run when it has not ended within `timeout-minutes`.",
        default="cancel",
        enum=StopAction,
    ),
    Input(
        name="fail-on-error",
        input_type=InputType.BOOLEAN,
        help="With `false` the step succeeds whatever the outcome of the run; outputs and commit status still show it.",
        default="true",
        aliases=("failure_on_error",),
    ),
    GITHUB_TOKEN,
    Input(
        name="commit-status",
        input_type=InputType.CHOICE,
        help="Post a commit status that links to the run. With `soft` the status of a failed run is a success that "
        "says so, and does not block a merge; the step fails all the same (see `fail-on-error`).",
        default="true",
        enum=StatusMode,
    ),
    Input(
        name="status-context",
        input_type=InputType.TEXT,
        help="Name of the commit status. Not the name of a job of the workflow, and not `dbt Cloud`, "
        "which dbt Cloud's own integration uses.",
        default="dbt Cloud / <job name>",
    ),
    *REPORT_INPUTS,
    Input(
        name="on-rerun",
        input_type=InputType.CHOICE,
        help="When the workflow run is re-run: `resume` continues with the run of the attempt before "
        "(watches it if it is still going, has dbt Cloud retry it from the point of failure if it failed), "
        "`new` starts a new run.",
        default="resume",
        enum=OnRerun,
    ),
    Input(
        name="retry-failed",
        input_type=InputType.RETRIES,
        help="How many times a failed run is retried from the point of failure, 0 to 10.",
        default="0",
    ),
    Input(
        name="supersede",
        input_type=InputType.BOOLEAN,
        help="Cancel runs of this job that were started by earlier builds of the same pull request (or branch) "
        "and are still going.",
        default="false",
    ),
    Input(
        name="instance",
        input_type=InputType.TEXT,
        help="Distinguishes the jobs of a matrix. There is no need to set it.",
        default="${{ strategy.job-index }}",
    ),
    *DATAFOLD_INPUTS,
    Input(
        name="get_artifacts",
        input_type=InputType.BOOLEAN,
        help="For migration: `true` adds `manifest.json` and `run_results.json` to `artifacts`.",
    ),
    Input(
        name="api_timeout",
        input_type=InputType.SENTENCE,
        help="For migration: understood, and without effect. An answer of dbt Cloud is waited for half a minute.",
    ),
    Input(
        name="fetch_catalog",
        input_type=InputType.BOOLEAN,
        help="For migration: `true` adds `catalog.json` to `artifacts`.",
    ),
)
