"""A terminal, or a CI that we do not know: plain lines, no commands, no files."""

from __future__ import annotations

from collections.abc import Mapping

from dbt_action.ci.log import Log
from dbt_action.context import CiContext
from dbt_action.state import State


class Terminal:
    """What every CI can do, done without any CI. Others override what they do better."""

    name = "a terminal"

    def __init__(self, environ: Mapping[str, str], log: Log) -> None:
        """`environ` is read by `context` and by what writes files."""
        self.environ = environ
        self.log = log

    @staticmethod
    def detected(environ: Mapping[str, str]) -> bool:
        """A terminal is where nothing else was recognised."""
        del environ
        return True

    def context(self) -> CiContext:
        """Nothing is known about the build."""
        return CiContext(platform=self.name)

    def mask(self, secrets: tuple[str, ...]) -> None:
        """Keep `secrets` out of everything that is printed from now on."""
        self.log.secrets = secrets

    def info(self, message: str) -> None:
        """Say something."""
        self.log.lines(message)

    def warning(self, message: str, title: str = "", file: str = "") -> None:
        """Say what is not right but not the end; `file` is a path in the repository that it is about."""
        self._mark("Warning: ", message, title, file)

    def error(self, message: str, title: str = "", file: str = "") -> None:
        """Say why this fails; `file` is a path in the repository that it is about."""
        self._mark("Error: ", message, title, file)

    def foreign(self, title: str, body: str) -> None:
        """Show a text of somebody else's, such as a step's log, folded where the CI can."""
        self.log.lines(title)
        self.log.lines(body, "│ ")

    def _mark(self, prefix: str, message: str, title: str, file: str) -> None:
        self.log.lines("\n".join(part for part in (title, file, message) if part), prefix)

    def output(self, values: Mapping[str, str]) -> None:
        """Hand values to later steps; a terminal has none."""
        del values

    def save(self, kept: State) -> None:
        """Keep this for a clean-up after this process; a terminal has none."""
        del kept

    def saved(self) -> State | None:
        """The state that the process before this one has kept."""
        return None

    def summary(self, markdown: str) -> None:
        """Show a page of Markdown; a terminal has none."""
        del markdown
