"""The values of inputs that are a choice, as enums; the value of each member is what the user writes."""

from __future__ import annotations

from enum import Enum


class RunOn(Enum):
    """What dbt Cloud checks out."""

    COMMIT = "commit"
    BRANCH = "branch"
    JOB = "job"


class StopAction(Enum):
    """What happens to the dbt Cloud run when the step is cancelled or reaches its time limit."""

    CANCEL = "cancel"
    LEAVE = "leave"


class LogMode(Enum):
    """What is shown of dbt's own log."""

    LIVE = "live"
    FAILED = "failed"
    NONE = "none"


class CompiledSql(Enum):
    """Whether the summary shows the compiled SQL of failed nodes."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class CommentMode(Enum):
    """When the comment on the pull request is written."""

    NEVER = "never"
    ON_FAILURE = "on-failure"
    ALWAYS = "always"


class ChangesMode(Enum):
    """Whether a pull request's project is compared with the one that its run deferred to."""

    AUTO = "auto"
    NEVER = "never"


class Mode(Enum):
    """What a step of a workflow does."""

    RUN = "run"
    DOCTOR = "doctor"


class LogFormat(Enum):
    """How the log is printed in a terminal."""

    TEXT = "text"
    JSON = "json"


class StatusMode(Enum):
    """Whether a commit status is posted, and whether a failed run blocks a merge by it."""

    POST = "true"
    NONE = "false"
    # The status of a failed run is a success that says so.
    SOFT = "soft"


class DatafoldRunType(Enum):
    """What Datafold is told about the artifacts of a run."""

    AUTO = "auto"
    PRODUCTION = "production"
    PULL_REQUEST = "pull_request"


class OnRerun(Enum):
    """What a re-run of the workflow does with the dbt Cloud run of the attempt before."""

    RESUME = "resume"
    NEW = "new"
