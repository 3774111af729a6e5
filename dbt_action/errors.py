"""The exceptions and the exit codes; `dbt_cloud.session` and `dbt_cloud.api_errors` decide which answer is which error.

ConfigError            the inputs; every problem at once
└── Refused            the build: a fork's code, or unmerged code that would be built into production
CloudError             dbt Cloud's API
├── permanent          another try cannot help
│   ├── Unauthorized   401
│   ├── Forbidden      403
│   ├── NotFound       404
│   ├── Rejected       400, 405, 422 and other 4xx
│   └── Misdirected    a redirect: the address is not the API's
└── transient          another try may help
    ├── RateLimited    429
    ├── Unreachable    the request was not sent: DNS, refused connection, TLS
    ├── Unavailable    5xx, timeouts, dropped connections
    └── Malformed      an answer that is not the JSON it should be
        └── WebPage    a web page, with status 200
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the command. Pipelines read them, so they do not change."""

    OK = 0
    FAILED = 1
    CONFIG = 2
    CLOUD = 3
    TIMED_OUT = 4
    BUG = 70
    INTERRUPTED = 130


class ConfigError(Exception):
    """The inputs cannot be used; `problems` has one or two sentences for each problem, without secrets."""

    title = "The inputs cannot be used"

    def __init__(self, problems: tuple[str, ...]) -> None:
        """Keep the problems; they are reported together."""
        super().__init__("\n".join(problems))
        self.problems = problems

    @property
    def listed(self) -> str:
        """Each problem on a line of its own, as a list that follows a sentence."""
        return "".join(f"\n- {problem}" for problem in self.problems)


class Refused(ConfigError):
    """The build's code may not be sent to dbt Cloud: it is not merged, or it is somebody else's."""

    title = "This build may not be run"


class CloudError(Exception):
    """A request to dbt Cloud without a usable answer.

    `transient`: another try may help. `unsent`: dbt Cloud has not accepted the request, so even a trigger may be
    repeated. `retry_after`: how long dbt Cloud asks to wait before that, in seconds, if it does.
    """

    transient = False
    unsent = False

    def __init__(self, message: str, *, hint: str = "", retry_after: float | None = None) -> None:
        """`message` says what happened, `hint` what it usually means and what to do."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.retry_after = retry_after

    @property
    def explanation(self) -> str:
        """Message and hint as one paragraph."""
        return f"{self.message} {self.hint}".strip()


class Unauthorized(CloudError):
    """401: the token is wrong, expired, or belongs to another host."""


class Forbidden(CloudError):
    """403: wrong account, missing permission, or an IP restriction."""


class NotFound(CloudError):
    """404: it does not exist, or the token may not see it."""


class Rejected(CloudError):
    """400, 405, 422 and other 4xx: dbt Cloud understood the request and refuses it."""


class Misdirected(CloudError):
    """A redirect to another origin: what answered is not the API."""


class RateLimited(CloudError):
    """429: dbt Cloud did not accept the request."""

    transient = True
    unsent = True


class Unreachable(CloudError):
    """There was no connection, so the request was not sent."""

    transient = True
    unsent = True


class Unavailable(CloudError):
    """dbt Cloud did not answer, or with an error of its own; it may have done what was asked all the same."""

    transient = True


class Malformed(CloudError):
    """The answer is not the JSON that it should be; dbt Cloud may have done what was asked all the same."""

    transient = True


class WebPage(Malformed):
    """The answer is a web page: the address is not that of the API, or a proxy answered instead."""


def missing_token(*, withheld: str = "", withheld_hint: str = "", secrets_hint: str = "") -> str:
    """Why there is no `dbt-token`, and what to do.

    `withheld` is a clause that says why the CI gives no secrets to this build, "" if it does. The hints are whole
    sentences, in the terms of the CI: what to do about that, and how the CI is given a secret.
    """
    if withheld:
        return (
            f"`dbt-token` is empty: {withheld}, and the CI hands no secrets to those. {withheld_hint} "
            "A fork's commit is not in the repository that dbt Cloud clones anyway."
        )
    return (
        "`dbt-token` is missing. Create a service token or personal access token in dbt Cloud (Account settings → "
        f"API tokens). {secrets_hint}"
    ).strip()
