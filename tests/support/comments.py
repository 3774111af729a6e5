"""A GitHub whose pull request 7 has comments."""

from __future__ import annotations

from typing import Any

from emulator.hosts.github import Comment, GitHub


class CommentingGitHub(GitHub):
    """`mute` is a token that may not write comments."""

    def __init__(self, *, mute: bool = False, **more: Any) -> None:  # noqa: ANN401 - of GitHub
        super().__init__(may_comment=not mute, **more)

    def add(self, body: str) -> Comment:
        """A comment by another user."""
        return self.add_comment(body, pull_request=7)
