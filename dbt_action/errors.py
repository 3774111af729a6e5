"""The exception tree and the exit codes; which answer becomes which error is decided in `session` and `refusals`.

ActionError
├── ConfigError            the inputs; every problem at once
└── CloudError             dbt Cloud's API
    ├── permanent          asking again cannot help
    │   ├── Unauthorized   401
    │   ├── Forbidden      403
    │   ├── NotFound       404
    │   ├── Rejected       400, 405, 422 and other 4xx
    │   └── Misdirected    a redirect: the address is not the API's
    └── transient          asking again may help
        ├── RateLimited    429
        ├── Unreachable    nothing was sent: DNS, refused connection, TLS
        ├── Unavailable    5xx, timeouts, dropped connections
        └── Malformed      an answer that cannot be read
            └── WebPage    a page for people, with status 200
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the command; a contract with every pipeline that reads them."""

    OK = 0
    FAILED = 1
    CONFIG = 2
    CLOUD = 3
    TIMED_OUT = 4
    BUG = 70
    INTERRUPTED = 130


class ActionError(Exception):
    """Base of everything that this package raises on purpose."""


class ConfigError(ActionError):
    """The inputs cannot be used; `problems` holds one sentence or two for each, secrets left out."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        """Keep the problems for the one message that tells them all."""
        super().__init__("\n".join(problems))
        self.problems = problems

    @property
    def listed(self) -> str:
        """Each problem on a line of its own, to follow a sentence."""
        return "".join(f"\n- {problem}" for problem in self.problems)


class CloudError(ActionError):
    """A call to dbt Cloud without a usable answer.

    `transient` says whether asking again may help; `unsent` that dbt Cloud cannot have seen the
    request, so even a trigger may be repeated; `retry_after` is dbt Cloud's own wish in seconds.
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
    """404: no such thing, or no permission to see it."""


class Rejected(CloudError):
    """dbt Cloud understood the request and refuses it."""


class Misdirected(CloudError):
    """Something answered that is not the API: a redirect to elsewhere."""


class RateLimited(CloudError):
    """429: dbt Cloud did not accept the request."""

    transient = True
    unsent = True


class Unreachable(CloudError):
    """No connection came to be."""

    transient = True
    unsent = True


class Unavailable(CloudError):
    """dbt Cloud did not answer, or not properly; it may have done the work all the same."""

    transient = True


class Malformed(CloudError):
    """The answer is not the JSON that it should be; dbt Cloud may have done the work all the same."""

    transient = True


class WebPage(Malformed):
    """A page for people came back: the host is not the API, or a proxy has a bad day."""


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
