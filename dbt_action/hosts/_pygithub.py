"""PyGithub's client as this product uses it; imported late, hence the underscore, because the library takes time."""

from __future__ import annotations

import math

from github import Auth, Github, GithubException
from github.Repository import Repository
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester, RequestsResponse

from dbt_action import __version__

__all__ = ["GithubException", "Repository", "UnexpectedStatusError", "client"]

_SIGN_IN, _ACCEPTED, _REDIRECTS = 203, 202, range(300, 400)


class UnexpectedStatusError(Exception):
    """An answer below 400 with a status that GitHub does not use for our requests."""

    def __init__(self, status: int) -> None:
        """Keep the status."""
        super().__init__(str(status))
        self.status = status


def _checked(response: RequestsResponse) -> RequestsResponse:
    """Return `response`. Raises UnexpectedStatusError.

    By itself PyGithub follows a redirect without its query, repeats a request two seconds after a 202, and does not
    say which status an answer below 400 had.
    """
    if response.status in (_ACCEPTED, _SIGN_IN) or response.status in _REDIRECTS:
        raise UnexpectedStatusError(response.status)
    return response


class _Http(HTTPRequestsConnectionClass):
    def getresponse(self) -> RequestsResponse:
        return _checked(super().getresponse())


class _Https(HTTPSRequestsConnectionClass):
    def getresponse(self) -> RequestsResponse:
        return _checked(super().getresponse())


def client(api_url: str, token: str, *, timeout: float) -> Github:
    """Return a client that sends one request for each call and waits only for its answer, `timeout` seconds a read."""
    Requester.injectConnectionClasses(_Http, _Https)
    return Github(
        base_url=api_url.rstrip("/"),
        auth=Auth.Token(token),
        # Whole seconds only.
        timeout=math.ceil(timeout),
        user_agent=f"dbt-cloud-run-action/{__version__}",
        # Otherwise it asks for the repository, the commit and the pull request first,
        lazy=True,
        # waits for as long as GitHub asks in an answer, which may be an hour,
        retry=None,
        # and waits between two requests.
        seconds_between_requests=None,
        seconds_between_writes=None,
    )
