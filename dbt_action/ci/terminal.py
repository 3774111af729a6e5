"""A terminal, or a CI that is not known: plain lines, and files only where the user wants them."""

from __future__ import annotations

from collections.abc import Mapping

from dbt_action.ci.base import Severity
from dbt_action.ci.files import PlatformWithFiles
from dbt_action.config.context import CiContext


class Terminal(PlatformWithFiles):
    """A terminal. It recognises every environment, and so it is asked last."""

    id = "none"
    display_name = "a terminal"
    detection_order = 9

    @staticmethod
    def detected(environ: Mapping[str, str]) -> bool:
        """Whatever the environment: no CI has recognised it."""
        del environ
        return True

    def context(self) -> CiContext:
        """Nothing is known about the build."""
        return CiContext(
            ci_id=self.id, ci_name=self.display_name, secrets_hint="Give it as `DBT_TOKEN` in the environment."
        )

    def _annotate(self, severity: Severity, message: str, *, title: str, file: str) -> None:
        self.log.titled(f"{severity.value.capitalize()}: ", message, title=title, file=file)

    def _open_fold(self, title: str) -> None:
        """A line with the title; a terminal has no folds."""
        self.log.lines(title)

    def _close_fold(self) -> None:
        """Nothing to close."""


CI = Terminal
