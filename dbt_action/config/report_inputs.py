"""The rows of the table of inputs about artifacts, reports and logs."""

from __future__ import annotations

from dbt_action.config.choices import ChangesMode, CommentMode, CompiledSql, LogFormat, LogMode
from dbt_action.config.input_types import Input, InputType

# These two are also read by the CIs.
LOG_FORMAT = Input(
    name="log-format",
    input_type=InputType.CHOICE,
    help="Format of the log in a terminal: `text`, or `json` with one object on each line.",
    default="text",
    enum=LogFormat,
)
SUMMARY_PATH = Input(
    name="summary-path",
    input_type=InputType.PATH,
    help="File to write the summary to, as Markdown.",
    default="(`dbt-summary.md` in a CI without a page for it, none elsewhere)",
    environment=("DBT_SUMMARY_FILE",),
)

REPORT_INPUTS: tuple[Input, ...] = (
    Input(
        name="artifacts",
        input_type=InputType.PATTERNS,
        help="Artifacts to save: names or globs, one per line or comma-separated; `*` is all of them.",
    ),
    Input(
        name="artifacts-path", input_type=InputType.PATH, help="Folder in which artifacts are saved.", default="target"
    ),
    Input(
        name="artifacts-max-size",
        input_type=InputType.SIZE,
        help="Largest size of all saved artifacts together, unpacked: a whole number with `B`, `KiB`, `MiB` or `GiB`.",
        default="2GiB",
        field="artifacts_max_bytes",
    ),
    Input(name="summary", input_type=InputType.BOOLEAN, help="Write a job summary.", default="true"),
    Input(
        name="base-artifacts",
        input_type=InputType.PATTERNS,
        help="Artifacts to save below `base` of `artifacts-path` from the run that was deferred to, or from the job's "
        "success before this run, for tools that compare: names or globs.",
    ),
    SUMMARY_PATH,
    Input(
        name="annotations",
        input_type=InputType.BOOLEAN,
        help="Write annotations with the reason for a failure.",
        default="true",
    ),
    Input(
        name="artifacts-per-step",
        input_type=InputType.BOOLEAN,
        help="Also save the artifacts of each dbt step, in folders `step-<index>`; otherwise a file of a later step "
        "replaces the one of an earlier step.",
        default="false",
    ),
    Input(
        name="log",
        input_type=InputType.CHOICE,
        help="What is shown of dbt's own log: `live` shows all of it while the run is going; `failed` shows, after a "
        "failure, the log of failed steps and the last lines of the others; `none` shows nothing.",
        default="failed",
        enum=LogMode,
    ),
    Input(
        name="project-directory",
        input_type=InputType.FOLDER,
        help="Folder of the dbt project in the repository, for annotations and links.",
        default="(the one of the job's environment)",
    ),
    Input(
        name="compiled-sql",
        input_type=InputType.CHOICE,
        help="Whether the summary shows the compiled SQL of failed nodes, which may contain values of your data: "
        "`auto` shows it unless the repository is, or may be, public.",
        default="auto",
        enum=CompiledSql,
    ),
    Input(
        name="comment",
        input_type=InputType.CHOICE,
        help="Keep one comment on the pull request up to date; needs `permissions: pull-requests: write`.",
        default="never",
        enum=CommentMode,
    ),
    Input(
        name="changes",
        input_type=InputType.CHOICE,
        help="Whether the report on a pull request lists the models, columns, contracts and exposures that it changes, "
        "compared with the run that was deferred to.",
        default="auto",
        enum=ChangesMode,
    ),
    Input(
        name="mention-owners",
        input_type=InputType.BOOLEAN,
        help="Write owners that begin with `@` (`config.meta.owner`) so that the host notifies them.",
        default="false",
    ),
    LOG_FORMAT,
    Input(
        name="results-path",
        input_type=InputType.PATH,
        help="File to write the results of all nodes to, as JSON (docs/results.schema.json).",
    ),
    Input(
        name="junit-path",
        input_type=InputType.PATH,
        help="File to write the results of all nodes to, as JUnit XML.",
    ),
)
