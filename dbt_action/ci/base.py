"""The base class of all CIs: what the program needs from a CI, and what all CIs do alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from dbt_action import text
from dbt_action.ci.log import Log
from dbt_action.config.context import CiContext


class Severity(Enum):
    """How serious an annotation is."""

    WARNING = "warning"
    ERROR = "error"


class CiPlatform(ABC):
    """One CI, or a terminal: it knows the build, has a log, and takes outputs, saved state and a summary.

    A subclass reads in its constructor whatever it needs from the environment. It may not do anything else there:
    secrets are masked, and errors are caught, only after it has been made.
    """

    # The value of the input `ci`: this is what code compares.
    id: ClassVar[str]
    # In texts for people.
    display_name: ClassVar[str]
    # Several CIs may recognise one environment; the one with the lowest number is taken.
    detection_order: ClassVar[int]
    # At most so many failed nodes get an annotation each, and at most so many warned ones.
    max_annotations: ClassVar[int] = 25
    # Errors are also shown outside of the log, for example at the top of the build's page, without the lines before it.
    shows_errors_outside_log: ClassVar[bool] = False

    # Outputs may be long, such as JSON lists.
    takes_lists: ClassVar[bool] = False

    def __init__(self, environ: Mapping[str, str], log: Log) -> None:
        """`environ` is copied: what it becomes later does not matter."""
        self.log = log
        self._environ: Mapping[str, str] = MappingProxyType(dict(environ))
        # Title of the open fold, "" when none is open.
        self._fold_title = ""

    @staticmethod
    @abstractmethod
    def detected(environ: Mapping[str, str]) -> bool:
        """Whether `environ` is that of a job of this CI."""

    @abstractmethod
    def context(self) -> CiContext:
        """What is known about the build."""

    def mask(self, secrets: tuple[str, ...]) -> None:
        """Replace `secrets` by `***` in everything that is printed or written from now on."""
        self.log.mask(secrets)

    def info(self, message: str) -> None:
        """Print `message`."""
        self.end_fold()
        self.log.lines(message)

    def warning(self, message: str, title: str = "", file: str = "") -> None:
        """Report a problem that does not fail the step; `file` is the path in the repository that it is about."""
        self.end_fold()
        self._annotate(Severity.WARNING, message, title=title, file=file)

    def error(self, message: str, title: str = "", file: str = "") -> None:
        """Report why the step fails; `file` is the path in the repository that it is about."""
        self.end_fold()
        self._annotate(Severity.ERROR, message, title=title, file=file)

    def redraw(self, line: str) -> None:
        """Show how far the run is, until the next line is printed; only a terminal can do that."""
        del line

    def untrusted_block(self, title: str, body: str, *, more_follows: bool = False) -> None:
        """Print text from outside, such as the log of a dbt step, in a fold if the CI has folds.

        With `more_follows` the fold stays open for the next block of the same title; anything else that is printed
        ends it.
        """
        if self._fold_title != title:
            self.end_fold()
            self._fold_title = title or " "
            self._open_fold(text.defuse(text.one_line(self.log.safe(title))))
        self.log.lines(body, "│ ")
        if not more_follows:
            self.end_fold()

    def end_fold(self) -> None:
        """End the fold if one is open."""
        if self._fold_title:
            self._fold_title = ""
            self._close_fold()

    @abstractmethod
    def _annotate(self, severity: Severity, message: str, *, title: str, file: str) -> None:
        """Print a warning or an error, and show it wherever else the CI can show it. `title` and `file` may be ""."""

    @abstractmethod
    def _open_fold(self, title: str) -> None:
        """Begin a fold; `title` is safe to print."""

    @abstractmethod
    def _close_fold(self) -> None:
        """End the fold that was opened last."""

    @abstractmethod
    def set_outputs(self, values: Mapping[str, str]) -> None:
        """Pass `values`, by the name of the output, to later steps or jobs. The last value of a name counts."""

    @abstractmethod
    def save_state(self, text: str, *, closed: bool) -> None:
        """Save one line for the clean-up, which runs in another process; `closed`: it will have nothing to do."""

    @abstractmethod
    def load_state(self) -> str:
        """The line that an earlier process, or somebody else, has saved; "" if there is none."""

    def own_files(self) -> tuple[Path, ...]:
        """The files that this step writes on its own account, apart from those that the CI itself has named."""
        return ()

    @abstractmethod
    def write_summary(self, markdown: str) -> None:
        """Show a page of Markdown, or write it to a file."""

    @property
    def summary_path(self) -> str:
        """The file that `write_summary` writes, for later steps; "" when there is none."""
        return ""

    @property
    @abstractmethod
    def has_summary(self) -> bool:
        """Whether `write_summary` writes anything."""
