"""The rows of the table of inputs that are about Datafold."""

from __future__ import annotations

from dbt_action.config.choices import DatafoldRunType
from dbt_action.config.input_types import Input, InputType

DATAFOLD_INPUTS: tuple[Input, ...] = (
    Input(
        name="datafold-ci-config-id",
        input_type=InputType.ID,
        help="Number of the CI configuration in Datafold. Then the artifacts of each finished run are uploaded there.",
        environment=("DATAFOLD_CI_CONFIG_ID",),
        field="datafold.ci_config_id",
    ),
    Input(
        name="datafold-api-key",
        input_type=InputType.TOKEN,
        help="API key of Datafold. Required with `datafold-ci-config-id`.",
        secret=True,
        environment=("DATAFOLD_API_KEY", "DATAFOLD_APIKEY"),
        field="datafold.api_key",
    ),
    Input(
        name="datafold-host",
        input_type=InputType.URL,
        help="Address of Datafold.",
        default="https://app.datafold.com",
        environment=("DATAFOLD_HOST",),
        field="datafold.url",
    ),
    Input(
        name="datafold-run-type",
        input_type=InputType.CHOICE,
        help="What the artifacts are to Datafold: `auto` is `pull_request` for pull requests, nothing for merge queues "
        "(then nothing is uploaded), and `production` otherwise.",
        default="auto",
        enum=DatafoldRunType,
        environment=("DATAFOLD_RUN_TYPE",),
        field="datafold.run_type",
    ),
    Input(
        name="datafold-wait-minutes",
        input_type=InputType.MINUTES_OR_NONE,
        help="How long to wait in pull requests for Datafold's own CI run of the commit; its result is in log and "
        "summary, and does not fail the step.",
        default="0",
        environment=("DATAFOLD_WAIT_MINUTES",),
        field="datafold.wait_seconds",
    ),
)
